//! Debits: planned before a period ends, told to the payer, and taken a day later (facts: *Debit cycle*).

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    ids::OrderId,
    mandate::{DebitState, MandateState},
    order::{Evidence, OrderEvent, OrderState},
    plan::{Cycle, price},
    subscription::{SubscriptionState, term::GRACE},
};
use serde_json::json;
use service_kit::db::DbError;

use super::mandate::ask;
use crate::{
    app::App,
    payment::{StoreError, announce_failure, record, schedule::FIRST_CHECK, transition},
    phonepe::{ActOutcome, MerchantOrderId, NotifyRequest, ProviderState, StatusAnswer},
    store::{
        attempt::{self, AttemptState},
        debit::{self, Change, Debit},
        mandate::{self, Mandate},
        order::{self, Order, OrderKind},
        subscription::{self, Subscription},
    },
};

const BATCH: i64 = 20;
/// A debit that is worked on now is worked on again then, whatever becomes of this try.
const RETRY: TimeDelta = TimeDelta::minutes(5);
/// The payer is told so long before the period ends: a day has to pass, and half of one is left for the debit.
const NOTIFY_BEFORE: TimeDelta = TimeDelta::hours(36);
/// PhonePe's longest life of a debit from its notification on.
const LIFE: TimeDelta = TimeDelta::hours(48);
/// A paused mandate is looked at so often.
const WHILE_PAUSED: TimeDelta = TimeDelta::hours(1);

/// Makes the debits of periods that end soon; returns whether there may be more.
pub(super) async fn plan_due(app: &App) -> Result<bool, StoreError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    let planned = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let due = subscription::claim_to_debit(connection, now + NOTIFY_BEFORE, now - GRACE, BATCH).await?;
            for subscription in &due {
                plan(connection, now, subscription).await?;
            }
            Ok::<_, StoreError>(due.len())
        })
        .await?;
    Ok(i64::try_from(planned) == Ok(BATCH))
}

async fn plan(connection: &mut AsyncPgConnection, now: DateTime<Utc>, subscription: &Subscription) -> Result<(), StoreError> {
    let Some(id) = subscription.mandate else { return Ok(()) };
    let Some(mandate) = mandate::find(connection, id).await? else { return Ok(()) };
    // Another replica may have planned it between our look at debits and our lock on the subscription.
    if debit::exists(connection, id, subscription.term.period_end).await? {
        return Ok(());
    }
    let (plan, _) = subscription.term.renewal();
    let order = Order {
        id: OrderId::generate(),
        workspace: subscription.workspace,
        user: mandate.user,
        plan,
        cycle: Cycle::Monthly,
        price: price(plan, Cycle::Monthly),
        state: OrderState::Created,
        redirect_url: None,
        expires_at: now + LIFE,
        next_check_at: None,
        last_checked_at: None,
        completed_at: None,
        failure_code: None,
        provider_reference: None,
        payer_email: subscription.contact_email.clone(),
        traceparent: None,
        kind: OrderKind::Debit,
        mandate: Some(mandate.id),
        created_at: now,
    };
    if !order::insert(connection, &order).await? {
        return Ok(());
    }
    attempt::insert(connection, now, order.id, 1).await?;
    debit::insert(connection, now, order.id, mandate.id, subscription.term.period_end).await?;
    let detail = json!({ "plan": plan, "amount": order.price.amount, "mandate": mandate.id });
    record(connection, now, &order, "order.debit", "intended", detail).await
}

/// Brings debits a step further; returns whether there may be more.
pub(super) async fn step_due(app: &App) -> Result<bool, DbError> {
    let now = app.kit.clock.now();
    let due = {
        let mut connection = app.kit.worker_db.get().await?;
        debit::claim_due(&mut connection, now, now + RETRY, BATCH).await?
    };
    let full = i64::try_from(due.len()) == Ok(BATCH);
    for debit in due {
        if let Err(error) = step(app, &debit).await {
            tracing::warn!(order.id = %debit.order, error = %error, "a debit could not be brought further");
        }
    }
    Ok(full)
}

/// A debit with what it belongs to.
struct Work {
    debit: Debit,
    order: Order,
    mandate: Mandate,
    name: String,
    id: MerchantOrderId,
}

async fn step(app: &App, debit: &Debit) -> Result<(), StoreError> {
    let (order, mandate) = {
        let mut connection = app.kit.worker_db.get().await?;
        (order::find_any(&mut connection, debit.order).await?, mandate::find(&mut connection, debit.mandate).await?)
    };
    let (Some(order), Some(mandate)) = (order, mandate) else { return Ok(()) };
    let Some(name) = mandate.merchant_subscription_id.clone() else { return Ok(()) };
    let id = MerchantOrderId::of(order.id, 1);
    let work = Work { debit: debit.clone(), order, mandate, name, id };
    match debit.state {
        DebitState::Created => notify(app, &work).await,
        DebitState::Notifying => look(app, &work).await,
        DebitState::Notified => redeem(app, &work).await,
        DebitState::Redeeming => close(app, &work).await,
        DebitState::Paid | DebitState::Failed => Ok(()),
    }
}

/// Whether the provider calls the mandate active now. Otherwise what becomes of the debit is done.
async fn active(app: &App, work: &Work) -> Result<bool, StoreError> {
    let now = app.kit.clock.now();
    if work.mandate.cancel_wanted {
        fail(app, work, "canceled").await?;
        return Ok(false);
    }
    let Some(told) = ask(app, work.mandate.api, &work.name).await else { return Ok(false) };
    super::mandate::apply(app, &work.mandate, told).await?;
    match told {
        MandateState::Active => return Ok(true),
        // After a pause the payer has to be told anew.
        MandateState::Paused if work.debit.state == DebitState::Notified => fail(app, work, "paused").await?,
        MandateState::Paused | MandateState::Pending => {
            moved(app, work, work.debit.state, Change { next_step_at: Some(now + WHILE_PAUSED), ..Change::default() }).await?;
        }
        ended => fail(app, work, ended.as_str()).await?,
    }
    Ok(false)
}

/// Has the payer told.
async fn notify(app: &App, work: &Work) -> Result<(), StoreError> {
    if !active(app, work).await? {
        return Ok(());
    }
    let request = NotifyRequest {
        api: work.mandate.api,
        merchant_order_id: work.id.clone(),
        merchant_subscription_id: work.name.clone(),
        amount: work.order.price.amount,
        expires_at: work.order.expires_at,
    };
    match app.gateway.notify(&request).await {
        ActOutcome::Accepted | ActOutcome::Ambiguous { .. } => {
            let now = app.kit.clock.now();
            moved(app, work, DebitState::Notifying, Change { next_step_at: Some(now + FIRST_CHECK), ..Change::default() }).await
        }
        ActOutcome::Refused { reason } => fail(app, work, &reason).await,
    }
}

/// Looks whether the payer was told.
async fn look(app: &App, work: &Work) -> Result<(), StoreError> {
    let now = app.kit.clock.now();
    let answer = match app.gateway.order_status(&work.id, Some(work.mandate.api)).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(order.id = %work.order.id, error = %error, "the provider gave no status of a debit");
            return Ok(());
        }
    };
    match answer {
        StatusAnswer::Found(status) if status.state == ProviderState::Failed => {
            fail(app, work, status.error_code.as_deref().unwrap_or("notification_failed")).await
        }
        StatusAnswer::Found(status) => match status.valid_after {
            Some(valid_after) => {
                let change = Change { valid_after: Some(valid_after), next_step_at: Some(valid_after), ..Change::default() };
                moved(app, work, DebitState::Notified, change).await
            }
            None if now >= work.order.expires_at => fail(app, work, "never_notified").await,
            None => Ok(()),
        },
        // The answer to our notification was lost before it got through.
        StatusAnswer::NotFound => moved(app, work, DebitState::Created, Change { next_step_at: Some(now), ..Change::default() }).await,
    }
}

/// Whether what the payer was told of is still what is to be paid: they may have paid by hand meanwhile, or chosen another plan.
async fn is_due(app: &App, work: &Work) -> Result<bool, StoreError> {
    let found = subscription::find(&mut *app.kit.worker_db.get().await?, work.order.workspace).await?;
    Ok(found.is_some_and(|subscription| {
        let term = &subscription.term;
        matches!(term.status, SubscriptionState::Active | SubscriptionState::PastDue)
            && subscription.mandate == Some(work.mandate.id)
            && term.period_end == work.debit.period_end
            && subscription.next_order.is_none()
            && term.renewal() == (work.order.plan, work.order.cycle)
    }))
}

/// Takes the money.
async fn redeem(app: &App, work: &Work) -> Result<(), StoreError> {
    let now = app.kit.clock.now();
    if work.debit.valid_after.is_none_or(|valid_after| now < valid_after) || !active(app, work).await? {
        return Ok(());
    }
    if !is_due(app, work).await? {
        return fail(app, work, "no_longer_due").await;
    }
    match app.gateway.redeem(work.mandate.api, &work.id).await {
        ActOutcome::Accepted | ActOutcome::Ambiguous { .. } => {
            let now = app.kit.clock.now();
            moved(app, work, DebitState::Redeeming, Change { next_step_at: Some(now + RETRY), ..Change::default() }).await
        }
        ActOutcome::Refused { reason } => fail(app, work, &reason).await,
    }
}

/// Ends the debit with its order, which the reconciler and webhooks settle.
async fn close(app: &App, work: &Work) -> Result<(), StoreError> {
    match work.order.state {
        OrderState::Created | OrderState::Pending => Ok(()),
        OrderState::Failed | OrderState::Expired => {
            let code = work.order.failure_code.clone().unwrap_or_else(|| work.order.state.to_string());
            moved(app, work, DebitState::Failed, Change { failure_code: Some(&code), ..Change::default() }).await
        }
        OrderState::Completed
        | OrderState::RefundPending
        | OrderState::Refunded
        | OrderState::PartiallyRefunded
        | OrderState::Quarantined => moved(app, work, DebitState::Paid, Change::default()).await,
    }
}

/// Writes a step. The order goes along: it is pending once the provider has it, and asked about once the money is to be taken.
async fn moved(app: &App, work: &Work, to: DebitState, change: Change<'_>) -> Result<(), StoreError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(order) = order::lock(connection, work.order.id).await? else { return Ok(()) };
            if !debit::transition(connection, now, &work.debit, to, change).await? {
                return Ok(());
            }
            if to == DebitState::Notifying {
                let change = attempt::Change::default();
                let sent = [AttemptState::Created, AttemptState::Ambiguous];
                attempt::transition(connection, now, &work.id, &sent, AttemptState::Pending, change).await?;
                if let Ok(next) = order.state.apply(OrderEvent::Submitted)
                    && next != order.state
                {
                    transition(connection, now, &order, next, order::Change::default()).await?;
                }
            }
            if to == DebitState::Redeeming {
                order::check_at(connection, order.id, now + FIRST_CHECK).await?;
            }
            Ok::<_, StoreError>(())
        })
        .await?;
    app.reconciler_due.notify_one();
    Ok(())
}

/// The debit came to nothing, and its order with it. Another may be planned while the grace lasts.
async fn fail(app: &App, work: &Work, reason: &str) -> Result<(), StoreError> {
    let now = app.kit.clock.now();
    tracing::warn!(order.id = %work.order.id, mandate.id = %work.mandate.id, reason, "a debit came to nothing");
    let mut connection = app.kit.worker_db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(order) = order::lock(connection, work.order.id).await? else { return Ok(()) };
            let change = Change { failure_code: Some(reason), ..Change::default() };
            if !debit::transition(connection, now, &work.debit, DebitState::Failed, change).await? {
                return Ok(());
            }
            let open = [AttemptState::Created, AttemptState::Ambiguous, AttemptState::Pending];
            attempt::transition(connection, now, &work.id, &open, AttemptState::Failed, attempt::Change::default()).await?;
            if let Ok(next) = order.state.apply(OrderEvent::Failed(Evidence::PayAnswer))
                && next != order.state
            {
                let change = order::Change { failure_code: Some(reason), ..order::Change::default() };
                transition(connection, now, &order, next, change).await?;
                announce_failure(connection, now, &order, reason).await?;
            }
            Ok::<_, StoreError>(())
        })
        .await
}
