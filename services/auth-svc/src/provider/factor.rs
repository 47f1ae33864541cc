//! Second factors: enrolling one, and raising a session with it.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::{Value, json};
use service_kit::{Kit, vault::VaultError};
use uuid::Uuid;

use super::{
    Fault, Origin, Provider, proof, random, record,
    session::{self, Issued},
    totp::{self, Enrolment},
};
use crate::store::{
    factor::{self as store, Factor},
    session::{self as sessions, Session},
    user::{self as users, User},
};

/// Factors of a user.
const MOST: usize = 10;
/// Who begins to enrol and does not finish is not held to it.
const UNFINISHED_FOR: TimeDelta = TimeDelta::minutes(5);
const CHALLENGE_LIFE: TimeDelta = TimeDelta::minutes(5);
/// A longer name is none.
const NAME_MAX_CHARS: usize = 100;

/// Who acts, by their access token.
#[derive(Debug, Clone, Copy)]
pub struct Holder {
    /// The user.
    pub user: Uuid,
    /// The session.
    pub session: Uuid,
}

/// Why a factor was not touched.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The account is gone.
    #[error("no such user")]
    UserNotFound,
    /// The session is over.
    #[error("no such session")]
    SessionNotFound,
    /// The account has a second factor and the session did not show it.
    #[error("the session has one factor only")]
    InsufficientAal,
    /// The factor to be removed counts and the session did not show it.
    #[error("a factor that counts is removed with its code only")]
    Protected,
    /// Another factor has the name.
    #[error("another factor has this name")]
    NameConflict,
    /// The name is too long.
    #[error("the name is too long")]
    NameTooLong,
    /// There are too many.
    #[error("too many factors")]
    TooMany,
    /// The user has no such factor.
    #[error("no such factor")]
    NotFound,
    /// The factor has no such challenge.
    #[error("no such challenge")]
    ChallengeNotFound,
    /// The code comes too late.
    #[error("the challenge has expired")]
    ChallengeExpired,
    /// The code is wrong, or was used.
    #[error("the code is wrong")]
    WrongCode,
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<VaultError> for FactorError {
    fn from(error: VaultError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<DieselError> for FactorError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::NameConflict,
            error => Self::Fault(error.into()),
        }
    }
}

/// A factor that waits for its first code.
#[derive(Debug)]
pub struct Enrolled {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub friendly_name: String,
    /// What the app needs.
    pub enrolment: Enrolment,
}

/// Begins a factor. It counts once a code of it was given.
///
/// # Errors
/// [`FactorError`].
pub async fn enrol(
    kit: &Kit,
    provider: &Provider,
    holder: Holder,
    friendly_name: &str,
    issuer: &str,
    origin: &Origin,
) -> Result<Enrolled, FactorError> {
    let friendly_name = friendly_name.trim().to_owned();
    if friendly_name.chars().count() > NAME_MAX_CHARS || friendly_name.contains('\0') {
        return Err(FactorError::NameTooLong);
    }
    let now = provider.clock.now();
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let (user, session) = hold(connection, holder).await?;
            store::delete_unverified(connection, user.id, now - UNFINISHED_FOR).await?;
            let present = store::of_user(connection, user.id).await?;
            if present.iter().any(|factor| factor.verified) && session.aal != "aal2" {
                return Err(FactorError::InsufficientAal);
            }
            if present.len() >= MOST {
                return Err(FactorError::TooMany);
            }
            let (id, secret) = (Uuid::now_v7(), totp::new_secret()?);
            let factor = Factor {
                id,
                user_id: user.id,
                friendly_name,
                verified: false,
                secret: provider.factors.close(&id.to_string(), &secret)?,
                last_step: 0,
                last_challenged_at: None,
                created_at: now,
                updated_at: now,
            };
            store::insert(connection, &factor).await?;
            record(connection, Some(user.id), "factor.enrol", "done", json!({"factor": id}), origin, now).await?;
            let enrolment = totp::enrolment(&secret, issuer, user.email.as_deref().unwrap_or("account"))?;
            Ok(Enrolled { id, friendly_name: factor.friendly_name, enrolment })
        })
        .await
}

/// Asks for a code of the factor; returns the challenge and when it ends.
///
/// # Errors
/// [`FactorError`].
pub async fn challenge(kit: &Kit, provider: &Provider, holder: Holder, factor: Uuid) -> Result<(Uuid, DateTime<Utc>), FactorError> {
    let now = provider.clock.now();
    let (id, expires_at) = (Uuid::now_v7(), now + CHALLENGE_LIFE);
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            hold(connection, holder).await?;
            let factor = store::lock(connection, holder.user, factor).await?.ok_or(FactorError::NotFound)?;
            store::challenge(connection, id, factor.id, now, expires_at).await?;
            Ok((id, expires_at))
        })
        .await
}

/// Takes the code: the factor counts from now on, the session is raised to `aal2` and gets tokens that say so. Other
/// sessions that showed one factor only end.
///
/// # Errors
/// [`FactorError`].
pub async fn verify(
    kit: &Kit,
    provider: &Provider,
    holder: Holder,
    factor: Uuid,
    challenge: Uuid,
    code: &str,
    origin: &Origin,
) -> Result<Issued, FactorError> {
    let now = provider.clock.now();
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    // The refusal of a wrong code is written to the audit log, so that it is a value of the transaction, not its error.
    let outcome = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let (user, mut session) = hold(connection, holder).await?;
            let factor = store::lock(connection, user.id, factor).await?.ok_or(FactorError::NotFound)?;
            let expiry = store::challenge_expiry(connection, challenge, factor.id).await?.ok_or(FactorError::ChallengeNotFound)?;
            if expiry <= now {
                return Err(FactorError::ChallengeExpired);
            }
            let secret = provider.factors.open(&factor.id.to_string(), &factor.secret)?;
            let Some(step) = totp::accept(&secret, code.trim(), factor.last_step, now)? else {
                record(connection, Some(user.id), "factor.verify", "refused", json!({"factor": factor.id}), origin, now).await?;
                return Ok(Err(FactorError::WrongCode));
            };
            store::accepted(connection, factor.id, step, now).await?;
            store::end_challenge(connection, challenge).await?;
            store::delete_unverified(connection, user.id, now).await?;
            raise(&mut session, now)?;
            sessions::raised(connection, &session).await?;
            let ended = sessions::delete_other_single_factor(connection, user.id, session.id).await?;
            let detail = json!({"factor": factor.id, "session": session.id, "ended": ended});
            record(connection, Some(user.id), "factor.verify", "done", detail, origin, now).await?;
            if !factor.verified {
                let says = "Signing in asks for a code of your authenticator app from now on.";
                proof::notify(connection, user.email.as_deref(), "A second factor was added", says, proof::ALARM, now).await?;
            }
            let user = users::find(connection, user.id).await?.ok_or(FactorError::UserNotFound)?;
            Ok(Ok((user, session)))
        })
        .await?;
    drop(connection);
    let (user, session) = outcome?;
    Ok(session::issue(provider, user, &session, now).await?)
}

/// A new key: no token of before, which one factor was enough for, leads to the raised session.
fn raise(session: &mut Session, now: DateTime<Utc>) -> Result<(), Fault> {
    let shown = json!({"method": "totp", "timestamp": now.timestamp()});
    let earlier = session.amr.as_array().into_iter().flatten().filter(|proof| proof.get("method") != Some(&json!("totp")));
    session.amr = Value::Array(std::iter::once(shown).chain(earlier.cloned()).collect());
    "aal2".clone_into(&mut session.aal);
    session.refresh_token_hmac_key = random::<32>()?.to_vec();
    session.refresh_token_counter += 1;
    session.refreshed_at = Some(now);
    Ok(())
}

/// Takes a factor away. Without any, no session claims one.
///
/// # Errors
/// [`FactorError`].
pub async fn unenrol(kit: &Kit, provider: &Provider, holder: Holder, factor: Uuid, origin: &Origin) -> Result<(), FactorError> {
    let now = provider.clock.now();
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let (user, session) = hold(connection, holder).await?;
            let factor = store::lock(connection, user.id, factor).await?.ok_or(FactorError::NotFound)?;
            if factor.verified && session.aal != "aal2" {
                return Err(FactorError::Protected);
            }
            store::delete(connection, factor.id).await?;
            if !store::is_protected(connection, user.id).await? {
                sessions::lower(connection, user.id).await?;
            }
            record(connection, Some(user.id), "factor.unenrol", "done", json!({"factor": factor.id}), origin, now).await?;
            if factor.verified {
                let says = "Signing in asks for no code of that authenticator app any more.";
                proof::notify(connection, user.email.as_deref(), "A second factor was removed", says, proof::ALARM, now).await?;
            }
            Ok(())
        })
        .await
}

async fn hold(connection: &mut AsyncPgConnection, holder: Holder) -> Result<(User, Session), FactorError> {
    let user = users::lock(connection, holder.user).await?.ok_or(FactorError::UserNotFound)?;
    let session = sessions::lock(connection, holder.session).await?.filter(|session| session.user_id == user.id);
    let session = session.ok_or(FactorError::SessionNotFound)?;
    Ok((user, session))
}
