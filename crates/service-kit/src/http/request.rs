//! What happens around every request: its id, its span, its metric, and problems where actix answers by itself.

use std::{panic::AssertUnwindSafe, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::InternalError,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use domain::ErrorCode;
use futures_util::FutureExt;
use opentelemetry::{
    propagation::Extractor,
    trace::{TraceContextExt, TraceId},
};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use super::{
    problem::{Problem, REQUEST_ID},
    routes::Routes,
};
use crate::{auth, kit::Kit, metrics::method_label};

/// The id of a request: the caller's `X-Request-Id` when it is well-formed, else ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// Of a request that went through the kit's middleware.
    pub fn of(request: &HttpRequest) -> Option<String> {
        request.extensions().get::<Self>().map(|id| id.0.clone())
    }
}

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(&X_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

/// What the gateway takes too: 4 buffers of 8 KiB for the headers, one of them for the request line.
const HEADERS_MAX_BYTES: usize = 32 * 1024;
const ADDRESS_MAX_BYTES: usize = 8 * 1024;

/// Refuses a head that is larger than anybody needs, and an address with an authority of its own, which could contradict
/// `Host` (RFC 9112, 3.2.2: only proxies are asked for one).
fn refusal(request: &ServiceRequest) -> Option<Problem> {
    if request.uri().authority().is_some() {
        return Some(Problem::new(ErrorCode::MalformedRequest).detail("the address must be a path"));
    }
    let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if address > ADDRESS_MAX_BYTES {
        Some(Problem::new(ErrorCode::UriTooLong))
    } else if headers > HEADERS_MAX_BYTES {
        Some(Problem::new(ErrorCode::HeadersTooLarge))
    } else {
        None
    }
}

/// A handler's answer, or that it panicked: the panic ends the request, not the connection or the process.
enum Outcome {
    Answered(ServiceResponse<BoxBody>),
    Panicked(HttpResponse),
}

async fn outcome<B>(request: ServiceRequest, next: Next<B>) -> Result<Outcome, Error>
where
    B: MessageBody + 'static,
{
    if let Some(problem) = refusal(&request) {
        return Ok(Outcome::Answered(request.into_response(problem.error_response())));
    }
    match AssertUnwindSafe(next.call(request)).catch_unwind().await {
        Ok(response) => {
            let response = response?.map_into_boxed_body();
            if response.status().is_client_error()
                && let Err(stranger) = auth::refuse_stranger(response.request()).await
            {
                let request = response.request().clone();
                return Ok(Outcome::Answered(ServiceResponse::new(request, stranger.error_response())));
            }
            Ok(Outcome::Answered(with_problem_body(response)))
        }
        Err(_) => Ok(Outcome::Panicked(Problem::internal("the handler panicked").error_response())),
    }
}

pub(super) async fn around<B>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<BoxBody>, Error>
where
    B: MessageBody + 'static,
{
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let kit = request.app_data::<web::Data<Kit>>().cloned();
    // A handler that panics takes the request with it, so that its route must be found without it.
    let (uri, routes) = (request.uri().clone(), request.app_data::<web::Data<Routes>>().cloned());
    let span = tracing::info_span!(
        "request",
        request_id = %id,
        trace_id = tracing::field::Empty,
        http.method = %method,
        http.route = tracing::field::Empty
    );
    let parent = if request.headers().contains_key("traceparent") {
        let parent = opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(&Headers(request.headers())));
        if span.set_parent(parent.clone()).is_err() {
            tracing::trace!("no span exporter is installed");
        }
        trace_of(&parent)
    } else {
        None
    };
    // Without an exporter there is no trace of our own, but the caller's is still worth finding in the log.
    let own = trace_of(&span.context());
    if let Some(trace) = own.or(parent) {
        span.record("trace_id", trace.to_string());
    }
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut outcome = REQUEST_ID.scope(id.clone(), outcome(request, next)).instrument(span.clone()).await?;
    let (route, headers, status) = match &mut outcome {
        Outcome::Answered(response) => {
            let status = response.status();
            (response.request().match_pattern(), response.headers_mut(), status)
        }
        Outcome::Panicked(response) => {
            let route = routes.as_ref().and_then(|routes| routes.pattern(&method, uri.path())).map(str::to_owned);
            let status = response.status();
            (route, response.headers_mut(), status)
        }
    };
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(X_REQUEST_ID.clone(), value);
    }
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    // The log line below names it itself; writing it into the span as well means formatting all its fields anew.
    if own.is_some() {
        span.record("http.route", route.as_str());
    }
    let elapsed = started.elapsed();
    if let Some(kit) = kit {
        kit.metrics
            .http_request_duration_seconds
            .with_label_values(&[method_label(&method), route.as_str(), status.as_str()])
            .observe(elapsed.as_secs_f64());
    }
    let duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| {
        if status.is_server_error() {
            tracing::error!(http.status = status.as_u16(), http.route = route, duration_ms, "request answered");
        } else if method.is_safe() {
            tracing::debug!(http.status = status.as_u16(), http.route = route, duration_ms, "request answered");
        } else {
            tracing::info!(http.status = status.as_u16(), http.route = route, duration_ms, "request answered");
        }
    });
    match outcome {
        Outcome::Answered(response) => Ok(response),
        Outcome::Panicked(response) => Err(InternalError::from_response("the handler panicked", response).into()),
    }
}

fn trace_of(context: &opentelemetry::Context) -> Option<TraceId> {
    Some(context.span().span_context().trace_id()).filter(|id| *id != TraceId::INVALID)
}

/// Where actix itself refused (unknown path, wrong method, oversize), the body becomes a problem too.
fn with_problem_body(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = response.status();
    let has_own_body = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|kind| kind.contains("json"));
    if has_own_body || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let code = match status {
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::PayloadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::UnsupportedMediaType,
        status if status.is_client_error() => ErrorCode::MalformedRequest,
        _ => ErrorCode::Internal,
    };
    let allow = response.headers().get(actix_web::http::header::ALLOW).cloned();
    let (request, _) = response.into_parts();
    let mut problem = Problem::new(code).error_response();
    if let Some(allow) = allow {
        problem.headers_mut().insert(actix_web::http::header::ALLOW, allow);
    }
    ServiceResponse::new(request, problem)
}
