//! PhonePe Standard Checkout v2: what the service asks of a payment provider, and the client that asks PhonePe.

mod client;
mod merchant_order_id;
mod token;
mod webhook_credentials;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::money::Paise;

pub use client::Client;
pub use merchant_order_id::MerchantOrderId;
pub use webhook_credentials::{CredentialsProblem, Proof, WebhookCredentials};
pub use wire::{Hint, ProviderState};

/// A request to open a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayRequest {
    /// Our id for the attempt, unique at the provider for ever.
    pub merchant_order_id: MerchantOrderId,
    /// What is to be paid.
    pub amount: Paise,
    /// Seconds until the provider closes it: 300 to 3600.
    pub expire_after_s: u32,
    /// Where the payer's browser goes afterwards, whatever happened.
    pub redirect_url: String,
}

/// What became of a request to open a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayOutcome {
    /// It is open.
    Accepted(Accepted),
    /// It is certainly not open and never will be.
    Refused {
        /// HTTP status and provider code.
        reason: String,
    },
    /// It may or may not be open: only the status tells.
    Ambiguous {
        /// What happened.
        reason: String,
    },
}

/// An open payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The provider's id.
    pub provider_order_id: String,
    /// Where the payer pays; to be used byte for byte.
    pub redirect_url: String,
    /// When the provider closes it.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What the provider knows of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusAnswer {
    /// It exists.
    Found(OrderStatus),
    /// The provider has never heard of it.
    NotFound,
}

/// The provider's truth about an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderStatus {
    /// The only thing to decide on.
    pub state: ProviderState,
    /// The provider's id.
    pub provider_order_id: Option<String>,
    /// Our id, where the provider repeats it.
    pub merchant_order_id: Option<String>,
    /// What was asked, in paise.
    pub amount: Option<i64>,
    /// ISO 4217, where the provider says it.
    pub currency: Option<String>,
    /// Why it failed.
    pub error_code: Option<String>,
    /// The transaction that paid it.
    pub transaction_id: Option<String>,
}

/// A question without an answer: nothing is known, ask again later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the payment provider gave no answer: {reason}")]
pub struct Unavailable {
    /// What happened.
    pub reason: String,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

/// A payment provider.
#[async_trait]
pub trait Gateway: Send + Sync + 'static {
    /// Opens a payment. Never repeated by the client: not even when the outcome is ambiguous.
    async fn pay(&self, request: &PayRequest) -> PayOutcome;

    /// Asks for the state of an attempt.
    async fn order_status(&self, id: &MerchantOrderId) -> Result<StatusAnswer, Unavailable>;

    /// Checks that our credentials are accepted, for `doctor`.
    async fn check_credentials(&self) -> Result<(), Unavailable>;
}
