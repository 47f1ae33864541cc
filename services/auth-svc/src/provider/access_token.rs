//! Access tokens, with the claims that Supabase Auth writes.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Header, encode};
use serde_json::json;

use super::{Fault, Provider, signing_key::SigningKey};
use crate::store::{session::Session, user::User};

/// A signed token with its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// The JWT.
    pub token: String,
    /// Seconds it lives.
    pub expires_in_s: u32,
    /// When it ends, in seconds since the epoch.
    pub expires_at: i64,
}

/// Signs a token of the user's session.
///
/// # Errors
/// [`Fault::Crypto`] when the key cannot sign.
pub fn sign(provider: &Provider, key: &SigningKey, user: &User, session: &Session, now: DateTime<Utc>) -> Result<AccessToken, Fault> {
    let expires_in_s = provider.config.access_token_life_s;
    let issued_at = now.timestamp();
    let expires_at = issued_at + i64::from(expires_in_s);
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(key.kid.clone());
    let claims = json!({
        "iss": provider.issuer,
        "sub": user.id,
        "aud": "authenticated",
        "exp": expires_at,
        "iat": issued_at,
        "email": user.email.as_deref().unwrap_or_default(),
        "phone": user.phone.as_deref().unwrap_or_default(),
        "app_metadata": user.app_metadata,
        "user_metadata": user.user_metadata,
        "role": "authenticated",
        "aal": session.aal,
        "amr": session.amr,
        "session_id": session.id,
        "is_anonymous": user.is_anonymous,
    });
    let token = encode(&header, &claims, &key.encoding).map_err(|error| Fault::Crypto(format!("signing failed: {error}")))?;
    Ok(AccessToken { token, expires_in_s, expires_at })
}
