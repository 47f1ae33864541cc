//! Errors as RFC 9457 problem details.

use std::fmt;

use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError, http::StatusCode};
use domain::ErrorCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{cache::CacheError, db::DbError, lifecycle::Interrupted};

tokio::task_local! {
    /// The id of the request that the present task answers.
    pub(crate) static REQUEST_ID: String;
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer to the field in the request's body.
    pub pointer: String,
    /// Stable short code, for example `required`.
    pub code: String,
    /// What is wrong, for a person.
    pub message: String,
}

/// A problem to be answered. The registry of codes decides status and title.
#[derive(Debug, Clone)]
pub struct Problem(Box<Content>);

#[derive(Debug, Clone)]
struct Content {
    code: ErrorCode,
    detail: Option<String>,
    errors: Vec<FieldError>,
    retry_after_s: Option<u64>,
    members: Map<String, Value>,
    headers: Vec<(&'static str, String)>,
}

/// The body of a problem, for OpenAPI documents.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A page that explains the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Stable code, for example `PAY-0003`.
    pub code: String,
    /// Id of the request, to be quoted to support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem with the code's own status and title.
    pub fn new(code: ErrorCode) -> Self {
        Self(Box::new(Content { code, detail: None, errors: Vec::new(), retry_after_s: None, members: Map::new(), headers: Vec::new() }))
    }

    /// Says what happened this time. Never put secrets, tokens or other tenants' data here.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Names the fields that are wrong.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// Adds an extension member, for example the current answer of a stale save.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// A server-side failure: logged here, once, and told to the caller without its cause.
    pub fn internal(error: impl fmt::Display) -> Self {
        tracing::error!(error = %error, "request failed");
        Self::new(ErrorCode::Internal)
    }

    /// A dependency is down: 503 with `Retry-After`.
    pub fn unavailable(error: impl fmt::Display) -> Self {
        tracing::warn!(error = %error, "dependency unavailable");
        Self::new(ErrorCode::DependencyUnavailable).retry_after(2)
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.code.as_str(), self.0.code.title())
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status());
        response.content_type("application/problem+json").insert_header(("Cache-Control", "no-store"));
        if let Some(seconds) = self.0.retry_after_s {
            response.insert_header(("Retry-After", seconds.to_string()));
        }
        for (name, value) in &self.0.headers {
            response.insert_header((*name, value.as_str()));
        }
        let body = ProblemBody {
            kind: format!("/errors/{}", self.0.code.as_str()),
            title: self.0.code.title().to_owned(),
            status: self.0.code.status(),
            detail: self.0.detail.clone(),
            code: self.0.code.as_str().to_owned(),
            request_id: REQUEST_ID.try_with(Clone::clone).ok(),
            errors: self.0.errors.clone(),
        };
        let mut body = match serde_json::to_value(body) {
            Ok(Value::Object(body)) => body,
            _ => Map::new(),
        };
        for (name, value) in &self.0.members {
            body.entry(name.clone()).or_insert_with(|| value.clone());
        }
        response.json(Value::Object(body))
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) | DbError::LockTimeout => Self::unavailable(error),
            DbError::Query(_) => Self::internal(error),
        }
    }
}

impl From<diesel::result::Error> for Problem {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        Self::unavailable(error)
    }
}

impl From<Interrupted> for Problem {
    fn from(error: Interrupted) -> Self {
        Self::internal(error)
    }
}
