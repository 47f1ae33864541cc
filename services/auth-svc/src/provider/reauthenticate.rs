//! A code by mail that shows that it is still the same person who holds the session.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::UserId;
use serde_json::json;
use service_kit::Kit;
use uuid::Uuid;

use super::{
    Fault, Origin, Provider,
    one_time::{self, Purpose},
    proof::{self, Continuation},
    record,
};
use crate::store::{one_time_token as tokens, session as sessions, user as users};

/// Why no code was sent.
#[derive(Debug, thiserror::Error)]
pub enum ReauthenticateError {
    /// The account is gone.
    #[error("no such user")]
    UserNotFound,
    /// The session is over.
    #[error("no such session")]
    SessionNotFound,
    /// There is no address to send it to.
    #[error("the account has no confirmed address")]
    NoAddress,
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<diesel::result::Error> for ReauthenticateError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Mails the user a code.
///
/// # Errors
/// [`ReauthenticateError`].
pub async fn reauthenticate(
    kit: &Kit,
    provider: &Provider,
    user: UserId,
    session: Uuid,
    origin: &Origin,
) -> Result<(), ReauthenticateError> {
    let now = provider.clock.now();
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let user = users::lock(connection, user.as_uuid()).await?.ok_or(ReauthenticateError::UserNotFound)?;
            if !sessions::exists(connection, session, user.id).await? {
                return Err(ReauthenticateError::SessionNotFound);
            }
            if user.email.is_none() || user.email_confirmed_at.is_none() {
                return Err(ReauthenticateError::NoAddress);
            }
            proof::send(connection, provider, &user, Purpose::Reauthentication, &Continuation::default(), now).await?;
            record(connection, Some(user.id), "user.reauthentication_requested", "done", json!({}), origin, now).await?;
            Ok(())
        })
        .await
}

/// Whether the code is the one that was mailed. A right one is used up, a wrong one is counted.
pub(super) async fn redeem(connection: &mut AsyncPgConnection, provider: &Provider, user: Uuid, code: &str) -> Result<bool, Fault> {
    let Some(token) = tokens::lock_of_user(connection, user, Purpose::Reauthentication.as_str()).await? else { return Ok(false) };
    if token.code_expires_at <= provider.clock.now() {
        return Ok(false);
    }
    if one_time::is_code_of(&token, code) {
        tokens::delete(connection, token.id).await?;
        return Ok(true);
    }
    tokens::wrong_code(connection, token.id, one_time::MOST_WRONG_CODES).await?;
    Ok(false)
}
