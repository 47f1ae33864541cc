//! Errors of the use cases as problems.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::ErrorCode;
use service_kit::http::Problem;

use crate::{manifest::ReadError, rebuild::request::RequestError, revise::ReviseError};

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Missing => Self::new(ErrorCode::ManifestMissing),
            ReadError::VersionNotFound => Self::new(ErrorCode::ManifestVersionNotFound),
            ReadError::NotAMember => Self::new(ErrorCode::NotFound),
            ReadError::Corrupt => Self::new(ErrorCode::ManifestCorrupt),
            ReadError::Unavailable(error) => Self::unavailable(error),
            ReadError::Internal(error) => Self::internal(error),
        }
    }
}

/// A refused request for a rebuild at the given moment.
pub fn of_request(error: RequestError, now: DateTime<Utc>) -> Problem {
    match error {
        RequestError::Authorise(error) => error.into(),
        RequestError::Idempotency(error) => error.into(),
        RequestError::NotEntitled => Problem::new(ErrorCode::ManifestPaymentRequired).member("next", "choose_plan"),
        RequestError::NoSource => Problem::new(ErrorCode::ManifestSourceMissing),
        RequestError::TooSoon { available_at } => {
            let seconds = u64::try_from((available_at - now).num_seconds()).unwrap_or_default().max(1);
            let at = available_at.to_rfc3339_opts(SecondsFormat::Secs, true);
            Problem::new(ErrorCode::RebuildTooSoon)
                .detail(format!("the next rebuild is possible at {at}, or now with force"))
                .retry_after(seconds)
                .member("available_at", at)
        }
        RequestError::Db(error) => error.into(),
    }
}

/// A refused change of what is read.
pub fn of_revision(error: ReviseError) -> Problem {
    match error {
        ReviseError::Authorise(error) => error.into(),
        ReviseError::Idempotency(error) => error.into(),
        ReviseError::NotEntitled => Problem::new(ErrorCode::ManifestPaymentRequired).member("next", "choose_plan"),
        ReviseError::AlreadyCurrent => Problem::new(ErrorCode::AlreadyCurrent),
        ReviseError::Changed(revision) => {
            let problem = Problem::new(ErrorCode::PreconditionFailed).detail(error.to_string());
            revision.into_iter().fold(problem, |problem, revision| problem.member("revision", revision))
        }
        ReviseError::TooManyAliases(_) => Problem::new(ErrorCode::Conflict).detail(error.to_string()),
        ReviseError::Read(error) => error.into(),
        ReviseError::Outbox(error) => Problem::internal(error),
        ReviseError::Db(error) => error.into(),
    }
}
