//! Telling what became of a mail, signed as Svix signs for Resend.
//!
//! Resend's own test addresses decide how a mail ends: `delivered@resend.dev`, `bounced@resend.dev`, `complained@resend.dev`,
//! `suppressed@resend.dev`, each with a label too (`bounced+shop@resend.dev`). Every other mail is delivered.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;
use url::Url;
use uuid::Uuid;

use super::mail::Mail;
use crate::state::Sandbox;

/// Where the webhooks about mails go. Nothing is sent without an address and a secret.
#[derive(Clone, Default)]
pub struct ResendWebhook {
    /// Every endpoint hears of every mail.
    pub urls: Vec<Url>,
    /// `whsec_` and a key in base64; of several, with commas between, the first signs.
    pub secret: Option<SecretString>,
}

/// A webhook, ready to go.
#[derive(Debug, Clone)]
struct Notice {
    /// The same for every endpoint and every try.
    id: String,
    event: &'static str,
    body: String,
}

/// What is told of a mail to this address, in this order.
fn events(address: &str) -> &'static [&'static str] {
    let address = address.rsplit_once('<').map_or(address, |(_, rest)| rest.trim_end_matches('>'));
    let local = address.to_ascii_lowercase();
    let name = local.strip_suffix("@resend.dev").map(|local| local.split('+').next().unwrap_or_default().to_owned());
    match name.as_deref() {
        Some("bounced") => &["email.sent", "email.bounced"],
        Some("complained") => &["email.sent", "email.delivered", "email.complained"],
        Some("suppressed") => &["email.suppressed"],
        _ => &["email.sent", "email.delivered"],
    }
}

fn body(event: &str, mail: &Mail, to: &str, now: DateTime<Utc>) -> Value {
    let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut data = json!({
        "email_id": mail.id, "created_at": at(mail.received_at), "from": mail.from, "to": [to], "subject": mail.subject,
    });
    if event == "email.bounced"
        && let Some(data) = data.as_object_mut()
    {
        let bounce = json!({"message": "The recipient's mailbox does not exist.", "type": "Permanent", "subType": "General"});
        data.insert("bounce".to_owned(), bounce);
    }
    json!({"type": event, "created_at": at(now), "data": data})
}

/// `v1,` and the base64 of the HMAC-SHA256 of `{id}.{timestamp}.{body}`; nothing when the secret is none of Svix's.
fn signature(secret: &str, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let first = secret.split(',').next()?.trim();
    let key = BASE64_STANDARD.decode(first.strip_prefix("whsec_")?).ok()?;
    let mac = Hmac::<Sha256>::new_from_slice(&key).ok()?.chain_update(format!("{id}.{timestamp}.{body}"));
    Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().as_bytes())))
}

impl Sandbox {
    /// Tells of a mail that was just accepted.
    pub(super) fn tell_of_mail(&self, mail: &Mail) {
        let target = &self.config().resend_webhook;
        let Some(secret) = target.secret.clone().filter(|_| !target.urls.is_empty()) else { return };
        let notices: Vec<Notice> = mail
            .to
            .iter()
            .flat_map(|to| events(to).iter().map(move |event| (to, *event)))
            .map(|(to, event)| Notice {
                id: format!("msg_{}", Uuid::now_v7().simple()),
                event,
                body: body(event, mail, to, self.now()).to_string(),
            })
            .collect();
        for url in target.urls.clone() {
            let (this, secret, notices) = (self.clone(), secret.clone(), notices.clone());
            self.lifecycle().spawn(async move {
                for notice in notices {
                    this.post_notice(&url, &secret, &notice).await;
                }
            });
        }
    }

    /// Tries until the endpoint answers 2xx or the tries are used up; each try is signed at its own time.
    async fn post_notice(&self, url: &Url, secret: &SecretString, notice: &Notice) {
        let Notice { id, event, body } = notice;
        for attempt in 0.. {
            let timestamp = self.now().timestamp();
            let Some(signature) = signature(secret.expose_secret(), id, timestamp, body) else {
                tracing::warn!("the secret of webhooks about mails is not whsec_ and base64: none are sent");
                return;
            };
            let request = self.http().post(url.clone()).header(CONTENT_TYPE, "application/json").header("svix-id", id);
            let request = request.header("svix-timestamp", timestamp).header("svix-signature", signature).body(body.clone());
            let status = request.send().await.ok().map(|answer| answer.status());
            tracing::info!(event_type = event, attempt, status = status.map(|status| status.as_u16()), "webhook about a mail");
            if status.is_some_and(|status| status.is_success()) {
                return;
            }
            let Some(pause) = self.config().webhook.retries.get(attempt) else { return };
            if self.lifecycle().draining().run_until_cancelled(tokio::time::sleep(*pause)).await.is_none() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{events, signature};

    /// From Svix's own tests.
    #[test]
    fn the_signature_is_svixs_own() {
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw,whsec_another",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn resends_own_addresses_decide_how_a_mail_ends() {
        assert_eq!(events("bounced@resend.dev"), ["email.sent", "email.bounced"]);
        assert_eq!(events("Shop <Bounced+shop@resend.dev>"), ["email.sent", "email.bounced"]);
        assert_eq!(events("complained@resend.dev"), ["email.sent", "email.delivered", "email.complained"]);
        assert_eq!(events("suppressed@resend.dev"), ["email.suppressed"]);
        assert_eq!(events("bounced@shop.example"), ["email.sent", "email.delivered"]);
    }
}
