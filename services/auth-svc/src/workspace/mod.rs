//! Workspaces and who belongs to them. Changes of one workspace's members queue at its row, so that two of them cannot
//! leave it without an owner or over its plan's seats.

mod audit;
mod invitations;
mod leaving;
mod members;
mod workspaces;

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{
    event::{Event, MemberChanged, Open},
    ids::{UserId, WorkspaceId},
    role::Role,
};
use messaging::outbox::{self, OutboxError};
use serde_json::Value;
use service_kit::{
    audit as audit_log,
    auth::{AuthoriseError, Claims},
    db::DbError,
};

use crate::{
    AuthService,
    store::{account_deletion, user},
};

pub use audit::audit;
pub use invitations::{Invited, accept, invitations, invite, revoke};
pub use leaving::{leave_all, may_leave_all};
pub use members::{change_role, members, remove, transfer};
pub use workspaces::{InvalidName, Name, create, rename, workspaces};

/// Who acts, by a request.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The token's claims.
    pub claims: Claims,
    /// The request.
    pub request_id: Option<String>,
}

impl Actor {
    /// The user.
    pub fn user(&self) -> UserId {
        self.claims.user
    }
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// Not a member, or a role that does not allow it.
    #[error(transparent)]
    NotAllowed(#[from] AuthoriseError),
    /// The last owner would be gone.
    #[error("the workspace would have no owner")]
    LastOwner,
    /// Nobody of that id belongs to it.
    #[error("no such member")]
    MemberNotFound,
    /// The person belongs to it already.
    #[error("already a member")]
    AlreadyMember,
    /// The plan has no seat left.
    #[error("no free seat")]
    NoSeat,
    /// There is no such invitation, or it is for another address.
    #[error("no such invitation")]
    InvitationInvalid,
    /// It was used, taken back or is too old.
    #[error("the invitation is over")]
    InvitationExpired,
    /// The plan has no such feature.
    #[error("not in the plan")]
    NotInPlan,
    /// Whoever leaves for ever takes up nothing new.
    #[error("the account is about to be deleted")]
    DeletionPending,
    /// Whoever accepts must have shown that the address is theirs.
    #[error("the address is not confirmed")]
    EmailUnconfirmed,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The event cannot be told.
    #[error(transparent)]
    Outbox(OutboxError),
}

impl From<diesel::result::Error> for WorkspaceError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<OutboxError> for WorkspaceError {
    fn from(error: OutboxError) -> Self {
        match error {
            OutboxError::Database(error) => Self::Db(error.into()),
            error @ OutboxError::TooLarge { .. } => Self::Outbox(error),
        }
    }
}

/// What happened to a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Added,
    Removed,
    RoleChanged,
}

/// Refuses what ties somebody closer whose account is to end, and lets it end no sooner than this transaction.
async fn require_staying(app: &AuthService, connection: &mut AsyncPgConnection, user: UserId) -> Result<(), WorkspaceError> {
    if app.provider.is_some() && user::lock(connection, user.as_uuid()).await?.is_none() {
        return Err(WorkspaceError::DeletionPending);
    }
    match account_deletion::find(connection, user.as_uuid()).await? {
        Some(_) => Err(WorkspaceError::DeletionPending),
        None => Ok(()),
    }
}

async fn tell(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    change: Change,
    workspace_id: WorkspaceId,
    user_id: UserId,
    role: Role,
) -> Result<(), WorkspaceError> {
    let member = MemberChanged { workspace_id, user_id, role: Open::Known(role) };
    let event = match change {
        Change::Added => Event::MemberAdded(member),
        Change::Removed => Event::MemberRemoved(member),
        Change::RoleChanged => Event::MemberRoleChanged(member),
    };
    outbox::append(connection, now, &event).await?;
    Ok(())
}

async fn record(
    connection: &mut AsyncPgConnection,
    actor: &Actor,
    workspace: WorkspaceId,
    action: &str,
    resource: &str,
    detail: Value,
    now: DateTime<Utc>,
) -> Result<(), WorkspaceError> {
    let entry = audit_log::Entry {
        workspace: Some(workspace),
        actor: Some(actor.user()),
        action,
        resource,
        outcome: "done",
        request_id: actor.request_id.as_deref(),
        detail,
    };
    Ok(audit_log::record(connection, now, &entry).await?)
}
