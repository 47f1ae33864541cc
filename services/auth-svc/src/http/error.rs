//! Errors, in the shape that the client's API version asks for.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::StatusCode};
use chrono::NaiveDate;
use domain::ErrorCode;
use serde_json::json;
use service_kit::{
    http::{Problem, RequestId, allowed_methods},
    rate_limit::Decision,
};

use crate::{
    gate::{ensure_profile::EnsureProfileError, verify_profile::VerifyProfileError},
    provider::{Fault, deletion::DeletionError},
    workspace::WorkspaceError,
};

/// The version that brought the new error shape, and the newest one we speak.
const API_VERSION: &str = "2024-01-01";

/// A refused request under `/auth/v1`.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    weak_password: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), weak_password: None, headers: Vec::new() }
    }

    pub(super) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// Clients take 5xx for an outage: they keep the session and try again.
    pub(super) fn unavailable(error: impl std::fmt::Display) -> Self {
        tracing::warn!(error = %error, "dependency unavailable");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unexpected_failure", "The service is not available at the moment")
            .header("Retry-After", "2")
    }

    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(error = %error, "request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unexpected_failure", "Something went wrong on our side")
    }

    pub(super) fn unprocessable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
    }

    pub(super) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    pub(super) fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// The stable code, and what went wrong for a person.
    pub(super) fn said(&self) -> (&'static str, &str) {
        (self.code, &self.message)
    }

    /// `reason` is one of Supabase Auth's: `length`, `pwned`.
    pub(super) fn weak_password(reason: &'static str, message: impl Into<String>) -> Self {
        Self { weak_password: Some(reason), ..Self::unprocessable("weak_password", message) }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn limited(decision: &Decision) -> Self {
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "over_request_rate_limit", "Request rate limit reached")
            .header("Retry-After", decision.retry_after_s.max(1).to_string());
        decision.headers().into_iter().fold(refusal, |refusal, (name, value)| refusal.header(name, value))
    }

    /// A mail of the kind was sent to the address a moment ago.
    pub(super) fn mailed_lately(decision: &Decision) -> Self {
        let after = decision.retry_after_s.max(1);
        let message = format!("For security purposes, you can only request this after {after} seconds.");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "over_email_send_rate_limit", message).header("Retry-After", after.to_string())
    }

    /// The answer, in the new shape for clients that ask for it.
    pub(super) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status);
        response.insert_header(("x-sb-error-code", self.code)).insert_header(("Cache-Control", "no-store"));
        for (name, value) in &self.headers {
            response.insert_header((*name, value.as_str()));
        }
        let mut body = if speaks_new_shape(request) {
            response.insert_header(("x-supabase-api-version", API_VERSION));
            json!({"code": self.code, "message": self.message})
        } else {
            json!({"code": self.status.as_u16(), "error_code": self.code, "msg": self.message})
        };
        if let Some(members) = body.as_object_mut() {
            if let Some(reason) = self.weak_password {
                members.insert("weak_password".into(), json!({"reasons": [reason]}));
            }
            if let (true, Some(id)) = (self.status.is_server_error(), RequestId::of(request)) {
                members.insert("error_id".into(), id.into());
            }
        }
        response.json(body)
    }
}

fn speaks_new_shape(request: &HttpRequest) -> bool {
    let asked = request.headers().get("x-supabase-api-version").and_then(|value| value.to_str().ok());
    let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    asked.and_then(day) >= day(API_VERSION)
}

/// Any path under `/auth/v1` that is none of ours, and any other method.
pub(super) fn nothing_here(request: &HttpRequest) -> HttpResponse {
    let refusal = match allowed_methods(request) {
        Some(allowed) => {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "unknown", "This method is not allowed here").header("Allow", allowed)
        }
        None => Refusal::new(StatusCode::NOT_FOUND, "unknown", "There is nothing here"),
    };
    refusal.answer(request)
}

/// The token is genuine, but its session is over.
pub(super) fn session_not_found() -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "session_not_found", "Session from session_id claim in JWT does not exist")
}

impl From<EnsureProfileError> for Problem {
    fn from(error: EnsureProfileError) -> Self {
        match error {
            EnsureProfileError::Failed(_) => Self::new(ErrorCode::ProvisioningFailed).retry_after(5),
            EnsureProfileError::NoAccount => Self::new(ErrorCode::Unauthenticated),
            EnsureProfileError::Unavailable(error) => error.into(),
        }
    }
}

impl From<VerifyProfileError> for Problem {
    fn from(error: VerifyProfileError) -> Self {
        match error {
            VerifyProfileError::NotAMember => Self::new(ErrorCode::NotFound),
            VerifyProfileError::Db(error) => error.into(),
        }
    }
}

impl From<DeletionError> for Problem {
    fn from(error: DeletionError) -> Self {
        match error {
            DeletionError::NoSession => Self::new(ErrorCode::Unauthenticated),
            DeletionError::NotFresh => Self::new(ErrorCode::RecentSignInRequired),
            DeletionError::OneFactor => Self::new(ErrorCode::SecondFactorRequired),
            DeletionError::Workspace(error) => error.into(),
            DeletionError::Fault(fault) => fault.into(),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Db(error) => error.into(),
            Fault::Absent => Self::new(ErrorCode::NotFound).detail("accounts are kept by the external identity provider"),
            Fault::Busy => Self::new(ErrorCode::ServiceUnavailable).retry_after(2),
            Fault::Crypto(_) => Self::internal(fault),
        }
    }
}

impl From<WorkspaceError> for Problem {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::NotAllowed(error) => error.into(),
            WorkspaceError::LastOwner => Self::new(ErrorCode::LastOwner),
            WorkspaceError::MemberNotFound => Self::new(ErrorCode::MemberNotFound),
            WorkspaceError::AlreadyMember => Self::new(ErrorCode::AlreadyMember),
            WorkspaceError::NoSeat => Self::new(ErrorCode::SeatLimitReached),
            WorkspaceError::InvitationInvalid => Self::new(ErrorCode::InvitationInvalid),
            WorkspaceError::InvitationExpired => Self::new(ErrorCode::InvitationExpired),
            WorkspaceError::NotInPlan => Self::new(ErrorCode::NotInPlan),
            WorkspaceError::DeletionPending => Self::new(ErrorCode::DeletionPending),
            WorkspaceError::EmailUnconfirmed => Self::new(ErrorCode::EmailUnconfirmed),
            WorkspaceError::Db(error) => error.into(),
            WorkspaceError::Outbox(error) => Self::internal(error),
        }
    }
}
