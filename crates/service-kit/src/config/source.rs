//! Which environment variable sets which key.

use std::collections::BTreeMap;

/// Names that people know from elsewhere, and the keys they set.
const WELL_KNOWN: [(&str, &str); 11] = [
    ("DATABASE_URL", "database.url"),
    ("DATABASE_OWNER_URL", "database.owner_url"),
    ("REDIS_URL", "redis.url"),
    ("AMQP_URL", "amqp.url"),
    ("SUPABASE_JWT_SECRET", "auth.jwt_secret"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "telemetry.otlp_endpoint"),
    ("PHONEPE_CLIENT_ID", "phonepe.client_id"),
    ("RESEND_URL", "mail.resend_url"),
    ("SMTP_URL", "mail.smtp_url"),
    ("RESEND_API_KEY", "mail.resend_api_key"),
    ("RESEND_WEBHOOK_SECRET", "mail.webhook_secret"),
];

/// Sections that belong to one service: `GROUNDWORK__PAYMENTS__…` is read by payments-svc only.
const SECTIONS: [&str; 4] = ["AUTH_SVC", "PAYMENTS", "ONBOARDING", "BCM"];

/// A snapshot of environment variables.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's own variables.
    pub fn of_this_process() -> Self {
        Self(std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect())
    }

    /// Given variables, for tests.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Settings for the service called `section`, the most specific last: well-known names, then `GROUNDWORK__…`, then
    /// `GROUNDWORK__<SECTION>__…`. Well-known names that this service has no key for are left out by the caller's list.
    pub(super) fn settings(&self, section: &str) -> Vec<(String, String)> {
        let mine = section.to_uppercase();
        let mut settings = Vec::new();
        if let Some(url) = self.0.get("SUPABASE_URL") {
            let base = url.trim_end_matches('/');
            settings.push(("auth.issuer".to_owned(), format!("{base}/auth/v1")));
            settings.push(("auth.jwks_url".to_owned(), format!("{base}/auth/v1/.well-known/jwks.json")));
        }
        for (name, key) in WELL_KNOWN {
            let foreign = match key.split_once('.') {
                Some(("phonepe", _)) => mine != "PAYMENTS",
                Some(("mail", _)) => mine == "BCM",
                _ => false,
            };
            if let (Some(value), false) = (self.0.get(name), foreign) {
                settings.push((key.to_owned(), value.clone()));
            }
        }
        let mut specific = Vec::new();
        for (name, value) in &self.0 {
            let Some(rest) = name.strip_prefix("GROUNDWORK__") else { continue };
            let (head, tail) = rest.split_once("__").unwrap_or((rest, ""));
            if !tail.is_empty() && SECTIONS.contains(&head) {
                if head == mine {
                    specific.push((as_key(tail), value.clone()));
                }
            } else {
                settings.push((as_key(rest), value.clone()));
            }
        }
        settings.extend(specific);
        settings
    }
}

fn as_key(name: &str) -> String {
    name.to_lowercase().replace("__", ".")
}
