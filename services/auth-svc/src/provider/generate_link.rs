//! Links that a server sends in mails of its own.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Map, Value, json};
use service_kit::Kit;

use super::{
    EmailAddress, Fault, Provider,
    admin::{self, AdminError, By},
    one_time::Purpose,
    password::NewPassword,
    proof,
};
use crate::store::user::{self as users, User};

/// What a link is to be good for.
#[derive(Debug)]
pub enum Wish {
    /// A new account, with its password.
    SignUp(NewPassword),
    /// A new account without a password.
    Invite,
    /// A session; for an address without an account, a new one.
    MagicLink,
    /// A new password.
    Recovery,
    /// Leaving the present address for this one.
    EmailChangeCurrent(EmailAddress),
    /// Going to this address.
    EmailChangeNew(EmailAddress),
}

/// A link that is not mailed.
#[derive(Debug)]
pub struct Generated {
    /// The user as it is now.
    pub user: User,
    /// What was asked for, which is a `type` to bring it with.
    pub kind: &'static str,
    /// The `type` in the link.
    pub link_type: &'static str,
    /// The link's token.
    pub token: String,
    /// Six digits for typing in.
    pub code: String,
}

/// Makes a link and a code that prove what a mail of ours would.
///
/// # Errors
/// [`AdminError`].
pub async fn generate_link(
    kit: &Kit,
    provider: &Provider,
    email: &EmailAddress,
    wish: Wish,
    data: Map<String, Value>,
    by: &By,
) -> Result<Generated, AdminError> {
    let now = provider.clock.now();
    let hash = match &wish {
        Wish::SignUp(password) => admin::hash(provider, Some(password.clone())).await?,
        _ => None,
    };
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let present = users::lock_by_email(connection, email.as_str()).await?;
            let (user, purpose, kind) = match (wish, present) {
                (Wish::SignUp(_), _) => {
                    (admin::unconfirmed(connection, email, hash.as_deref(), data, now).await?, Purpose::Confirmation, "signup")
                }
                (Wish::MagicLink, None) => (admin::unconfirmed(connection, email, None, data, now).await?, Purpose::Confirmation, "signup"),
                (Wish::Invite, _) => (admin::unconfirmed(connection, email, None, data, now).await?, Purpose::Invite, "invite"),
                (Wish::MagicLink, Some(user)) => (user, Purpose::MagicLink, "magiclink"),
                (Wish::Recovery, Some(user)) => (user, Purpose::Recovery, "recovery"),
                (Wish::EmailChangeCurrent(new_email), Some(user)) => {
                    (moving(connection, user, &new_email, now).await?, Purpose::EmailChangeCurrent, "email_change_current")
                }
                (Wish::EmailChangeNew(new_email), Some(user)) => {
                    (moving(connection, user, &new_email, now).await?, Purpose::EmailChangeNew, "email_change_new")
                }
                (Wish::Recovery | Wish::EmailChangeCurrent(_) | Wish::EmailChangeNew(_), None) => return Err(AdminError::UserNotFound),
            };
            let (_, secret) = proof::make(connection, &user, purpose, None, now).await?.ok_or(AdminError::NoAddress)?;
            let noted = proof::note_sent(connection, user.id, purpose, now).await?;
            admin::record(connection, user.id, "admin.generate_link", json!({"type": kind}), by, now).await?;
            Ok(Generated { user: noted.unwrap_or(user), kind, link_type: purpose.link_type(), token: secret.link, code: secret.code })
        })
        .await
}

/// The user on the way to the address. The links of both halves are asked for one after the other.
async fn moving(connection: &mut AsyncPgConnection, user: User, new_email: &EmailAddress, now: DateTime<Utc>) -> Result<User, AdminError> {
    if user.new_email.as_deref() == Some(new_email.as_str()) {
        return Ok(user);
    }
    if users::find_by_email(connection, new_email.as_str()).await?.is_some() {
        return Err(AdminError::EmailExists);
    }
    users::begin_email_change(connection, user.id, new_email.as_str(), now).await?.ok_or(AdminError::UserNotFound)
}
