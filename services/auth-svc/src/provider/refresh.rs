//! Getting the next pair of tokens of a session.

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::UserId;
use serde_json::json;
use service_kit::{Kit, audit};

use super::{
    Fault, Origin, Provider,
    refresh_token::{RefreshToken, Verdict, judge},
    session,
    session::Issued,
};
use crate::store::{
    session::{self as sessions, Session},
    user::{self as users, User},
};

/// Why a session was not refreshed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Not a refresh token at all.
    #[error("not a refresh token")]
    Malformed,
    /// Not signed by us, or with a place that was never given out.
    #[error("not issued by this server")]
    Foreign,
    /// The session is over.
    #[error("the session is over")]
    NotFound,
    /// An old token: the session ended now.
    #[error("the token was used before")]
    Reused,
    /// The session came to its end in time.
    #[error("the session has expired")]
    Expired,
    /// The user is banned.
    #[error("the user is banned")]
    Banned,
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<diesel::result::Error> for RefreshError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// A refreshed session, and whether it moved on or was handed out again.
#[derive(Debug)]
pub struct Refreshed {
    /// The tokens.
    pub issued: Issued,
    /// False when the newest refresh token was repeated.
    pub rotated: bool,
}

type Outcome = Result<(User, Session, bool), RefreshError>;

/// Judges the token and hands out the session's next, or present, pair. Parallel refreshes of one session queue at its
/// row, so that exactly one moves it on.
///
/// # Errors
/// [`RefreshError`].
pub async fn refresh(kit: &Kit, provider: &Provider, token: &str, origin: &Origin) -> Result<Refreshed, RefreshError> {
    let token = RefreshToken::parse(token).ok_or(RefreshError::Malformed)?;
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    // A refusal that ends the session must be committed, so it is a value of the transaction, not its error.
    let outcome: Outcome =
        (*connection).transaction(async |connection: &mut AsyncPgConnection| decide(connection, provider, &token, origin).await).await?;
    drop(connection);
    let (user, session, rotated) = outcome?;
    Ok(Refreshed { issued: session::issue(provider, user, &session, provider.clock.now()).await?, rotated })
}

async fn decide(
    connection: &mut AsyncPgConnection,
    provider: &Provider,
    token: &RefreshToken,
    origin: &Origin,
) -> Result<Outcome, diesel::result::Error> {
    let now = provider.clock.now();
    let Some(mut session) = sessions::lock(connection, token.session).await? else { return Ok(Err(RefreshError::NotFound)) };
    if !token.is_signed_with(&session.refresh_token_hmac_key) {
        return Ok(Err(RefreshError::Foreign));
    }
    let Some(user) = users::find(connection, session.user_id).await? else { return Ok(Err(RefreshError::NotFound)) };
    if user.is_banned(now) {
        return Ok(Err(RefreshError::Banned));
    }
    if session.not_after.is_some_and(|end| end <= now) {
        sessions::delete(connection, session.id).await?;
        return Ok(Err(RefreshError::Expired));
    }
    let newest = u64::try_from(session.refresh_token_counter).unwrap_or_default();
    let reuse_interval = TimeDelta::seconds(i64::from(provider.config.refresh_reuse_interval_s));
    match judge(token.counter, newest, session.refreshed_at.unwrap_or(session.created_at), now, reuse_interval) {
        Verdict::Rotate => {
            session.refresh_token_counter += 1;
            session.refreshed_at = Some(now);
            sessions::moved_on(connection, &session, origin).await?;
            Ok(Ok((user, session, true)))
        }
        Verdict::Repeat => Ok(Ok((user, session, false))),
        Verdict::Foreign => Ok(Err(RefreshError::Foreign)),
        Verdict::Reused => {
            sessions::delete(connection, session.id).await?;
            let resource = format!("session/{}", session.id);
            let entry = audit::Entry {
                workspace: None,
                actor: Some(UserId::from_uuid(user.id)),
                action: "session.revoke",
                resource: &resource,
                outcome: "done",
                request_id: origin.request_id.as_deref(),
                detail: json!({"reason": "refresh_token_reused", "presented": token.counter, "newest": newest}),
            };
            audit::record(connection, now, &entry).await?;
            Ok(Err(RefreshError::Reused))
        }
    }
}
