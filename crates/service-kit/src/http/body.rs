//! Request bodies: bounded, typed, and refused with a pointer to what is wrong.

use std::{future::Future, ops::Deref, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::header::{CONTENT_ENCODING, CONTENT_TYPE},
    web,
};
use bytes::BytesMut;
use domain::ErrorCode;
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::problem::{FieldError, Problem};
use crate::kit::Kit;

/// A body must have arrived whole within this time, however slowly it drips.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(10);

/// What is set aside before anything arrived, whatever the head promises.
const FIRST_CAPACITY: usize = 16 * 1024;

/// The raw bytes of a body of at most `http.body_limit` bytes.
#[derive(Debug, Clone)]
pub struct RawBody(pub web::Bytes);

/// A JSON body of type `T`. Wrong media type is 415, broken JSON 400, a wrong shape 422 with a pointer.
#[derive(Debug, Clone)]
pub struct JsonBody<T> {
    /// The value.
    pub value: T,
    /// The bytes it came from, for fingerprints.
    pub bytes: web::Bytes,
}

impl<T> Deref for JsonBody<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

async fn read(request: &HttpRequest, payload: Payload) -> Result<web::Bytes, Problem> {
    let late = |_| Problem::new(ErrorCode::RequestTimeout).detail(format!("the body did not arrive within {} s", ARRIVAL_LIMIT.as_secs()));
    tokio::time::timeout(ARRIVAL_LIMIT, collect(request, payload)).await.map_err(late)?
}

async fn collect(request: &HttpRequest, mut payload: Payload) -> Result<web::Bytes, Problem> {
    let limit = request.app_data::<web::Data<Kit>>().map_or(262_144, |kit| kit.config.http.body_limit);
    let too_large = || Problem::new(ErrorCode::PayloadTooLarge).detail(format!("the body is larger than {limit} bytes"));
    let declared = request.headers().get("content-length").and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    // Nothing is ever decompressed, so that no body is larger than it came.
    let coding = request.headers().get(CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
    if coding.is_some_and(|coding| !coding.trim().eq_ignore_ascii_case("identity")) {
        return Err(Problem::new(ErrorCode::UnsupportedMediaType)
            .detail("send the body without a content coding")
            .header("Accept-Encoding", "identity"));
    }
    let mut body = BytesMut::with_capacity(declared.unwrap_or(1024).min(FIRST_CAPACITY));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::new(ErrorCode::MalformedRequest).detail("the body could not be read"))?;
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Reads JSON of the given shape.
///
/// # Errors
/// 400 when the bytes are not JSON (or nested deeper than 128), 422 with a pointer when the shape is wrong.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.inner();
        if inner.is_data() {
            let message = inner.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            Problem::new(ErrorCode::ValidationFailed).detail("the body does not have the expected shape").errors(vec![FieldError {
                pointer,
                code: "invalid".into(),
                message,
            }])
        } else {
            let problem = Problem::new(ErrorCode::MalformedJson).detail(format!("the body is not JSON: {inner}"));
            // Where the reader got to, which is more than a line and a column tell of a body in one line.
            if pointer.is_empty() {
                return problem;
            }
            problem.errors(vec![FieldError { pointer, code: "malformed".into(), message: "This is not JSON.".into() }])
        }
    })?;
    reader.end().map_err(|error| Problem::new(ErrorCode::MalformedJson).detail(format!("the body is not JSON: {error}")))?;
    Ok(value)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    use std::fmt::Write;
    path.iter().fold(String::new(), |mut pointer, segment| {
        // Writing to a String cannot fail.
        let _ = match segment {
            Segment::Seq { index } => write!(pointer, "/{index}"),
            Segment::Map { key } => write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => write!(pointer, "/{variant}"),
            Segment::Unknown => write!(pointer, "/?"),
        };
        pointer
    })
}

fn is_json(request: &HttpRequest) -> bool {
    request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|kind| {
        let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}

impl FromRequest for RawBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { read(&request, payload).await.map(Self) })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            if !is_json(&request) {
                return Err(Problem::new(ErrorCode::UnsupportedMediaType).detail("send application/json"));
            }
            let bytes = read(&request, payload).await?;
            Ok(Self { value: parse_json(&bytes)?, bytes })
        })
    }
}
