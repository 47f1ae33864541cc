//! The access token: one per process, renewed at half its life by one caller, kept when it cannot be renewed.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use domain::Clock;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, RwLock};

use super::{Unavailable, wire};
use crate::{config::PhonePeConfig, metrics::Metrics};

/// A whole token request ends within this time.
const LIMIT: Duration = Duration::from_secs(5);
/// After a failed renewal the old token is used at least this long before the next try.
const RETRY_AFTER: TimeDelta = TimeDelta::seconds(5);

/// An `Authorization` header.
#[derive(Clone)]
pub(super) struct Token {
    header: SecretString,
    renew_at: DateTime<Utc>,
}

impl Token {
    pub(super) fn header(&self) -> &str {
        self.header.expose_secret()
    }
}

pub(super) struct Tokens {
    http: reqwest::Client,
    endpoint: String,
    client_id: String,
    client_secret: SecretString,
    client_version: u32,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    current: RwLock<Option<Token>>,
    renewing: Mutex<()>,
}

impl Tokens {
    pub(super) fn new(http: reqwest::Client, config: &PhonePeConfig, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        Self {
            http,
            endpoint: format!("{}/v1/oauth/token", config.oauth_url.trim_end_matches('/')),
            client_id: config.client_id.clone(),
            client_secret: config.client_secret.clone(),
            client_version: config.client_version,
            clock,
            metrics,
            current: RwLock::new(None),
            renewing: Mutex::new(()),
        }
    }

    /// The token to use now.
    pub(super) async fn get(&self) -> Result<Token, Unavailable> {
        let now = self.clock.now();
        match self.current.read().await.clone() {
            Some(token) if now < token.renew_at => return Ok(token),
            // Somebody renews it already: the old one is good for the other half of its life.
            Some(token) if self.renewing.try_lock().is_err() => return Ok(token),
            _ => {}
        }
        let _renewing = self.renewing.lock().await;
        let known = self.current.read().await.clone();
        if let Some(token) = known.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.clone());
        }
        match (self.fetch().await, known) {
            (Ok(token), _) => Ok(self.keep(token).await),
            (Err(error), Some(old)) => {
                tracing::warn!(error = %error, "the payment provider's token could not be renewed, the old one stays");
                Ok(self.keep(Token { renew_at: now + RETRY_AFTER, ..old }).await)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// A token other than `refused`, which the provider did not accept.
    pub(super) async fn replace(&self, refused: &Token) -> Result<Token, Unavailable> {
        let _renewing = self.renewing.lock().await;
        let known = self.current.read().await.clone();
        match known {
            Some(token) if token.header() != refused.header() => Ok(token),
            _ => {
                let token = self.fetch().await?;
                Ok(self.keep(token).await)
            }
        }
    }

    /// Fetches a token without using the cache.
    pub(super) async fn fetch(&self) -> Result<Token, Unavailable> {
        let fetched = self.request().await;
        self.metrics.tokens.with_label_values(&[if fetched.is_ok() { "granted" } else { "failed" }]).inc();
        fetched
    }

    async fn request(&self) -> Result<Token, Unavailable> {
        let unavailable = |reason: String| Unavailable { reason, retry_after: None };
        let version = self.client_version.to_string();
        let form = [
            ("client_id", self.client_id.as_str()),
            ("client_version", version.as_str()),
            ("client_secret", self.client_secret.expose_secret()),
            ("grant_type", "client_credentials"),
        ];
        let answer = self
            .http
            .post(&self.endpoint)
            .timeout(LIMIT)
            .form(&form)
            .send()
            .await
            .map_err(|error| unavailable(format!("no token: {}", error.without_url())))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| unavailable(format!("no token: {}", error.without_url())))?;
        if !status.is_success() {
            let refusal: wire::Refusal = serde_json::from_slice(&body).unwrap_or_default();
            return Err(unavailable(format!("no token: {} {}", status.as_u16(), refusal.code())));
        }
        let token: wire::Token =
            serde_json::from_slice(&body).map_err(|_| unavailable(format!("no token: {} with an unreadable body", status.as_u16())))?;
        let kind = token.kind.as_deref().unwrap_or("O-Bearer");
        let issued_at = token.issued_at.unwrap_or_else(|| self.clock.now().timestamp());
        let half_life = issued_at.midpoint(token.expires_at);
        let renew_at = DateTime::from_timestamp(half_life, 0).ok_or_else(|| unavailable("a token with impossible times".into()))?;
        Ok(Token { header: format!("{kind} {}", token.access).into(), renew_at })
    }

    async fn keep(&self, token: Token) -> Token {
        *self.current.write().await = Some(token.clone());
        token
    }
}
