//! Sessions: beginning one, and what is handed to the client.

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use serde_json::json;
use uuid::Uuid;

use super::{Fault, Origin, Provider, access_token, access_token::AccessToken, random, refresh_token};
use crate::store::{
    session::{self as store, Session},
    user::User,
};

/// What a client gets to hold.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Proves who asks, for an hour.
    pub access: AccessToken,
    /// Gets the next pair.
    pub refresh_token: String,
    /// The user.
    pub user: User,
    /// The session.
    pub session: Uuid,
}

/// Stores a new session of a user who brought the proof, named as in `amr`: `password`, `otp` …
pub(super) async fn begin(
    connection: &mut AsyncPgConnection,
    user: Uuid,
    proof: &str,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<Session, Fault> {
    let session = Session {
        id: Uuid::now_v7(),
        user_id: user,
        created_at: now,
        refreshed_at: None,
        not_after: None,
        aal: "aal1".to_owned(),
        amr: json!([{"method": proof, "timestamp": now.timestamp()}]),
        refresh_token_hmac_key: random::<32>()?.to_vec(),
        refresh_token_counter: 0,
    };
    store::insert(connection, &session, origin).await?;
    Ok(session)
}

/// Notes in the audit log that the session began.
pub(super) async fn record(
    connection: &mut AsyncPgConnection,
    user: &User,
    session: &Session,
    proof: &str,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let detail = json!({"session": session.id, "proof": proof});
    Ok(super::record(connection, Some(user.id), "user.sign_in", "done", detail, origin, now).await?)
}

/// The tokens of the session as it stands.
pub(super) async fn issue(provider: &Provider, user: User, session: &Session, now: DateTime<Utc>) -> Result<Issued, Fault> {
    let keys = provider.keys.current().await?;
    let access = access_token::sign(provider, &keys.active, &user, session, now)?;
    let counter = u64::try_from(session.refresh_token_counter).unwrap_or_default();
    let refresh_token = refresh_token::issue(session.id, counter, &session.refresh_token_hmac_key);
    Ok(Issued { access, refresh_token, user, session: session.id })
}
