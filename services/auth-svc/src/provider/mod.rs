//! The embedded identity provider: accounts, sessions, and the tokens of both kinds.

pub mod access_token;
mod account;
pub mod admin;
pub mod ban;
mod breaches;
pub mod deletion;
mod email;
pub mod factor;
pub mod generate_link;
mod hashing;
pub mod letter;
pub mod metadata;
pub mod one_time;
pub mod password;
pub mod pkce;
pub mod proof;
pub mod reauthenticate;
pub mod redirect;
pub mod refresh;
pub mod refresh_token;
pub mod service_role;
pub mod session;
pub mod sign_in;
pub mod sign_out;
pub mod sign_up;
pub mod signing_key;
pub mod totp;
pub mod update_user;
pub mod verify;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel_async::AsyncPgConnection;
use domain::{Clock, ids::UserId};
use secrecy::ExposeSecret;
use serde_json::Value;
use service_kit::{
    Kit, audit,
    db::DbError,
    es256::KeyError,
    vault::{Kind, Vault, VaultError},
};
use uuid::Uuid;

pub use email::{EmailAddress, InvalidEmail};

use crate::{
    config::{AuthConfig, EmbeddedConfig},
    metrics::AuthMetrics,
    provider::{breaches::Breaches, password::Passwords, redirect::Redirects, signing_key::Keys},
};

/// The setting that encrypts what the provider keeps of its own and others' secrets.
const SETTING: &str = "embedded.key_encryption_secret";
const SIGNING_KEY: Kind = Kind { name: "signing key", salt: "groundwork signing key at rest", setting: SETTING };
const FACTOR: Kind = Kind { name: "second factor", salt: "groundwork second factor at rest", setting: SETTING };

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
    /// Keeps the secrets of second factors.
    factors: Vault,
    /// Where links in mails may lead.
    pub redirects: Redirects,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Provider {
    /// A provider on the kit's parts. Nothing is read yet.
    ///
    /// # Errors
    /// When the key-encryption secret cannot be used.
    pub fn new(kit: &Kit, config: &AuthConfig, metrics: &AuthMetrics) -> anyhow::Result<Self> {
        let site = config.site(&kit.config.auth.issuer);
        let config = config.embedded.clone();
        let secret = config.key_encryption_secret.expose_secret();
        let redirects = Redirects::new(&site, &config.redirect_urls);
        let service = Some(config.breached_passwords_url.as_str()).filter(|url| !url.is_empty());
        let breaches = service.map(|url| Breaches::new(kit.http.clone(), url, metrics.breach_checks_total.clone()));
        Ok(Self {
            issuer: kit.config.auth.issuer.clone(),
            passwords: Passwords::new(kit.lifecycle.main().clone(), config.hashing_concurrency, breaches),
            keys: Keys::new(kit.db.clone(), kit.clock.clone(), Vault::new(SIGNING_KEY, secret)?, i64::from(config.access_token_life_s)),
            factors: Vault::new(FACTOR, secret)?,
            redirects,
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
    /// Another provider is used.
    #[error("the embedded identity provider is switched off")]
    Absent,
    /// More passwords are being hashed than the machine can take.
    #[error("too many passwords are being hashed")]
    Busy,
    /// A cryptographic operation failed.
    #[error("{0}")]
    Crypto(String),
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        Self::Crypto(error.to_string())
    }
}

impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Self {
        Self::Crypto(error.to_string())
    }
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

/// Writes what a user did, or was refused, to the audit log.
async fn record(
    connection: &mut AsyncPgConnection,
    user: Option<Uuid>,
    action: &str,
    outcome: &str,
    detail: Value,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Result<(), diesel::result::Error> {
    let resource = user.map_or_else(|| "user/unknown".to_owned(), |id| format!("user/{id}"));
    let entry = audit::Entry {
        workspace: None,
        actor: user.map(UserId::from_uuid),
        action,
        resource: &resource,
        outcome,
        request_id: origin.request_id.as_deref(),
        detail,
    };
    audit::record(connection, now, &entry).await
}

/// Random bytes for keys.
fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Fault::Crypto("no random bytes".into()))?;
    Ok(bytes)
}
