//! What becomes of somebody's workspaces when their account ends.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{
    event::{Event, WorkspaceDeleted},
    ids::{UserId, WorkspaceId},
    role::Role,
};
use messaging::outbox;
use service_kit::erasure;

use super::{Change, WorkspaceError, members::keep_an_owner, tell};
use crate::store::{member, profile, workspace};

/// Whether the user could be taken out of every workspace now.
///
/// # Errors
/// [`WorkspaceError::LastOwner`] as [`leave_all`].
pub async fn may_leave_all(connection: &mut AsyncPgConnection, user: UserId) -> Result<(), WorkspaceError> {
    for membership in profile::memberships(connection, user).await? {
        let id = WorkspaceId::from_uuid(membership.workspace_id);
        let members = member::list(connection, id).await?;
        let mut others = members.iter().filter(|member| member.user_id != user.as_uuid()).peekable();
        let owner = Role::Owner.as_str();
        if membership.role == owner && others.peek().is_some() && !others.any(|member| member.role == owner) {
            return Err(WorkspaceError::LastOwner);
        }
    }
    Ok(())
}

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
            outbox::append(connection, now, &Event::WorkspaceDeleted(WorkspaceDeleted { workspace_id: id })).await?;
            erasure::erase(connection, id).await?;
        }
        left.push(id);
    }
    Ok(left)
}
