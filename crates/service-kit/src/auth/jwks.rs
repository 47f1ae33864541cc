//! The provider's public keys: cached, refreshed in the background, looked up again when an unknown key id appears.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk},
};
use reqwest::header::CONNECTION;
use serde::Deserialize;
use tokio::sync::{Mutex, RwLock};

use crate::lifecycle::Lifecycle;

/// A key with the one algorithm it may be used with.
#[derive(Clone)]
pub(super) struct PinnedKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: Arc<DecodingKey>,
}

/// An unknown key id asks the provider again at most this often: a stream of forged ids costs it nothing.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyLookup {
    /// The provider does not have this key.
    Unknown,
    /// No keys are known and the provider does not answer.
    Unreachable,
}

pub(super) struct Jwks {
    fetched: Arc<Fetched>,
    lifecycle: Lifecycle,
}

struct Fetched {
    url: String,
    http: reqwest::Client,
    keys: RwLock<HashMap<String, PinnedKey>>,
    last_try: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

impl Jwks {
    pub(super) fn new(url: String, http: reqwest::Client, lifecycle: Lifecycle) -> Self {
        Self { fetched: Arc::new(Fetched { url, http, keys: RwLock::default(), last_try: Mutex::new(None) }), lifecycle }
    }

    pub(super) async fn find(&self, key_id: &str) -> Result<PinnedKey, KeyLookup> {
        if let Some(key) = self.fetched.keys.read().await.get(key_id) {
            return Ok(key.clone());
        }
        let fetched = self.fetched.clone();
        // A caller who goes away must not take the question along: it is not asked again for a while, and others wait for it.
        let asked = self.lifecycle.detached(async move { fetched.look_again().await });
        asked.await.map_err(|_| KeyLookup::Unreachable)?;
        let keys = self.fetched.keys.read().await;
        match keys.get(key_id) {
            Some(key) => Ok(key.clone()),
            None if keys.is_empty() => Err(KeyLookup::Unreachable),
            None => Err(KeyLookup::Unknown),
        }
    }

    pub(super) async fn refresh(&self) -> Result<usize, reqwest::Error> {
        self.fetched.refresh().await
    }
}

impl Fetched {
    async fn look_again(&self) {
        let mut last_try = self.last_try.lock().await;
        let wait = if self.keys.read().await.is_empty() { Duration::from_secs(1) } else { LOOK_AGAIN_AFTER };
        if last_try.is_some_and(|at| at.elapsed() < wait) {
            return;
        }
        *last_try = Some(Instant::now());
        if let Err(error) = self.refresh().await {
            tracing::warn!(error = %error, "the signing keys could not be fetched");
        }
    }

    /// Replaces the cached keys; on any failure the old ones stay.
    async fn refresh(&self) -> Result<usize, reqwest::Error> {
        // Asked so rarely that a connection kept for the next time only looks like an open request to the provider.
        let asked = self.http.get(&self.url).header(CONNECTION, "close").send();
        let set: KeySet = asked.await?.error_for_status()?.json().await?;
        let keys: HashMap<_, _> = set.keys.into_iter().filter_map(pin).collect();
        let count = keys.len();
        if count > 0 {
            *self.keys.write().await = keys;
        }
        Ok(count)
    }
}

/// Only asymmetric keys with a key id, each bound to the algorithm its type means.
fn pin(key: serde_json::Value) -> Option<(String, PinnedKey)> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        _ => return None,
    };
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id?, PinnedKey { algorithm, key: Arc::new(key) }))
}
