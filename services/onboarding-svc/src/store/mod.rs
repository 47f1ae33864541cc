//! SQL and nothing else. Every function takes the workspace it is about.

pub(crate) mod contact;
pub(crate) mod context;
pub(crate) mod draft;
pub(crate) mod lease;
pub(crate) mod onboarding;
pub(crate) mod revision;
pub(crate) mod unlock;

/// A stored text that this build cannot read.
pub(super) fn unreadable(error: impl std::fmt::Display) -> diesel::result::Error {
    diesel::result::Error::DeserializationError(error.to_string().into())
}
