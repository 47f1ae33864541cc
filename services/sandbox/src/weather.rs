//! The knobs: everything that can go wrong outside, one place for all of it. The default is fair weather.

use chrono::TimeDelta;
use domain::money::Paise;
use serde::{Deserialize, Serialize};

/// How the outside world behaves from now on. Fields left out of a request are fair weather.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weather {
    /// What happens to webhooks.
    pub webhook: WebhookWeather,
    /// For so long after a payment's end, or a change of a refund or a mandate, the status API still answers as before it, in
    /// milliseconds.
    pub status_lag_ms: u32,
    /// Setting this revokes every token issued so far; tokens issued later are good.
    pub token_revoked: bool,
    /// The token endpoint.
    pub token: ApiWeather,
    /// The endpoints that make orders: pay, its sibling for apps, and the setup of a mandate without a pay page.
    pub pay: PayWeather,
    /// The refund endpoint.
    pub refund: PayWeather,
    /// The endpoint that notifies of a debit.
    pub notify: PayWeather,
    /// The endpoint that begins a debit.
    pub redeem: PayWeather,
    /// The endpoint that ends a mandate.
    pub cancel: PayWeather,
    /// The status endpoints, of orders, transactions, refunds and mandates.
    pub status: ApiWeather,
    /// The payment gateway says of itself that it is down.
    pub unhealthy: bool,
    /// What no client has seen yet, in webhooks and at status.
    pub novelty: Novelty,
    /// The answer to a `merchantOrderId`, `merchantRefundId` or `merchantSubscriptionId` that was used before.
    pub duplicate_order: DuplicateAnswer,
    /// Whether new orders end by themselves.
    pub auto_pay: AutoPay,
    /// An order that expired is paid so much later after all, in milliseconds of the sandbox's time.
    pub late_success_ms: Option<u32>,
    /// How notifications of a debit end by themselves.
    pub auto_notify: AutoNotify,
    /// What the customer does to a mandate as soon as a debit is notified.
    pub after_notification: AfterNotification,
    /// How debits end by themselves.
    pub auto_redeem: AutoRedeem,
    /// How far new refunds go by themselves.
    pub auto_refund: AutoRefund,
    /// The mail endpoint.
    pub resend: ResendWeather,
}

/// What happens to webhooks that are due from now on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookWeather {
    /// Never sent.
    pub lost: bool,
    /// Sent so many times more, all at once.
    pub duplicate: u8,
    /// Sent so much later, in milliseconds.
    pub delay_ms: u32,
    /// The amount they claim, in paise, instead of the true one. A signature stays that of the true body.
    pub tamper_amount: Option<Paise>,
    /// Sent with an `Authorization`, or a signature, that is well-formed and wrong.
    pub wrong_credentials: bool,
    /// Each is held until the next one has been sent, for at most two seconds.
    pub reorder: bool,
}

/// An endpoint that does not do its work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiWeather {
    /// Answered instead of the work, with the body that `PhonePe` has for it.
    pub http_status: Option<u16>,
    /// The answer is a web page as a proxy would make it; 502 unless `http_status` says otherwise.
    pub html_body: bool,
}

/// An endpoint that changes something, where it matters whether that has happened when the answer goes wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PayWeather {
    /// As in [`ApiWeather`].
    pub http_status: Option<u16>,
    /// As in [`ApiWeather`].
    pub html_body: bool,
    /// It is stored before the wrong answer goes out.
    pub after_commit: bool,
    /// It is stored and no answer comes until the client gives up, a minute at most.
    pub timeout_after_commit: bool,
}

/// The sources disagree on status and code, therefore both can be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DuplicateAnswer {
    /// HTTP status.
    pub http_status: u16,
    /// `code` of the body.
    pub code: String,
}

impl Default for DuplicateAnswer {
    fn default() -> Self {
        Self { http_status: 417, code: "INVALID_TRANSACTION_ID".to_owned() }
    }
}

/// What becomes of a new order without anybody at the pay page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoPay {
    /// Somebody has to pay.
    #[default]
    None,
    /// Paid at once.
    Success,
    /// Fails at once.
    Fail,
}

/// How the notification of a debit ends without anybody deciding it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoNotify {
    /// The customer is notified at once.
    #[default]
    Notify,
    /// The customer cannot be notified.
    Fail,
    /// Nothing.
    None,
}

/// What the customer does when a debit is notified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterNotification {
    /// Nothing.
    #[default]
    None,
    /// Pauses the mandate.
    Pause,
    /// Revokes the mandate.
    Revoke,
}

/// How a debit ends without anybody deciding it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoRedeem {
    /// The money is taken at once.
    #[default]
    Succeed,
    /// The first try fails, and others may follow.
    FailAttempt,
    /// It fails for good.
    Fail,
    /// Nothing.
    None,
}

/// What becomes of a new refund without anybody deciding it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoRefund {
    /// The money is back at once.
    #[default]
    Complete,
    /// It fails, after the bank took it in hand.
    Fail,
    /// The bank takes it in hand, and no more.
    Confirm,
    /// Nothing.
    None,
}

/// What `PhonePe` may add one day without a warning. A client must read past it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Novelty {
    /// Every object has a field more.
    pub extra_fields: bool,
    /// The way a payment went, its rail and its instrument are of kinds that did not exist before.
    pub enum_values: bool,
    /// The root state, whatever it is in truth.
    pub state: Option<String>,
    /// The name of every webhook's event, whatever happened in truth.
    pub event: Option<String>,
}

/// The mail endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResendWeather {
    /// Answered instead of taking the mail.
    pub http_status: Option<u16>,
    /// Sent as `retry-after` with it, in seconds.
    pub retry_after_s: Option<u32>,
}

impl Weather {
    /// How far the status APIs are behind.
    pub(crate) fn status_lag(&self) -> TimeDelta {
        TimeDelta::milliseconds(self.status_lag_ms.into())
    }
}

impl From<&PayWeather> for ApiWeather {
    fn from(pay: &PayWeather) -> Self {
        Self { http_status: pay.http_status, html_body: pay.html_body }
    }
}
