//! Bringing a proof that was mailed: what it was for happens, and a session begins.

use chrono::{DateTime, Utc};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde_json::json;
use service_kit::Kit;

use super::{
    EmailAddress, Fault, Origin, Provider,
    one_time::{self, Purpose},
    pkce,
    proof::{self, PROOF},
    record, session,
    session::Issued,
};
use crate::store::{
    one_time_token::{self as tokens, OneTimeToken},
    profile,
    session::Session,
    user::{self as users, User},
};

/// What a person brings.
#[derive(Debug, Clone)]
pub enum Proof {
    /// The token of the mail's link.
    Link(String),
    /// The code of a mail to the address.
    Code {
        /// Where the mail went.
        email: EmailAddress,
        /// Six digits.
        code: String,
    },
}

/// Whether a client waits elsewhere for the sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// Whoever brings the proof gets the session.
    Here,
    /// A sign-in with a challenge ends in the client that began it.
    ToTheWaitingClient,
}

/// What the proof led to.
#[derive(Debug)]
pub enum Verified {
    /// A session.
    SignedIn(Box<Issued>),
    /// A code that the waiting client exchanges.
    Code(String),
    /// One address agreed to a change; the other one has to as well.
    HalfOfTheChange,
}

/// Why a proof led to nothing.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Unknown, used, wrong or too old: one answer for all.
    #[error("the proof is invalid or has expired")]
    Expired,
    /// The user is banned.
    #[error("the user is banned")]
    Banned,
    /// Somebody else has the new address by now.
    #[error("the new address is taken")]
    EmailExists,
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<DieselError> for VerifyError {
    fn from(error: DieselError) -> Self {
        match error {
            DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => Self::EmailExists,
            error => Self::Fault(error.into()),
        }
    }
}

enum Step {
    SignedIn(Box<(User, Session)>),
    Code(String),
    Half,
}

/// Redeems a proof of one of the purposes.
///
/// # Errors
/// [`VerifyError`].
pub async fn verify(
    kit: &Kit,
    provider: &Provider,
    purposes: &[&str],
    brought: &Proof,
    handover: Handover,
    origin: &Origin,
) -> Result<Verified, VerifyError> {
    let now = provider.clock.now();
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    // A wrong code is counted, so that its refusal must be committed: it is a value of the transaction, not its error.
    let step = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(token) = find(connection, purposes, brought, now).await? else { return Ok(None) };
            redeem(connection, &token, handover, origin, now).await.map(Some)
        })
        .await?;
    drop(connection);
    match step.ok_or(VerifyError::Expired)? {
        Step::SignedIn(held) => {
            let (user, session) = *held;
            Ok(Verified::SignedIn(Box::new(session::issue(provider, user, &session, now).await?)))
        }
        Step::Code(code) => Ok(Verified::Code(code)),
        Step::Half => Ok(Verified::HalfOfTheChange),
    }
}

async fn find(
    connection: &mut AsyncPgConnection,
    purposes: &[&str],
    brought: &Proof,
    now: DateTime<Utc>,
) -> Result<Option<OneTimeToken>, VerifyError> {
    match brought {
        Proof::Link(link) => {
            let token = tokens::lock_by_link(connection, &one_time::link_hash(link), purposes).await?;
            Ok(token.filter(|token| token.link_expires_at > now))
        }
        Proof::Code { email, code } => {
            let open = tokens::lock_by_address(connection, email.as_str(), purposes).await?;
            let open: Vec<_> = open.into_iter().filter(|token| token.code_expires_at > now).collect();
            if let Some(fitting) = open.iter().find(|token| one_time::is_code_of(token, code)) {
                return Ok(Some(fitting.clone()));
            }
            for token in open {
                tokens::wrong_code(connection, token.id, one_time::MOST_WRONG_CODES).await?;
            }
            Ok(None)
        }
    }
}

async fn redeem(
    connection: &mut AsyncPgConnection,
    token: &OneTimeToken,
    handover: Handover,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<Step, VerifyError> {
    let user = users::find(connection, token.user_id).await?.ok_or(VerifyError::Expired)?;
    if user.is_banned(now) {
        return Err(VerifyError::Banned);
    }
    let user = match Purpose::parse(&token.purpose) {
        Some(Purpose::EmailChangeCurrent | Purpose::EmailChangeNew) => {
            tokens::delete(connection, token.id).await?;
            if users::first_half_of_email_change(connection, user.id).await? {
                return Ok(Step::Half);
            }
            change_email(connection, &user, origin, now).await?
        }
        Some(purpose @ (Purpose::Confirmation | Purpose::Invite | Purpose::Recovery | Purpose::MagicLink)) => {
            // Whoever reads the mail owns the address: that it was for something else confirms it no less. The mail of a sign-up
            // speaks of an account with a password; whoever brings another one may know nothing of the sign-up.
            let keep_password = purpose == Purpose::Confirmation;
            let confirmed = users::confirm(connection, user.id, keep_password, now).await?.ok_or(VerifyError::Expired)?;
            record(connection, Some(user.id), "user.verify", "done", json!({"purpose": token.purpose}), origin, now).await?;
            confirmed
        }
        Some(Purpose::Reauthentication) | None => return Err(VerifyError::Expired),
    };
    // One proof is enough: the other mails of the user open nothing any more.
    tokens::delete_all(connection, user.id).await?;
    if let (Some(flow), Handover::ToTheWaitingClient) = (token.flow_id, handover) {
        return pkce::prove(connection, flow, now).await?.map(Step::Code).ok_or(VerifyError::Expired);
    }
    let session = session::begin(connection, user.id, PROOF, origin, now).await?;
    session::record(connection, &user, &session, PROOF, origin, now).await?;
    Ok(Step::SignedIn(Box::new((user, session))))
}

async fn change_email(connection: &mut AsyncPgConnection, user: &User, origin: &Origin, now: DateTime<Utc>) -> Result<User, VerifyError> {
    let email = user.new_email.as_deref().ok_or(VerifyError::Expired)?;
    let changed = users::change_email(connection, user.id, email, now).await?.ok_or(VerifyError::Expired)?;
    profile::set_email(connection, user.id, email).await?;
    record(connection, Some(user.id), "user.email_changed", "done", json!({}), origin, now).await?;
    let says = "Your account has another address now. This one signs in no more.";
    proof::notify(connection, user.email.as_deref(), "Your address was changed", says, proof::ALARM, now).await?;
    Ok(changed)
}
