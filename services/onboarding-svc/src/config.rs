//! Settings.

use mail::MailSettings;
use serde::Deserialize;
use service_kit::config::{KitConfig, Problems, Profile, ServiceConfig, is_local_host};

/// The service's own settings (`default.toml` documents each).
#[derive(Debug, Clone, Deserialize)]
pub struct OnboardingConfig {
    /// Drafts in Redis.
    pub drafts: DraftsConfig,
    /// Finalizing.
    pub finalize: FinalizeConfig,
    /// What time does to sessions.
    pub cleanup: CleanupConfig,
    /// Where people reach the product; empty: no mail is written.
    pub public_url: String,
    /// Outgoing mail.
    pub mail: MailSettings,
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

/// What time does to sessions.
#[derive(Debug, Clone, Deserialize)]
pub struct CleanupConfig {
    pub every_s: u32,
    pub remind_after_days: Vec<u32>,
    pub archive_after_days: u32,
}

/// The write-behind promises two seconds; the flush itself needs the rest.
const LONGEST_DELAY_MS: u64 = 1_500;

impl ServiceConfig for OnboardingConfig {
    const DEFAULTS: &'static str = include_str!("default.toml");

    fn validate(&self, kit: &KitConfig, problems: &mut Problems) {
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
        if self.cleanup.every_s == 0 {
            problems.add("cleanup.every_s", "must be at least 1");
        }
        let days = &self.cleanup.remind_after_days;
        if !days.is_sorted_by(|a, b| a < b) || days.first() == Some(&0) {
            problems.add("cleanup.remind_after_days", "must be days in order, from 1 on");
        }
        if days.last().is_some_and(|last| *last >= self.cleanup.archive_after_days) || self.cleanup.archive_after_days == 0 {
            problems.add("cleanup.archive_after_days", "must be later than the last of cleanup.remind_after_days");
        }
        self.mail.validate(kit, problems);
        if !self.public_url.is_empty() {
            problems.require_url("public_url", &self.public_url);
        }
        if kit.profile == Profile::Production {
            problems.require("public_url", &self.public_url);
            if is_local_host(&self.public_url) {
                problems.add("public_url", "points to this machine, which production refuses");
            } else if !self.public_url.starts_with("https://") {
                problems.add("public_url", "must be https in production");
            }
        }
    }
}
