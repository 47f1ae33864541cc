//! The audit log of a workspace, for its owners.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{ids::WorkspaceId, role::Role};
use service_kit::auth::authorise;
use uuid::Uuid;

use super::{Actor, WorkspaceError};
use crate::{
    AuthService,
    store::audit::{self as store, Entry},
};

/// So many entries after that one, the oldest first.
///
/// # Errors
/// [`WorkspaceError::NotAllowed`] to all but owners, [`WorkspaceError::NotInPlan`].
pub async fn audit(app: &AuthService, actor: &Actor, workspace: WorkspaceId, after: Uuid, most: i64) -> Result<Vec<Entry>, WorkspaceError> {
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            authorise(connection, workspace, actor.user(), Role::Owner).await?;
            if !store::may_export(connection, workspace).await? {
                return Err(WorkspaceError::NotInPlan);
            }
            Ok(store::page(connection, workspace, after, most).await?)
        })
        .await
}
