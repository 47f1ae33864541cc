//! Settings.

use domain::reduce::Policy;
use serde::{Deserialize, Deserializer, de};
use service_kit::config::{KitConfig, Problems, ServiceConfig};

/// The service's own settings (`default.toml` documents each).
#[derive(Debug, Clone, Deserialize)]
pub struct BcmConfig {
    /// How manifests are made.
    pub manifest: ManifestConfig,
    /// The tier in process.
    pub memory: MemoryConfig,
}

/// How manifests are made.
#[derive(Debug, Clone, Deserialize)]
pub struct ManifestConfig {
    /// Tokeniser and budget.
    #[serde(deserialize_with = "policy")]
    pub policy: Policy,
}

/// The tier in process.
#[derive(Debug, Clone, Deserialize)]
pub struct MemoryConfig {
    /// The most bytes that are kept; 0 keeps nothing.
    pub bytes: u64,
}

fn policy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Policy, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

impl ServiceConfig for BcmConfig {
    const DEFAULTS: &'static str = include_str!("default.toml");

    fn validate(&self, _: &KitConfig, problems: &mut Problems) {
        if self.memory.bytes != 0 && self.memory.bytes < 1 << 20 {
            problems.add("memory.bytes", "must be 0, or at least 1048576 (1 MiB)");
        }
    }
}
