//! Who may manage accounts: a server that holds a secret key of ours, or the project's legacy service key.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use service_kit::{Kit, auth::AuthError};
use uuid::Uuid;

use super::{Fault, random};
use crate::store::service_key as store;

/// Every key begins so, by which scanners of leaked secrets know it (Supabase's own form).
const PREFIX: &str = "sb_secret_";
/// Roles of legacy keys that may manage accounts (Supabase Auth's own list).
const ROLES: [&str; 2] = ["service_role", "supabase_admin"];
/// Seconds by which clocks may differ.
const LEEWAY_S: i64 = 30;

/// A server that may manage accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// By a secret key with this id.
    Key(Uuid),
    /// By the legacy key.
    Legacy,
}

impl Server {
    /// What the audit log says of it.
    pub fn to_json(self) -> Value {
        match self {
            Self::Key(id) => json!(id),
            Self::Legacy => json!("legacy"),
        }
    }
}

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
pub enum NotAServer {
    /// No key of ours, or none at all.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// A genuine token of somebody else.
    #[error("not a key of a server")]
    NotAdmin,
    /// Not the caller's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A new key.
///
/// # Errors
/// [`Fault::Crypto`] without random bytes.
pub fn new_key() -> Result<String, Fault> {
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// What is stored of a key.
pub fn key_hash(key: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, key.as_bytes()).as_ref().to_vec()
}

/// The server whose key this is.
///
/// # Errors
/// [`NotAServer`].
pub async fn require(kit: &Kit, key: &str) -> Result<Server, NotAServer> {
    let now = kit.clock.now();
    if key.starts_with(PREFIX) {
        let mut connection = kit.db.get().await.map_err(Fault::from)?;
        let id = store::used(&mut connection, &key_hash(key), now).await.map_err(Fault::from)?;
        return id.map(Server::Key).ok_or(NotAServer::Auth(AuthError::Invalid));
    }
    let secret = kit.config.auth.jwt_secret.expose_secret();
    let is_legacy = decode_header(key).is_ok_and(|header| header.alg == Algorithm::HS256) && !secret.is_empty();
    if !is_legacy {
        // Who signed in is known, and is no server.
        kit.verifier.verify(key.as_bytes()).await?;
        return Err(NotAServer::NotAdmin);
    }
    let role = legacy_role(key, &DecodingKey::from_secret(secret.as_bytes()), now)?;
    if ROLES.contains(&role.as_str()) { Ok(Server::Legacy) } else { Err(NotAServer::NotAdmin) }
}

/// The role of a key that is a token of nobody: it needs neither a subject nor an audience.
fn legacy_role(token: &str, secret: &DecodingKey, now: DateTime<Utc>) -> Result<String, AuthError> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_aud = false;
    validation.validate_exp = false;
    validation.set_required_spec_claims::<&str>(&[]);
    let claims = decode::<Map<String, Value>>(token, secret, &validation).map_err(|_| AuthError::Invalid)?.claims;
    match claims.get("exp").map(Value::as_i64) {
        // A time of another type is no time, and not one that is absent.
        Some(None) => return Err(AuthError::Invalid),
        Some(Some(end)) if end + LEEWAY_S <= now.timestamp() => return Err(AuthError::Expired),
        Some(Some(_)) | None => {}
    }
    let begun = claims.get("nbf").is_none_or(|start| start.as_i64().is_some_and(|start| start <= now.timestamp() + LEEWAY_S));
    if !begun {
        return Err(AuthError::Invalid);
    }
    Ok(claims.get("role").and_then(Value::as_str).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};

    use super::*;

    const SECRET: &[u8] = b"a-legacy-secret-of-a-project-0123456789";

    fn role(claims: &Value, secret: &[u8]) -> Result<String, AuthError> {
        let token = encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(secret)).unwrap();
        legacy_role(&token, &DecodingKey::from_secret(SECRET), DateTime::from_timestamp(1_000_000, 0).unwrap())
    }

    #[test]
    fn a_legacy_key_counts_with_the_right_signature_until_it_ends() {
        assert_eq!(role(&json!({"role": "service_role", "iss": "supabase"}), SECRET), Ok("service_role".into()));
        assert_eq!(role(&json!({"role": "anon", "exp": 1_000_000}), SECRET), Ok("anon".into()));
        assert_eq!(role(&json!({"role": "service_role", "exp": 999_000}), SECRET), Err(AuthError::Expired));
        assert_eq!(role(&json!({"role": "service_role", "exp": "2000000"}), SECRET), Err(AuthError::Invalid));
        assert_eq!(role(&json!({"role": "service_role", "nbf": 1_001_000}), SECRET), Err(AuthError::Invalid));
        assert_eq!(role(&json!({"role": "service_role"}), b"another-secret-of-a-project-01234567890"), Err(AuthError::Invalid));
        assert_eq!(role(&json!({}), SECRET), Ok(String::new()));
    }

    #[test]
    fn no_two_keys_are_alike_and_each_is_known_by_its_prefix() {
        let (one, other) = (new_key().unwrap(), new_key().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.strip_prefix("sb_secret_").unwrap().len(), 43);
        assert_ne!(key_hash(&one), key_hash(&other));
    }
}
