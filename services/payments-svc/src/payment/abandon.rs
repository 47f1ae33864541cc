//! Giving an open order up, so that another can be made. It is still asked about: a late success is never lost.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    ids::{OrderId, WorkspaceId},
    order::OrderEvent,
    role::Role,
};
use serde_json::json;
use service_kit::{
    audit,
    auth::{AuthoriseError, Claims, authorise},
    db::{self, DbError},
};

use super::{StoreError, announce_failure};
use crate::{
    app::App,
    store::order::{self, Change, Order},
};

/// Why an order was not given up.
#[derive(Debug, thiserror::Error)]
pub enum AbandonError {
    /// No such order.
    #[error("no such order")]
    NotFound,
    /// It is not open.
    #[error("the order is not open")]
    NotOpen,
    /// The user may not.
    #[error(transparent)]
    Authorise(#[from] AuthoriseError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for AbandonError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<DbError> for AbandonError {
    fn from(error: DbError) -> Self {
        Self::Store(error.into())
    }
}

/// Gives the order up.
pub async fn abandon(
    app: &App,
    claims: &Claims,
    workspace: WorkspaceId,
    id: OrderId,
    request_id: Option<&str>,
) -> Result<Order, AbandonError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    let order = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, claims.as_json()).await?;
            order::find(connection, workspace, id).await?.ok_or(AbandonError::NotFound)?;
            db::act_as_service(connection).await?;
            authorise(connection, workspace, claims.user, Role::Admin).await?;
            let order = order::lock(connection, id).await?.ok_or(AbandonError::NotFound)?;
            let next = order.state.apply(OrderEvent::Abandoned).map_err(|_| AbandonError::NotOpen)?;
            let change = Change { failure_code: Some("abandoned"), abandoned: true, ..Change::default() };
            order::transition(connection, now, &order, next, change).await?;
            let entry = audit::Entry {
                workspace: Some(workspace),
                actor: Some(claims.user),
                action: "order.abandon",
                resource: &format!("order/{id}"),
                outcome: "done",
                request_id,
                detail: json!({ "from": order.state }),
            };
            audit::record(connection, now, &entry).await?;
            announce_failure(connection, now, &order, "abandoned").await?;
            order::find(connection, workspace, id).await?.ok_or(AbandonError::NotFound)
        })
        .await?;
    app.metrics.orders.with_label_values(&[order.state.as_str()]).inc();
    Ok(order)
}
