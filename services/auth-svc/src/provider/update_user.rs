//! What users change about their own account: metadata, password, address.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::UserId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use service_kit::Kit;
use uuid::Uuid;

use super::{
    EmailAddress, Fault, Origin, Provider,
    metadata::{self, InvalidMetadata},
    password::{self, NewPassword, UnusablePassword},
    proof::{self, Continuation},
    reauthenticate, record,
};
use crate::store::{
    factor as factors, one_time_token as tokens, profile,
    session::{self as sessions, Session},
    user::{self as users, User},
};

/// A session that began this long ago may not change the password by itself (Supabase Auth's rule).
const FRESH_FOR: TimeDelta = TimeDelta::hours(24);

/// What is to change.
#[derive(Debug, Default)]
pub struct Changes {
    /// Another address.
    pub email: Option<EmailAddress>,
    /// Another password.
    pub password: Option<NewPassword>,
    /// The present password, for those who want to show that they know it.
    pub current_password: Option<SecretString>,
    /// The code of a reauthentication mail.
    pub nonce: Option<String>,
    /// Metadata; a null takes a member away.
    pub data: Option<Map<String, Value>>,
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateUserError {
    /// The account is gone.
    #[error("no such user")]
    UserNotFound,
    /// The session is over.
    #[error("no such session")]
    SessionNotFound,
    /// The user is banned.
    #[error("the user is banned")]
    Banned,
    /// The account has a second factor and the session did not show it.
    #[error("the session has one factor only")]
    InsufficientAal,
    /// The session is old: a code or the present password is needed.
    #[error("the session is too old for it")]
    ReauthenticationNeeded,
    /// The code is wrong.
    #[error("the code is not valid")]
    ReauthenticationNotValid,
    /// The present password is another one.
    #[error("the present password is another one")]
    CurrentPasswordInvalid,
    /// It is the present one.
    #[error("the new password is the present one")]
    SamePassword,
    /// It may not be used.
    #[error(transparent)]
    UnusablePassword(#[from] UnusablePassword),
    /// Somebody has the address.
    #[error("the address has an account")]
    EmailExists,
    /// The metadata.
    #[error(transparent)]
    InvalidMetadata(#[from] InvalidMetadata),
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<DieselError> for UpdateUserError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::EmailExists,
            error => Self::Fault(error.into()),
        }
    }
}

/// A password that was checked and hashed, before the transaction: hashing takes a tenth of a second.
struct Hashed {
    hash: String,
    /// The caller knew the present password.
    known: bool,
}

/// Changes what was asked for, all of it or nothing. With confirmation by mail, an address changes once both have agreed.
///
/// # Errors
/// [`UpdateUserError`].
pub async fn update_user(
    kit: &Kit,
    provider: &Provider,
    user: UserId,
    session: Uuid,
    changes: Changes,
    go_on: &Continuation,
    origin: &Origin,
) -> Result<User, UpdateUserError> {
    let now = provider.clock.now();
    let Changes { email, password, current_password, nonce, data } = changes;
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    let present = users::find(&mut connection, user.as_uuid()).await?.ok_or(UpdateUserError::UserNotFound)?;
    drop(connection);
    let hashed = match password {
        Some(password) => Some(hash(provider, &present, password, current_password).await?),
        None => None,
    };
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    // A wrong code is counted, so that its refusal must be committed: it is a value of the transaction, not its error.
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let mut user = users::lock(connection, user.as_uuid()).await?.ok_or(UpdateUserError::UserNotFound)?;
            let session = sessions::lock(connection, session).await?.filter(|session| session.user_id == user.id);
            let session = session.ok_or(UpdateUserError::SessionNotFound)?;
            if user.is_banned(now) {
                return Err(UpdateUserError::Banned);
            }
            if (hashed.is_some() || email.is_some()) && session.aal != "aal2" && factors::is_protected(connection, user.id).await? {
                return Err(UpdateUserError::InsufficientAal);
            }
            if let Some(hashed) = hashed {
                if let Some(nonce) = &nonce {
                    if !reauthenticate::redeem(connection, provider, user.id, nonce).await? {
                        return Ok(Err(UpdateUserError::ReauthenticationNotValid));
                    }
                } else if !hashed.known && !session.is_fresh(FRESH_FOR, now) {
                    return Err(UpdateUserError::ReauthenticationNeeded);
                }
                user.password_hash = Some(hashed.hash);
                user = set_password(connection, &user, &session, origin, now).await?;
            }
            if let Some(data) = data {
                user.user_metadata = metadata::merge(&user.user_metadata, data, metadata::OURS_OF_USERS)?;
                user = users::replace(connection, &user, now).await?.ok_or(UpdateUserError::UserNotFound)?;
                record(connection, Some(user.id), "user.modified", "done", json!({}), origin, now).await?;
            }
            if let Some(email) = email.filter(|email| user.email.as_deref() != Some(email.as_str())) {
                user = set_email(connection, provider, &user, &email, go_on, origin, now).await?;
            }
            Ok(Ok(user))
        })
        .await?
}

async fn hash(
    provider: &Provider,
    present: &User,
    password: NewPassword,
    current: Option<SecretString>,
) -> Result<Hashed, UpdateUserError> {
    let known = match current {
        Some(current) if current.expose_secret().len() <= password::MAX_BYTES => {
            if !provider.passwords.verify(current, present.password_hash.clone()).await? {
                return Err(UpdateUserError::CurrentPasswordInvalid);
            }
            true
        }
        Some(_) => return Err(UpdateUserError::CurrentPasswordInvalid),
        None => false,
    };
    if present.password_hash.is_some() && provider.passwords.verify(password.secret(), present.password_hash.clone()).await? {
        return Err(UpdateUserError::SamePassword);
    }
    Ok(Hashed { hash: provider.passwords.hash::<UpdateUserError>(password).await?, known })
}

/// Ends every other session, and every mail that could open the account.
async fn set_password(
    connection: &mut AsyncPgConnection,
    user: &User,
    session: &Session,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<User, UpdateUserError> {
    let changed = users::replace(connection, user, now).await?.ok_or(UpdateUserError::UserNotFound)?;
    let ended = sessions::delete_others(connection, user.id, session.id).await?;
    tokens::delete_all(connection, user.id).await?;
    record(connection, Some(user.id), "user.updated_password", "done", json!({"ended": ended}), origin, now).await?;
    let says = "Your password was changed, and every other device was signed out.";
    proof::notify(connection, user.email.as_deref(), "Your password was changed", says, proof::ALARM, now).await?;
    Ok(changed)
}

async fn set_email(
    connection: &mut AsyncPgConnection,
    provider: &Provider,
    user: &User,
    email: &EmailAddress,
    go_on: &Continuation,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<User, UpdateUserError> {
    if users::find_by_email(connection, email.as_str()).await?.is_some() {
        return Err(UpdateUserError::EmailExists);
    }
    let changed = if provider.config.email_confirmation {
        proof::begin_email_change(connection, provider, user.id, email.as_str(), go_on, now).await?
    } else {
        profile::set_email(connection, user.id, email.as_str()).await?;
        tokens::delete_all(connection, user.id).await?;
        users::change_email(connection, user.id, email.as_str(), now).await?
    };
    let action = if provider.config.email_confirmation { "user.email_change_requested" } else { "user.email_changed" };
    record(connection, Some(user.id), action, "done", json!({}), origin, now).await?;
    changed.ok_or(UpdateUserError::UserNotFound)
}
