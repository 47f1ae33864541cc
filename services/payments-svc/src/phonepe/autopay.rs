//! Autopay: mandates by UPI, in either of PhonePe's two APIs (facts: *Autopay*). Which one new mandates are made in is a setting, so that a
//! wrong guess about the newer one is a change of settings; a mandate stays where it was made.

use chrono::{DateTime, Utc};
use domain::{UnknownName, mandate::MandateState, money::Paise};
use serde::Deserialize;

use super::MerchantOrderId;

/// Which of PhonePe's APIs a mandate belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutopayApi {
    /// Standard Checkout: the payer approves on PhonePe's page.
    Checkout,
    /// The API of Autopay alone: the payer approves in a UPI app.
    Subscriptions,
}

impl std::str::FromStr for AutopayApi {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Checkout, Self::Subscriptions]
            .into_iter()
            .find(|api| api.as_str() == text)
            .ok_or_else(|| UnknownName { kind: "AutopayApi", value: text.to_owned() })
    }
}

impl AutopayApi {
    /// The text form, as in SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checkout => "checkout",
            Self::Subscriptions => "subscriptions",
        }
    }

    /// Where mandates are, below the payment host.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Checkout => "checkout/v2/subscriptions",
            Self::Subscriptions => "subscriptions/v2",
        }
    }

    /// Where the orders of mandates are: those that set one up, and debits.
    pub(super) const fn order_path(self) -> &'static str {
        match self {
            Self::Checkout => "checkout/v2/order",
            Self::Subscriptions => "subscriptions/v2/order",
        }
    }

    /// `paymentFlow.type` of a debit.
    pub(super) const fn redemption(self) -> &'static str {
        match self {
            Self::Checkout => "SUBSCRIPTION_CHECKOUT_REDEMPTION",
            Self::Subscriptions => "SUBSCRIPTION_REDEMPTION",
        }
    }
}

/// The mandate that a payment approves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MandateTerms {
    /// The API that it is made in.
    pub api: AutopayApi,
    /// Our id for it, unique at the provider for ever.
    pub merchant_subscription_id: String,
    /// The most that one debit may take; at most ₹15,000.
    pub max_amount: Paise,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
}

/// A request to notify a payer of a debit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifyRequest {
    /// The API of the mandate.
    pub api: AutopayApi,
    /// Our id for the debit, unique at the provider for ever.
    pub merchant_order_id: MerchantOrderId,
    /// The mandate.
    pub merchant_subscription_id: String,
    /// What is taken.
    pub amount: Paise,
    /// Until when it can be; at most 48 hours away.
    pub expires_at: DateTime<Utc>,
}

/// What became of an act on a mandate or a debit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActOutcome {
    /// The provider does it.
    Accepted,
    /// It certainly does not.
    Refused {
        /// HTTP status and provider code.
        reason: String,
    },
    /// Only the status tells.
    Ambiguous {
        /// What happened.
        reason: String,
    },
}

impl ActOutcome {
    /// The name in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused { .. } => "refused",
            Self::Ambiguous { .. } => "ambiguous",
        }
    }
}

/// What the provider knows of a mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MandateAnswer {
    /// It exists. A state on its way to another, or one that the provider added, decides nothing.
    Found(Option<MandateState>),
    /// The provider has never heard of it.
    NotFound,
}
