//! Offline verification of access tokens: ES256 and RS256 by JWKS, HS256 by the legacy shared secret.

use std::{sync::Arc, time::Duration};

use domain::Clock;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    claims::Claims,
    jwks::{Jwks, KeyLookup},
};
use crate::{config::AuthConfig, lifecycle::Lifecycle};

/// Seconds by which clocks may differ.
const LEEWAY_S: u64 = 30;
/// Bounds of the verified-token cache (decisions: *Verified-token cache*).
const CACHE_ENTRIES: u64 = 10_000;
const CACHE_LIFE: Duration = Duration::from_secs(60);
const REFRESH_EVERY: Duration = Duration::from_secs(600);

/// Why a token does not identify anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No bearer token was sent.
    #[error("no access token was sent")]
    Missing,
    /// Not a token of this issuer, altered, or signed with an unknown key.
    #[error("the access token is not valid")]
    Invalid,
    /// It was valid once.
    #[error("the access token has expired")]
    Expired,
    /// The provider's keys are not known yet and it does not answer: nobody can be told apart.
    #[error("the signing keys are not available")]
    KeysUnavailable,
}

/// Verifies access tokens of one issuer.
pub struct Verifier {
    issuer: String,
    audience: String,
    jwks: Option<Jwks>,
    secret: Option<DecodingKey>,
    clock: Arc<dyn Clock>,
    verified: moka::sync::Cache<[u8; 32], Claims>,
}

impl Verifier {
    /// A verifier by the given settings. Nothing is fetched yet.
    pub fn new(config: &AuthConfig, http: reqwest::Client, clock: Arc<dyn Clock>, lifecycle: &Lifecycle) -> Self {
        let secret = config.jwt_secret.expose_secret();
        Self {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            jwks: (!config.jwks_url.is_empty()).then(|| Jwks::new(config.jwks_url.clone(), http, lifecycle.clone())),
            secret: (!secret.is_empty()).then(|| DecodingKey::from_secret(secret.as_bytes())),
            clock,
            verified: moka::sync::Cache::builder().max_capacity(CACHE_ENTRIES).time_to_live(CACHE_LIFE).build(),
        }
    }

    /// Keeps the keys fresh for the life of the process.
    pub fn start(self: &Arc<Self>, lifecycle: &Lifecycle) {
        let (this, draining) = (self.clone(), lifecycle.draining());
        lifecycle.spawn_service("jwks-refresh", async move {
            while draining.run_until_cancelled(tokio::time::sleep(REFRESH_EVERY)).await.is_some() {
                if let Some(jwks) = &this.jwks
                    && let Err(error) = jwks.refresh().await
                {
                    tracing::warn!(error = %error, "the signing keys could not be refreshed, the old ones stay");
                }
            }
        });
    }

    /// The number of keys that the provider publishes now, for `doctor`.
    ///
    /// # Errors
    /// A sentence for the operator when they cannot be fetched.
    pub async fn check_keys(&self) -> Result<usize, String> {
        match &self.jwks {
            Some(jwks) => jwks.refresh().await.map_err(|error| error.to_string()),
            None => Ok(0),
        }
    }

    /// Verifies signature, issuer, audience and times.
    pub async fn verify(&self, token: &[u8]) -> Result<Claims, AuthError> {
        let now = self.clock.now().timestamp();
        let digest: [u8; 32] = Sha256::digest(token).into();
        if let Some(claims) = self.verified.get(&digest) {
            return if claims.expires_at > now { Ok(claims) } else { Err(AuthError::Expired) };
        }
        let header = decode_header(token).map_err(|_| AuthError::Invalid)?;
        // Members that have to be understood (RFC 7515, section 4.1.11): we understand none.
        if header.crit.is_some() {
            return Err(AuthError::Invalid);
        }
        let pinned;
        let (algorithm, key) = if header.alg == Algorithm::HS256 {
            (Algorithm::HS256, self.secret.as_ref().ok_or(AuthError::Invalid)?)
        } else {
            let jwks = self.jwks.as_ref().ok_or(AuthError::Invalid)?;
            let key_id = header.kid.as_deref().ok_or(AuthError::Invalid)?;
            pinned = jwks.find(key_id).await.map_err(|miss| match miss {
                KeyLookup::Unknown => AuthError::Invalid,
                KeyLookup::Unreachable => AuthError::KeysUnavailable,
            })?;
            (pinned.algorithm, &*pinned.key)
        };
        let claims = self.decode(token, algorithm, key, now)?;
        self.verified.insert(digest, claims.clone());
        Ok(claims)
    }

    fn decode(&self, token: &[u8], algorithm: Algorithm, key: &DecodingKey, now: i64) -> Result<Claims, AuthError> {
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "sub", "aud", "iss"]);
        // Times are compared below, with the injected clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let raw = decode::<Map<String, Value>>(token, key, &validation).map_err(|_| AuthError::Invalid)?.claims;
        let leeway = i64::try_from(LEEWAY_S).unwrap_or_default();
        // A time of another type is no time, and not one that is absent (the class of CVE-2026-25537).
        let begun = raw.get("nbf").is_none_or(|not_before| not_before.as_i64().is_some_and(|not_before| not_before <= now + leeway));
        if !begun {
            return Err(AuthError::Invalid);
        }
        let claims = Claims::parse(raw).ok_or(AuthError::Invalid)?;
        if claims.expires_at + leeway <= now { Err(AuthError::Expired) } else { Ok(claims) }
    }
}
