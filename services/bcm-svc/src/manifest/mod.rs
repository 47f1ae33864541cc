//! What can be done with manifests: make a version, read stored ones, list them, verify them.

pub mod freshness;
pub mod generate;
pub mod history;
pub mod provenance;
pub mod selector;
pub mod stored;
pub mod verify;

use domain::{
    canonical::{self, CanonicalError, Checksum},
    context::BusinessContext,
    reduce::{Policy, ReduceError, Reduced, reduce},
};
use service_kit::{auth::AuthoriseError, db::DbError};

use crate::{metrics::Metrics, tiers::NotTheVersion};

/// Why something could not be read. Cloned to every caller that waited for the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The workspace has no manifest.
    #[error("there is no manifest yet")]
    Missing,
    /// It has no such version.
    #[error("there is no such version")]
    VersionNotFound,
    /// The reader is no longer a member.
    #[error("not a member of the workspace")]
    NotAMember,
    /// The stored bytes are not what their checksum says and could not be made again.
    #[error("the stored manifest does not match its checksum")]
    Corrupt,
    /// A dependency is down.
    #[error("{0}")]
    Unavailable(String),
    /// Anything else.
    #[error("{0}")]
    Internal(String),
}

impl From<NotTheVersion> for ReadError {
    fn from(_: NotTheVersion) -> Self {
        Self::Corrupt
    }
}

impl From<DbError> for ReadError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) | DbError::LockTimeout => Self::Unavailable(error.to_string()),
            DbError::Query(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<diesel::result::Error> for ReadError {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

impl From<AuthoriseError> for ReadError {
    fn from(error: AuthoriseError) -> Self {
        match error {
            AuthoriseError::NotAMember | AuthoriseError::RoleTooLow => Self::NotAMember,
            AuthoriseError::Db(error) => error.into(),
        }
    }
}

/// Why bytes are not the context they should be.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// They are not those that were hashed.
    #[error("the context has the checksum {actual}, not {expected}")]
    Checksum {
        /// What was announced.
        expected: String,
        /// What the bytes give.
        actual: Checksum,
    },
    /// They have no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// They have another form than a business context.
    #[error("not a business context: {0}")]
    Shape(#[from] serde_json::Error),
}

/// Reads a context from its canonical bytes, verified against the checksum it came with.
pub fn open_context(bytes: &[u8], sha256: &str) -> Result<BusinessContext, ContextError> {
    let actual = Checksum::of(bytes);
    if actual.to_string() != sha256 {
        return Err(ContextError::Checksum { expected: sha256.to_owned(), actual });
    }
    Ok(serde_json::from_value(canonical::parse(bytes)?)?)
}

/// Why a context was not reduced.
#[derive(Debug, thiserror::Error)]
pub enum ReduceFailure {
    /// It cannot be.
    #[error(transparent)]
    Refused(#[from] ReduceError),
    /// The reducer did not come to its end.
    #[error("the reducer stopped: {0}")]
    Stopped(#[from] tokio::task::JoinError),
}

/// Reduces a context away from the threads that answer requests: counting tokens takes milliseconds of pure computing.
pub async fn reduce_aside(context: BusinessContext, policy: Policy, metrics: &Metrics) -> Result<Reduced, ReduceFailure> {
    let started = std::time::Instant::now();
    let reduced = tokio::task::spawn_blocking(move || reduce(&context, policy)).await??;
    metrics.reduced(started.elapsed().as_secs_f64());
    Ok(reduced)
}
