//! What the provider's Status API says becomes true here: the one place where an order is confirmed, fails or expires.
//!
//! The receipt worker, the reconciler and everybody else who asked for a status come here. The order's row is locked, so
//! that of many at once exactly one finds something to do.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    event::Event,
    ids::SubscriptionId,
    order::{Evidence, OrderEvent, OrderState},
    subscription::{SubscriptionState, Term, period, term::Use},
};
use messaging::outbox;
use serde_json::json;

use super::{StoreError, announce_failure, event_data, mail_of, record, refund, submit::merchant_subscription_id, transition};
use crate::{
    app::App,
    config::LateSuccess,
    invoice::{Period, issue},
    phonepe::{OrderStatus, ProviderState, StatusAnswer},
    store::{
        attempt::{self, Attempt, AttemptState},
        mandate,
        order::{self, Change, Order, OrderKind},
        subscription::{self, Subscription},
    },
    subscription::event,
};

/// What the answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing new.
    Unchanged,
    /// The order is paid and the subscription active.
    Completed,
    /// The order failed.
    Failed,
    /// The order expired unpaid.
    Expired,
    /// What was paid is not what was asked; an operator decides.
    Quarantined,
    /// More was paid than is owed: it is given back.
    Repaid,
}

impl Outcome {
    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Quarantined => "quarantined",
            Self::Repaid => "repaid",
        }
    }
}

/// Attempts that can still turn out to be paid.
const PAYABLE: [AttemptState; 5] =
    [AttemptState::Created, AttemptState::Ambiguous, AttemptState::Pending, AttemptState::Failed, AttemptState::Expired];

/// Applies the provider's answer about `attempt`.
pub async fn apply(app: &App, attempt: &Attempt, answer: &StatusAnswer) -> Result<Outcome, StoreError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    let (outcome, late) = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(order) = order::lock(connection, attempt.order).await? else { return Ok((Outcome::Unchanged, false)) };
            let outcome = match answer {
                StatusAnswer::Found(status) if status.state == ProviderState::Completed => {
                    complete(connection, now, app, &order, attempt, status).await?
                }
                StatusAnswer::Found(status) if status.state == ProviderState::Failed => {
                    fail(connection, now, app, &order, attempt, status).await?
                }
                StatusAnswer::Found(_) | StatusAnswer::NotFound => expire_when_over(connection, now, &order).await?,
            };
            Ok::<_, StoreError>((outcome, !order.state.is_open()))
        })
        .await?;
    drop(connection);
    observe(app, attempt, outcome, late);
    Ok(outcome)
}

/// `late` is a change of an order that had ended.
fn observe(app: &App, attempt: &Attempt, outcome: Outcome, late: bool) {
    let state = match outcome {
        Outcome::Unchanged => return,
        Outcome::Completed => OrderState::Completed,
        Outcome::Failed => OrderState::Failed,
        Outcome::Expired => OrderState::Expired,
        Outcome::Quarantined => OrderState::Quarantined,
        Outcome::Repaid => OrderState::RefundPending,
    };
    app.metrics.orders.with_label_values(&[state.as_str()]).inc();
    match outcome {
        Outcome::Quarantined => {
            tracing::error!(order.id = %attempt.order, attempt.id = %attempt.id, "the provider's truth does not match the order: quarantined");
        }
        Outcome::Repaid => {
            app.metrics.excess_payments.inc();
            app.refunds_due.notify_one();
            tracing::error!(order.id = %attempt.order, attempt.id = %attempt.id, "more was paid than is owed: it is given back");
        }
        Outcome::Completed if late => {
            app.metrics.late_successes.inc();
            tracing::warn!(order.id = %attempt.order, attempt.id = %attempt.id, "an order was paid after it had failed or expired");
        }
        _ => tracing::info!(order.id = %attempt.order, attempt.id = %attempt.id, order.state = %state, "order settled"),
    }
    if outcome == Outcome::Completed {
        service_kit::kill_point!("K2");
    }
    app.mailer.wake();
    if attempt.autopay.is_some() {
        app.autopay_due.notify_one();
    }
}

async fn complete(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    app: &App,
    order: &Order,
    attempt: &Attempt,
    status: &OrderStatus,
) -> Result<Outcome, StoreError> {
    let change = attempt::Change {
        provider_order_id: status.provider_order_id.as_deref(),
        transaction_id: status.transaction_id.as_deref(),
        ..attempt::Change::default()
    };
    if let Some(field) = mismatch(order, attempt, status) {
        return quarantine(connection, now, order, attempt, field).await;
    }
    if !attempt::transition(connection, now, &attempt.id, &PAYABLE, AttemptState::Completed, change).await? {
        return Ok(Outcome::Unchanged);
    }
    order::stop_checks_when_settled(connection, order.id).await?;
    let reference = status.provider_order_id.as_deref();
    let paid = order.state.apply(OrderEvent::Paid(Evidence::StatusApi));
    if paid != Ok(OrderState::Completed) || order.state == OrderState::Completed {
        let detail = json!({ "attempt": attempt.id.as_str(), "provider_reference": reference, "order_state": order.state.as_str() });
        record(connection, now, order, "payment.excess", "refund_due", detail).await?;
        refund::give_back_excess(connection, now, order, attempt).await?;
        return Ok(Outcome::Repaid);
    }
    let wanted = order.state.is_open() || app.config.late_success == LateSuccess::Honour;
    honour(connection, now, app, order, attempt, reference, wanted).await
}

/// Uses a payment for what was ordered, or gives it back: when it is not `wanted`, or another order has paid for the period.
pub(super) async fn honour(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    app: &App,
    order: &Order,
    attempt: &Attempt,
    reference: Option<&str>,
    wanted: bool,
) -> Result<Outcome, StoreError> {
    let change = Change { provider_reference: reference, ..Change::default() };
    let activation = if wanted { activate(connection, now, order).await? } else { None };
    let Some(activation) = activation else {
        transition(connection, now, order, OrderState::RefundPending, change).await?;
        let owed = Order { state: OrderState::RefundPending, ..order.clone() };
        refund::give_back_excess(connection, now, &owed, attempt).await?;
        return Ok(Outcome::Repaid);
    };
    if !transition(connection, now, order, OrderState::Completed, change).await? {
        return Ok(Outcome::Unchanged);
    }
    outbox::append(connection, now, &Event::PaymentConfirmed(event_data(order, reference, None))).await?;
    if let Some(event) = activation.event() {
        outbox::append(connection, now, &event).await?;
    }
    if let (OrderKind::Setup, Some(id)) = (order.kind, order.mandate) {
        mandate::approved(connection, now, id, &merchant_subscription_id(id, attempt.n)).await?;
    }
    let invoice = issue::invoice(connection, now, &app.seller, order, &attempt.id, reference, activation.period).await?;
    if let Some(confirmation) = mail_of::confirmation(&app.config.public_url, order, &invoice) {
        mail::enqueue(connection, now, &confirmation).await?;
    }
    service_kit::kill_point!("K1");
    Ok(Outcome::Completed)
}

/// The first thing in which the provider's truth differs from what we asked. An absent amount is a difference.
fn mismatch(order: &Order, attempt: &Attempt, status: &OrderStatus) -> Option<&'static str> {
    let differs = |given: &Option<String>, known: &str| given.as_deref().is_some_and(|given| given != known);
    if status.amount != Some(order.price.amount.get()) {
        Some("amount")
    } else if differs(&status.currency, order.price.currency.as_str()) {
        Some("currency")
    } else if differs(&status.merchant_order_id, attempt.id.as_str()) {
        Some("merchant_order_id")
    } else if attempt.provider_order_id.as_ref().is_some_and(|known| differs(&status.provider_order_id, known)) {
        Some("provider_order_id")
    } else {
        None
    }
}

async fn quarantine(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    order: &Order,
    attempt: &Attempt,
    field: &'static str,
) -> Result<Outcome, StoreError> {
    // The provider's ids are not written: they are what cannot be trusted.
    if !attempt::transition(connection, now, &attempt.id, &PAYABLE, AttemptState::Quarantined, attempt::Change::default()).await? {
        return Ok(Outcome::Unchanged);
    }
    order::stop_checks_when_settled(connection, order.id).await?;
    record(connection, now, order, "payment.mismatch", "quarantined", json!({ "attempt": attempt.id.as_str(), "field": field })).await?;
    if let Ok(next) = order.state.apply(OrderEvent::Mismatched)
        && next != order.state
    {
        let reason = format!("mismatch:{field}");
        transition(connection, now, order, next, Change { failure_code: Some(&reason), ..Change::default() }).await?;
    }
    Ok(Outcome::Quarantined)
}

/// The subscription after a payment.
struct Activation {
    subscription: Subscription,
    /// Where it stood before.
    before: Option<SubscriptionState>,
    used: Use,
    /// The days that were paid.
    period: Period,
}

impl Activation {
    /// A period that was paid ahead is told of when it begins, unless it ends a trial, a pause or a cancellation.
    fn event(&self) -> Option<Event> {
        match self.used {
            Use::Prepaid if self.before == Some(SubscriptionState::Active) => None,
            Use::Prepaid | Use::Activated => Some(event(Event::SubscriptionActivated, &self.subscription)),
            Use::Renewed => Some(event(Event::SubscriptionRenewed, &self.subscription)),
        }
    }
}

/// Pays the workspace's next period with the order. `None` when another order has paid for it.
async fn activate(connection: &mut AsyncPgConnection, now: DateTime<Utc>, order: &Order) -> Result<Option<Activation>, StoreError> {
    let first = Subscription {
        id: SubscriptionId::generate(),
        workspace: order.workspace,
        term: Term::first(order.plan, order.cycle, now),
        order: Some(order.id),
        next_order: None,
        contact_email: order.payer_email.clone(),
        mandate: None,
    };
    if subscription::insert(connection, now, &first).await? {
        return Ok(Some(Activation { period: Period::of(&first.term), subscription: first, before: None, used: Use::Activated }));
    }
    let known = subscription::lock(connection, order.workspace).await?.ok_or(diesel::result::Error::NotFound)?;
    let Some(activation) = after_payment(&known, order, now) else { return Ok(None) };
    subscription::update(connection, now, &activation.subscription).await?;
    Ok(Some(activation))
}

/// `known` after `order` has paid for a period.
fn after_payment(known: &Subscription, order: &Order, now: DateTime<Utc>) -> Option<Activation> {
    let (term, used) = known.term.pay(order.plan, order.cycle, order.created_at, now)?;
    let contact_email = order.payer_email.clone().or_else(|| known.contact_email.clone());
    let (subscription, period) = if used == Use::Prepaid {
        let (begin, day) = (term.period_end, term.anchor_day);
        let period = Period { start: begin, end: period::end(begin, order.cycle, day) };
        (Subscription { term, next_order: Some(order.id), contact_email, ..known.clone() }, period)
    } else {
        (Subscription { term, order: Some(order.id), contact_email, ..known.clone() }, Period::of(&term))
    };
    Some(Activation { subscription, before: Some(known.term.status), used, period })
}

async fn fail(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    app: &App,
    order: &Order,
    attempt: &Attempt,
    status: &OrderStatus,
) -> Result<Outcome, StoreError> {
    let open = [AttemptState::Created, AttemptState::Ambiguous, AttemptState::Pending, AttemptState::Expired];
    let change = attempt::Change { provider_order_id: status.provider_order_id.as_deref(), ..attempt::Change::default() };
    if !attempt::transition(connection, now, &attempt.id, &open, AttemptState::Failed, change).await? {
        return Ok(Outcome::Unchanged);
    }
    let others = attempt::of_order(connection, order.id).await?;
    if others.iter().any(|other| other.state.is_open()) {
        return Ok(Outcome::Unchanged);
    }
    match order.state.apply(OrderEvent::Failed(Evidence::StatusApi)) {
        Ok(next) if next != order.state => {
            let code = status.error_code.as_deref().unwrap_or("payment_failed");
            if transition(connection, now, order, next, Change { failure_code: Some(code), ..Change::default() }).await? {
                announce_failure(connection, now, order, code).await?;
                if let Some(mail) = mail_of::failure(&app.config.public_url, order) {
                    mail::enqueue(connection, now, &mail).await?;
                }
                return Ok(Outcome::Failed);
            }
            Ok(Outcome::Unchanged)
        }
        _ => Ok(Outcome::Unchanged),
    }
}

/// An order expires when the provider, asked after its time, still does not call it paid.
async fn expire_when_over(connection: &mut AsyncPgConnection, now: DateTime<Utc>, order: &Order) -> Result<Outcome, StoreError> {
    if !order.state.is_open() || now < order.expires_at {
        return Ok(Outcome::Unchanged);
    }
    let Ok(next) = order.state.apply(OrderEvent::Expired) else { return Ok(Outcome::Unchanged) };
    let open = [AttemptState::Created, AttemptState::Ambiguous, AttemptState::Pending];
    for attempt in attempt::of_order(connection, order.id).await? {
        attempt::transition(connection, now, &attempt.id, &open, AttemptState::Expired, attempt::Change::default()).await?;
    }
    if !transition(connection, now, order, next, Change { failure_code: Some("expired"), ..Change::default() }).await? {
        return Ok(Outcome::Unchanged);
    }
    announce_failure(connection, now, order, "expired").await?;
    Ok(Outcome::Expired)
}

#[cfg(test)]
mod tests;
