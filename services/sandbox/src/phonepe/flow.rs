//! Mandates as they stand on the wire: alone, and as the `paymentFlow` of the orders that set them up and debit them.

use serde_json::{Map, Value, json};

use super::wire::epoch_ms;
use crate::{
    mandate::{Family, Mandate, MandateState, Terms},
    order::{Flow, Order},
    redemption::Redemption,
};

/// `type` of the `paymentFlow` that asks for a debit.
pub(super) const fn redemption_type(family: Family) -> &'static str {
    match family {
        Family::Subscriptions => "SUBSCRIPTION_REDEMPTION",
        Family::Checkout => "SUBSCRIPTION_CHECKOUT_REDEMPTION",
    }
}

/// Answer of the mandate's status endpoint, and `payload` of a webhook about it.
pub(crate) fn mandate_status(mandate: &Mandate) -> Value {
    let terms = &mandate.terms;
    let paused_at = mandate.paused_at.filter(|_| mandate.state == MandateState::Paused).map(epoch_ms);
    json!({
        "merchantSubscriptionId": terms.merchant_subscription_id,
        "subscriptionId": terms.phonepe_id,
        "state": mandate.state,
        "authWorkflowType": terms.auth_workflow,
        "amountType": terms.amount_type,
        "maxAmount": terms.max_amount,
        "frequency": terms.frequency,
        "expireAt": epoch_ms(terms.expire_at),
        "pauseStartDate": paused_at,
        "pauseEndDate": null,
    })
}

/// Only orders of Autopay have one.
pub(super) fn payment_flow(order: &Order) -> Option<Value> {
    match &order.flow {
        Flow::Checkout => None,
        Flow::Setup { terms, .. } => Some(setup_flow(terms)),
        Flow::Redemption(redemption) => Some(redemption_flow(order, redemption)),
    }
}

fn setup_flow(terms: &Terms) -> Value {
    let kind = match terms.family {
        Family::Subscriptions => "SUBSCRIPTION_SETUP",
        Family::Checkout => "SUBSCRIPTION_CHECKOUT_SETUP",
    };
    json!({
        "type": kind,
        "merchantSubscriptionId": terms.merchant_subscription_id,
        "authWorkflowType": terms.auth_workflow,
        "amountType": terms.amount_type,
        "maxAmount": terms.max_amount,
        "frequency": terms.frequency,
        "expireAt": epoch_ms(terms.expire_at),
        "subscriptionId": terms.phonepe_id,
    })
}

/// The three times are there once the customer was notified.
fn redemption_flow(order: &Order, redemption: &Redemption) -> Value {
    let mut flow = Map::new();
    flow.insert("type".into(), json!(redemption_type(redemption.terms.family)));
    flow.insert("merchantSubscriptionId".into(), json!(redemption.terms.merchant_subscription_id));
    flow.insert("redemptionRetryStrategy".into(), json!(redemption.retry));
    flow.insert("autoDebit".into(), json!(redemption.auto_debit));
    if let (Some(notified_at), Some(valid_after)) = (redemption.notified_at, redemption.valid_after()) {
        flow.insert("validAfter".into(), json!(epoch_ms(valid_after)));
        flow.insert("validUpto".into(), json!(epoch_ms(order.expire_at)));
        flow.insert("notifiedAt".into(), json!(epoch_ms(notified_at)));
    }
    Value::Object(flow)
}

/// The mandate's number at the bank.
pub(super) fn umn(terms: &Terms) -> String {
    format!("{}@ybl", terms.phonepe_id.to_ascii_lowercase())
}
