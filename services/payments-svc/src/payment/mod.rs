//! The use cases. Each opens one transaction and writes state, events and audit rows in it; the provider is asked before
//! or after, never inside.

pub mod abandon;
pub mod check;
pub mod confirm;
pub mod create_order;
pub mod find;
mod mail_of;
pub mod operate;
pub mod receipt;
pub mod reconcile;
pub mod refund;
pub mod schedule;
pub mod submit;

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{
    event::{Event, PaymentEvent},
    order::OrderState,
};
use messaging::outbox::{self, OutboxError};
use serde_json::json;
use service_kit::{audit, db::DbError};

use crate::{
    app::App,
    phonepe::{StatusAnswer, Unavailable},
    store::{
        attempt::Attempt,
        order::{self, Change, Order},
    },
};

/// Why a transaction did not happen.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// An event that cannot be written.
    #[error(transparent)]
    Event(OutboxError),
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<OutboxError> for StoreError {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Database(error) => error.into(),
            error @ OutboxError::TooLarge { .. } => Self::Event(error),
        }
    }
}

/// Moves an order and notes it in the audit log as the system's act. `false` when somebody else moved it first.
pub(crate) async fn transition(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    of: &Order,
    to: OrderState,
    change: Change<'_>,
) -> Result<bool, StoreError> {
    if !order::transition(connection, now, of, to, change).await? {
        return Ok(false);
    }
    let detail = json!({
        "from": of.state.as_str(), "to": to.as_str(), "provider_reference": change.provider_reference, "reason": change.failure_code,
    });
    record(connection, now, of, "order.transition", "done", detail).await?;
    Ok(true)
}

pub(crate) async fn record(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    of: &Order,
    action: &str,
    outcome: &str,
    detail: serde_json::Value,
) -> Result<(), StoreError> {
    let entry = audit::Entry {
        workspace: Some(of.workspace),
        actor: None,
        action,
        resource: &format!("order/{}", of.id),
        outcome,
        request_id: None,
        detail,
    };
    Ok(audit::record(connection, now, &entry).await?)
}

/// The data of an order's event.
fn event_data(of: &Order, provider_reference: Option<&str>, failure: Option<&str>) -> PaymentEvent {
    PaymentEvent {
        workspace_id: of.workspace,
        order_id: of.id,
        plan: of.plan.into(),
        cycle: of.cycle.into(),
        amount: of.price.amount,
        currency: of.price.currency.into(),
        provider_reference: provider_reference.map(str::to_owned),
        failure: failure.map(str::to_owned),
    }
}

/// Tells that the order will not be paid.
pub(crate) async fn announce_failure(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    of: &Order,
    failure: &str,
) -> Result<(), StoreError> {
    outbox::append(connection, now, &Event::PaymentFailed(event_data(of, None, Some(failure)))).await?;
    Ok(())
}

/// Asks the provider about an attempt, where it is asked.
pub(crate) async fn ask(app: &App, attempt: &Attempt) -> Result<StatusAnswer, Unavailable> {
    app.gateway.order_status(&attempt.id, attempt.autopay).await
}
