//! Keys that sign access tokens: made at first use, kept in the database, published as JWKS.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::Clock;
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};
use service_kit::{audit, db::Db, es256, vault::Vault};
use tokio::{sync::Mutex, time::Instant};

use super::Fault;
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
        let es256::NewKey { pkcs8, kid, public_jwk } = es256::generate()?;
        let private_key = self.vault.close(&kid, &pkcs8)?;
        Ok(KeyRow { kid, private_key, public_jwk, created_at: now, retired_at: None })
    }
}

fn has_newest(rows: &[KeyRow]) -> bool {
    rows.iter().any(|row| row.retired_at.is_none())
}
