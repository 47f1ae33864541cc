//! One dead letter.

use domain::ids::WorkspaceId;
use lapin::{Acker, BasicProperties, message::Delivery, types::AMQPValue};
use serde_json::{Map, Value, json};

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
    /// The event's id, or what the message has in its place.
    pub id: String,
    /// The event's type, if the message has one.
    pub event_type: String,
    /// The tenant, if the message has one.
    pub workspace_id: Option<WorkspaceId>,
    /// Why it is here.
    pub reason: String,
    delivery: Delivery,
}

impl Letter {
    pub(super) fn new(queue: &'static ConsumerQueue, delivery: Delivery) -> Self {
        let headers = delivery.properties.headers().as_ref();
        let attribute = |name: &str| {
            envelope::text(headers, &format!("cloudEvents_{name}")).or_else(|| envelope::text(headers, &format!("cloudEvents:{name}")))
        };
        let message_id = || delivery.properties.message_id().as_ref().map(ToString::to_string);
        Self {
            id: attribute("id").or_else(message_id).unwrap_or_else(|| "unknown".to_owned()),
            event_type: attribute("type").unwrap_or_else(|| "unknown".to_owned()),
            workspace_id: attribute("workspaceid").and_then(|id| id.parse().ok()),
            reason: envelope::text(headers, DEAD_REASON).unwrap_or_else(|| DELIVERY_LIMIT.to_owned()),
            queue,
            delivery,
        }
    }

    /// Whether the filter lets it through.
    pub(super) fn matches(&self, filter: &Filter) -> bool {
        filter.id.is_none_or(|id| self.id == id.to_string()) && filter.reason.as_ref().is_none_or(|reason| *reason == self.reason)
    }

    /// One line about it; `whole` adds its attributes and data, which may be personal.
    pub(super) fn describe(&self, whole: bool) -> Value {
        let headers = self.delivery.properties.headers().as_ref();
        let mut line = json!({
            "id": self.id,
            "queue": self.queue.name,
            "event_type": self.event_type,
            "reason": self.reason,
            "detail": envelope::text(headers, DEAD_DETAIL),
            "dead_at": envelope::text(headers, DEAD_AT),
            "retries": envelope::number(headers, RETRY_COUNT),
            "redrives": envelope::number(headers, REDRIVE_COUNT),
            "bytes": self.delivery.data.len(),
        });
        if whole && let Some(line) = line.as_object_mut() {
            let attributes: Map<String, Value> = headers
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| envelope::text_of(value).map(|text| (name.to_string(), Value::from(text))))
                .collect();
            line.insert("headers".to_owned(), attributes.into());
            let data = serde_json::from_slice::<Value>(&self.delivery.data)
                .unwrap_or_else(|_| String::from_utf8_lossy(&self.delivery.data).into_owned().into());
            line.insert("data".to_owned(), data);
        }
        line
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
