//! PhonePe Standard Checkout v2: what the service asks of a payment provider, and the client that asks PhonePe.

mod autopay;
mod client;
mod merchant_order_id;
mod token;
mod webhook_credentials;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{ids::RefundId, money::Paise, refund::RefundNews};

pub use autopay::{ActOutcome, AutopayApi, MandateAnswer, MandateTerms, NotifyRequest};
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
    /// The mandate that it approves, if any.
    pub mandate: Option<MandateTerms>,
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
    /// When a debit can be taken, once its payer was notified.
    pub valid_after: Option<DateTime<Utc>>,
}

/// A request to give money back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// Our id for the refund, unique at the provider for ever.
    pub id: RefundId,
    /// The attempt whose payment is given back.
    pub attempt: MerchantOrderId,
    /// How much of it.
    pub amount: Paise,
}

/// What became of a request to give money back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// The provider has it.
    Accepted {
        /// The provider's id.
        provider_refund_id: String,
    },
    /// It certainly has it not and never will.
    Refused {
        /// HTTP status and provider code.
        reason: String,
    },
    /// It may or may not have it: only the status tells.
    Ambiguous {
        /// What happened.
        reason: String,
    },
}

/// What the provider knows of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundAnswer {
    /// It exists.
    Found(RefundStatus),
    /// The provider has never heard of it.
    NotFound,
}

/// The provider's truth about a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundStatus {
    /// What it says; nothing is decided by a state that it added.
    pub news: Option<RefundNews>,
    /// The provider's id.
    pub provider_refund_id: Option<String>,
    /// How much, in paise.
    pub amount: Option<i64>,
    /// Why it failed.
    pub error_code: Option<String>,
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

    /// Asks for the state of an attempt; where depends on whether it sets a mandate up, or is a debit.
    async fn order_status(&self, id: &MerchantOrderId, autopay: Option<AutopayApi>) -> Result<StatusAnswer, Unavailable>;

    /// Has the payer notified of a debit. Never repeated by the client.
    async fn notify(&self, request: &NotifyRequest) -> ActOutcome;

    /// Takes the money of a debit that was notified. Never repeated by the client.
    async fn redeem(&self, api: AutopayApi, id: &MerchantOrderId) -> ActOutcome;

    /// Asks for the state of a mandate.
    async fn mandate_status(&self, api: AutopayApi, merchant_subscription_id: &str) -> Result<MandateAnswer, Unavailable>;

    /// Ends a mandate.
    async fn cancel_mandate(&self, api: AutopayApi, merchant_subscription_id: &str) -> ActOutcome;

    /// Asks for money to be given back. Never repeated by the client: not even when the outcome is ambiguous.
    async fn refund(&self, request: &RefundRequest) -> RefundOutcome;

    /// Asks for the state of a refund.
    async fn refund_status(&self, id: RefundId) -> Result<RefundAnswer, Unavailable>;

    /// Checks that our credentials are accepted, for `doctor`.
    async fn check_credentials(&self) -> Result<(), Unavailable>;
}
