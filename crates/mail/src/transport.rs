//! The way out to a mail provider.

use std::time::Duration;

use async_trait::async_trait;

/// Handing over one mail ends within this time; the lease of a claim counts on it.
pub(crate) const ATTEMPT_LIMIT: Duration = Duration::from_secs(10);

/// Wrong or suspended keys and used-up quotas need a person: trying more often does not help.
pub(crate) const OPERATOR_PAUSE: Duration = Duration::from_secs(600);

/// A mail as a provider takes it.
#[derive(Clone)]
pub struct Outgoing {
    /// The reason for the mail, which the provider knows a repeat by.
    pub purpose_key: String,
    /// The address it goes to.
    pub recipient: String,
    /// The subject.
    pub subject: String,
    /// The HTML body.
    pub html: String,
    /// The text body.
    pub text: String,
}

/// Addresses and bodies never reach a log.
impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("purpose_key", &self.purpose_key).finish_non_exhaustive()
    }
}

/// Why a mail was not taken. The texts hold codes only, never addresses or bodies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The same mail can never be taken.
    #[error("{0}")]
    Permanent(String),
    /// It may be taken later.
    #[error("{reason}")]
    Transient {
        /// What happened.
        reason: String,
        /// How long the provider asks everybody to wait.
        retry_after: Option<Duration>,
    },
}

/// A mail provider.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Hands the mail over within 10 s and returns the provider's id of it.
    async fn send(&self, mail: &Outgoing) -> Result<String, SendError>;
}
