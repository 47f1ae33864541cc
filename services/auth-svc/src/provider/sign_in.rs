//! Signing in with address and password.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use secrecy::SecretString;
use serde_json::json;
use service_kit::Kit;

use super::{EmailAddress, Fault, Origin, Provider, password, record, session, session::Issued};
use crate::store::user as store;

/// Why a sign-in failed. Whether the address has an account shows in neither answer nor time.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown address or wrong password: one answer for both.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// The right password of an account that is banned.
    #[error("the user is banned")]
    Banned,
    /// The right password of an account whose address was never confirmed.
    #[error("the address is not confirmed")]
    EmailNotConfirmed,
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<diesel::result::Error> for SignInError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Begins a session.
///
/// # Errors
/// [`SignInError`].
pub async fn sign_in(kit: &Kit, provider: &Provider, email: &str, password: &str, origin: &Origin) -> Result<Issued, SignInError> {
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    let found = match EmailAddress::parse(email) {
        Ok(email) => store::find_by_email(&mut connection, email.as_str()).await?,
        Err(_) => None,
    };
    // Hashing takes tens of milliseconds: the connection serves others meanwhile.
    drop(connection);
    let stored = found.as_ref().and_then(|user| user.password_hash.clone());
    let fits = password.len() <= password::MAX_BYTES;
    let verified = provider.passwords.verify(SecretString::from(if fits { password } else { "" }), stored).await? && fits;
    let now = provider.clock.now();
    let refusal = match &found {
        Some(user) if verified && user.is_banned(now) => Some((SignInError::Banned, "banned")),
        Some(user) if verified && user.email_confirmed_at.is_none() => Some((SignInError::EmailNotConfirmed, "email_not_confirmed")),
        Some(_) if verified => None,
        _ => Some((SignInError::InvalidCredentials, "invalid_credentials")),
    };
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    match (found, refusal) {
        (Some(user), None) => {
            let (user, session) = (*connection)
                .transaction(async |connection: &mut AsyncPgConnection| {
                    let user = store::signed_in(connection, user.id, now).await?.ok_or(SignInError::InvalidCredentials)?;
                    let session = session::begin(connection, user.id, "password", origin, now).await?;
                    session::record(connection, &user, &session, "password", origin, now).await?;
                    Ok::<_, SignInError>((user, session))
                })
                .await?;
            drop(connection);
            Ok(session::issue(provider, user, &session, now).await?)
        }
        (found, refusal) => {
            let (error, reason) = refusal.unwrap_or((SignInError::InvalidCredentials, "invalid_credentials"));
            let user = found.map(|user| user.id);
            record(&mut connection, user, "user.sign_in", "refused", json!({"reason": reason}), origin, now).await?;
            Err(error)
        }
    }
}
