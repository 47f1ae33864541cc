//! Settings of the payments service (`default.toml` documents each).

use mail::MailSettings;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use service_kit::config::{KitConfig, Problems, Profile, ServiceConfig, is_local_host};

use crate::{
    phonepe::{AutopayApi, CredentialsProblem, WebhookCredentials},
    seller::SellerConfig,
};

/// A shorter secret can be guessed.
const SHORTEST_SECRET: usize = 16;

/// The service's own settings.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct PaymentsConfig {
    pub public_url: String,
    pub late_success: LateSuccess,
    pub trial_days: u16,
    pub seller: SellerConfig,
    pub phonepe: PhonePeConfig,
    pub mail: MailSettings,
}

/// What is done with a payment that comes after its order had failed or expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateSuccess {
    /// The order is paid, as if it had come in time.
    Honour,
    /// The money goes back at once.
    Refund,
}

/// PhonePe: addresses and credentials.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct PhonePeConfig {
    pub oauth_url: String,
    pub payment_url: String,
    pub client_id: String,
    pub client_secret: SecretString,
    pub client_version: u32,
    pub webhook_username: String,
    pub webhook_password: SecretString,
    pub webhook_secret: SecretString,
    pub autopay_api: AutopayApi,
}

impl PhonePeConfig {
    /// Who may send webhooks.
    ///
    /// # Errors
    /// When nobody could be told apart by these settings.
    pub fn webhook_credentials(&self) -> Result<WebhookCredentials, CredentialsProblem> {
        WebhookCredentials::parse(&self.webhook_username, &self.webhook_password, &self.webhook_secret)
    }
}

impl ServiceConfig for PaymentsConfig {
    const DEFAULTS: &'static str = include_str!("default.toml");

    fn validate(&self, kit: &KitConfig, problems: &mut Problems) {
        let phonepe = &self.phonepe;
        let urls =
            [("public_url", &self.public_url), ("phonepe.oauth_url", &phonepe.oauth_url), ("phonepe.payment_url", &phonepe.payment_url)];
        for (key, url) in urls {
            problems.require_url(key, url);
        }
        problems.require("phonepe.client_id", &phonepe.client_id);
        self.mail.validate(kit, problems);
        problems.require("phonepe.client_secret", phonepe.client_secret.expose_secret());
        if let Err(problem) = self.seller.seller() {
            problems.add(&format!("seller.{}", problem.setting()), problem);
        }
        if let Err(problem) = phonepe.webhook_credentials() {
            problems.add(&format!("phonepe.{}", problem.setting()), problem);
        }
        if is_test_environment(&phonepe.oauth_url) != is_test_environment(&phonepe.payment_url) {
            problems.add("phonepe.payment_url", "belongs to another environment than phonepe.oauth_url");
        }
        if kit.profile == Profile::Production {
            for (key, url) in urls {
                if is_local_host(url) || is_test_environment(url) {
                    problems.add(key, "points to a test environment, which production refuses");
                } else if !url.starts_with("https://") {
                    problems.add(key, "must be https in production");
                }
            }
            if self.seller.is_example() {
                problems.add("seller.gstin", "is that of the example, which production refuses");
            }
            if phonepe.client_secret.expose_secret().len() < SHORTEST_SECRET {
                problems.add("phonepe.client_secret", format_args!("is shorter than {SHORTEST_SECRET} characters"));
            }
        }
    }
}

/// PhonePe's own test environment.
fn is_test_environment(url: &str) -> bool {
    url.contains("preprod") || url.contains("pg-sandbox")
}

#[cfg(test)]
mod tests {
    use service_kit::config::{self, Environment};

    use super::*;

    fn problems(changes: &[(&str, &str)]) -> Vec<String> {
        let mut pairs = vec![
            ("DATABASE_URL", "postgres://payments_svc@db/groundwork"),
            ("REDIS_URL", "redis://cache"),
            ("AMQP_URL", "amqp://broker"),
            ("SUPABASE_URL", "https://auth.example.com"),
            ("RESEND_API_KEY", "re_0123456789"),
            ("GROUNDWORK__PROFILE", "production"),
            ("GROUNDWORK__PUBLIC_URL", "https://app.example.com"),
            ("GROUNDWORK__PAYMENTS__MAIL__FROM", "Groundwork <billing@example.com>"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__OAUTH_URL", "https://api.phonepe.com/apis/identity-manager"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__PAYMENT_URL", "https://api.phonepe.com/apis/pg"),
            ("PHONEPE_CLIENT_ID", "merchant"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__CLIENT_SECRET", "9f2c1d7a-4b5e-4f6a"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_USERNAME", "groundwork"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_PASSWORD", "Passw0rd123"),
            ("GROUNDWORK__PAYMENTS__SELLER__GSTIN", "29AAGCB7383J1Z4"),
        ];
        pairs.extend_from_slice(changes);
        match config::load::<PaymentsConfig>("payments", None, &Environment::from_pairs(pairs)) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.lines().to_vec(),
        }
    }

    #[test]
    fn a_complete_production_configuration_is_accepted() {
        assert_eq!(problems(&[]), Vec::<String>::new());
    }

    #[test]
    fn each_unsafe_value_is_refused_by_its_name() {
        let cases = [
            ("GROUNDWORK__PAYMENTS__PHONEPE__PAYMENT_URL", "http://127.0.0.1:8090/apis/pg", "phonepe.payment_url"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__OAUTH_URL", "https://api-preprod.phonepe.com/apis/pg-sandbox", "phonepe.oauth_url"),
            ("GROUNDWORK__PAYMENTS__MAIL__RESEND_URL", "http://localhost:8090/resend", "mail.resend_url"),
            ("GROUNDWORK__PUBLIC_URL", "http://app.example.com", "public_url"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__CLIENT_SECRET", "short", "phonepe.client_secret"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_PASSWORD", "password", "phonepe.webhook_password"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_PASSWORD", "", "phonepe.webhook_password"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_SECRET", "short", "phonepe.webhook_secret"),
            ("RESEND_API_KEY", "", "mail.resend_api_key"),
            ("GROUNDWORK__PAYMENTS__SELLER__GSTIN", "29AAACG0000A1ZO", "seller.gstin"),
            ("GROUNDWORK__PAYMENTS__SELLER__SAC", "", "seller.sac"),
        ];
        for (name, value, key) in cases {
            let found = problems(&[(name, value)]);
            assert!(found.iter().any(|line| line.starts_with(key)), "{name}={value}: {found:?}");
        }
    }

    #[test]
    fn one_host_of_each_environment_is_refused_in_development_too() {
        let mixed = [
            ("GROUNDWORK__PROFILE", "development"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__PAYMENT_URL", "https://api-preprod.phonepe.com/apis/pg-sandbox"),
        ];
        assert_eq!(problems(&mixed).len(), 1);
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let secret = || SecretString::from("s3cret-value".to_owned());
        let config = PaymentsConfig {
            public_url: String::new(),
            late_success: LateSuccess::Honour,
            trial_days: 0,
            seller: SellerConfig {
                legal_name: String::new(),
                address: String::new(),
                gstin: String::new(),
                email: String::new(),
                sac: String::new(),
            },
            phonepe: PhonePeConfig {
                oauth_url: String::new(),
                payment_url: String::new(),
                client_id: String::new(),
                client_secret: secret(),
                client_version: 1,
                webhook_username: String::new(),
                webhook_password: secret(),
                webhook_secret: secret(),
                autopay_api: AutopayApi::Checkout,
            },
            mail: MailSettings {
                resend_url: String::new(),
                resend_api_key: secret(),
                webhook_secret: secret(),
                smtp_url: secret(),
                from: String::new(),
            },
        };
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
