//! The key that signs, and all public ones: made at first use, kept in the database, encrypted there.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::Clock;
use serde_json::{Value, json};
use service_kit::{
    audit::{self, Author},
    db::{Db, DbError},
    es256::{self, KeyError},
    vault::{Kind, Vault, VaultError},
};
use tokio::{sync::Mutex, time::Instant};

use crate::store::signing_key::{self as store, KeyRow};

/// The setting that encrypts private keys.
pub const SETTING: &str = "signing.key_encryption_secret";
const KIND: Kind = Kind { name: "signing key", salt: "groundwork manifest signing key at rest", setting: SETTING };

/// How long a process uses what it read, so that a rotation reaches every replica.
const FRESH: Duration = Duration::from_secs(60);
/// While the database does not answer, one caller asks it and the others go on without it for so long.
const PAUSE: Duration = Duration::from_secs(1);

/// The key that signs.
pub struct SigningKey {
    /// Its thumbprint.
    pub kid: String,
    /// The private half.
    pub pkcs8: Vec<u8>,
    /// The public half.
    pub public_jwk: Value,
}

/// The keys of a moment.
pub struct Keyring {
    /// Signs.
    pub active: SigningKey,
    /// Every public key that ever signed, as a JSON Web Key Set.
    pub key_set: Value,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The database does not answer.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A private key cannot be decrypted.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A key cannot be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Nothing signs.
    #[error("there is no key that signs")]
    None,
}

impl From<diesel::result::Error> for KeysError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

#[derive(Default)]
struct Known {
    held: Option<Held>,
    /// When the database did not answer.
    failed_at: Option<Instant>,
}

impl Known {
    fn failed_just_now(&self) -> bool {
        self.failed_at.is_some_and(|at| at.elapsed() < PAUSE)
    }
}

struct Held {
    read_at: Instant,
    keyring: Arc<Keyring>,
}

/// Reads the keys, makes the first one, and new ones.
pub struct Keys {
    db: Db,
    clock: Arc<dyn Clock>,
    vault: Vault,
    known: Mutex<Known>,
}

impl Keys {
    /// Keys in `db`, encrypted with `secret` unless it is empty.
    ///
    /// # Errors
    /// When the secret cannot be used.
    pub fn new(db: Db, clock: Arc<dyn Clock>, secret: &str) -> anyhow::Result<Self> {
        Ok(Self { db, clock, vault: Vault::new(KIND, secret)?, known: Mutex::default() })
    }

    /// The keys, at most a minute old; older ones while the database does not answer.
    pub async fn current(&self) -> Result<Arc<Keyring>, KeysError> {
        let mut known = self.known.lock().await;
        if let Some(held) = &known.held
            && (held.read_at.elapsed() < FRESH || known.failed_just_now())
        {
            return Ok(held.keyring.clone());
        }
        if known.failed_just_now() {
            return Err(DbError::Unavailable("the signing keys could not be read a moment ago".into()).into());
        }
        match self.read().await {
            Ok(keyring) => {
                let keyring = Arc::new(keyring);
                *known = Known { held: Some(Held { read_at: Instant::now(), keyring: keyring.clone() }), failed_at: None };
                Ok(keyring)
            }
            Err(error) => {
                if matches!(error, KeysError::Db(DbError::Unavailable(_))) {
                    known.failed_at = Some(Instant::now());
                }
                let Some(old) = &known.held else { return Err(error) };
                tracing::warn!(%error, "the signing keys could not be read again, the old ones stay");
                Ok(old.keyring.clone())
            }
        }
    }

    /// Every key, the one that signs first.
    pub async fn list(&self) -> Result<Vec<KeyRow>, KeysError> {
        let mut connection = self.db.get().await?;
        Ok(store::all(&mut connection).await?)
    }

    /// Makes a new key, which signs from now on. The old one verifies for ever, and its private half is destroyed.
    pub async fn rotate(&self, author: &Author) -> Result<String, KeysError> {
        let now = self.clock.now();
        let mut connection = self.db.get().await?;
        let kid = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                store::lock(connection).await?;
                store::retire(connection, now).await?;
                let made = self.make(now)?;
                store::insert(connection, &made).await?;
                let resource = format!("signing_key/{}", made.kid);
                audit::record(connection, now, &author.entry("signing_key.rotate", &resource, "done", json!({}))).await?;
                Ok::<_, KeysError>(made.kid)
            })
            .await?;
        *self.known.lock().await = Known::default();
        Ok(kid)
    }

    async fn read(&self) -> Result<Keyring, KeysError> {
        let now = self.clock.now();
        let mut connection = self.db.get().await?;
        let rows = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let rows = store::all(connection).await?;
                if signs(&rows) {
                    return Ok(rows);
                }
                // Replicas that begin together wait here for the first one's commit.
                store::lock(connection).await?;
                let mut rows = store::all(connection).await?;
                if !signs(&rows) {
                    let made = self.make(now)?;
                    store::insert(connection, &made).await?;
                    let entry = audit::Entry {
                        workspace: None,
                        actor: None,
                        action: "signing_key.create",
                        resource: &format!("signing_key/{}", made.kid),
                        outcome: "done",
                        request_id: None,
                        detail: json!({}),
                    };
                    audit::record(connection, now, &entry).await?;
                    rows.insert(0, made);
                }
                Ok::<_, KeysError>(rows)
            })
            .await?;
        let active = rows.first().filter(|row| row.retired_at.is_none()).ok_or(KeysError::None)?;
        let private_key = active.private_key.as_deref().ok_or(KeysError::None)?;
        let keys: Vec<&Value> = rows.iter().map(|row| &row.public_jwk).collect();
        Ok(Keyring {
            key_set: json!({ "keys": keys }),
            active: SigningKey {
                pkcs8: self.vault.open(&active.kid, private_key)?,
                kid: active.kid.clone(),
                public_jwk: active.public_jwk.clone(),
            },
        })
    }

    fn make(&self, now: DateTime<Utc>) -> Result<KeyRow, KeysError> {
        let es256::NewKey { pkcs8, kid, public_jwk } = es256::generate()?;
        let private_key = Some(self.vault.close(&kid, &pkcs8)?);
        Ok(KeyRow { kid, private_key, public_jwk, created_at: now, retired_at: None })
    }
}

fn signs(rows: &[KeyRow]) -> bool {
    rows.iter().any(|row| row.retired_at.is_none())
}
