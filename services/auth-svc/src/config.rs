//! Settings of auth-svc.

use mail::MailSettings;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use service_kit::{
    config::{KitConfig, Problems, Profile, ServiceConfig},
    rate_limit::Limit,
};
use url::Url;

use crate::bootstrap::RolePasswords;

/// Settings of auth-svc (`default.toml` documents each).
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct AuthConfig {
    pub public_url: String,
    pub bootstrap: BootstrapConfig,
    pub embedded: EmbeddedConfig,
    pub mail: MailSettings,
    pub rate: RateConfig,
}

/// What `migrate --bootstrap` needs.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct BootstrapConfig {
    pub role_passwords: SecretString,
}

/// The embedded identity provider.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct EmbeddedConfig {
    pub enabled: bool,
    pub email_confirmation: bool,
    pub site_url: String,
    pub redirect_urls: String,
    pub password_min_length: usize,
    pub breached_passwords_url: String,
    pub access_token_life_s: u32,
    pub refresh_reuse_interval_s: u32,
    pub hashing_concurrency: usize,
    pub deletion_grace_days: u16,
    pub key_encryption_secret: SecretString,
}

/// Rate limits of the provider's endpoints.
#[derive(Debug, Clone, Copy, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct RateConfig {
    pub sign_up_per_address_per_hour: u32,
    pub sign_in_per_address_per_5min: u32,
    pub sign_in_per_account_per_5min: u32,
    pub refresh_per_address_per_5min: u32,
    pub mails_per_address_per_5min: u32,
    pub mails_per_account_per_minute: u32,
    pub proofs_per_address_per_5min: u32,
    pub codes_per_factor_per_5min: u32,
    pub workspaces_per_user_per_hour: u32,
    pub invitations_per_workspace_per_hour: u32,
}

const MINUTE_S: u32 = 60;
const HOUR_S: u32 = 3600;
const FIVE_MINUTES_S: u32 = 300;

impl RateConfig {
    /// Sign-ups of an address.
    pub fn sign_up_per_address(&self) -> Limit {
        Limit { name: "sign-up-address", burst: self.sign_up_per_address_per_hour, per_s: HOUR_S }
    }

    /// Password sign-ins from an address.
    pub fn sign_in_per_address(&self) -> Limit {
        Limit { name: "sign-in-address", burst: self.sign_in_per_address_per_5min, per_s: FIVE_MINUTES_S }
    }

    /// Password sign-ins to an account, whether it exists or not.
    pub fn sign_in_per_account(&self) -> Limit {
        Limit { name: "sign-in-account", burst: self.sign_in_per_account_per_5min, per_s: FIVE_MINUTES_S }
    }

    /// Refreshes from an address.
    pub fn refresh_per_address(&self) -> Limit {
        Limit { name: "refresh-address", burst: self.refresh_per_address_per_5min, per_s: FIVE_MINUTES_S }
    }

    /// Requests for a mail from an address.
    pub fn mails_per_address(&self) -> Limit {
        Limit { name: "mail-address", burst: self.mails_per_address_per_5min, per_s: FIVE_MINUTES_S }
    }

    /// Mails of one kind to an account, whether it exists or not.
    pub fn mails_per_account(&self) -> Limit {
        Limit { name: "mail-account", burst: self.mails_per_account_per_minute, per_s: MINUTE_S }
    }

    /// Proofs brought from an address: links and codes of mails, codes of waiting sign-ins.
    pub fn proofs_per_address(&self) -> Limit {
        Limit { name: "proof-address", burst: self.proofs_per_address_per_5min, per_s: FIVE_MINUTES_S }
    }

    /// Workspaces that a user makes.
    pub fn workspaces_per_user(&self) -> Limit {
        Limit { name: "workspace", burst: self.workspaces_per_user_per_hour, per_s: HOUR_S }
    }

    /// Invitations to a workspace.
    pub fn invitations_per_workspace(&self) -> Limit {
        Limit { name: "invitation", burst: self.invitations_per_workspace_per_hour, per_s: HOUR_S }
    }

    /// Codes tried on one second factor.
    pub fn codes_per_factor(&self) -> Limit {
        Limit { name: "factor", burst: self.codes_per_factor_per_5min, per_s: FIVE_MINUTES_S }
    }
}

/// Shorter secrets can be guessed.
const SECRET_MIN_BYTES: usize = 32;
/// A shorter password is refused by every guideline, whatever the operator sets (Supabase Auth's own floor).
const PASSWORD_FLOOR: usize = 6;

impl ServiceConfig for AuthConfig {
    const DEFAULTS: &'static str = include_str!("default.toml");

    fn validate(&self, kit: &KitConfig, problems: &mut Problems) {
        if let Err(error) = RolePasswords::parse(&self.bootstrap.role_passwords) {
            problems.add("bootstrap.role_passwords", error);
        }
        let rate = &self.rate;
        for (key, burst) in [
            ("rate.sign_up_per_address_per_hour", rate.sign_up_per_address_per_hour),
            ("rate.sign_in_per_address_per_5min", rate.sign_in_per_address_per_5min),
            ("rate.sign_in_per_account_per_5min", rate.sign_in_per_account_per_5min),
            ("rate.refresh_per_address_per_5min", rate.refresh_per_address_per_5min),
            ("rate.mails_per_address_per_5min", rate.mails_per_address_per_5min),
            ("rate.mails_per_account_per_minute", rate.mails_per_account_per_minute),
            ("rate.proofs_per_address_per_5min", rate.proofs_per_address_per_5min),
            ("rate.codes_per_factor_per_5min", rate.codes_per_factor_per_5min),
            ("rate.workspaces_per_user_per_hour", rate.workspaces_per_user_per_hour),
            ("rate.invitations_per_workspace_per_hour", rate.invitations_per_workspace_per_hour),
        ] {
            if burst == 0 {
                problems.add(key, "must be at least 1");
            }
        }
        self.mail.validate(kit, problems);
        if self.embedded.enabled {
            self.validate_embedded(kit, problems);
        }
    }
}

impl AuthConfig {
    /// Where people reach the product, without a slash at the end: as set, or where the issuer is.
    pub fn site(&self, issuer: &str) -> String {
        let named = [self.embedded.site_url.as_str(), self.public_url.as_str()].into_iter().find(|url| !url.is_empty());
        named.unwrap_or_else(|| issuer.strip_suffix("/auth/v1").unwrap_or(issuer)).trim_end_matches('/').to_owned()
    }

    fn validate_embedded(&self, kit: &KitConfig, problems: &mut Problems) {
        let embedded = &self.embedded;
        if !embedded.site_url.is_empty() {
            problems.require_url("embedded.site_url", &embedded.site_url);
        }
        for url in embedded.redirect_urls.split(',').map(str::trim).filter(|url| !url.is_empty()) {
            if Url::parse(url).is_err() {
                problems.add("embedded.redirect_urls", format_args!("has {url:?}, which is no address"));
            }
        }
        if embedded.password_min_length < PASSWORD_FLOOR {
            problems.add("embedded.password_min_length", format_args!("must be at least {PASSWORD_FLOOR}"));
        }
        if !embedded.breached_passwords_url.is_empty() {
            problems.require_url("embedded.breached_passwords_url", &embedded.breached_passwords_url);
            if kit.profile == Profile::Production && !embedded.breached_passwords_url.starts_with("https://") {
                problems.add("embedded.breached_passwords_url", "must be https in production");
            }
        }
        if embedded.access_token_life_s < 60 {
            problems.add("embedded.access_token_life_s", "must be at least 60");
        }
        if embedded.hashing_concurrency == 0 {
            problems.add("embedded.hashing_concurrency", "must be at least 1");
        }
        let secret = embedded.key_encryption_secret.expose_secret();
        if secret.is_empty() && kit.profile == Profile::Production {
            problems.require("embedded.key_encryption_secret", secret);
        } else if !secret.is_empty() && secret.len() < SECRET_MIN_BYTES {
            problems.add("embedded.key_encryption_secret", format_args!("is shorter than {SECRET_MIN_BYTES} bytes"));
        }
        let expected = format!("{}/auth/v1", self.public_url.trim_end_matches('/'));
        if !self.public_url.is_empty() && kit.auth.issuer != expected {
            problems.add(
                "auth.issuer",
                format_args!(
                    "is {}, but the embedded provider is reached at {expected}; with an external one set embedded.enabled to false",
                    kit.auth.issuer
                ),
            );
        }
    }
}
