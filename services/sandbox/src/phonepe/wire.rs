//! Orders and refunds as they stand on the wire. Fields that only some sources have (`merchantId`, `currency` at Status of
//! a payment) are left out, so that no client comes to depend on them.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::flow::{payment_flow, umn};
use crate::{
    order::{Attempt, Flow, Mode, Order, OrderState},
    refund::{Refund, RefundState},
};

/// How much a status query asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StatusDetail {
    /// All attempts instead of the latest.
    pub all_attempts: bool,
    /// Why it failed, in words.
    pub error_context: bool,
}

/// Times of the payment host are epoch milliseconds.
pub(crate) fn epoch_ms(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// Answer of the order status endpoint.
pub(crate) fn order_status(merchant_id: &str, order: &Order, detail: StatusDetail) -> Value {
    let mut body = Map::new();
    let flow = payment_flow(order);
    if flow.is_some() {
        body.insert("merchantId".into(), json!(merchant_id));
        body.insert("merchantOrderId".into(), json!(order.merchant_order_id));
    }
    body.insert("orderId".into(), json!(order.phonepe_id));
    body.insert("state".into(), json!(order.state));
    body.insert("amount".into(), json!(order.amount));
    if order.state == OrderState::Completed {
        body.insert("payableAmount".into(), json!(order.amount));
        body.insert("feeAmount".into(), json!(0));
    }
    body.insert("expireAt".into(), json!(epoch_ms(order.expire_at)));
    insert_common(&mut body, order);
    if let Some(failure) = order.failure.filter(|_| detail.error_context) {
        body.insert(
            "errorContext".into(),
            json!({
                "errorCode": failure.code,
                "detailedErrorCode": failure.detailed_code,
                "source": failure.source,
                "stage": failure.stage,
                "description": failure.description,
            }),
        );
    }
    let shown = if detail.all_attempts { order.attempts.len() } else { 1 };
    let skipped = order.attempts.len().saturating_sub(shown);
    let attempts = order.attempts.iter().skip(skipped);
    body.insert("paymentDetails".into(), payment_details(order, attempts));
    if let Some(flow) = flow {
        body.insert("paymentFlow".into(), flow);
    }
    Value::Object(body)
}

/// Answer of the transaction status endpoint: the order with one attempt.
pub(crate) fn transaction_status(merchant_id: &str, order: &Order, transaction_id: &str) -> Value {
    let mut body = order_status(merchant_id, order, StatusDetail::default());
    let attempt = order.attempts.iter().filter(|attempt| attempt.transaction_id == transaction_id);
    if let Some(body) = body.as_object_mut() {
        body.insert("paymentDetails".into(), payment_details(order, attempt));
    }
    body
}

/// `payload` of a webhook about an order.
pub(crate) fn order_payload(merchant_id: &str, order: &Order) -> Value {
    let mut payload = Map::new();
    payload.insert("orderId".into(), json!(order.phonepe_id));
    payload.insert("merchantId".into(), json!(merchant_id));
    payload.insert("merchantOrderId".into(), json!(order.merchant_order_id));
    payload.insert("state".into(), json!(order.state));
    payload.insert("amount".into(), json!(order.amount));
    payload.insert("expireAt".into(), json!(epoch_ms(order.expire_at)));
    insert_common(&mut payload, order);
    let latest = order.attempts.last().into_iter();
    payload.insert("paymentDetails".into(), payment_details(order, latest));
    if let Some(flow) = payment_flow(order) {
        payload.insert("paymentFlow".into(), flow);
    }
    Value::Object(payload)
}

/// Answer of the refund status endpoint. The documents have the money's way at the root, the SDKs in `paymentDetails`.
pub(crate) fn refund_status(merchant_id: &str, refund: &Refund, order: &Order) -> Value {
    let mut body = refund_fields(refund, order);
    body.insert("merchantId".into(), json!(merchant_id));
    let mut details = Vec::new();
    if refund.state != RefundState::Pending {
        let mut detail = Map::new();
        detail.insert("transactionId".into(), json!(refund.phonepe_id));
        if let Some(paid) = order.attempts.iter().find(|attempt| attempt.state == OrderState::Completed) {
            detail.insert("paymentMode".into(), json!(payment_mode(order, paid)));
        }
        for field in ["timestamp", "amount", "state", "errorCode", "detailedErrorCode", "splitInstruments"] {
            if let Some(value) = body.get(field) {
                detail.insert(field.into(), value.clone());
            }
        }
        details.push(Value::Object(detail));
    }
    body.insert("paymentDetails".into(), details.into());
    Value::Object(body)
}

/// `payload` of a webhook about a refund.
pub(crate) fn refund_payload(merchant_id: &str, refund: &Refund, order: &Order) -> Value {
    let mut payload = refund_fields(refund, order);
    payload.insert("merchantId".into(), json!(merchant_id));
    payload.insert("currency".into(), json!("INR"));
    Value::Object(payload)
}

fn refund_fields(refund: &Refund, order: &Order) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("merchantRefundId".into(), json!(refund.merchant_refund_id));
    body.insert("originalMerchantOrderId".into(), json!(refund.original_merchant_order_id));
    body.insert("amount".into(), json!(refund.amount));
    body.insert("state".into(), json!(refund.state));
    body.insert("timestamp".into(), json!(epoch_ms(refund.since)));
    body.insert("refundId".into(), json!(refund.phonepe_id));
    if refund.state == RefundState::Failed {
        body.insert("errorCode".into(), json!("OTHERS"));
        body.insert("detailedErrorCode".into(), json!("500"));
    }
    if refund.state == RefundState::Completed {
        let paid = order.attempts.iter().find(|attempt| attempt.state == OrderState::Completed);
        let way = paid.map(|attempt| {
            let (rail, instrument) = rail_and_instrument(order, attempt);
            json!({"amount": refund.amount, "rail": rail, "instrument": instrument})
        });
        body.insert("splitInstruments".into(), way.into_iter().collect());
    }
    body
}

fn insert_common(body: &mut Map<String, Value>, order: &Order) {
    if let Some(meta_info) = &order.meta_info {
        body.insert("metaInfo".into(), json!(meta_info));
    }
    if let Some(failure) = order.failure {
        body.insert("errorCode".into(), json!(failure.code));
        body.insert("detailedErrorCode".into(), json!(failure.detailed_code));
    }
}

fn payment_details<'a>(order: &Order, attempts: impl Iterator<Item = &'a Attempt>) -> Value {
    attempts.map(|attempt| payment_detail(order, attempt)).collect()
}

const fn payment_mode(order: &Order, attempt: &Attempt) -> &'static str {
    match (&order.flow, attempt.mode) {
        (Flow::Redemption(_), _) => "UPI_AUTO_PAY",
        (Flow::Setup { collect: true, .. }, _) => "UPI_COLLECT",
        (_, Mode::Upi) => "UPI_INTENT",
        (_, Mode::Card) => "CARD",
    }
}

fn payment_detail(order: &Order, attempt: &Attempt) -> Value {
    let mut detail = Map::new();
    detail.insert("paymentMode".into(), json!(payment_mode(order, attempt)));
    detail.insert("transactionId".into(), json!(attempt.transaction_id));
    detail.insert("timestamp".into(), json!(epoch_ms(attempt.at)));
    detail.insert("amount".into(), json!(order.amount));
    if attempt.state == OrderState::Completed {
        detail.insert("payableAmount".into(), json!(order.amount));
        detail.insert("feeAmount".into(), json!(0));
    }
    detail.insert("state".into(), json!(attempt.state));
    if let Some(failure) = attempt.failure {
        detail.insert("errorCode".into(), json!(failure.code));
        detail.insert("detailedErrorCode".into(), json!(failure.detailed_code));
    }
    if attempt.state == OrderState::Completed {
        let (rail, instrument) = rail_and_instrument(order, attempt);
        detail.insert("rail".into(), rail.clone());
        detail.insert("instrument".into(), instrument.clone());
        let split = json!([{"amount": order.amount, "rail": rail, "instrument": instrument}]);
        detail.insert("splitInstruments".into(), split);
    }
    Value::Object(detail)
}

/// The money's way; references are taken from the transaction's digits.
fn rail_and_instrument(order: &Order, attempt: &Attempt) -> (Value, Value) {
    let digits = attempt.transaction_id.trim_start_matches("OM");
    match attempt.mode {
        Mode::Upi => (
            upi(order, digits),
            json!({
                "type": "ACCOUNT",
                "maskedAccountNumber": "******1234",
                "accountType": "SAVINGS",
            }),
        ),
        Mode::Card => (
            json!({
                "type": "PG",
                "transactionId": digits,
                "authorizationCode": "831000",
                "serviceTransactionId": format!("PG{digits}"),
            }),
            json!({
                "type": "CREDIT_CARD",
                "bankTransactionId": digits,
                "bankId": "HDFC",
                "arn": null,
                "brn": null,
            }),
        ),
    }
}

fn upi(order: &Order, digits: &str) -> Value {
    let mut rail = Map::new();
    rail.insert("type".into(), json!("UPI"));
    rail.insert("utr".into(), json!(digits));
    rail.insert("upiTransactionId".into(), json!(format!("YBL{digits}")));
    rail.insert("vpa".into(), json!("12****78@ybl"));
    if let Some(terms) = order.terms() {
        rail.insert("umn".into(), json!(umn(terms)));
    }
    Value::Object(rail)
}
