//! The settings of outgoing mail, the same for every service that sends.

use std::sync::Arc;

use anyhow::Context;
use lettre::message::Mailbox;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use service_kit::{
    Kit,
    config::{KitConfig, Problems, Profile},
};

use crate::{
    Mailer, Resend, Transport,
    signature::WebhookKeys,
    smtp::{Smtp, SmtpUrl},
};

/// Outgoing mail: by SMTP where a server is named, by Resend's API otherwise.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in the services' default.toml")]
pub struct MailSettings {
    pub resend_url: String,
    pub resend_api_key: SecretString,
    pub webhook_secret: SecretString,
    pub smtp_url: SecretString,
    pub from: String,
}

impl MailSettings {
    /// Reports every unusable value.
    pub fn validate(&self, kit: &KitConfig, problems: &mut Problems) {
        let production = kit.profile == Profile::Production;
        match self.from.parse::<Mailbox>() {
            _ if self.from.trim().is_empty() => problems.require("mail.from", &self.from),
            Err(_) => problems.add("mail.from", "is no sender: write Name <name@example.com>"),
            Ok(from) if production && from.email.domain().ends_with(".example") => {
                problems.add("mail.from", "has no address that can be answered");
            }
            Ok(_) => {}
        }
        if let Err(problem) = WebhookKeys::parse(&self.webhook_secret) {
            problems.add("mail.webhook_secret", problem);
        }
        if self.by_smtp() {
            match SmtpUrl::parse(self.smtp_url.expose_secret()) {
                Err(problem) => problems.add("mail.smtp_url", problem),
                Ok(server) if production && !server.is_private() => {
                    problems.add("mail.smtp_url", "must be encrypted in production, or on this machine");
                }
                Ok(_) => {}
            }
            return;
        }
        problems.require_url("mail.resend_url", &self.resend_url);
        if production {
            problems.require("mail.resend_api_key", self.resend_api_key.expose_secret());
            if !self.resend_url.starts_with("https://") {
                problems.add("mail.resend_url", "must be https in production");
            }
        }
    }

    fn by_smtp(&self) -> bool {
        !self.smtp_url.expose_secret().is_empty()
    }

    fn by_resend(&self) -> bool {
        !self.resend_api_key.expose_secret().is_empty()
    }

    /// Starts the mailer, if there is a way out; without one mails wait in the outbox, which only a developer can want.
    pub fn start(&self, mailer: &Mailer, kit: &Kit) {
        if self.by_smtp() || self.by_resend() {
            mailer.start(kit);
        } else {
            tracing::warn!("mails wait in the outbox: neither mail.resend_api_key nor mail.smtp_url is set");
        }
    }

    /// The way out.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn transport(&self, http: reqwest::Client) -> anyhow::Result<Arc<dyn Transport>> {
        if self.by_smtp() {
            let server = SmtpUrl::parse(self.smtp_url.expose_secret()).context("mail.smtp_url")?;
            return Ok(Arc::new(Smtp::new(server, self.from.parse().context("mail.from")?)?));
        }
        Ok(Arc::new(Resend::new(http, &self.resend_url, self.resend_api_key.clone(), self.from.clone())))
    }
}
