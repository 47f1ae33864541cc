//! Telling the merchant: the event's envelope, the proof of who sent it, the weather on its way, and the tries after a
//! refusal.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::money::Paise;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    config::WebhookTarget,
    event::{Event, legacy_type},
    mandate::Mandate,
    order::{Order, OrderState},
    phonepe::{mandate_status, order_payload, refund_payload},
    refund::Refund,
    state::Sandbox,
    weather::Weather,
};

/// An answer must come within this time, as `PhonePe` demands it.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// With reordering on, a webhook that no other one overtakes goes out after this time.
const HELD_LIMIT: Duration = Duration::from_secs(2);
/// Not in any SDK of `PhonePe`: the name that independent integrators use.
const SIGNATURE: HeaderName = HeaderName::from_static("x-phonepe-checksum-signature");

/// One webhook, ready to go.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    sequence: u64,
    event: &'static str,
    merchant_order_id: String,
    proof: (HeaderName, String),
    body: String,
}

/// How one try to deliver ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The merchant answered 2xx.
    Accepted,
    /// The merchant answered something else.
    Refused,
    /// No answer came in time.
    Unreachable,
    /// The weather swallowed it.
    Lost,
    /// There is no address to send it to.
    NoAddress,
}

/// One try to deliver a webhook.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// The same for all copies and tries of one webhook.
    pub webhook: u64,
    /// The event's name.
    pub event: &'static str,
    /// The order it is about, whose refund, or that set up the mandate.
    pub merchant_order_id: String,
    /// 1 for the first try.
    pub attempt: usize,
    /// When this try began.
    pub at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How it ended.
    pub fate: Fate,
    /// The merchant's HTTP status.
    pub status: Option<u16>,
    /// The bytes sent.
    pub body: String,
}

/// The envelope around the payload of an order, a refund or a mandate.
pub(crate) fn envelope(event: &str, payload: &Value) -> Value {
    json!({"event": event, "type": legacy_type(event), "payload": payload})
}

/// The header's value: the bare lower-case hex of SHA-256 over `username:password`.
pub(crate) fn authorization(username: &str, password: &str) -> String {
    hex::encode(Sha256::digest(format!("{username}:{password}")))
}

/// The signature's value: the lower-case hex of the body's HMAC-SHA256.
fn signature(secret: &str, body: &str) -> String {
    Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map(|mac| hex::encode(mac.chain_update(body).finalize().as_bytes()))
        .unwrap_or_default()
}

/// The dashboard's two options: a secret that signs the body, or else user name and password.
fn proof(target: &WebhookTarget, body: &str, wrong: bool) -> (HeaderName, String) {
    if let Some(secret) = &target.secret {
        let secret = if wrong { "not-the-secret" } else { secret.expose_secret() };
        return (SIGNATURE, signature(secret, body));
    }
    let password = if wrong { "not-the-password" } else { target.password.expose_secret() };
    (AUTHORIZATION, authorization(&target.username, password))
}

impl Sandbox {
    /// Sends the webhook of an order's event, through the weather.
    pub(crate) fn tell(&self, order: &Order, event: Event) {
        let payload = |amount: Paise| self.payload_of(&Order { amount, ..order.clone() }, event);
        self.send(&order.merchant_order_id, event, order.amount, payload);
    }

    /// `payload` of an order's webhook. One that tells of a single debit attempt leaves the order's state open.
    pub(crate) fn payload_of(&self, order: &Order, event: Event) -> Value {
        let merchant_id = &self.config().merchant.id;
        if matches!(event, Event::DebitAttemptCompleted | Event::DebitAttemptFailed) {
            let open = Order { state: OrderState::Pending, failure: None, ..order.clone() };
            return order_payload(merchant_id, &open);
        }
        order_payload(merchant_id, order)
    }

    /// Sends the webhook of a refund's event, through the weather.
    pub(crate) fn tell_of_refund(&self, refund: &Refund, event: Event) {
        let Some(order) = self.order_by_id(&refund.original_merchant_order_id) else { return };
        let payload = |amount: Paise| refund_payload(&self.config().merchant.id, &Refund { amount, ..refund.clone() }, &order);
        self.send(&order.merchant_order_id, event, refund.amount, payload);
    }

    /// Sends the webhook of a mandate's event, through the weather. Its amount is the greatest debit.
    pub(crate) fn tell_of_mandate(&self, mandate: &Mandate, event: Event) {
        let payload = |amount: Paise| {
            let mut altered = mandate.clone();
            altered.terms.max_amount = amount;
            mandate_status(&altered)
        };
        self.send(&mandate.setup_order_id, event, mandate.terms.max_amount, payload);
    }

    fn send(&self, merchant_order_id: &str, event: Event, amount: Paise, payload: impl Fn(Paise) -> Value) {
        let Weather { webhook: weather, novelty, .. } = self.weather();
        let name = novelty.event.as_deref().unwrap_or(event.name());
        let body = |amount: Paise| envelope(name, &novelty.applied(payload(amount))).to_string();
        // Of what was true: whoever alters a webhook on its way cannot sign it.
        let signed = body(amount);
        let webhook = Webhook {
            sequence: self.state().next(),
            event: event.name(),
            merchant_order_id: merchant_order_id.to_owned(),
            proof: proof(&self.config().webhook, &signed, weather.wrong_credentials),
            body: weather.tamper_amount.map_or(signed, body),
        };
        if weather.lost {
            self.note(&webhook, 1, Instant::now(), Fate::Lost, None);
            return;
        }
        let in_order = if weather.reorder {
            match self.hold_back(webhook) {
                Some(in_order) => in_order,
                None => return,
            }
        } else {
            vec![webhook]
        };
        let this = self.clone();
        let delay = Duration::from_millis(weather.delay_ms.into());
        self.lifecycle().spawn(async move {
            if !this.sleep(delay).await {
                return;
            }
            for webhook in in_order {
                for _ in 0..weather.duplicate {
                    let (this, copy) = (this.clone(), webhook.clone());
                    this.clone().lifecycle().spawn(async move { this.deliver(copy).await });
                }
                this.deliver(webhook).await;
            }
        });
    }

    /// Keeps a webhook until the next one comes, and returns that one and the one held before it, in this order.
    fn hold_back(&self, webhook: Webhook) -> Option<Vec<Webhook>> {
        let mut state = self.state();
        if let Some(held) = state.held.take() {
            return Some(vec![webhook, held]);
        }
        let sequence = webhook.sequence;
        state.held = Some(webhook);
        drop(state);
        let this = self.clone();
        self.lifecycle().spawn(async move {
            if !this.sleep(HELD_LIMIT).await {
                return;
            }
            let overdue = this.state().held.take_if(|held| held.sequence == sequence);
            if let Some(webhook) = overdue {
                this.deliver(webhook).await;
            }
        });
        None
    }

    /// Tries until the merchant answers 2xx or the tries are used up.
    async fn deliver(&self, webhook: Webhook) {
        let pauses = &self.config().webhook.retries;
        for attempt in 1..=pauses.len() + 1 {
            let started = Instant::now();
            let (fate, status) = self.post(&webhook).await;
            self.note(&webhook, attempt, started, fate, status);
            if matches!(fate, Fate::Accepted | Fate::NoAddress) {
                return;
            }
            match pauses.get(attempt - 1) {
                Some(pause) if self.sleep(*pause).await => {}
                _ => return,
            }
        }
    }

    async fn post(&self, webhook: &Webhook) -> (Fate, Option<u16>) {
        let Some(url) = self.webhook_url() else {
            return (Fate::NoAddress, None);
        };
        let (header, value) = &webhook.proof;
        let answer =
            self.http().post(url).header(header, value).header(CONTENT_TYPE, "application/json").body(webhook.body.clone()).send().await;
        match answer {
            Ok(answer) if answer.status().is_success() => (Fate::Accepted, Some(answer.status().as_u16())),
            Ok(answer) => (Fate::Refused, Some(answer.status().as_u16())),
            Err(_) => (Fate::Unreachable, None),
        }
    }

    fn note(&self, webhook: &Webhook, attempt: usize, started: Instant, fate: Fate, status: Option<u16>) {
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            event_type = webhook.event,
            merchant_order_id = webhook.merchant_order_id,
            attempt,
            ?fate,
            status,
            duration_ms,
            "webhook"
        );
        self.record(Delivery {
            webhook: webhook.sequence,
            event: webhook.event,
            merchant_order_id: webhook.merchant_order_id.clone(),
            attempt,
            at: self.now(),
            duration_ms,
            fate,
            status,
            body: webhook.body.clone(),
        });
    }

    /// Waits; false when the process drains meanwhile.
    async fn sleep(&self, pause: Duration) -> bool {
        if pause.is_zero() {
            return true;
        }
        let draining = self.lifecycle().draining();
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            () = draining.cancelled() => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{authorization, signature};

    /// The first is from the official SDK's own tests.
    #[test]
    fn the_authorization_is_the_bare_hash() {
        assert_eq!(authorization("username", "password"), "bc842c31a9e54efe320d30d948be61291f3ceee4766e36ab25fa65243cd76e0e");
        assert_eq!(authorization("merchant_01", "Passw0rd123"), "ea04d79108d96621a8459f3f35be4eb072583eaad453d7d946c0308946023a43");
    }
    #[test]
    fn the_signature_is_the_one_that_integrators_compute() {
        let body = r#"{"event":"checkout.order.completed","payload":{"merchantOrderId":"TX1","state":"COMPLETED","amount":10000}}"#;
        assert_eq!(signature("whk_test_secret", body), "f324bc4fdd8b6b6897ac5ca38b755cabc1160d3a5ccf2da4470a4a9927c05ff2");
    }
}
