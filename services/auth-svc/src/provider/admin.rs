//! What a server with a secret key does to accounts.

use chrono::{DateTime, Utc};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::{UserId, WorkspaceId};
use serde_json::{Map, Value, json};
use service_kit::{Kit, audit};
use uuid::Uuid;

use super::{
    EmailAddress, Fault, Origin, Provider, account,
    ban::Ban,
    metadata::{self, InvalidMetadata, OURS_OF_APPS, OURS_OF_USERS},
    one_time::Purpose,
    password::{NewPassword, UnusablePassword},
    proof::{self, Continuation, owned},
    service_role::Server,
};
use crate::{
    store::{
        factor as factors, one_time_token as tokens, profile, session as sessions,
        user::{self as users, NewUser, User},
    },
    workspace::WorkspaceError,
};

/// Who asks, and from where.
#[derive(Debug, Clone)]
pub struct By {
    /// The server.
    pub server: Server,
    /// The request.
    pub origin: Origin,
}

/// What is to be set; `None` leaves it.
#[derive(Debug, Default)]
pub struct Account {
    /// The address.
    pub email: Option<EmailAddress>,
    /// Whether the address counts as theirs without a proof.
    pub confirm: bool,
    /// The password.
    pub password: Option<NewPassword>,
    /// Members of the user's own metadata; a null takes one away.
    pub user_metadata: Option<Map<String, Value>>,
    /// Members of the deployment's metadata about the user; a null takes one away.
    pub app_metadata: Option<Map<String, Value>>,
    /// A ban, or its end.
    pub ban: Option<Ban>,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is no such user.
    #[error("no such user")]
    UserNotFound,
    /// Somebody has the address.
    #[error("the address has an account")]
    EmailExists,
    /// Somebody has the id.
    #[error("the id is taken")]
    IdTaken,
    /// Without an address there is nothing to prove.
    #[error("the user has no address")]
    NoAddress,
    /// The user has no such factor.
    #[error("no such factor")]
    FactorNotFound,
    /// A workspace with other members would have no owner.
    #[error("a workspace of the user has other members and no other owner")]
    LastOwner,
    /// The metadata.
    #[error(transparent)]
    InvalidMetadata(#[from] InvalidMetadata),
    /// The password.
    #[error(transparent)]
    UnusablePassword(#[from] UnusablePassword),
    /// A workspace of the user cannot be left.
    #[error(transparent)]
    Workspace(WorkspaceError),
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<DieselError> for AdminError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::EmailExists,
            error => Self::Fault(error.into()),
        }
    }
}

impl From<WorkspaceError> for AdminError {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::LastOwner => Self::LastOwner,
            WorkspaceError::Db(error) => Self::Fault(error.into()),
            error => Self::Workspace(error),
        }
    }
}

/// A page of users, the newest first, and how many there are. Pages count from 1.
///
/// # Errors
/// [`Fault`].
pub async fn list(kit: &Kit, page: u32, per_page: u32) -> Result<(Vec<User>, i64), Fault> {
    let mut connection = kit.db.get().await?;
    Ok(users::page(&mut connection, i64::from(page - 1) * i64::from(per_page), per_page.into()).await?)
}

/// A user.
///
/// # Errors
/// [`AdminError::UserNotFound`].
pub async fn find(kit: &Kit, id: Uuid) -> Result<User, AdminError> {
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    users::find(&mut connection, id).await?.ok_or(AdminError::UserNotFound)
}

/// Makes an account; nobody gets a mail.
///
/// # Errors
/// [`AdminError`].
pub async fn create(
    kit: &Kit,
    provider: &Provider,
    id: Option<Uuid>,
    email: EmailAddress,
    account: Account,
    by: &By,
) -> Result<User, AdminError> {
    let (id, now) = (id.unwrap_or_else(Uuid::now_v7), provider.clock.now());
    let hash = hash(provider, account.password.clone()).await?;
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let new = NewUser {
                id,
                email: email.as_str(),
                password_hash: hash.as_deref(),
                confirmed: account.confirm,
                user_metadata: owned(json!({}), id, &email),
            };
            let user = match users::insert(connection, &new, now).await? {
                Some(user) => user,
                None if users::find_by_email(connection, email.as_str()).await?.is_some() => return Err(AdminError::EmailExists),
                None => return Err(AdminError::IdTaken),
            };
            let user = write(connection, user, &account, None, now).await?;
            record(connection, user.id, "admin.user_create", json!({}), by, now).await?;
            Ok(user)
        })
        .await
}

/// Changes an account at once, without anybody's agreement. A new password ends every session, a new address every mail that
/// proves the old one; the owner is told of both.
///
/// # Errors
/// [`AdminError`].
pub async fn update(kit: &Kit, provider: &Provider, id: Uuid, account: Account, by: &By) -> Result<User, AdminError> {
    let now = provider.clock.now();
    let hash = hash(provider, account.password.clone()).await?;
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let user = users::lock(connection, id).await?.ok_or(AdminError::UserNotFound)?;
            let (old_email, moves) =
                (user.email.clone(), account.email.as_ref().filter(|email| user.email.as_deref() != Some(email.as_str())));
            if let Some(email) = moves {
                profile::set_email(connection, id, email.as_str()).await?;
                let says = "An administrator moved your account to another address. This one signs in no more.";
                proof::notify(connection, old_email.as_deref(), "Your address was changed", says, proof::ALARM, now).await?;
            }
            if hash.is_some() {
                sessions::delete_all(connection, id).await?;
                let says = "An administrator set another password, and every device was signed out.";
                let address = account.email.as_ref().map(EmailAddress::as_str).or(old_email.as_deref());
                proof::notify(connection, address, "Your password was changed", says, proof::ALARM, now).await?;
            }
            if moves.is_some() || hash.is_some() {
                tokens::delete_all(connection, id).await?;
            }
            let user = write(connection, user, &account, hash, now).await?;
            record(connection, id, "admin.user_update", json!({"ban_changed": account.ban.is_some()}), by, now).await?;
            Ok(user)
        })
        .await
}

/// Ends an account. Gives the workspaces that were left.
///
/// # Errors
/// [`AdminError`].
pub async fn delete(kit: &Kit, provider: &Provider, id: Uuid, by: &By) -> Result<(), AdminError> {
    let now = provider.clock.now();
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    let left: Vec<WorkspaceId> = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            users::lock(connection, id).await?.ok_or(AdminError::UserNotFound)?;
            let left = account::close(connection, id, now).await?;
            record(connection, id, "admin.user_delete", json!({}), by, now).await?;
            Ok::<_, AdminError>(left)
        })
        .await?;
    for workspace in left {
        kit.membership.forget(workspace, UserId::from_uuid(id)).await;
    }
    Ok(())
}

/// Takes a second factor away; without any, no session claims one.
///
/// # Errors
/// [`AdminError`].
pub async fn remove_factor(kit: &Kit, provider: &Provider, id: Uuid, factor: Uuid, by: &By) -> Result<(), AdminError> {
    let now = provider.clock.now();
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let user = users::lock(connection, id).await?.ok_or(AdminError::UserNotFound)?;
            let factor = factors::lock(connection, id, factor).await?.ok_or(AdminError::FactorNotFound)?;
            factors::delete(connection, factor.id).await?;
            if !factors::is_protected(connection, id).await? {
                sessions::lower(connection, id).await?;
            }
            if factor.verified {
                let says = "An administrator took away the second factor of your account.";
                proof::notify(connection, user.email.as_deref(), "A second factor was removed", says, proof::ALARM, now).await?;
            }
            record(connection, id, "admin.factor_remove", json!({"factor": factor.id}), by, now).await
        })
        .await
}

/// Makes an account for somebody and mails them a link to it; one that nobody confirmed yet gets another mail.
///
/// # Errors
/// [`AdminError::EmailExists`] for an account that is confirmed.
pub async fn invite(
    kit: &Kit,
    provider: &Provider,
    email: &EmailAddress,
    data: Map<String, Value>,
    go_on: &Continuation,
    by: &By,
) -> Result<User, AdminError> {
    let now = provider.clock.now();
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let user = unconfirmed(connection, email, None, data, now).await?;
            let sent = proof::send(connection, provider, &user, Purpose::Invite, go_on, now).await?;
            record(connection, user.id, "admin.invite", json!({}), by, now).await?;
            Ok(sent.unwrap_or(user))
        })
        .await
}

/// The account of the address that nobody confirmed yet, made now if there is none.
pub(super) async fn unconfirmed(
    connection: &mut AsyncPgConnection,
    email: &EmailAddress,
    password_hash: Option<&str>,
    data: Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<User, AdminError> {
    match users::lock_by_email(connection, email.as_str()).await? {
        Some(user) if user.email_confirmed_at.is_some() => Err(AdminError::EmailExists),
        Some(user) => Ok(user),
        None => {
            let id = Uuid::now_v7();
            let user_metadata = owned(metadata::merge(&json!({}), data, OURS_OF_USERS)?, id, email);
            let new = NewUser { id, email: email.as_str(), password_hash, confirmed: false, user_metadata };
            users::insert(connection, &new, now).await?.ok_or(AdminError::EmailExists)
        }
    }
}

pub(super) async fn hash(provider: &Provider, password: Option<NewPassword>) -> Result<Option<String>, AdminError> {
    match password {
        Some(password) => provider.passwords.hash(password).await.map(Some),
        None => Ok(None),
    }
}

/// Writes what is to be set into a user that this transaction holds.
async fn write(
    connection: &mut AsyncPgConnection,
    mut user: User,
    account: &Account,
    password_hash: Option<String>,
    now: DateTime<Utc>,
) -> Result<User, AdminError> {
    if let Some(data) = account.user_metadata.clone() {
        user.user_metadata = metadata::merge(&user.user_metadata, data, OURS_OF_USERS)?;
    }
    if let Some(data) = account.app_metadata.clone() {
        user.app_metadata = metadata::merge(&user.app_metadata, data, OURS_OF_APPS)?;
    }
    if let Some(email) = &account.email {
        user.email = Some(email.as_str().to_owned());
    }
    if account.confirm {
        user.email_confirmed_at = user.email_confirmed_at.or(Some(now));
    }
    if let Some(members) = user.user_metadata.as_object_mut() {
        members.insert("email".into(), json!(user.email));
        members.insert("email_verified".into(), json!(user.email_confirmed_at.is_some()));
    }
    user.password_hash = password_hash.or(user.password_hash);
    if let Some(ban) = account.ban {
        user.banned_until = ban.until(now);
    }
    users::replace(connection, &user, now).await?.ok_or(AdminError::UserNotFound)
}

pub(super) async fn record(
    connection: &mut AsyncPgConnection,
    user: Uuid,
    action: &str,
    mut detail: Value,
    by: &By,
    now: DateTime<Utc>,
) -> Result<(), AdminError> {
    if let Some(members) = detail.as_object_mut() {
        members.insert("service_key".into(), by.server.to_json());
    }
    let resource = format!("user/{user}");
    let request_id = by.origin.request_id.as_deref();
    let entry = audit::Entry { workspace: None, actor: None, action, resource: &resource, outcome: "done", request_id, detail };
    Ok(audit::record(connection, now, &entry).await?)
}
