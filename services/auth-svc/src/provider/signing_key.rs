//! Keys that sign access tokens: made at first use, kept in the database, published as JWKS.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::Clock;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};
use service_kit::{audit, db::Db};
use tokio::{sync::Mutex, time::Instant};

use super::{Fault, vault::Vault};
use crate::store::signing_key::{self as store, KeyRow};

/// How long a process uses what it read, so that a rotation reaches every replica.
const FRESH: Duration = Duration::from_secs(60);
/// A retired key stays published this much longer than its last token lives.
const LEEWAY_S: i64 = 120;
/// A new key is published for so long, at least, before it signs: until every replica publishes it, whoever asks one of
/// them about a token of it would be told that there is no such key.
pub const SHORTEST_NOTICE: TimeDelta = TimeDelta::seconds(90);

/// The key that signs now.
pub struct SigningKey {
    /// Its name in token headers and in the key set.
    pub kid: String,
    /// The private key.
    pub encoding: EncodingKey,
}

/// The keys of a moment.
pub struct Keyring {
    /// Signs.
    pub active: SigningKey,
    /// Every public key whose tokens may still be alive, as a JSON Web Key Set.
    pub key_set: Value,
}

struct Held {
    read_at: Instant,
    keyring: Arc<Keyring>,
}

/// A key that verifies, as an operator sees it.
#[derive(Debug)]
pub struct ListedKey {
    /// Its name.
    pub kid: String,
    /// When it was made, and published.
    pub published_at: DateTime<Utc>,
    /// When its first token is signed.
    pub signs_from: DateTime<Utc>,
    /// When its last token is signed; none for the newest.
    pub signs_until: Option<DateTime<Utc>>,
    /// When it is published no more.
    pub verifies_until: Option<DateTime<Utc>>,
}

/// Why there is no new key.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The last new key does not sign yet.
    #[error("the last rotation is not over: key {kid} signs from {from} on")]
    UnderWay {
        /// The new key.
        kid: String,
        /// When it begins.
        from: DateTime<Utc>,
    },
    /// It could not be made or stored.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<diesel::result::Error> for RotationError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Fault(error.into())
    }
}

/// Reads the keys, makes the first one, and new ones.
pub struct Keys {
    db: Db,
    clock: Arc<dyn Clock>,
    vault: Vault,
    verifiable_for: TimeDelta,
    held: Mutex<Option<Held>>,
}

impl Keys {
    /// Keys in `db`; tokens live `token_life_s` seconds.
    pub(super) fn new(db: Db, clock: Arc<dyn Clock>, vault: Vault, token_life_s: i64) -> Self {
        Self { db, clock, vault, verifiable_for: TimeDelta::seconds(token_life_s + LEEWAY_S), held: Mutex::default() }
    }

    /// The keys, at most a minute old; older ones while the database does not answer.
    ///
    /// # Errors
    /// [`Fault`] when none were ever read.
    pub async fn current(&self) -> Result<Arc<Keyring>, Fault> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref()
            && held.read_at.elapsed() < FRESH
        {
            return Ok(held.keyring.clone());
        }
        match (self.read().await, held.as_ref()) {
            (Ok(keyring), _) => {
                let keyring = Arc::new(keyring);
                *held = Some(Held { read_at: Instant::now(), keyring: keyring.clone() });
                Ok(keyring)
            }
            (Err(error), Some(old)) => {
                tracing::warn!(error = %error, "the signing keys could not be read again, the old ones stay");
                Ok(old.keyring.clone())
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Every key that verifies, in the order in which they sign.
    ///
    /// # Errors
    /// [`Fault`] when the database does not answer.
    pub async fn list(&self) -> Result<Vec<ListedKey>, Fault> {
        let mut connection = self.db.get().await?;
        let rows = store::verifying(&mut connection, self.clock.now() - self.verifiable_for).await?;
        // Each begins when the one before it ends.
        let begins: Vec<_> = std::iter::once(None).chain(rows.iter().map(|row| row.retired_at)).collect();
        let listed = rows.into_iter().zip(begins).map(|(row, begin)| ListedKey {
            signs_from: begin.unwrap_or(row.created_at),
            published_at: row.created_at,
            signs_until: row.retired_at,
            verifies_until: row.retired_at.map(|at| at + self.verifiable_for),
            kid: row.kid,
        });
        Ok(listed.collect())
    }

    /// Makes a new key, which is published now and signs after `notice`; until then the present one does.
    ///
    /// # Errors
    /// [`RotationError::UnderWay`] while the last new key does not sign yet.
    pub async fn rotate(&self, notice: TimeDelta, author: &audit::Author) -> Result<ListedKey, RotationError> {
        let now = self.clock.now();
        let mut connection = self.db.get().await.map_err(Fault::from)?;
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                store::lock(connection).await?;
                let rows = store::verifying(connection, now).await?;
                let signs_from = match rows.as_slice() {
                    [] => now,
                    [present] => {
                        store::retire(connection, &present.kid, now + notice).await?;
                        now + notice
                    }
                    [present, .., newest] => {
                        let from = present.retired_at.unwrap_or(now);
                        return Err(RotationError::UnderWay { kid: newest.kid.clone(), from });
                    }
                };
                let made = self.make(now)?;
                store::insert(connection, &made).await?;
                let resource = format!("signing_key/{}", made.kid);
                audit::record(connection, now, &author.entry("signing_key.rotate", &resource, "done", json!({ "signs_from": signs_from })))
                    .await?;
                Ok(ListedKey { kid: made.kid, published_at: now, signs_from, signs_until: None, verifies_until: None })
            })
            .await
    }

    async fn read(&self) -> Result<Keyring, Fault> {
        let now = self.clock.now();
        let since = now - self.verifiable_for;
        let mut connection = self.db.get().await?;
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let mut rows = store::verifying(connection, since).await?;
                if !has_newest(&rows) {
                    // Replicas that start together wait here for the first one's commit.
                    store::lock(connection).await?;
                    rows = store::verifying(connection, since).await?;
                    if !has_newest(&rows) {
                        let made = self.make(now)?;
                        store::insert(connection, &made).await?;
                        let resource = format!("signing_key/{}", made.kid);
                        audit::record(
                            connection,
                            now,
                            &audit::Entry {
                                workspace: None,
                                actor: None,
                                action: "signing_key.create",
                                resource: &resource,
                                outcome: "done",
                                request_id: None,
                                detail: json!({}),
                            },
                        )
                        .await?;
                        rows.push(made);
                    }
                }
                self.keyring(&rows, now)
            })
            .await
    }

    fn keyring(&self, rows: &[KeyRow], now: DateTime<Utc>) -> Result<Keyring, Fault> {
        let signs = |row: &&KeyRow| row.retired_at.is_none_or(|end| end > now);
        let active = rows.iter().find(signs).ok_or_else(|| Fault::Crypto("no signing key".into()))?;
        let pkcs8 = self.vault.open(&active.kid, &active.private_key)?;
        let keys: Vec<_> = rows.iter().map(|row| &row.public_jwk).collect();
        Ok(Keyring {
            active: SigningKey { kid: active.kid.clone(), encoding: EncodingKey::from_ec_der(&pkcs8) },
            key_set: json!({ "keys": keys }),
        })
    }

    fn make(&self, now: DateTime<Utc>) -> Result<KeyRow, Fault> {
        let refused = |_| Fault::Crypto("a signing key could not be made".into());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).map_err(refused)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref())
            .map_err(|error| Fault::Crypto(format!("the new signing key cannot be read: {error}")))?;
        let (kid, public_jwk) = public_jwk(pair.public_key().as_ref())?;
        let private_key = self.vault.close(&kid, pkcs8.as_ref())?;
        Ok(KeyRow { kid, private_key, public_jwk, created_at: now, retired_at: None })
    }
}

fn has_newest(rows: &[KeyRow]) -> bool {
    rows.iter().any(|row| row.retired_at.is_none())
}

/// The public key as a JWK, named by its RFC 7638 thumbprint. `point` is uncompressed: `0x04 ‖ x ‖ y`.
fn public_jwk(point: &[u8]) -> Result<(String, Value), Fault> {
    let coordinates = point.strip_prefix(&[4]).filter(|rest| rest.len() == 64);
    let (x, y) = coordinates.and_then(|rest| rest.split_at_checked(32)).ok_or_else(|| Fault::Crypto("not a point of P-256".into()))?;
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    let kid = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256", "use": "sig", "key_ops": ["verify"], "kid": kid});
    Ok((kid, jwk))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7638 fixes members and their order; the value was computed with another implementation.
    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        let point: Vec<u8> = std::iter::once(4).chain(std::iter::repeat_n(1, 32)).chain(std::iter::repeat_n(2, 32)).collect();
        let (kid, jwk) = public_jwk(&point).unwrap();
        assert_eq!(kid, "kOFKxjJdOqJD5G4Yuw-cxHe64VGyxKEO_hoV83QfGj0");
        assert_eq!(jwk["x"], "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");
        assert!(public_jwk(&point[1..]).is_err());
    }
}
