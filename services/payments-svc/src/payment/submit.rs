//! Sends an attempt that is stored already, and notes what became of it.

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    event::Event,
    ids::MandateId,
    money::Paise,
    order::{Evidence, OrderEvent, OrderState},
    plan::{Cycle, PlanCode, price},
};
use messaging::outbox;
use serde_json::json;
use service_kit::db::Db;

use super::{StoreError, announce_failure, event_data, record, transition};
use crate::{
    app::App,
    phonepe::{MandateTerms, MerchantOrderId, PayOutcome, PayRequest},
    store::{
        attempt::{self, AttemptState},
        mandate,
        order::{self, Change, Order},
    },
};

/// How long an order can be paid, in seconds.
pub const PAYABLE_FOR_S: u32 = 1200;
/// PhonePe's lower bound for the same.
pub const SHORTEST_S: u32 = 300;

/// The most that one debit may take: a month of the largest plan, so that another plan needs no other mandate.
pub const LARGEST_DEBIT: Paise = price(PlanCode::Soar, Cycle::Monthly).amount;
/// PhonePe allows thirty years.
const MANDATE_LIFE: TimeDelta = TimeDelta::days(3650);

/// What the provider knows a mandate by: an attempt of its own needs a name of its own, which is unique there for ever.
pub fn merchant_subscription_id(mandate: MandateId, n: u16) -> String {
    format!("{mandate}-{n}")
}

/// Calls the provider for the `n`-th attempt at `order` and returns the outcome after it is stored.
///
/// # Errors
/// When the outcome cannot be stored. The attempt then looks as if the process had died: the reconciler finds out.
pub async fn submit(app: &App, db: &Db, order: &Order, n: u16) -> Result<PayOutcome, StoreError> {
    let mandate = match order.mandate {
        Some(id) => mandate::find(&mut *db.get().await?, id).await?,
        None => None,
    };
    let left_s = u32::try_from((order.expires_at - app.kit.clock.now()).num_seconds()).unwrap_or(0);
    let request = PayRequest {
        merchant_order_id: MerchantOrderId::of(order.id, n),
        amount: order.price.amount,
        expire_after_s: left_s.clamp(SHORTEST_S, PAYABLE_FOR_S),
        redirect_url: format!("{}/payment/return?order={}", app.config.public_url.trim_end_matches('/'), order.id),
        mandate: mandate.map(|mandate| MandateTerms {
            api: mandate.api,
            merchant_subscription_id: merchant_subscription_id(mandate.id, n),
            max_amount: mandate.max_amount,
            expires_at: app.kit.clock.now() + MANDATE_LIFE,
        }),
    };
    let outcome = app.gateway.pay(&request).await;
    let now = app.kit.clock.now();
    let mut connection = db.get().await?;
    let reached = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(order) = order::lock(connection, order.id).await? else { return Ok(None) };
            let id = &request.merchant_order_id;
            let unanswered = [AttemptState::Created, AttemptState::Ambiguous];
            let (noted, detail) = match &outcome {
                PayOutcome::Accepted(accepted) => {
                    let change = attempt::Change {
                        provider_order_id: Some(&accepted.provider_order_id),
                        redirect_url: Some(&accepted.redirect_url),
                        expires_at: accepted.expires_at,
                        ..attempt::Change::default()
                    };
                    let noted = attempt::transition(connection, now, id, &unanswered, AttemptState::Pending, change).await?;
                    if noted {
                        order::set_redirect(connection, now, order.id, &accepted.redirect_url).await?;
                    }
                    (noted, json!({ "attempt": id.as_str(), "provider_reference": accepted.provider_order_id }))
                }
                PayOutcome::Ambiguous { reason } => {
                    let change = attempt::Change::default();
                    let noted = attempt::transition(connection, now, id, &[AttemptState::Created], AttemptState::Ambiguous, change).await?;
                    (noted, json!({ "attempt": id.as_str(), "reason": reason }))
                }
                PayOutcome::Refused { reason } => {
                    let change = attempt::Change::default();
                    let noted = attempt::transition(connection, now, id, &unanswered, AttemptState::Failed, change).await?;
                    (noted, json!({ "attempt": id.as_str(), "reason": reason }))
                }
            };
            if !noted {
                return Ok(None);
            }
            record(connection, now, &order, "order.submit", label(&outcome), detail).await?;
            move_order(connection, now, &order, &outcome).await
        })
        .await?;
    drop(connection);
    if let Some(state) = reached {
        app.metrics.orders.with_label_values(&[OrderState::as_str(state)]).inc();
    }
    if let PayOutcome::Refused { reason } | PayOutcome::Ambiguous { reason } = &outcome {
        tracing::warn!(order.id = %order.id, attempt.id = %request.merchant_order_id, outcome = label(&outcome), reason, "the provider did not open the payment");
    }
    Ok(outcome)
}

const fn label(outcome: &PayOutcome) -> &'static str {
    match outcome {
        PayOutcome::Accepted(_) => "accepted",
        PayOutcome::Refused { .. } => "refused",
        PayOutcome::Ambiguous { .. } => "ambiguous",
    }
}

/// The state that the order reached by the outcome, if it moved.
async fn move_order(
    connection: &mut AsyncPgConnection,
    now: chrono::DateTime<chrono::Utc>,
    order: &Order,
    outcome: &PayOutcome,
) -> Result<Option<OrderState>, StoreError> {
    let refused = match outcome {
        PayOutcome::Refused { reason } => Some(reason.as_str()),
        PayOutcome::Accepted(_) | PayOutcome::Ambiguous { .. } => None,
    };
    if refused.is_some() && attempt::of_order(connection, order.id).await?.iter().any(|attempt| attempt.state.is_open()) {
        return Ok(None);
    }
    let event = if refused.is_some() { OrderEvent::Failed(Evidence::PayAnswer) } else { OrderEvent::Submitted };
    let next = match order.state.apply(event) {
        Ok(next) if next != order.state => next,
        _ => return Ok(None),
    };
    if !transition(connection, now, order, next, Change { failure_code: refused, ..Change::default() }).await? {
        return Ok(None);
    }
    if let Some(reason) = refused {
        order::stop_checks_when_settled(connection, order.id).await?;
        announce_failure(connection, now, order, reason).await?;
    } else {
        outbox::append(connection, now, &Event::PaymentPending(event_data(order, None, None))).await?;
    }
    Ok(Some(next))
}
