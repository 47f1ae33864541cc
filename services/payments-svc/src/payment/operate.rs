//! What operators do with an order: ask the provider now, and decide about what does not match.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    ids::OrderId,
    order::{OrderEvent, OrderState},
};
use serde_json::json;
use service_kit::audit::{self, Author};

use super::{StoreError, announce_failure, confirm, transition};
use crate::{
    app::App,
    phonepe::{MerchantOrderId, OrderStatus, ProviderState, StatusAnswer, Unavailable},
    store::{
        attempt::{self, Attempt, AttemptState},
        order::{self, Change, Order},
    },
};

/// What an operator decides about an order that is quarantined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The payment is taken for what was ordered. The provider has to say now that it is of the right amount.
    Accept,
    /// It is not: the order has failed. Money that the provider holds is given back in its dashboard.
    Reject,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// No such order.
    #[error("there is no such order")]
    NotFound,
    /// Nothing has to be decided.
    #[error("an order that is {0} is not quarantined: there is nothing to decide")]
    NotQuarantined(OrderState),
    /// The provider does not call it paid, or another amount.
    #[error("PhonePe does not say that the amount of the order was paid: give the money back in its dashboard, then reject the order")]
    NotPaid,
    /// No answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for OperateError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What the provider says of an attempt, and what came of it.
#[derive(Debug)]
pub struct Reconciled {
    /// The attempt.
    pub attempt: MerchantOrderId,
    /// What was said; `None` where the provider has never heard of it.
    pub status: Option<OrderStatus>,
    /// What that changed; `None` in a dry run.
    pub outcome: Option<confirm::Outcome>,
}

/// The order with its attempts.
///
/// # Errors
/// [`OperateError`].
pub async fn find(app: &App, id: OrderId) -> Result<(Order, Vec<Attempt>), OperateError> {
    let mut connection = app.kit.worker_db.get().await.map_err(StoreError::from)?;
    let order = order::find_any(&mut connection, id).await?.ok_or(OperateError::NotFound)?;
    let attempts = attempt::of_order(&mut connection, id).await?;
    Ok((order, attempts))
}

/// Asks the provider about every attempt at the order now, and applies what it says. A dry run only asks.
///
/// # Errors
/// [`OperateError`]; what was said of the attempts before the failing one has been applied.
pub async fn reconcile(app: &App, id: OrderId, dry_run: bool) -> Result<Vec<Reconciled>, OperateError> {
    let (_, attempts) = find(app, id).await?;
    let mut reconciled = Vec::with_capacity(attempts.len());
    for attempt in attempts {
        let answer = super::ask(app, &attempt).await?;
        let outcome = if dry_run { None } else { Some(confirm::apply(app, &attempt, &answer).await?) };
        let status = match answer {
            StatusAnswer::Found(status) => Some(status),
            StatusAnswer::NotFound => None,
        };
        reconciled.push(Reconciled { attempt: attempt.id, status, outcome });
    }
    Ok(reconciled)
}

/// Decides about a quarantined order; returns the state that it reaches. A dry run only says which.
///
/// # Errors
/// [`OperateError`]; nothing has happened then.
pub async fn decide(app: &App, id: OrderId, decision: Decision, author: &Author, dry_run: bool) -> Result<OrderState, OperateError> {
    let (order, attempts) = find(app, id).await?;
    let event = if decision == Decision::Accept { OrderEvent::Accepted } else { OrderEvent::Rejected };
    let reached = order.state.apply(event).map_err(|refused| OperateError::NotQuarantined(refused.from))?;
    let paid = if decision == Decision::Accept { Some(paid(app, &order, &attempts).await?) } else { None };
    if dry_run {
        return Ok(reached);
    }
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await.map_err(StoreError::from)?;
    let reached = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let order = order::lock(connection, id).await?.ok_or(OperateError::NotFound)?;
            order.state.apply(event).map_err(|refused| OperateError::NotQuarantined(refused.from))?;
            let reached = match &paid {
                Some((attempt, status)) => take(connection, now, app, &order, attempt, status).await?,
                None => reject(connection, now, &order).await?,
            };
            let resource = format!("order/{id}");
            let entry = author.entry("order.fix", &resource, "done", json!({ "from": order.state, "to": reached }));
            audit::record(connection, now, &audit::Entry { workspace: Some(order.workspace), ..entry }).await?;
            Ok::<_, OperateError>(reached)
        })
        .await?;
    drop(connection);
    app.metrics.orders.with_label_values(&[reached.as_str()]).inc();
    app.mailer.wake();
    app.refunds_due.notify_one();
    Ok(reached)
}

/// The payment of the attempt is taken for what was ordered.
async fn take(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    app: &App,
    order: &Order,
    attempt: &Attempt,
    status: &OrderStatus,
) -> Result<OrderState, StoreError> {
    let reference = status.provider_order_id.as_deref();
    let change =
        attempt::Change { provider_order_id: reference, transaction_id: status.transaction_id.as_deref(), ..attempt::Change::default() };
    attempt::transition(connection, now, &attempt.id, &[AttemptState::Quarantined], AttemptState::Completed, change).await?;
    let outcome = confirm::honour(connection, now, app, order, attempt, reference, true).await?;
    Ok(if outcome == confirm::Outcome::Repaid { OrderState::RefundPending } else { OrderState::Completed })
}

/// The order has failed.
async fn reject(connection: &mut AsyncPgConnection, now: DateTime<Utc>, order: &Order) -> Result<OrderState, StoreError> {
    let change = Change { failure_code: Some("rejected"), ..Change::default() };
    transition(connection, now, order, OrderState::Failed, change).await?;
    announce_failure(connection, now, order, "rejected").await?;
    Ok(OrderState::Failed)
}

/// The quarantined attempt of which the provider says that the order's amount was paid.
async fn paid(app: &App, order: &Order, attempts: &[Attempt]) -> Result<(Attempt, OrderStatus), OperateError> {
    for attempt in attempts.iter().filter(|attempt| attempt.state == AttemptState::Quarantined) {
        if let StatusAnswer::Found(status) = super::ask(app, attempt).await?
            && status.state == ProviderState::Completed
            && status.amount == Some(order.price.amount.get())
            && status.currency.as_deref().is_none_or(|currency| currency == order.price.currency.as_str())
        {
            return Ok((attempt.clone(), status));
        }
    }
    Err(OperateError::NotPaid)
}
