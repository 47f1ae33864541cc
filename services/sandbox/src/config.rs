//! What the sandbox has to know about the merchant it plays against.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::{Clock, SystemClock};
use secrecy::SecretString;
use url::Url;

use crate::resend::ResendWebhook;

/// Settings of one sandbox. The default is the one for local development, on a free port.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Where it listens; port 0 takes a free one.
    pub addr: SocketAddr,
    /// Base of the pay page's address in `redirectUrl`; the listener's own address when absent.
    pub public_url: Option<Url>,
    /// The one merchant.
    pub merchant: Merchant,
    /// Where webhooks go.
    pub webhook: WebhookTarget,
    /// The key that mails must come with.
    pub resend_api_key: SecretString,
    /// Where webhooks about mails go.
    pub resend_webhook: ResendWebhook,
    /// How long an access token lives. The real value is not published; the documentation's sample lives 624 600 s.
    pub token_lifetime: TimeDelta,
    /// Time, so that expiry can be tested without waiting. `Sandbox::advance_clock` moves it further.
    pub clock: Arc<dyn Clock>,
}

/// The merchant's credentials, as the dashboard would have issued them.
#[derive(Clone)]
pub struct Merchant {
    /// `merchantId` in webhooks.
    pub id: String,
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: SecretString,
    /// `client_version`, which is 1 in every `PhonePe` sandbox.
    pub client_version: u32,
}

/// The webhook of the merchant's dashboard.
#[derive(Clone)]
pub struct WebhookTarget {
    /// Nothing is sent while there is none.
    pub url: Option<Url>,
    /// Sent hashed together with the password.
    pub username: String,
    /// Sent hashed together with the username.
    pub password: SecretString,
    /// Signs the bodies, instead of username and password.
    pub secret: Option<SecretString>,
    /// Pauses before each further try. No schedule is documented for this product; three tries more are the number
    /// that `PhonePe` states for another one.
    pub retries: Vec<Duration>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            merchant: Merchant {
                id: "MERCHANTUAT".to_owned(),
                client_id: "groundwork-local".to_owned(),
                client_secret: SecretString::from("sandbox-client-secret"),
                client_version: 1,
            },
            webhook: WebhookTarget {
                url: None,
                username: "groundwork".to_owned(),
                password: SecretString::from("Sandbox2026"),
                secret: None,
                retries: [2, 10, 30].map(Duration::from_secs).to_vec(),
            },
            resend_api_key: SecretString::from("re_sandbox"),
            resend_webhook: ResendWebhook::default(),
            token_lifetime: TimeDelta::seconds(624_600),
            clock: Arc::new(SystemClock),
        }
    }
}
