//! Reading an order as the user who asks: row-level security decides.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::{OrderId, WorkspaceId};
use service_kit::{
    auth::Claims,
    db::{self, Db, DbError},
};

use crate::store::order::{self, Order};

/// The order, if it belongs to the workspace and the user may see it.
pub async fn order(db: &Db, claims: &Claims, workspace: WorkspaceId, id: OrderId) -> Result<Option<Order>, DbError> {
    let mut connection = db.get().await?;
    let found = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, claims.as_json()).await?;
            order::find(connection, workspace, id).await
        })
        .await?;
    Ok(found)
}
