//! Asking the provider about an order sooner than the schedule would.

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    ids::{OrderId, WorkspaceId},
    order::OrderState,
};
use service_kit::{
    auth::Claims,
    db::{self, DbError},
};

use super::schedule::FIRST_CHECK;
use crate::{
    app::App,
    store::order::{self, Order},
};

/// An order is checked on request at most once in this time.
const AT_MOST_EVERY: TimeDelta = TimeDelta::seconds(5);

/// What became of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// The provider is asked now.
    Scheduled(Order),
    /// There is nothing to ask.
    Settled(Order),
    /// It was asked a moment ago, or is too young to ask for.
    TooSoon {
        /// Seconds to wait.
        retry_after_s: u64,
    },
    /// No such order.
    NotFound,
}

/// Makes the order's next check due now.
pub async fn request_check(app: &App, claims: &Claims, workspace: WorkspaceId, id: OrderId) -> Result<Checked, DbError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    let checked = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, claims.as_json()).await?;
            let Some(order) = order::find(connection, workspace, id).await? else { return Ok(Checked::NotFound) };
            if !matches!(order.state, OrderState::Created | OrderState::Pending | OrderState::Failed | OrderState::Expired) {
                return Ok(Checked::Settled(order));
            }
            db::act_as_service(connection).await?;
            if order::hasten_check(connection, now, id, now - AT_MOST_EVERY, now - FIRST_CHECK).await? {
                return Ok(Checked::Scheduled(order));
            }
            let allowed_at = order.last_checked_at.map_or(order.created_at, |at| at + AT_MOST_EVERY).max(order.created_at + FIRST_CHECK);
            let wait_s = (allowed_at - now).num_seconds() + 1;
            Ok::<_, diesel::result::Error>(Checked::TooSoon { retry_after_s: u64::try_from(wait_s).unwrap_or(1).max(1) })
        })
        .await?;
    if matches!(checked, Checked::Scheduled(_)) {
        app.reconciler_due.notify_one();
    }
    Ok(checked)
}
