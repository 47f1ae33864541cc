//! Documents and billing details, for the owners and admins of their workspace. Row-level security decides what is seen, and the
//! role is asked for in the same transaction.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    ids::{InvoiceId, WorkspaceId},
    role::Role,
};
use serde_json::json;
use service_kit::{
    audit,
    auth::{AuthoriseError, Claims, authorise},
    db::{self, Db, DbError},
};

use super::{Buyer, Invoice};
use crate::{
    app::App,
    store::{billing_details, invoice as store},
};

/// The documents that are listed; a workspace gets one a month.
const LISTED: i64 = 500;

/// Why a document or the details are not read or written.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The user may not.
    #[error(transparent)]
    Authorise(#[from] AuthoriseError),
    /// No such document in the workspace.
    #[error("there is no such document")]
    NotFound,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for AccountError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// The documents of the workspace, the newest first.
///
/// # Errors
/// [`AccountError`].
pub async fn list(db: &Db, claims: &Claims, workspace: WorkspaceId) -> Result<Vec<Invoice>, AccountError> {
    let mut connection = db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, claims.as_json()).await?;
            authorise(connection, workspace, claims.user, Role::Admin).await?;
            Ok(store::list(connection, workspace, LISTED).await?)
        })
        .await
}

/// A document of the workspace.
///
/// # Errors
/// [`AccountError`].
pub async fn find(db: &Db, claims: &Claims, workspace: WorkspaceId, id: InvoiceId) -> Result<Invoice, AccountError> {
    let mut connection = db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, claims.as_json()).await?;
            authorise(connection, workspace, claims.user, Role::Admin).await?;
            store::find(connection, Some(workspace), id).await?.ok_or(AccountError::NotFound)
        })
        .await
}

/// Who the workspace's next documents are made out to.
///
/// # Errors
/// [`AccountError`].
pub async fn billing_details(db: &Db, claims: &Claims, workspace: WorkspaceId) -> Result<Option<Buyer>, AccountError> {
    let mut connection = db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, claims.as_json()).await?;
            authorise(connection, workspace, claims.user, Role::Admin).await?;
            Ok(billing_details::find(connection, workspace).await?)
        })
        .await
}

/// Changes who the workspace's next documents are made out to.
///
/// # Errors
/// [`AccountError`].
pub async fn save_billing_details(
    app: &App,
    claims: &Claims,
    workspace: WorkspaceId,
    buyer: &Buyer,
    request_id: Option<&str>,
) -> Result<(), AccountError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            authorise(connection, workspace, claims.user, Role::Admin).await?;
            billing_details::save(connection, now, workspace, claims.user, buyer).await?;
            let entry = audit::Entry {
                workspace: Some(workspace),
                actor: Some(claims.user),
                action: "billing_details.change",
                resource: &format!("workspace/{workspace}"),
                outcome: "done",
                request_id,
                detail: json!({ "registered": buyer.gstin.is_some(), "state": buyer.state }),
            };
            audit::record(connection, now, &entry).await?;
            Ok(())
        })
        .await
}
