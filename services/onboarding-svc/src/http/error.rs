//! From a use case's error to the problem it is answered with.

use domain::{
    ErrorCode,
    answer::{FieldError, FieldErrorCode},
    context::IncompleteStep,
};
use serde_json::{Value, json};
use service_kit::http::{self, Problem};

use super::precondition;
use crate::{
    finalize::FinalizeError,
    session::{EditError, StoredStep},
    standing::ChangeError,
};

fn code(code: FieldErrorCode) -> String {
    serde_json::to_value(code).ok().and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default()
}

/// One error, with its pointer into the request's body.
pub(super) fn field(prefix: &str, error: &FieldError) -> http::FieldError {
    http::FieldError { pointer: format!("{prefix}{}", error.pointer), code: code(error.code), message: error.message.clone() }
}

fn fields(prefix: &str, errors: &[FieldError]) -> Vec<http::FieldError> {
    errors.iter().map(|error| field(prefix, error)).collect()
}

fn too_large(code: ErrorCode, size: usize, limit: usize) -> Problem {
    Problem::new(code)
        .detail(format!("{size} bytes in canonical form, {limit} are allowed"))
        .member("size_bytes", size)
        .member("limit_bytes", limit)
}

fn current(step: Option<&StoredStep>) -> Value {
    json!({
        "revision": precondition::text(step.map(|step| step.revision)),
        "state": super::resume::state(step),
        "answer": step.and_then(|step| step.answer.as_ref()),
        "updated_by": step.map(|step| step.updated_by),
        "updated_at": step.map(|step| step.updated_at),
    })
}

/// Lists every step with its fields and a link to it.
fn incomplete(steps: &[IncompleteStep]) -> Problem {
    let mut errors = Vec::new();
    let mut listed = Vec::new();
    for IncompleteStep { step, errors: missing } in steps {
        let pointers = fields(&format!("/{step}"), missing);
        listed.push(json!({
            "slug": step,
            "title": step.step().title,
            "href": format!("/api/onboarding/steps/{step}"),
            "errors": &pointers,
        }));
        errors.extend(pointers);
    }
    Problem::new(ErrorCode::OnboardingIncomplete).errors(errors).member("steps", listed)
}

/// Names the version in force, and where its definition is.
pub(super) fn schema_changed(version: &str) -> Problem {
    Problem::new(ErrorCode::SchemaChanged).member("schema_version", version).member("href", "/api/onboarding/steps")
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Db(error) => error.into(),
            ChangeError::Act(error) => Self::new(ErrorCode::Conflict).detail(error.to_string()),
            ChangeError::Transition(error) => Self::internal(error),
            ChangeError::Document(error) => Self::internal(error),
        }
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Locked => Self::new(ErrorCode::OnboardingLocked),
            EditError::Suspended => Self::new(ErrorCode::OnboardingSuspended),
            EditError::Finalizing => Self::new(ErrorCode::FinalizeRunning),
            EditError::Stale { current: there, yours } => Self::new(ErrorCode::RevisionStale)
                .header("ETag", precondition::etag(there.as_ref().map(|step| step.revision)))
                .member("current", current(there.as_deref()))
                .member("yours", yours.unwrap_or(Value::Null)),
            EditError::Invalid(errors) => Self::new(ErrorCode::AnswerInvalid).errors(fields("/answer", &errors)),
            EditError::AnswerTooLarge { size, limit } => too_large(ErrorCode::AnswerTooLarge, size, limit),
            EditError::TogetherTooLarge { size, limit } => too_large(ErrorCode::ContextTooLarge, size, limit),
            EditError::NothingToUndo => Self::new(ErrorCode::NothingToUndo),
            EditError::SchemaChanged { version } => schema_changed(&version),
            EditError::NotSkippable => Self::new(ErrorCode::StepNotSkippable),
            EditError::Limited { retry_after_s } => Self::new(ErrorCode::RateLimited).retry_after(retry_after_s.max(1)),
            EditError::Authorise(error) => error.into(),
            EditError::Change(error) => error.into(),
        }
    }
}

impl From<FinalizeError> for Problem {
    fn from(error: FinalizeError) -> Self {
        match error {
            FinalizeError::Locked => Self::new(ErrorCode::OnboardingLocked),
            FinalizeError::Suspended => Self::new(ErrorCode::OnboardingSuspended),
            FinalizeError::SchemaChanged { version } => schema_changed(&version),
            FinalizeError::Incomplete(steps) => incomplete(&steps),
            FinalizeError::TooLarge { size, limit } => too_large(ErrorCode::ContextTooLarge, size, limit),
            FinalizeError::Authorise(error) => error.into(),
            FinalizeError::Idempotency(error) => error.into(),
            FinalizeError::Change(error) => error.into(),
        }
    }
}
