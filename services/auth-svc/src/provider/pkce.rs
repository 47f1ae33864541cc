//! Proof key for code exchange (RFC 7636): a sign-in by mail that ends in the client that asked for it.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use service_kit::Kit;
use uuid::Uuid;

use super::{Fault, Origin, Provider, random, session, session::Issued};
use crate::store::{
    sign_in_flow::{self as store, SignInFlow},
    user as users,
};

/// As long as the longest link of a mail.
const WAITS_FOR_PROOF: TimeDelta = TimeDelta::days(1);
/// Supabase Auth's own.
const WAITS_FOR_EXCHANGE: TimeDelta = TimeDelta::minutes(5);

/// A client's challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    challenge: String,
    method: Method,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    S256,
    Plain,
}

impl Method {
    const fn as_str(self) -> &'static str {
        match self {
            Self::S256 => "s256",
            Self::Plain => "plain",
        }
    }
}

/// A challenge that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChallenge {
    /// One of challenge and method without the other.
    #[error("challenge and method belong together")]
    Half,
    /// Not 43 to 128 of the letters that RFC 7636 names.
    #[error("not a challenge")]
    Malformed,
    /// Neither `s256` nor `plain`.
    #[error("no such method")]
    Method,
}

impl Challenge {
    /// Reads what a client sent; nothing at all asks for no exchange.
    ///
    /// # Errors
    /// [`InvalidChallenge`].
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Option<Self>, InvalidChallenge> {
        let (challenge, method) = (challenge.unwrap_or_default(), method.unwrap_or_default());
        match (challenge.is_empty(), method.is_empty()) {
            (true, true) => return Ok(None),
            (false, false) => {}
            _ => return Err(InvalidChallenge::Half),
        }
        let method = match method.to_ascii_lowercase().as_str() {
            "s256" => Method::S256,
            "plain" => Method::Plain,
            _ => return Err(InvalidChallenge::Method),
        };
        if !is_well_formed(challenge) {
            return Err(InvalidChallenge::Malformed);
        }
        Ok(Some(Self { challenge: challenge.to_owned(), method }))
    }
}

/// RFC 7636, section 4.1.
fn is_well_formed(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// Stores the sign-in that waits; `proof` is what its session will say in `amr`.
pub(super) async fn begin(
    connection: &mut AsyncPgConnection,
    user: Uuid,
    challenge: &Challenge,
    proof: &str,
    now: DateTime<Utc>,
) -> Result<Uuid, Fault> {
    let flow = SignInFlow {
        id: Uuid::now_v7(),
        user_id: user,
        challenge: challenge.challenge.clone(),
        challenge_method: challenge.method.as_str().to_owned(),
        proof: proof.to_owned(),
        expires_at: now + WAITS_FOR_PROOF,
    };
    store::insert(connection, &flow, now).await?;
    Ok(flow.id)
}

/// The code that the client exchanges, after the proof was brought; `None` when the sign-in is not waited for any more.
pub(super) async fn prove(connection: &mut AsyncPgConnection, flow: Uuid, now: DateTime<Utc>) -> Result<Option<String>, Fault> {
    let code = Uuid::from_bytes(random::<16>()?).to_string();
    let waits = store::proven(connection, flow, &hash(&code), now + WAITS_FOR_EXCHANGE).await?;
    Ok(waits.then_some(code))
}

fn hash(text: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

/// Why a code was not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Code or verifier is missing.
    #[error("code and verifier are both needed")]
    Incomplete,
    /// No sign-in waits for the code.
    #[error("no sign-in waits for this code")]
    NotFound,
    /// It was brought too late.
    #[error("the sign-in has expired")]
    Expired,
    /// The verifier does not fit the challenge.
    #[error("the verifier does not fit")]
    BadVerifier,
    /// The user is banned.
    #[error("the user is banned")]
    Banned,
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<diesel::result::Error> for ExchangeError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Gives the session to the client that has the verifier. A code is good once.
///
/// # Errors
/// [`ExchangeError`].
pub async fn exchange(kit: &Kit, provider: &Provider, code: &str, verifier: &str, origin: &Origin) -> Result<Issued, ExchangeError> {
    if code.is_empty() || verifier.is_empty() {
        return Err(ExchangeError::Incomplete);
    }
    let now = provider.clock.now();
    let mut connection = kit.db.get().await.map_err(Fault::from)?;
    let (user, session) = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let flow = store::lock_by_code(connection, &hash(code)).await?.ok_or(ExchangeError::NotFound)?;
            if flow.expires_at <= now {
                return Err(ExchangeError::Expired);
            }
            if !fits(&flow, verifier) {
                return Err(ExchangeError::BadVerifier);
            }
            store::delete(connection, flow.id).await?;
            let user = users::signed_in(connection, flow.user_id, now).await?.ok_or(ExchangeError::NotFound)?;
            if user.is_banned(now) {
                return Err(ExchangeError::Banned);
            }
            let session = session::begin(connection, user.id, &flow.proof, origin, now).await?;
            session::record(connection, &user, &session, &flow.proof, origin, now).await?;
            Ok((user, session))
        })
        .await?;
    drop(connection);
    Ok(session::issue(provider, user, &session, now).await?)
}

fn fits(flow: &SignInFlow, verifier: &str) -> bool {
    let answer = match flow.challenge_method.as_str() {
        "s256" => URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes())),
        _ => verifier.to_owned(),
    };
    verify_slices_are_equal(answer.as_bytes(), flow.challenge.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn flow(challenge: &str, method: &str) -> SignInFlow {
        SignInFlow {
            id: Uuid::nil(),
            user_id: Uuid::nil(),
            challenge: challenge.to_owned(),
            challenge_method: method.to_owned(),
            proof: "otp".to_owned(),
            expires_at: DateTime::UNIX_EPOCH,
        }
    }

    /// RFC 7636, appendix B.
    #[test]
    fn the_verifier_of_the_specification_fits_its_challenge_and_no_other_does() {
        assert!(fits(&flow(CHALLENGE, "s256"), VERIFIER));
        assert!(!fits(&flow(CHALLENGE, "s256"), CHALLENGE));
        assert!(!fits(&flow(CHALLENGE, "plain"), VERIFIER));
        assert!(fits(&flow(VERIFIER, "plain"), VERIFIER));
    }

    #[test]
    fn a_challenge_comes_whole_or_not_at_all() {
        assert_eq!(Challenge::parse(None, Some("")), Ok(None));
        assert!(Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap().is_some());
        assert_eq!(Challenge::parse(Some(CHALLENGE), None), Err(InvalidChallenge::Half));
        assert_eq!(Challenge::parse(None, Some("s256")), Err(InvalidChallenge::Half));
        assert_eq!(Challenge::parse(Some(CHALLENGE), Some("md5")), Err(InvalidChallenge::Method));
        assert_eq!(Challenge::parse(Some("short"), Some("s256")), Err(InvalidChallenge::Malformed));
        assert_eq!(Challenge::parse(Some(&"!".repeat(43)), Some("s256")), Err(InvalidChallenge::Malformed));
    }
}
