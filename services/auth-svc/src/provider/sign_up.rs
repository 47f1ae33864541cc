//! Creating an account with an address and a password.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::UserId;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use service_kit::{Kit, audit};
use uuid::Uuid;

use super::{EmailAddress, Fault, Origin, Provider, password, session, session::Issued};
use crate::store::user::{self as store, NewUser};

/// User metadata travels in every access token, and a header has a limit.
const METADATA_MAX_BYTES: usize = 4096;
/// PostgreSQL parses JSON recursively; nobody needs more.
const METADATA_MAX_DEPTH: usize = 16;

/// A sign-up that can be carried out.
#[derive(Debug)]
pub struct SignUp {
    email: EmailAddress,
    password: SecretString,
    data: Map<String, Value>,
}

/// Why an account was not created.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The address is not one.
    #[error("not an e-mail address")]
    InvalidEmail,
    /// No password.
    #[error("no password")]
    PasswordMissing,
    /// A password that is longer than anybody types.
    #[error("the password is too long")]
    PasswordTooLong,
    /// A password that is too short; the least number of characters.
    #[error("the password has fewer than {0} characters")]
    PasswordTooShort(usize),
    /// Metadata that is too large, too deep or has a NUL character, which PostgreSQL cannot store.
    #[error("the metadata cannot be stored")]
    InvalidMetadata,
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
        if password.is_empty() {
            return Err(SignUpError::PasswordMissing);
        }
        if password.len() > password::MAX_BYTES {
            return Err(SignUpError::PasswordTooLong);
        }
        let email = EmailAddress::parse(email).map_err(|_| SignUpError::InvalidEmail)?;
        if password.chars().count() < min_length {
            return Err(SignUpError::PasswordTooShort(min_length));
        }
        let data = Value::Object(data);
        let storable = is_storable(&data, METADATA_MAX_DEPTH) && data.to_string().len() <= METADATA_MAX_BYTES;
        match data {
            Value::Object(data) if storable => Ok(Self { email, password: SecretString::from(password), data }),
            _ => Err(SignUpError::InvalidMetadata),
        }
    }
}

fn is_storable(value: &Value, depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else { return false };
    match value {
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => items.iter().all(|item| is_storable(item, below)),
        Value::Object(members) => members.iter().all(|(name, item)| !name.contains('\0') && is_storable(item, below)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Creates the account with its first session. The trigger on `auth.users` provisions profile and workspace.
///
/// # Errors
/// [`SignUpError`].
pub async fn sign_up(kit: &Kit, provider: &Provider, request: SignUp, origin: &Origin) -> Result<Issued, SignUpError> {
    let SignUp { email, password, data } = request;
    let hash = provider.passwords.hash(password).await?;
    let (id, now) = (Uuid::now_v7(), provider.clock.now());
    let mut metadata = data;
    metadata.insert("sub".into(), json!(id));
    metadata.insert("email".into(), json!(email.as_str()));
    metadata.insert("email_verified".into(), json!(true));
    metadata.insert("phone_verified".into(), json!(false));
    let new = NewUser { id, email: email.as_str(), password_hash: &hash, user_metadata: Value::Object(metadata) };
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    let (user, session) = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let user = store::insert(connection, &new, now).await?.ok_or(SignUpError::UserExists)?;
            let session = session::begin(connection, id, origin, now).await?;
            let resource = format!("user/{id}");
            let entry = audit::Entry {
                workspace: None,
                actor: Some(UserId::from_uuid(id)),
                action: "user.sign_up",
                resource: &resource,
                outcome: "done",
                request_id: origin.request_id.as_deref(),
                detail: json!({"session": session.id}),
            };
            audit::record(connection, now, &entry).await?;
            Ok::<_, SignUpError>((user, session))
        })
        .await?;
    drop(connection);
    Ok(session::issue(provider, user, &session, now).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(email: &str, password: &str, data: &Value) -> Result<SignUp, SignUpError> {
        SignUp::new(email, password, data.as_object().unwrap().clone(), 8)
    }

    #[test]
    fn the_shortest_password_counts_characters_not_bytes() {
        assert!(matches!(check("a@b.c", "äöüäöüä", &json!({})), Err(SignUpError::PasswordTooShort(8))));
        assert!(check("a@b.c", "äöüäöüäö", &json!({})).is_ok());
        assert!(matches!(check("a@b.c", &"x".repeat(1025), &json!({})), Err(SignUpError::PasswordTooLong)));
        assert!(matches!(check("a@b.c", "", &json!({})), Err(SignUpError::PasswordMissing)));
    }

    #[test]
    fn metadata_that_postgresql_or_a_header_cannot_hold_is_refused() {
        let deep = (0..40).fold(json!(1), |inner, _| json!({ "a": inner }));
        for data in [json!({"name": "a\0b"}), json!({"a\0": 1}), json!({"list": ["\0"]}), json!({"bio": "x".repeat(5000)}), deep] {
            assert!(matches!(check("a@b.c", "long enough", &data), Err(SignUpError::InvalidMetadata)), "{data}");
        }
        assert!(check("a@b.c", "long enough", &json!({"name": "Ann"})).is_ok());
    }
}
