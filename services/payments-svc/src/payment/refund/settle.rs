//! What the provider says of a refund becomes true here: the one place where one ends, and where the order, the subscription
//! and the payer learn of it.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    event::{Event, PaymentEvent},
    money::Paise,
    order::{OrderEvent, OrderState},
    refund::{RefundNews, RefundState},
    subscription::SubscriptionState,
};
use messaging::outbox;
use serde_json::json;

use super::{is_of_order, worker::first_check};
use crate::{
    app::App,
    invoice::issue,
    payment::{StoreError, event_data, mail_of, record, transition},
    phonepe::RefundStatus,
    store::{
        invoice,
        ledger::{self, Cause, Posting},
        mandate,
        order::{self, Change, Order},
        refund::{self, Refund},
        subscription::{self, Subscription},
    },
    subscription::event,
};

/// What was said of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What.
    pub news: RefundNews,
    /// The provider's id.
    pub provider_refund_id: Option<String>,
    /// Why it failed.
    pub failure_code: Option<String>,
}

/// Applies the provider's status; returns whether it has decided something, now or before.
pub async fn by_status(app: &App, refund: &Refund, status: &RefundStatus) -> Result<bool, StoreError> {
    let Some(news) = status.news else { return Ok(false) };
    if status.amount != Some(refund.amount.get()) {
        tracing::error!(refund.id = %refund.id, "the provider gives back another amount than was asked: the refund waits for an operator");
        app.metrics.refunds.with_label_values(&["mismatched"]).inc();
        return Ok(false);
    }
    let said = Said { news, provider_refund_id: status.provider_refund_id.clone(), failure_code: status.error_code.clone() };
    apply(app, refund, &said).await?;
    Ok(news != RefundNews::Accepted)
}

/// Applies what was said; returns the state that the refund reached by it, if it moved.
pub async fn apply(app: &App, known: &Refund, said: &Said) -> Result<Option<RefundState>, StoreError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    let reached = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(order) = order::lock(connection, known.order).await? else { return Ok(None) };
            let Some(refund) = refund::lock(connection, known.id).await? else { return Ok(None) };
            let next = match refund.state.apply(said.news) {
                Ok(next) if next == refund.state => return Ok(None),
                Ok(next) => next,
                Err(contradiction) => {
                    tracing::error!(refund.id = %refund.id, error = %contradiction, "the provider contradicts itself: look at the refund there");
                    return Ok(None);
                }
            };
            let change = refund::Change {
                provider_refund_id: said.provider_refund_id.as_deref(),
                failure_code: if next == RefundState::Failed { Some(said.failure_code.as_deref().unwrap_or("refund_failed")) } else { None },
                next_check_at: match next {
                    RefundState::Pending => Some(first_check(now)),
                    RefundState::Created | RefundState::Ambiguous | RefundState::Confirmed => refund.next_check_at,
                    RefundState::Completed | RefundState::Failed => None,
                },
            };
            if !refund::transition(connection, now, &refund, next, change).await? {
                return Ok(None);
            }
            let detail = json!({
                "refund": refund.id, "from": refund.state, "to": next, "provider_reference": change.provider_refund_id,
                "reason": change.failure_code,
            });
            record(connection, now, &order, "refund.transition", "done", detail).await?;
            match next {
                RefundState::Completed => complete(connection, now, &order, &refund, change.provider_refund_id).await?,
                RefundState::Failed => fail(connection, now, &order, &refund).await?,
                RefundState::Created | RefundState::Ambiguous | RefundState::Pending | RefundState::Confirmed => {}
            }
            Ok::<_, StoreError>(Some(next))
        })
        .await?;
    drop(connection);
    if let Some(state) = reached {
        observe(app, known, state, said);
    }
    Ok(reached)
}

fn observe(app: &App, refund: &Refund, state: RefundState, said: &Said) {
    app.metrics.refunds.with_label_values(&[state.as_str()]).inc();
    match state {
        RefundState::Failed => {
            tracing::error!(refund.id = %refund.id, order.id = %refund.order, reason = said.failure_code, "a refund failed: another one has to be made");
        }
        RefundState::Completed => {
            app.mailer.wake();
            tracing::info!(refund.id = %refund.id, order.id = %refund.order, "refund completed");
        }
        _ => tracing::info!(refund.id = %refund.id, order.id = %refund.order, refund.state = %state, "refund moved"),
    }
}

async fn complete(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    order: &Order,
    refund: &Refund,
    reference: Option<&str>,
) -> Result<(), StoreError> {
    if let Some(mail) = mail_of::refund(order, refund) {
        mail::enqueue(connection, now, &mail).await?;
    }
    let of_order = is_of_order(connection, order, refund).await?;
    let back = Paise::new(refund::given_back(connection, &refund.attempt).await?.completed);
    let full = back >= order.price.amount;
    // An excess was nobody's order: what is paid for stays paid.
    if of_order {
        let told = PaymentEvent { amount: refund.amount, ..event_data(order, order.provider_reference.as_deref(), None) };
        outbox::append(connection, now, &Event::PaymentRefunded(told)).await?;
        if let Ok(next) = order.state.apply(OrderEvent::RefundCompleted { full }) {
            transition(connection, now, order, next, Change::default()).await?;
        }
        if full {
            end_subscription(connection, now, order).await?;
        }
    }
    // A payment that was never honoured, or came on top, has no invoice.
    let invoice = if of_order { invoice::of_order(connection, order.id).await? } else { None };
    if let Some(invoice) = invoice {
        let before = Paise::new(back.get() - refund.amount.get());
        issue::credit_note(connection, now, &invoice, refund, reference.or(refund.provider_refund_id.as_deref()), before).await?;
    } else {
        let cause = Cause::ExcessRefund(refund.amount);
        let posting = Posting { cause, workspace: order.workspace, order: order.id, attempt: &refund.attempt, refund: Some(refund.id) };
        ledger::post(connection, now, posting).await?;
    }
    Ok(())
}

/// A period that was given back whole is over; one that was paid ahead does not come.
async fn end_subscription(connection: &mut AsyncPgConnection, now: DateTime<Utc>, order: &Order) -> Result<(), StoreError> {
    let Some(known) = subscription::lock(connection, order.workspace).await? else { return Ok(()) };
    if known.next_order == Some(order.id) {
        let without = Subscription { term: known.term.refund_next(), next_order: None, ..known };
        subscription::update(connection, now, &without).await?;
        return Ok(());
    }
    if known.order != Some(order.id) {
        return Ok(());
    }
    let Ok(term) = known.term.refund(now) else { return Ok(()) };
    let next_began = term.status != SubscriptionState::Expired;
    let order = if next_began { known.next_order } else { known.order };
    let ended = Subscription { term, order, next_order: None, ..known };
    subscription::update(connection, now, &ended).await?;
    if !next_began {
        // Nobody is debited for what has ended.
        mandate::want_canceled(connection, now, ended.workspace, None).await?;
    }
    let kind = if next_began { Event::SubscriptionRenewed } else { Event::SubscriptionExpired };
    outbox::append(connection, now, &event(kind, &ended)).await?;
    Ok(())
}

/// The order is again what it was before.
async fn fail(connection: &mut AsyncPgConnection, now: DateTime<Utc>, order: &Order, refund: &Refund) -> Result<(), StoreError> {
    let back = OrderEvent::RefundFailed { requested_in: refund.requested_in };
    if order.state == OrderState::RefundPending
        && is_of_order(connection, order, refund).await?
        && let Ok(before) = order.state.apply(back)
    {
        transition(connection, now, order, before, Change::default()).await?;
    }
    Ok(())
}
