//! What the provider tells of the mails that it took. A service registers a route and hands what comes to [`Deliveries`].

use actix_web::{HttpRequest, HttpResponse};
use anyhow::Context;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ErrorCode;
use lettre::message::Mailbox;
use serde::Deserialize;
use serde_json::Value;
use service_kit::{
    Kit,
    db::DbError,
    http::{Problem, client_address},
    rate_limit::Limit,
};

use crate::{
    Mailer,
    delivery::{self, Delivery, Event},
    metrics::Metrics,
    settings::MailSettings,
    signature::{Proof, WebhookKeys},
    suppression::{self, Reason},
};

/// No webhook about a mail is near this size.
const BODY_LIMIT: usize = 64 * 1024;
/// Of webhooks without our signature, from one address.
const PER_ADDRESS: Limit = Limit { name: "mail_webhook", burst: 50, per_s: 1 };
/// Longest kind of a bounce that is kept.
const LONGEST_DETAIL: usize = 100;

/// Takes the webhooks of the provider.
#[derive(Clone)]
pub struct Deliveries {
    kit: Kit,
    keys: WebhookKeys,
    metrics: Metrics,
}

/// The event's envelope. Everything may be missing, and `data` be anything: the list of events is open.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    data: Value,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    email_id: String,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    bounce: Option<Bounce>,
}

/// `message` repeats addresses and is not read.
#[derive(Deserialize, Default)]
struct Bounce {
    /// `Permanent`, `Transient` or `Undetermined`.
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(rename = "subType", default)]
    sub_kind: String,
}

/// What an event tells, where it tells something of a delivery.
struct Told {
    provider_id: String,
    state: Delivery,
    /// The kind of a bounce.
    detail: Option<String>,
    /// Why the address is to get no more mail.
    ends: Option<Reason>,
    /// The one address that it is about, if the event has one.
    recipient: Option<String>,
}

impl Told {
    fn of(envelope: Envelope) -> Option<Self> {
        let state = Delivery::of_event(&envelope.kind)?;
        let Data { email_id, to, bounce } = serde_json::from_value(envelope.data).ok()?;
        let bounce = bounce.unwrap_or_default();
        let ends = match state {
            Delivery::Complained => Some(Reason::Complained),
            // A full mailbox or a server that is down will take another mail.
            Delivery::Bounced if bounce.kind.eq_ignore_ascii_case("permanent") => Some(Reason::Bounced),
            _ => None,
        };
        let detail = format!("{}/{}", bounce.kind, bounce.sub_kind);
        let is_code = detail.len() <= LONGEST_DETAIL && detail.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_-".contains(&b));
        let recipient = match to.as_slice() {
            [only] => only.parse::<Mailbox>().ok().map(|mailbox| mailbox.email.to_string()),
            _ => None,
        };
        let fits = (1..=256).contains(&email_id.len());
        fits.then_some(Self {
            provider_id: email_id,
            state,
            detail: Some(detail).filter(|_| is_code && state == Delivery::Bounced),
            ends,
            recipient,
        })
    }
}

impl Deliveries {
    /// What takes webhooks about the mails of this mailer.
    ///
    /// # Errors
    /// When the secrets cannot be used.
    pub fn new(kit: &Kit, mailer: &Mailer, settings: &MailSettings) -> anyhow::Result<Self> {
        kit.metrics.rate_limited_total.with_label_values(&[PER_ADDRESS.name]);
        let keys = WebhookKeys::parse(&settings.webhook_secret).context("mail.webhook_secret")?;
        Ok(Self { kit: kit.clone(), keys, metrics: mailer.metrics().clone() })
    }

    /// Takes a webhook: 200 when it is stored, was before, or is about something else.
    ///
    /// # Errors
    /// 401 (429 when too many come) without a signature of ours, 400 when it is not JSON, 413 when it is too large, 503 when
    /// the database does not answer: the provider sends it again.
    pub async fn receive(&self, request: &HttpRequest, body: &[u8]) -> Result<HttpResponse, Problem> {
        let count = |outcome: &str| self.metrics.webhooks.with_label_values(&[outcome]).inc();
        if body.len() > BODY_LIMIT {
            count("refused");
            return Err(Problem::new(ErrorCode::PayloadTooLarge).detail(format!("the body is larger than {BODY_LIMIT} bytes")));
        }
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let proof = || Some(Proof { id: header("svix-id")?, timestamp: header("svix-timestamp")?, signatures: header("svix-signature")? });
        if let Err(unproven) = self.keys.verify(proof(), body, self.kit.clock.now()) {
            count("unauthenticated");
            let address = client_address(request, &self.kit.config.http);
            let address = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
            self.kit.limits.take(PER_ADDRESS, &address).await.or_refuse()?;
            tracing::warn!(reason = %unproven, "a webhook about a mail is not believed");
            return Err(Problem::new(ErrorCode::DeliveryUnauthenticated));
        }
        let Ok(envelope) = serde_json::from_slice::<Envelope>(body) else {
            count("refused");
            return Err(Problem::new(ErrorCode::MalformedJson).detail("the body is no event"));
        };
        let (Some(told), Some(id)) = (Told::of(envelope), header("svix-id").map(str::to_owned)) else {
            count("ignored");
            return Ok(HttpResponse::Ok().finish());
        };
        // To its end, even when the provider hangs up.
        let this = self.clone();
        let first = self.kit.lifecycle.detached(async move { this.apply(&id, &told).await }).await??;
        count(if first { "stored" } else { "repeated" });
        Ok(HttpResponse::Ok().finish())
    }

    /// Stores what was told and does what follows from it, in one transaction; `false` when it came before.
    async fn apply(&self, id: &str, told: &Told) -> Result<bool, DbError> {
        let now = self.kit.clock.now();
        let mut connection = self.kit.db.get().await?;
        let applied = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let event = Event { id, provider_id: &told.provider_id, state: told.state, detail: told.detail.as_deref() };
                delivery::lock(connection, event.provider_id).await?;
                if !delivery::keep(connection, now, &event).await? {
                    return Ok::<_, diesel::result::Error>(None);
                }
                let reached = delivery::settle(connection, now, event.provider_id).await?;
                if let Some(reason) = told.ends {
                    let mail = delivery::taken(connection, event.provider_id).await?;
                    // A mail that is not marked as sent yet, or the mail of another service that sends by the same account.
                    let (mail, address) = mail.map_or((None, told.recipient.clone()), |mail| (Some(mail.id), Some(mail.recipient)));
                    if let Some(address) = address {
                        suppression::add(connection, now, &address, reason, mail).await?;
                    }
                }
                Ok(Some(reached))
            })
            .await?;
        if let Some(reached) = applied.flatten() {
            self.metrics.deliveries.with_label_values(&[reached.as_str()]).inc();
        }
        Ok(applied.is_some())
    }
}

/// Keys and addresses never reach a log.
impl std::fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliveries").field("keys", &self.keys).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(kind: &str, data: &Value) -> Option<Told> {
        Told::of(serde_json::from_value(json!({"type": kind, "created_at": "2026-11-28T08:00:00.000Z", "data": data})).unwrap())
    }

    #[test]
    fn only_a_bounce_for_good_and_a_complaint_end_an_address() {
        let bounced = |kind: &str| {
            let bounce = json!({"message": "550 asha@example.test is unknown", "type": kind, "subType": "General"});
            told("email.bounced", &json!({"email_id": "e", "to": ["asha@example.test"], "bounce": bounce})).unwrap()
        };
        assert_eq!(bounced("Permanent").ends, Some(Reason::Bounced));
        assert_eq!(bounced("Permanent").detail.as_deref(), Some("Permanent/General"));
        for soft in ["Transient", "Undetermined", "Teleported", ""] {
            assert_eq!(bounced(soft).ends, None, "{soft}");
        }
        assert_eq!(told("email.complained", &json!({"email_id": "e"})).unwrap().ends, Some(Reason::Complained));
        assert_eq!(told("email.suppressed", &json!({"email_id": "e"})).unwrap().ends, None, "that list is the provider's own");
    }

    #[test]
    fn what_is_no_code_is_not_kept() {
        let bounce = json!({"type": "Permanent", "subType": "asha@example.test"});
        assert_eq!(told("email.bounced", &json!({"email_id": "e", "bounce": bounce})).unwrap().detail, None);
    }

    #[test]
    fn an_event_of_several_recipients_names_nobody() {
        let recipient = |to: &Value| told("email.complained", &json!({"email_id": "e", "to": to})).unwrap().recipient;
        assert_eq!(recipient(&json!(["Asha <asha@example.test>"])).as_deref(), Some("asha@example.test"));
        assert_eq!(recipient(&json!(["asha@example.test", "ravi@example.test"])), None);
        assert_eq!(recipient(&json!(["nobody"])), None);
    }

    #[test]
    fn what_tells_nothing_of_a_delivery_is_ignored() {
        assert!(told("email.opened", &json!({"email_id": "e"})).is_none());
        assert!(told("email.bounced", &json!(null)).is_none());
        assert!(told("email.bounced", &json!({})).is_none());
        assert!(told("email.bounced", &json!("e")).is_none());
        assert!(told("email.bounced", &json!({"email_id": "e", "to": {"of": "another shape"}})).is_none());
        assert!(told("email.bounced", &json!({"email_id": "e".repeat(257)})).is_none());
    }
}
