//! Members: their roles, leaving and removal, and handing a workspace over.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    ids::{UserId, WorkspaceId},
    role::Role,
};
use serde_json::json;
use service_kit::auth::{AuthoriseError, authorise};

use super::{Actor, Change, WorkspaceError, record, tell};
use crate::{
    AuthService,
    store::{
        member::{self as store, Member},
        workspace,
    },
};

/// The members, the oldest first.
///
/// # Errors
/// [`WorkspaceError::NotAllowed`] to strangers.
pub async fn members(app: &AuthService, actor: &Actor, workspace: WorkspaceId) -> Result<Vec<Member>, WorkspaceError> {
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            authorise(connection, workspace, actor.user(), Role::Member).await?;
            Ok::<_, WorkspaceError>(store::list(connection, workspace).await?)
        })
        .await
}

/// Gives a member another role. Only owners do.
///
/// # Errors
/// [`WorkspaceError`].
pub async fn change_role(app: &AuthService, actor: &Actor, workspace: WorkspaceId, user: UserId, role: Role) -> Result<(), WorkspaceError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            queue(connection, workspace).await?;
            authorise(connection, workspace, actor.user(), Role::Owner).await?;
            let present = store::role(connection, workspace, user).await?.ok_or(WorkspaceError::MemberNotFound)?;
            set_role(connection, actor, workspace, user, present, role, now).await
        })
        .await?;
    app.kit.membership.forget(workspace, user).await;
    Ok(())
}

/// Takes a member away: owners anybody, admins those below them, everybody themselves.
///
/// # Errors
/// [`WorkspaceError`].
pub async fn remove(app: &AuthService, actor: &Actor, workspace: WorkspaceId, user: UserId) -> Result<(), WorkspaceError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            queue(connection, workspace).await?;
            let own = authorise(connection, workspace, actor.user(), Role::Member).await?;
            let leaves = user == actor.user();
            if !leaves && own < Role::Admin {
                return Err(AuthoriseError::RoleTooLow.into());
            }
            let role = store::role(connection, workspace, user).await?.ok_or(WorkspaceError::MemberNotFound)?;
            if !leaves && !own.may_remove(role) {
                return Err(AuthoriseError::RoleTooLow.into());
            }
            keep_an_owner(connection, workspace, user, role).await?;
            store::remove(connection, workspace, user).await?;
            tell(connection, now, Change::Removed, workspace, user, role).await?;
            let action = if leaves { "member.leave" } else { "member.remove" };
            record(connection, actor, workspace, action, &format!("user/{user}"), json!({"role": role}), now).await
        })
        .await?;
    app.kit.membership.forget(workspace, user).await;
    Ok(())
}

/// Hands the workspace over: the member becomes its owner, the caller an admin.
///
/// # Errors
/// [`WorkspaceError`].
pub async fn transfer(app: &AuthService, actor: &Actor, workspace: WorkspaceId, user: UserId) -> Result<(), WorkspaceError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            queue(connection, workspace).await?;
            authorise(connection, workspace, actor.user(), Role::Owner).await?;
            let present = store::role(connection, workspace, user).await?.ok_or(WorkspaceError::MemberNotFound)?;
            if user == actor.user() {
                return Ok(());
            }
            set_role(connection, actor, workspace, user, present, Role::Owner, now).await?;
            workspace::set_owner(connection, workspace, user).await?;
            set_role(connection, actor, workspace, actor.user(), Role::Owner, Role::Admin, now).await?;
            record(connection, actor, workspace, "workspace.transfer", &format!("user/{user}"), json!({}), now).await
        })
        .await?;
    app.kit.membership.forget(workspace, user).await;
    app.kit.membership.forget(workspace, actor.user()).await;
    Ok(())
}

async fn set_role(
    connection: &mut AsyncPgConnection,
    actor: &Actor,
    workspace: WorkspaceId,
    user: UserId,
    present: Role,
    role: Role,
    now: DateTime<Utc>,
) -> Result<(), WorkspaceError> {
    if role == present {
        return Ok(());
    }
    if present == Role::Owner {
        keep_an_owner(connection, workspace, user, present).await?;
    }
    store::set_role(connection, workspace, user, role).await?;
    tell(connection, now, Change::RoleChanged, workspace, user, role).await?;
    let detail = json!({"from": present, "to": role});
    record(connection, actor, workspace, "member.change_role", &format!("user/{user}"), detail, now).await
}

/// Before an owner goes: another one must be there, and be the workspace's first.
pub(super) async fn keep_an_owner(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    going: UserId,
    role: Role,
) -> Result<(), WorkspaceError> {
    if role != Role::Owner {
        return Ok(());
    }
    let owners = store::owners(connection, workspace).await?;
    let heir = owners.into_iter().find(|owner| *owner != going).ok_or(WorkspaceError::LastOwner)?;
    let first = workspace::lock(connection, workspace).await?.map(|workspace| UserId::from_uuid(workspace.owner_id));
    if first == Some(going) {
        workspace::set_owner(connection, workspace, heir).await?;
    }
    Ok(())
}

/// Waits for other changes of this workspace's members.
async fn queue(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> Result<(), WorkspaceError> {
    workspace::lock(connection, workspace).await?.map(|_| ()).ok_or_else(|| AuthoriseError::NotAMember.into())
}
