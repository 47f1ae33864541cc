//! One dead letter.

use chrono::{DateTime, Utc};
use domain::ids::WorkspaceId;
use lapin::{
    Acker, BasicProperties,
    message::Delivery,
    types::{AMQPValue, FieldTable},
};
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Filter;
use crate::{
    consumer::republished,
    envelope::{self, DEAD_AT, DEAD_DETAIL, DEAD_REASON, REDRIVE_COUNT, RETRY_COUNT},
    topology::ConsumerQueue,
};

/// The broker's own reason: more failed deliveries than it allows, from a crash loop.
const DELIVERY_LIMIT: &str = "delivery_limit";

/// A message in a dead queue.
#[derive(Debug)]
pub struct Letter {
    /// The queue it failed in.
    pub queue: &'static ConsumerQueue,
    /// The event's id, or what the message has in its place; without any that can be read, `data-` and a hash of its data.
    pub id: String,
    /// The event's type, `unknown` when the message has none that can be read.
    pub event_type: String,
    /// The tenant, if the message has one.
    pub workspace_id: Option<WorkspaceId>,
    /// Why it is here.
    pub reason: String,
    /// Since when it is here, if anything says so.
    pub dead_at: Option<DateTime<Utc>>,
    delivery: Delivery,
}

/// A dead letter without its data.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub struct LetterSummary {
    /// The event's id, or what the message has in its place; without any that can be read, `data-` and a hash of its data.
    pub id: String,
    /// The queue it failed in.
    pub queue: &'static str,
    /// The event's type, `unknown` when the message has none that can be read.
    pub event_type: String,
    /// The tenant, if the message has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<Uuid>,
    /// Why it is here, a stable word: `permanent`, `retries_exhausted`, `malformed_data` …
    pub reason: String,
    /// What happened, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Since when it is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_at: Option<DateTime<Utc>>,
    /// Tries that it had.
    pub retries: u32,
    /// Times that it was replayed before.
    pub redrives: u32,
    /// Size of its data.
    pub bytes: usize,
}

/// What is in a dead letter. It may be personal.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DeadLetterContent)]
pub struct Content {
    /// The attributes that are text.
    #[schema(value_type = Object)]
    pub headers: Map<String, Value>,
    /// The data as JSON, or as text when it is none.
    pub data: Value,
}

impl Letter {
    pub(super) fn new(queue: &'static ConsumerQueue, delivery: Delivery) -> Self {
        let headers = delivery.properties.headers().as_ref();
        let attribute = |name: &str| {
            envelope::text(headers, &format!("cloudEvents_{name}")).or_else(|| envelope::text(headers, &format!("cloudEvents:{name}")))
        };
        let message_id = || delivery.properties.message_id().as_ref().map(ToString::to_string);
        Self {
            id: attribute("id").or_else(message_id).filter(|id| is_word(id)).unwrap_or_else(|| hashed(&delivery.data)),
            event_type: attribute("type").filter(|kind| is_word(kind)).unwrap_or_else(|| "unknown".to_owned()),
            workspace_id: attribute("workspaceid").and_then(|id| id.parse().ok()),
            reason: envelope::text(headers, DEAD_REASON).filter(|reason| is_word(reason)).unwrap_or_else(|| DELIVERY_LIMIT.to_owned()),
            dead_at: dead_at(headers),
            queue,
            delivery,
        }
    }

    /// Whether the filter lets it through.
    pub(super) fn matches(&self, filter: &Filter) -> bool {
        let Filter { queue, id, event_type, reason, workspace, before } = filter;
        queue.as_ref().is_none_or(|queue| *queue == self.queue.name)
            && id.as_ref().is_none_or(|id| self.id.eq_ignore_ascii_case(id))
            && event_type.as_ref().is_none_or(|wanted| is_of_type(&self.event_type, wanted))
            && reason.as_ref().is_none_or(|reason| *reason == self.reason)
            && workspace.is_none_or(|workspace| self.workspace_id == Some(workspace))
            && before.is_none_or(|before| self.dead_at.is_some_and(|at| at < before))
    }

    /// What it is, without its data.
    pub fn summary(&self) -> LetterSummary {
        let headers = self.delivery.properties.headers().as_ref();
        LetterSummary {
            id: self.id.clone(),
            queue: self.queue.name,
            event_type: self.event_type.clone(),
            workspace_id: self.workspace_id.map(WorkspaceId::as_uuid),
            reason: self.reason.clone(),
            detail: envelope::text(headers, DEAD_DETAIL),
            dead_at: self.dead_at,
            retries: envelope::number(headers, RETRY_COUNT),
            redrives: envelope::number(headers, REDRIVE_COUNT),
            bytes: self.delivery.data.len(),
        }
    }

    /// What is in it.
    pub fn content(&self) -> Content {
        let headers = self.delivery.properties.headers().as_ref();
        let headers = headers
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| envelope::text_of(value).map(|text| (name.to_string(), Value::from(text))))
            .collect();
        let data = serde_json::from_slice::<Value>(&self.delivery.data)
            .unwrap_or_else(|_| String::from_utf8_lossy(&self.delivery.data).into_owned().into());
        Content { headers, data }
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.delivery.data
    }

    pub(super) fn acker(&self) -> &Acker {
        &self.delivery.acker
    }

    /// The properties under which it is sent again: the same event, its tries given back, one redrive more.
    pub(super) fn replayed(&self) -> BasicProperties {
        let headers = self.delivery.properties.headers().as_ref();
        let mut kept = envelope::carried(headers);
        kept.remove(RETRY_COUNT);
        let redrives = i64::from(envelope::number(headers, REDRIVE_COUNT)) + 1;
        kept.insert(REDRIVE_COUNT.into(), AMQPValue::LongLongInt(redrives));
        republished(&self.delivery.properties, kept.into())
    }
}

/// Whether a stranger's text can stand in a list, on a command line and in the audit log.
pub(super) fn is_word(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Names a message by what is in it: those that are equal need not be told apart.
fn hashed(data: &[u8]) -> String {
    format!("data-{}", hex::encode(Sha256::digest(data).get(..8).unwrap_or_default()))
}

/// Whether `wanted` is the type, or its first words.
fn is_of_type(event_type: &str, wanted: &str) -> bool {
    event_type.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Our own note, or the broker's when it was the one that gave up.
fn dead_at(headers: Option<&FieldTable>) -> Option<DateTime<Utc>> {
    if let Some(ours) = envelope::text(headers, DEAD_AT) {
        return DateTime::parse_from_rfc3339(&ours).ok().map(|at| at.to_utc());
    }
    let AMQPValue::FieldArray(deaths) = headers?.inner().get("x-death")? else { return None };
    let AMQPValue::FieldTable(last) = deaths.as_slice().first()? else { return None };
    let AMQPValue::Timestamp(seconds) = last.inner().get("time")? else { return None };
    DateTime::from_timestamp(i64::try_from(*seconds).ok()?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{envelope::DEAD_AT, topology};

    fn letter(headers: &[(&str, &str)]) -> Letter {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        let mut delivery = Delivery::mock(0, "".into(), "".into(), false, b"{}".to_vec());
        delivery.properties = BasicProperties::default().with_headers(table);
        Letter::new(topology::queue("onboarding-svc.payments.v1").unwrap(), delivery)
    }

    #[test]
    fn every_condition_of_a_filter_must_hold() {
        let (id, workspace) = (domain::ids::EventId::generate(), WorkspaceId::generate());
        let letter = letter(&[
            ("cloudEvents_id", &id.to_string()),
            ("cloudEvents_type", "payments.payment.confirmed.v1"),
            ("cloudEvents_workspaceid", &workspace.to_string()),
            (DEAD_REASON, "permanent"),
            (DEAD_AT, "2026-11-25T04:00:00Z"),
        ]);
        let all = Filter {
            queue: Some("onboarding-svc.payments.v1".into()),
            id: Some(id.to_string().to_uppercase()),
            event_type: Some("payments.payment".into()),
            reason: Some("permanent".into()),
            workspace: Some(workspace),
            before: "2026-11-25T04:00:01Z".parse().ok(),
        };
        assert!(letter.matches(&all));
        assert!(letter.matches(&Filter { event_type: Some("payments.payment.confirmed.v1".into()), ..all.clone() }));
        for miss in [
            Filter { queue: Some("onboarding-svc.bcm.v1".into()), ..all.clone() },
            Filter { id: Some(domain::ids::EventId::generate().to_string()), ..all.clone() },
            Filter { event_type: Some("payments.pay".into()), ..all.clone() },
            Filter { reason: Some("tenant_mismatch".into()), ..all.clone() },
            Filter { workspace: Some(WorkspaceId::generate()), ..all.clone() },
            Filter { before: "2026-11-25T04:00:00Z".parse().ok(), ..all.clone() },
        ] {
            assert!(!letter.matches(&miss), "{miss:?}");
        }
    }

    #[test]
    fn a_letter_whose_id_cannot_be_read_is_named_by_its_data() {
        let named = letter(&[("cloudEvents_id", "order 7\0"), ("cloudEvents_type", "é"), (DEAD_REASON, "")]);
        // The first half of the well-known SHA-256 of `{}`.
        assert_eq!(named.id, "data-44136fa355b3678a");
        assert_eq!((named.id, named.event_type.as_str(), named.reason.as_str()), (letter(&[]).id, "unknown", DELIVERY_LIMIT));
        assert_eq!(letter(&[("cloudEvents_id", "order/7")]).id, "order/7");
    }

    #[test]
    fn a_letter_of_unknown_age_is_not_before_anything() {
        let filter = Filter { before: "2999-01-01T00:00:00Z".parse().ok(), ..Filter::default() };
        assert!(!letter(&[]).matches(&filter));
        assert_eq!(letter(&[]).reason, DELIVERY_LIMIT);
    }
}
