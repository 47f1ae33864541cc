//! What becomes of somebody's workspaces when their account ends.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::ids::{UserId, WorkspaceId};

use super::{Change, WorkspaceError, members::keep_an_owner, tell};
use crate::store::{member, profile, workspace};

/// Takes the user out of every workspace; one that nobody else belongs to ends with them. Gives those that were left.
///
/// # Errors
/// [`WorkspaceError::LastOwner`] while somebody else belongs to a workspace that only they own: it is handed over first.
pub async fn leave_all(connection: &mut AsyncPgConnection, user: UserId, now: DateTime<Utc>) -> Result<Vec<WorkspaceId>, WorkspaceError> {
    let mut left = Vec::new();
    for membership in profile::memberships(connection, user).await? {
        let id = WorkspaceId::from_uuid(membership.workspace_id);
        workspace::lock(connection, id).await?;
        let Some(role) = member::role(connection, id, user).await? else { continue };
        let alone = member::list(connection, id).await?.iter().all(|member| member.user_id == user.as_uuid());
        if !alone {
            keep_an_owner(connection, id, user, role).await?;
        }
        member::remove(connection, id, user).await?;
        tell(connection, now, Change::Removed, id, user, role).await?;
        if alone {
            workspace::delete(connection, id, now).await?;
        }
        left.push(id);
    }
    Ok(left)
}
