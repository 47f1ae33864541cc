//! PhonePe's JSON. Enumerations are open and unknown fields are ignored: PhonePe adds both without notice.

use chrono::{DateTime, Utc};
use domain::{ids::RefundId, mandate::MandateState, refund::RefundNews};
use serde::{Deserialize, Serialize};

use super::{Accepted, MandateAnswer, MandateTerms, NotifyRequest, OrderStatus, PayRequest, RefundRequest, RefundStatus};

/// Body of `POST /checkout/v2/pay`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pay<'a> {
    merchant_order_id: &'a str,
    amount: i64,
    expire_after: u32,
    payment_flow: PaymentFlow<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PaymentFlow<'a> {
    r#type: &'static str,
    merchant_urls: MerchantUrls<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_details: Option<SubscriptionDetails<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MerchantUrls<'a> {
    redirect_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_redirect_url: Option<&'a str>,
}

/// The terms of a mandate at checkout: each debit takes what the plan costs then, up to a bound.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionDetails<'a> {
    subscription_type: &'static str,
    merchant_subscription_id: &'a str,
    auth_workflow_type: &'static str,
    amount_type: &'static str,
    max_amount: i64,
    frequency: &'static str,
    product_type: &'static str,
    /// Epoch milliseconds.
    expire_at: i64,
}

impl<'a> From<&'a PayRequest> for Pay<'a> {
    fn from(request: &'a PayRequest) -> Self {
        let redirect_url = request.redirect_url.as_str();
        let details = request.mandate.as_ref().map(|terms| SubscriptionDetails {
            subscription_type: "RECURRING",
            merchant_subscription_id: &terms.merchant_subscription_id,
            auth_workflow_type: "TRANSACTION",
            amount_type: "VARIABLE",
            max_amount: terms.max_amount.get(),
            frequency: "MONTHLY",
            product_type: "UPI_MANDATE",
            expire_at: terms.expires_at.timestamp_millis(),
        });
        let cancel_redirect_url = details.as_ref().map(|_| redirect_url);
        Self {
            merchant_order_id: request.merchant_order_id.as_str(),
            amount: request.amount.get(),
            expire_after: request.expire_after_s,
            payment_flow: PaymentFlow {
                r#type: if details.is_some() { "SUBSCRIPTION_CHECKOUT_SETUP" } else { "PG_CHECKOUT" },
                merchant_urls: MerchantUrls { redirect_url, cancel_redirect_url },
                subscription_details: details,
            },
        }
    }
}

/// Body of `POST /subscriptions/v2/setup`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Setup<'a> {
    merchant_order_id: &'a str,
    amount: i64,
    payment_flow: SetupFlow<'a>,
    device_context: DeviceContext,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SetupFlow<'a> {
    r#type: &'static str,
    merchant_subscription_id: &'a str,
    auth_workflow_type: &'static str,
    amount_type: &'static str,
    max_amount: i64,
    frequency: &'static str,
    expire_at: i64,
    payment_mode: SetupMode,
}

#[derive(Debug, Serialize)]
struct SetupMode {
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
struct DeviceContext {
    #[serde(rename = "deviceOS")]
    device_os: &'static str,
}

impl<'a> Setup<'a> {
    pub(super) fn of(request: &'a PayRequest, terms: &'a MandateTerms) -> Self {
        Self {
            merchant_order_id: request.merchant_order_id.as_str(),
            amount: request.amount.get(),
            payment_flow: SetupFlow {
                r#type: "SUBSCRIPTION_SETUP",
                merchant_subscription_id: &terms.merchant_subscription_id,
                auth_workflow_type: "TRANSACTION",
                amount_type: "VARIABLE",
                max_amount: terms.max_amount.get(),
                frequency: "MONTHLY",
                expire_at: terms.expires_at.timestamp_millis(),
                payment_mode: SetupMode { r#type: "UPI_INTENT" },
            },
            device_context: DeviceContext { device_os: "ANDROID" },
        }
    }
}

/// Body of the endpoints that notify a payer of a debit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notify<'a> {
    merchant_order_id: &'a str,
    amount: i64,
    expire_at: i64,
    payment_flow: RedemptionFlow<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RedemptionFlow<'a> {
    r#type: &'static str,
    merchant_subscription_id: &'a str,
    redemption_retry_strategy: &'static str,
    auto_debit: bool,
}

impl<'a> Notify<'a> {
    pub(super) fn of(request: &'a NotifyRequest) -> Self {
        Self {
            merchant_order_id: request.merchant_order_id.as_str(),
            amount: request.amount.get(),
            expire_at: request.expires_at.timestamp_millis(),
            payment_flow: RedemptionFlow {
                r#type: request.api.redemption(),
                merchant_subscription_id: &request.merchant_subscription_id,
                redemption_retry_strategy: "STANDARD",
                auto_debit: false,
            },
        }
    }
}

/// Body of the endpoints that take the money of a debit.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Redeem<'a> {
    pub(super) merchant_order_id: &'a str,
}

/// Answer of the status of a mandate.
#[derive(Debug, Deserialize)]
pub(super) struct Mandate {
    state: String,
}

impl From<Mandate> for MandateAnswer {
    fn from(mandate: Mandate) -> Self {
        Self::Found(match mandate.state.as_str() {
            "ACTIVATION_IN_PROGRESS" | "PENDING" => Some(MandateState::Pending),
            "ACTIVE" => Some(MandateState::Active),
            "PAUSED" => Some(MandateState::Paused),
            "REVOKED" => Some(MandateState::Revoked),
            "CANCELLED" => Some(MandateState::Canceled),
            "FAILED" => Some(MandateState::Failed),
            "EXPIRED" => Some(MandateState::Expired),
            _ => None,
        })
    }
}

/// Answer of `POST /checkout/v2/pay`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PayAnswer {
    order_id: String,
    /// The address of a UPI app instead, where there is no page.
    #[serde(alias = "intentUrl")]
    redirect_url: String,
    /// Epoch milliseconds.
    expire_at: Option<i64>,
}

impl PayAnswer {
    /// `None` when the address is none that a browser may be sent to.
    pub(super) fn accepted(self) -> Option<Accepted> {
        let usable = ["https://", "http://", "upi://"].iter().any(|scheme| self.redirect_url.starts_with(scheme));
        usable.then(|| Accepted {
            provider_order_id: self.order_id,
            redirect_url: self.redirect_url,
            expires_at: self.expire_at.and_then(DateTime::<Utc>::from_timestamp_millis),
        })
    }
}

/// The state of an order at PhonePe.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum ProviderState {
    /// Not decided yet.
    Pending,
    /// Paid.
    Completed,
    /// Not paid, and never will be.
    Failed,
    /// A state that PhonePe added: nothing is decided by it.
    Other(String),
}

impl ProviderState {
    /// The state in PhonePe's words.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Other(text) => text,
        }
    }
}

impl From<String> for ProviderState {
    fn from(text: String) -> Self {
        match text.as_str() {
            "PENDING" => Self::Pending,
            "COMPLETED" => Self::Completed,
            "FAILED" => Self::Failed,
            _ => Self::Other(text),
        }
    }
}

/// Answer of the Order Status API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    state: ProviderState,
    order_id: Option<String>,
    merchant_order_id: Option<String>,
    amount: Option<i64>,
    currency: Option<String>,
    error_code: Option<String>,
    payment_details: Option<Vec<PaymentDetail>>,
    payment_flow: Option<StatusFlow>,
}

/// What the status of a debit says of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StatusFlow {
    /// Epoch milliseconds.
    valid_after: Option<i64>,
}

/// One try of the payer. Its state is never the order's.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PaymentDetail {
    transaction_id: Option<String>,
    state: Option<ProviderState>,
}

impl From<Status> for OrderStatus {
    fn from(status: Status) -> Self {
        let paid = |detail: &PaymentDetail| detail.state == Some(ProviderState::Completed);
        let transaction_id = status.payment_details.unwrap_or_default().into_iter().find(paid).and_then(|detail| detail.transaction_id);
        Self {
            state: status.state,
            provider_order_id: status.order_id,
            merchant_order_id: status.merchant_order_id,
            amount: status.amount,
            currency: status.currency,
            error_code: status.error_code,
            transaction_id,
            valid_after: status.payment_flow.and_then(|flow| flow.valid_after).and_then(DateTime::<Utc>::from_timestamp_millis),
        }
    }
}

/// Body of `POST /payments/v2/refund`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refund<'a> {
    merchant_refund_id: RefundId,
    original_merchant_order_id: &'a str,
    amount: i64,
}

impl<'a> From<&'a RefundRequest> for Refund<'a> {
    fn from(request: &'a RefundRequest) -> Self {
        Self { merchant_refund_id: request.id, original_merchant_order_id: request.attempt.as_str(), amount: request.amount.get() }
    }
}

/// Answer of `POST /payments/v2/refund`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundAccepted {
    pub(super) refund_id: String,
}

/// Answer of the Refund Status API.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundState {
    state: String,
    refund_id: Option<String>,
    amount: Option<i64>,
    error_code: Option<String>,
}

impl From<RefundState> for RefundStatus {
    fn from(status: RefundState) -> Self {
        let news = match status.state.as_str() {
            "PENDING" => Some(RefundNews::Accepted),
            "CONFIRMED" => Some(RefundNews::Confirmed),
            "COMPLETED" => Some(RefundNews::Completed),
            "FAILED" => Some(RefundNews::Failed),
            _ => None,
        };
        Self { news, provider_refund_id: status.refund_id, amount: status.amount, error_code: status.error_code }
    }
}

/// An error body. `message` may quote personal data and is not read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refusal {
    code: Option<String>,
    error_code: Option<String>,
}

impl Refusal {
    pub(super) fn code(&self) -> &str {
        self.error_code.as_deref().or(self.code.as_deref()).unwrap_or_default()
    }
}

/// Answer of the token endpoint; times are epoch seconds.
#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(rename = "access_token")]
    pub(super) access: String,
    #[serde(rename = "token_type")]
    pub(super) kind: Option<String>,
    pub(super) issued_at: Option<i64>,
    pub(super) expires_at: i64,
}

/// What a webhook claims. A reason to ask, never a truth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hint {
    /// Its event in PhonePe's dotted form, when it has one.
    pub event: Option<String>,
    /// Our id of the attempt it is about, when it names one.
    pub merchant_order_id: Option<String>,
    /// Our id of the refund it is about, when it names one.
    pub merchant_refund_id: Option<String>,
    /// What the provider knows the mandate by that it is about, when it names one: nested for its orders, at the root for itself.
    pub merchant_subscription_id: Option<String>,
    /// Whether it claims that the attempt has ended, or that the refund has moved.
    pub claims_end: bool,
}

#[derive(Debug, Default, Deserialize)]
struct Envelope {
    event: Option<serde_json::Value>,
    r#type: Option<serde_json::Value>,
    payload: Option<serde_json::Value>,
}

impl Hint {
    /// Reads a body. `None` when it is not a JSON object.
    pub fn read(body: &[u8]) -> Option<Self> {
        let envelope: Envelope = serde_json::from_slice::<serde_json::Map<_, _>>(body)
            .ok()
            .and_then(|object| serde_json::from_value(serde_json::Value::Object(object)).ok())?;
        let text = |value: Option<serde_json::Value>| value.and_then(|value| value.as_str().map(str::to_owned));
        // Some samples carry only the deprecated upper-case type.
        let event = text(envelope.event).or_else(|| text(envelope.r#type).map(|kind| kind.to_lowercase().replace('_', ".")));
        let field = |name: &str| envelope.payload.as_ref().and_then(|payload| payload.get(name)?.as_str().map(str::to_owned));
        let merchant_order_id = field("merchantOrderId").or_else(|| field("originalMerchantOrderId"));
        let flow = envelope.payload.as_ref().and_then(|payload| payload.get("paymentFlow"));
        let nested = flow.and_then(|flow| {
            let details = flow.get("subscriptionDetails").unwrap_or(flow);
            details.get("merchantSubscriptionId")?.as_str().map(str::to_owned)
        });
        let merchant_subscription_id = field("merchantSubscriptionId").or(nested);
        let claims_end = field("state").is_some_and(|state| state != "PENDING");
        Some(Self { event, merchant_order_id, merchant_refund_id: field("merchantRefundId"), merchant_subscription_id, claims_end })
    }
}

#[cfg(test)]
mod tests;
