//! Creating an account with an address and a password.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Map, Value, json};
use service_kit::Kit;
use uuid::Uuid;

use super::{
    EmailAddress, Fault, Origin, Provider,
    metadata::{self, InvalidMetadata},
    one_time::Purpose,
    password::{NewPassword, UnusablePassword},
    proof::{self, Continuation, owned},
    record, session,
    session::Issued,
};
use crate::store::{
    session::Session,
    user::{self as store, NewUser, User},
};

/// A sign-up that can be carried out.
#[derive(Debug)]
pub struct SignUp {
    email: EmailAddress,
    password: NewPassword,
    data: Value,
}

/// What a sign-up led to.
#[derive(Debug)]
pub enum SignedUp {
    /// Without confirmation by mail: a session.
    In(Box<Issued>),
    /// A mail was sent. The user is the new one, or one that does not exist when the address had an account before.
    Waiting(Box<User>),
}

/// Why an account was not created.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The address is not one.
    #[error("not an e-mail address")]
    InvalidEmail,
    /// The password may not be used.
    #[error(transparent)]
    UnusablePassword(#[from] UnusablePassword),
    /// The metadata.
    #[error(transparent)]
    InvalidMetadata(#[from] InvalidMetadata),
    /// The address has an account. Without confirmation mails this cannot be hidden: the answer would be a session.
    #[error("the address has an account")]
    UserExists,
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<diesel::result::Error> for SignUpError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl SignUp {
    /// Checks what was sent.
    ///
    /// # Errors
    /// [`SignUpError`] names the first rule that is broken.
    pub fn new(email: &str, password: &str, data: Map<String, Value>, min_length: usize) -> Result<Self, SignUpError> {
        let password = NewPassword::parse(password, min_length);
        if let Err(error @ (UnusablePassword::Missing | UnusablePassword::TooLong)) = password {
            return Err(error.into());
        }
        let email = EmailAddress::parse(email).map_err(|_| SignUpError::InvalidEmail)?;
        Ok(Self { email, password: password?, data: metadata::merge(&json!({}), data, metadata::OURS_OF_USERS)? })
    }
}

enum Made {
    In(User, Session),
    Waiting(User),
}

/// Creates the account; with confirmation by mail it waits for that, without it a first session begins. The trigger on
/// `auth.users` provisions profile and workspace.
///
/// # Errors
/// [`SignUpError`].
pub async fn sign_up(
    kit: &Kit,
    provider: &Provider,
    request: SignUp,
    go_on: &Continuation,
    origin: &Origin,
) -> Result<SignedUp, SignUpError> {
    let SignUp { email, password, data } = request;
    let hash = provider.passwords.hash::<SignUpError>(password).await?;
    let (id, now) = (Uuid::now_v7(), provider.clock.now());
    let confirmed = !provider.config.email_confirmation;
    let mut user_metadata = owned(data, id, &email);
    if let (true, Some(members)) = (confirmed, user_metadata.as_object_mut()) {
        members.insert("email_verified".into(), json!(true));
    }
    let new = NewUser { id, email: email.as_str(), password_hash: Some(&hash), confirmed, user_metadata };
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    let made = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let inserted = store::insert(connection, &new, now).await?;
            if !confirmed {
                return wait(connection, provider, &new, inserted, go_on, origin, now).await.map(Made::Waiting);
            }
            inserted.ok_or(SignUpError::UserExists)?;
            let user = store::signed_in(connection, id, now).await?.ok_or(SignUpError::UserExists)?;
            let session = session::begin(connection, id, "password", origin, now).await?;
            record(connection, Some(id), "user.sign_up", "done", json!({"session": session.id}), origin, now).await?;
            Ok::<_, SignUpError>(Made::In(user, session))
        })
        .await?;
    drop(connection);
    Ok(match made {
        Made::In(user, session) => SignedUp::In(Box::new(session::issue(provider, user, &session, now).await?)),
        Made::Waiting(user) => SignedUp::Waiting(Box::new(user)),
    })
}

/// Writes the mail that the account waits for. An address that has an account gets a mail that says so, and the answer is
/// that of a new account.
async fn wait(
    connection: &mut AsyncPgConnection,
    provider: &Provider,
    new: &NewUser<'_>,
    inserted: Option<User>,
    go_on: &Continuation,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<User, SignUpError> {
    let user = match inserted {
        Some(user) => Some(user),
        None => match store::find_by_email(connection, new.email).await? {
            // Nobody showed that the address is theirs: the last one who asked is as good as the first.
            Some(user) if user.email_confirmed_at.is_none() && !user.is_banned(now) => {
                let mut user_metadata = new.user_metadata.clone();
                if let Some(members) = user_metadata.as_object_mut() {
                    members.insert("sub".into(), json!(user.id));
                }
                store::sign_up_again(connection, user.id, new.password_hash.unwrap_or_default(), &user_metadata, now).await?
            }
            Some(_) => {
                let says = "Somebody tried to sign up with your address, which has an account. Sign in, or set a new password.";
                proof::notify(connection, Some(new.email), "You have an account", says, proof::IGNORE, now).await?;
                None
            }
            None => None,
        },
    };
    let Some(user) = user else {
        record(connection, None, "user.sign_up", "refused", json!({"reason": "user_exists"}), origin, now).await?;
        return Ok(User::nobody(new, now));
    };
    record(connection, Some(user.id), "user.sign_up", "done", json!({"waits": "confirmation"}), origin, now).await?;
    Ok(proof::send(connection, provider, &user, Purpose::Confirmation, go_on, now).await?.unwrap_or(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(email: &str, password: &str, data: &Value) -> Result<SignUp, SignUpError> {
        SignUp::new(email, password, data.as_object().unwrap().clone(), 8)
    }

    #[test]
    fn the_first_rule_that_is_broken_is_named() {
        assert!(matches!(check("nobody", "", &json!({})), Err(SignUpError::UnusablePassword(UnusablePassword::Missing))));
        assert!(matches!(check("nobody", "short", &json!({})), Err(SignUpError::InvalidEmail)));
        assert!(matches!(check("a@b.c", "short", &json!({})), Err(SignUpError::UnusablePassword(UnusablePassword::TooShort(8)))));
        assert!(matches!(check("a@b.c", "long enough", &json!({"a": "\0"})), Err(SignUpError::InvalidMetadata(_))));
        assert!(check("a@b.c", "long enough", &json!({"name": "Ann"})).is_ok());
    }
}
