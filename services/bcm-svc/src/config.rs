//! Settings.

use domain::reduce::Policy;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de};
use service_kit::config::{KitConfig, Problems, Profile, ServiceConfig};

use crate::signing::keys::SETTING;

/// The last so many versions are always kept.
const LEAST_KEPT: u32 = 50;
const SECRET_MIN_BYTES: usize = 32;
/// A hundred years.
const MOST_DAYS: u32 = 36_500;

/// The service's own settings (`default.toml` documents each).
#[derive(Debug, Clone, Deserialize)]
pub struct BcmConfig {
    /// How manifests are made.
    pub manifest: ManifestConfig,
    /// How much the first two tiers may hold.
    pub memory: MemoryConfig,
    /// Which versions are kept.
    pub retention: RetentionConfig,
    /// Who read what.
    pub access_log: AccessLogConfig,
    /// Signed exports.
    pub signing: SigningConfig,
}

/// Signed exports.
#[derive(Debug, Clone, Deserialize)]
pub struct SigningConfig {
    /// Encrypts the private key at rest.
    pub key_encryption_secret: SecretString,
}

/// Which versions are kept: whatever is pinned or has a name, and these.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct RetentionConfig {
    /// The last so many of each workspace.
    pub versions: u32,
    /// Those made within so many days.
    pub days: u32,
}

/// The sample of who read which version.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct AccessLogConfig {
    /// One of so many reads is noted; 0 notes none.
    pub sample: u32,
    /// For how many days.
    pub keep_days: u32,
}

/// How manifests are made.
#[derive(Debug, Clone, Deserialize)]
pub struct ManifestConfig {
    /// Tokeniser and budget.
    #[serde(deserialize_with = "policy")]
    pub policy: Policy,
}

/// How much the first two tiers may hold.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct MemoryConfig {
    /// The most bytes that are kept; 0 keeps nothing.
    pub bytes: u64,
    /// The most versions that are kept in Redis, by all processes together.
    pub redis_keys: u64,
}

fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Policy, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

impl ServiceConfig for BcmConfig {
    const DEFAULTS: &'static str = include_str!("default.toml");

    fn validate(&self, kit: &KitConfig, problems: &mut Problems) {
        let secret = self.signing.key_encryption_secret.expose_secret();
        if secret.is_empty() && kit.profile == Profile::Production {
            problems.require(SETTING, secret);
        } else if !secret.is_empty() && secret.len() < SECRET_MIN_BYTES {
            problems.add(SETTING, format_args!("is shorter than {SECRET_MIN_BYTES} bytes"));
        }
        if self.memory.bytes != 0 && self.memory.bytes < 1 << 20 {
            problems.add("memory.bytes", "must be 0, or at least 1048576 (1 MiB)");
        }
        if self.retention.versions < LEAST_KEPT {
            problems.add("retention.versions", format_args!("must be at least {LEAST_KEPT}"));
        }
        for (name, days) in [("retention.days", self.retention.days), ("access_log.keep_days", self.access_log.keep_days)] {
            if !(1..=MOST_DAYS).contains(&days) {
                problems.add(name, format_args!("must be 1 to {MOST_DAYS}"));
            }
        }
    }
}
