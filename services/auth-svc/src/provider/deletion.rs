//! The end of an account at its owner's wish: after a grace period in which it can be taken back.

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::UserId;
use serde_json::json;
use service_kit::{Kit, audit, db::DbError};
use uuid::Uuid;

use super::{Fault, Origin, Provider, account, proof, record};
use crate::{
    store::{
        account_deletion::{self as store, AccountDeletion},
        factor as factors, session as sessions, user as users,
    },
    workspace::{self, WorkspaceError},
};

/// Whoever wants it has shown who they are so short a time ago.
const FRESH_FOR: TimeDelta = TimeDelta::minutes(15);
/// When an account cannot end yet, it is looked at again after this.
const PUT_OFF: TimeDelta = TimeDelta::days(1);

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum DeletionError {
    /// The session is over, or the account is.
    #[error("no such session")]
    NoSession,
    /// The last sign-in is too long ago.
    #[error("the sign-in is too old")]
    NotFresh,
    /// The account has a second factor and the session did not show it.
    #[error("the session has one factor only")]
    OneFactor,
    /// A workspace with other members would have no owner, or cannot be left.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<diesel::result::Error> for DeletionError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Asks for the end of the account; asking again changes nothing. The owner gets a mail.
///
/// # Errors
/// [`DeletionError`].
pub async fn request(
    kit: &Kit,
    provider: &Provider,
    user: UserId,
    session: Uuid,
    origin: &Origin,
) -> Result<AccountDeletion, DeletionError> {
    let now = provider.clock.now();
    let due_at = now + TimeDelta::days(i64::from(provider.config.deletion_grace_days));
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let found = users::lock(connection, user.as_uuid()).await?.ok_or(DeletionError::NoSession)?;
            let session = sessions::lock(connection, session).await?.filter(|session| session.user_id == found.id);
            let session = session.ok_or(DeletionError::NoSession)?;
            if let Some(deletion) = store::find(connection, found.id).await? {
                return Ok(deletion);
            }
            if session.aal != "aal2" && factors::is_protected(connection, found.id).await? {
                return Err(DeletionError::OneFactor);
            }
            if !session.is_fresh(FRESH_FOR, now) {
                return Err(DeletionError::NotFresh);
            }
            workspace::may_leave_all(connection, user).await?;
            let deletion = store::insert(connection, found.id, now, due_at).await?;
            let says = format!(
                "Your account and the workspaces that only you belong to will be deleted on {}. Until then, sign in to keep them.",
                due_at.format("%-d %B %Y")
            );
            proof::notify(connection, found.email.as_deref(), "Your account will be deleted", &says, proof::ALARM, now).await?;
            record(connection, Some(found.id), "account.deletion_request", "done", json!({"due_at": due_at}), origin, now).await?;
            Ok(deletion)
        })
        .await
}

/// Whether the account is to end, and when.
///
/// # Errors
/// [`DbError`].
pub async fn find(kit: &Kit, user: UserId) -> Result<Option<AccountDeletion>, DbError> {
    let mut connection = kit.db.get().await?;
    Ok(store::find(&mut connection, user.as_uuid()).await?)
}

/// Keeps the account; whether it was to end.
///
/// # Errors
/// [`Fault`].
pub async fn cancel(kit: &Kit, provider: &Provider, user: UserId, origin: &Origin) -> Result<bool, Fault> {
    let now = provider.clock.now();
    let mut connection = kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(found) = users::lock(connection, user.as_uuid()).await? else { return Ok(false) };
            if !store::delete(connection, found.id).await? {
                return Ok(false);
            }
            let says = "Your account stays. Nothing was deleted.";
            proof::notify(connection, found.email.as_deref(), "Your account stays", says, proof::ALARM, now).await?;
            record(connection, Some(found.id), "account.deletion_cancel", "done", json!({}), origin, now).await?;
            Ok(true)
        })
        .await
}

/// Ends the account that has been due for longest; the user's id, or `None` when none is due.
///
/// # Errors
/// [`DeletionError`].
pub async fn end_next(kit: &Kit, provider: &Provider) -> Result<Option<UserId>, DeletionError> {
    let now = provider.clock.now();
    let mut connection = kit.worker_db.get().await.map_err(Fault::from)?;
    let ended = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(due) = store::lock_due(connection, now).await? else { return Ok(None) };
            let user = UserId::from_uuid(due.user_id);
            let email = users::lock(connection, due.user_id).await?.and_then(|user| user.email);
            // A savepoint: what cannot be left leaves the account as it is.
            let closed = connection
                .transaction(async |connection: &mut AsyncPgConnection| {
                    let says = "Your account was deleted, as you asked. Invoices are kept as the law asks.";
                    proof::notify(connection, email.as_deref(), "Your account was deleted", says, "Goodbye.", now).await?;
                    Ok::<_, DeletionError>(account::close(connection, due.user_id, now).await?)
                })
                .await;
            let outcome = match closed {
                Ok(left) => Ok((user, left)),
                Err(DeletionError::Workspace(WorkspaceError::LastOwner)) => {
                    tracing::warn!(user_id = %user, "the account owns a workspace with other members and ends later");
                    store::put_off(connection, due.user_id, now + PUT_OFF).await?;
                    Err("refused")
                }
                Err(error) => return Err(error),
            };
            let said = if outcome.is_ok() { "done" } else { "refused" };
            let resource = format!("user/{user}");
            let entry = audit::Entry {
                workspace: None,
                actor: None,
                action: "account.delete",
                resource: &resource,
                outcome: said,
                request_id: None,
                detail: json!({}),
            };
            audit::record(connection, now, &entry).await?;
            Ok(Some(outcome.unwrap_or((user, Vec::new()))))
        })
        .await?;
    let Some((user, left)) = ended else { return Ok(None) };
    for workspace in left {
        kit.membership.forget(workspace, user).await;
    }
    Ok(Some(user))
}
