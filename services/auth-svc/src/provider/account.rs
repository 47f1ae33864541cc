//! The end of an account: whoever it was is forgotten, and the id stays for those who refer to it.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::ids::{UserId, WorkspaceId};
use uuid::Uuid;

use crate::{
    store::{account_deletion, factor, invitation, one_time_token, profile, repair, session, sign_in_flow, user},
    workspace::{self, WorkspaceError},
};

/// Ends the account of a locked user. Gives the workspaces that were left.
///
/// # Errors
/// [`WorkspaceError::LastOwner`] while a workspace with other members would have no owner.
pub(super) async fn close(connection: &mut AsyncPgConnection, id: Uuid, now: DateTime<Utc>) -> Result<Vec<WorkspaceId>, WorkspaceError> {
    // Waits for a repair that runs, whose workspace is left with the others, and lets none begin.
    repair::repaired(connection, id, now).await?;
    let left = workspace::leave_all(connection, UserId::from_uuid(id), now).await?;
    session::delete_all(connection, id).await?;
    one_time_token::delete_all(connection, id).await?;
    sign_in_flow::delete_all(connection, id).await?;
    factor::delete_all(connection, id).await?;
    account_deletion::delete(connection, id).await?;
    invitation::forget(connection, id).await?;
    profile::forget(connection, id).await?;
    user::forget(connection, id, now).await?;
    Ok(left)
}
