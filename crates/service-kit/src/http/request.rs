//! What happens around every request: its id, its span, its metric, and problems where actix answers by itself.

use std::time::Instant;

use actix_web::{
    Error, HttpMessage, HttpRequest, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use domain::ErrorCode;
use opentelemetry::{
    propagation::Extractor,
    trace::{TraceContextExt, TraceId},
};
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use super::problem::{Problem, REQUEST_ID};
use crate::kit::Kit;

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

pub(super) async fn around<B>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<BoxBody>, Error>
where
    B: MessageBody + 'static,
{
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let kit = request.app_data::<web::Data<Kit>>().cloned();
    let span = tracing::info_span!(
        "request",
        request_id = %id,
        trace_id = tracing::field::Empty,
        http.method = %method,
        http.route = tracing::field::Empty
    );
    let parent = opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(&Headers(request.headers())));
    if span.set_parent(parent.clone()).is_err() {
        tracing::trace!("no span exporter is installed");
    }
    // Without an exporter there is no trace of our own, but the caller's is still worth finding in the log.
    let traces = [span.context(), parent];
    if let Some(trace) = traces.iter().map(|context| context.span().span_context().trace_id()).find(|id| *id != TraceId::INVALID) {
        span.record("trace_id", trace.to_string());
    }
    request.extensions_mut().insert(RequestId(id.clone()));
    let answered = REQUEST_ID
        .scope(id.clone(), async {
            let response = next.call(request).await?.map_into_boxed_body();
            Ok::<_, Error>(with_problem_body(response))
        })
        .instrument(span.clone())
        .await;
    let mut response = answered?;
    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    span.record("http.route", route.as_str());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(X_REQUEST_ID.clone(), value);
    }
    let elapsed = started.elapsed();
    let status = response.status();
    if let Some(kit) = kit {
        kit.metrics
            .http_request_duration_seconds
            .with_label_values(&[method.as_str(), route.as_str(), status.as_str()])
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
    Ok(response)
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
