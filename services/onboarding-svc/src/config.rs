//! Settings.

use serde::Deserialize;
use service_kit::config::{KitConfig, Problems, ServiceConfig};

/// The service's own settings (`default.toml` documents each).
#[derive(Debug, Clone, Deserialize)]
pub struct OnboardingConfig {
    /// Drafts in Redis.
    pub drafts: DraftsConfig,
    /// Finalizing.
    pub finalize: FinalizeConfig,
}

/// Drafts in Redis and their way to PostgreSQL.
#[derive(Debug, Clone, Deserialize)]
pub struct DraftsConfig {
    pub flush_delay_ms: u64,
    pub flush_saves: u32,
    pub flush_poll_ms: u64,
    pub life_days: u32,
}

/// Finalizing.
#[derive(Debug, Clone, Deserialize)]
pub struct FinalizeConfig {
    pub stuck_after_s: u32,
}

/// The write-behind promises two seconds; the flush itself needs the rest.
const LONGEST_DELAY_MS: u64 = 1_500;

impl ServiceConfig for OnboardingConfig {
    const DEFAULTS: &'static str = include_str!("default.toml");

    fn validate(&self, _: &KitConfig, problems: &mut Problems) {
        if self.drafts.flush_delay_ms.saturating_add(self.drafts.flush_poll_ms) > LONGEST_DELAY_MS {
            problems.add("drafts.flush_delay_ms", format_args!("with drafts.flush_poll_ms is longer than {LONGEST_DELAY_MS} ms"));
        }
        if self.drafts.flush_poll_ms == 0 {
            problems.add("drafts.flush_poll_ms", "must be at least 1");
        }
        if self.drafts.flush_saves == 0 {
            problems.add("drafts.flush_saves", "must be at least 1");
        }
        if self.drafts.life_days == 0 {
            problems.add("drafts.life_days", "must be at least 1");
        }
        if self.finalize.stuck_after_s < 10 {
            problems.add("finalize.stuck_after_s", "must be at least 10");
        }
    }
}
