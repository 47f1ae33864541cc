//! What owners and admins do with versions that exist: go back to one, keep consumers on one, give one a name.
//!
//! Each is authorised in its own transaction before anything else is looked at, and needs an entitlement, as a rebuild does.

pub mod alias;
pub mod pin;
pub mod rollback;

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{
    ids::{UserId, WorkspaceId},
    role::Role,
};
use messaging::outbox::OutboxError;
use serde_json::Value;
use service_kit::{
    audit,
    auth::{AuthoriseError, authorise},
    db::DbError,
    idempotency::IdempotencyError,
};

use crate::{
    manifest::{ReadError, selector::Selector, stored},
    store::entitlement,
};

/// Who does it, and in which request.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The workspace whose versions they are.
    pub workspace: WorkspaceId,
    /// The member.
    pub user: UserId,
    /// The request's id.
    pub request_id: Option<String>,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum ReviseError {
    /// The member may not.
    #[error(transparent)]
    Authorise(#[from] AuthoriseError),
    /// The key was used otherwise.
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    /// The workspace has no entitlement.
    #[error("no entitlement")]
    NotEntitled,
    /// The content of that version is the present one.
    #[error("it is the current version already")]
    AlreadyCurrent,
    /// Somebody changed it meanwhile.
    #[error("changed meanwhile; its revision is {}", .0.map_or_else(|| "none".to_owned(), |revision| revision.to_string()))]
    Changed(Option<i32>),
    /// A workspace has as many names as it may.
    #[error("{0} names are the most that a workspace may have")]
    TooManyAliases(usize),
    /// A version could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The event could not be written.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for ReviseError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// The first question of every act here.
async fn may_revise(connection: &mut AsyncPgConnection, actor: &Actor, now: DateTime<Utc>) -> Result<(), ReviseError> {
    authorise(connection, actor.workspace, actor.user, Role::Admin).await?;
    let entitlement = entitlement::find(connection, actor.workspace).await?;
    if entitlement.is_some_and(|entitlement| entitlement.holds(now)) { Ok(()) } else { Err(ReviseError::NotEntitled) }
}

/// The sequence of an existing version of the workspace.
async fn existing(connection: &mut AsyncPgConnection, workspace: WorkspaceId, selector: &Selector) -> Result<u64, ReviseError> {
    let sequence = stored::resolve(connection, workspace, selector).await?.ok_or(ReadError::VersionNotFound)?;
    let there = crate::store::version::exists(connection, workspace, sequence).await?;
    if there { Ok(sequence) } else { Err(ReadError::VersionNotFound.into()) }
}

async fn note(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    actor: &Actor,
    action: &str,
    resource: &str,
    detail: Value,
) -> Result<(), diesel::result::Error> {
    let entry = audit::Entry {
        workspace: Some(actor.workspace),
        actor: Some(actor.user),
        action,
        resource,
        outcome: "done",
        request_id: actor.request_id.as_deref(),
        detail,
    };
    audit::record(connection, now, &entry).await
}
