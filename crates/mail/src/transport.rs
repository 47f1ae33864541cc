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
    /// What is attached.
    pub attachment: Option<Attachment>,
}

/// A file that a mail carries.
#[derive(Clone)]
pub struct Attachment {
    /// Its name with ending, ASCII.
    pub file_name: String,
    /// Its media type, for example `application/pdf`.
    pub content_type: &'static str,
    /// Its bytes, the same for every attempt: the provider knows a repeat by them.
    pub bytes: Vec<u8>,
}

/// Where the mailer of a service finds what its mails carry.
#[async_trait]
pub trait Attachments: Send + Sync + 'static {
    /// The file of that name. The error says why there is none now, without addresses; the mail waits.
    async fn load(&self, name: &str) -> Result<Attachment, String>;
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
