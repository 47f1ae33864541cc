//! The embedded identity provider: accounts, sessions, and the tokens of both kinds.

pub mod access_token;
mod email;
pub mod password;
pub mod refresh;
pub mod refresh_token;
pub mod session;
pub mod sign_in;
pub mod sign_out;
pub mod sign_up;
pub mod signing_key;

use std::sync::Arc;

use domain::Clock;
use secrecy::ExposeSecret;
use service_kit::{Kit, db::DbError};

pub use email::{EmailAddress, InvalidEmail};

use crate::{
    config::EmbeddedConfig,
    provider::{
        password::Passwords,
        signing_key::{KeySeal, Keys},
    },
};

/// What the provider works with.
pub struct Provider {
    /// Its settings.
    pub config: EmbeddedConfig,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Hashing of passwords.
    pub passwords: Passwords,
    /// Signing keys.
    pub keys: Keys,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Provider {
    /// A provider on the kit's parts. Nothing is read yet.
    ///
    /// # Errors
    /// When the key-encryption secret cannot be used.
    pub fn new(kit: &Kit, config: EmbeddedConfig) -> anyhow::Result<Self> {
        let secret = config.key_encryption_secret.expose_secret();
        let seal = if secret.is_empty() { None } else { Some(KeySeal::new(secret.as_bytes())?) };
        Ok(Self {
            issuer: kit.config.auth.issuer.clone(),
            passwords: Passwords::new(kit.lifecycle.main().clone(), config.hashing_concurrency),
            keys: Keys::new(kit.db.clone(), kit.clock.clone(), seal, i64::from(config.access_token_life_s)),
            clock: kit.clock.clone(),
            config,
        })
    }
}

/// What can go wrong in any of the provider's use cases, without being the caller's fault.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// More passwords are being hashed than the machine can take.
    #[error("too many passwords are being hashed")]
    Busy,
    /// A cryptographic operation failed.
    #[error("{0}")]
    Crypto(String),
}

impl From<diesel::result::Error> for Fault {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Where a request came from, for the session and the audit log.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The request's id.
    pub request_id: Option<String>,
    /// The client's address.
    pub ip: Option<std::net::IpAddr>,
    /// The client's own name for itself, at most 256 characters.
    pub user_agent: Option<String>,
}

/// Random bytes for keys.
fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Fault::Crypto("no random bytes".into()))?;
    Ok(bytes)
}
