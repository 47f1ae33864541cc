//! Ending sessions.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::UserId;
use serde_json::json;
use service_kit::{Kit, audit, db::DbError};
use uuid::Uuid;

use super::{Fault, Origin, Provider, record};
use crate::store::session as store;

/// Which sessions of the user end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All.
    Global,
    /// The one that asks.
    Local,
    /// All but the one that asks.
    Others,
}

impl Scope {
    /// Reads the query parameter; all sessions when there is none.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None | Some("" | "global") => Some(Self::Global),
            Some("local") => Some(Self::Local),
            Some("others") => Some(Self::Others),
            Some(_) => None,
        }
    }

    /// The parameter's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Local => "local",
            Self::Others => "others",
        }
    }
}

/// Why no session ended.
#[derive(Debug, thiserror::Error)]
pub enum SignOutError {
    /// The session that asks is over already.
    #[error("the session is over")]
    SessionNotFound,
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<diesel::result::Error> for SignOutError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Ends sessions of the user. Their refresh tokens are dead at once; access tokens until they expire.
///
/// # Errors
/// [`SignOutError`].
pub async fn sign_out(
    kit: &Kit,
    provider: &Provider,
    user: UserId,
    session: Uuid,
    scope: Scope,
    origin: &Origin,
) -> Result<(), SignOutError> {
    let now = provider.clock.now();
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            if !store::exists(connection, session, user.as_uuid()).await? {
                return Err(SignOutError::SessionNotFound);
            }
            let ended = match scope {
                Scope::Global => store::delete_all(connection, user.as_uuid()).await?,
                Scope::Local => store::delete(connection, session).await?,
                Scope::Others => store::delete_others(connection, user.as_uuid(), session).await?,
            };
            let resource = format!("session/{session}");
            let entry = audit::Entry {
                workspace: None,
                actor: Some(user),
                action: "user.sign_out",
                resource: &resource,
                outcome: "done",
                request_id: origin.request_id.as_deref(),
                detail: json!({"scope": scope.as_str(), "ended": ended}),
            };
            audit::record(connection, now, &entry).await?;
            Ok(())
        })
        .await
}

/// Ends one session of the user; whether there was such a one.
///
/// # Errors
/// [`DbError`].
pub async fn end_one(kit: &Kit, user: UserId, session: Uuid, origin: &Origin) -> Result<bool, DbError> {
    let now = kit.clock.now();
    let mut connection = kit.db.get().await?;
    let ended = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            if !store::exists(connection, session, user.as_uuid()).await? {
                return Ok(false);
            }
            store::delete(connection, session).await?;
            record(connection, Some(user.as_uuid()), "session.revoke", "done", json!({"session": session}), origin, now).await?;
            Ok::<_, diesel::result::Error>(true)
        })
        .await?;
    Ok(ended)
}
