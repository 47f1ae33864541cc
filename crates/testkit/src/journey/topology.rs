//! What is declared in the broker: queues, and what is bound to them.

use std::{collections::BTreeSet, time::Duration};

use anyhow::ensure;
use serde_json::Value;

use super::Places;

/// The exchange of all events.
const EVENTS: &str = "groundwork.events";

/// A binding of a queue. The default exchange, whose name is empty, has one for every queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Binding {
    exchange: String,
    queue: String,
    key: String,
}

/// Every queue and binding of a vhost at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology(BTreeSet<Binding>);

impl Topology {
    /// Nothing declared.
    pub(crate) const fn empty() -> Self {
        Self(BTreeSet::new())
    }

    /// Asks the management interface, which reads definitions, unlike counts, at the moment of asking.
    pub async fn read(places: &Places) -> anyhow::Result<Self> {
        let url =
            url::Url::parse(&format!("{}/", places.management.trim_end_matches('/')))?.join(&format!("api/bindings/{}", places.vhost))?;
        let answer = service_kit::http_client(Duration::from_secs(20))?.get(url).send().await?.error_for_status()?;
        let listed: Value = answer.json().await?;
        let bindings = listed.as_array().into_iter().flatten().filter_map(|binding| {
            let text = |name| binding.get(name).and_then(Value::as_str).map(str::to_owned);
            (text("destination_type")? == "queue").then_some(())?;
            Some(Binding { exchange: text("source")?, queue: text("destination")?, key: text("routing_key")? })
        });
        let topology = Self(bindings.collect());
        ensure!(topology.consumers().next().is_some(), "no queue is bound to {EVENTS}");
        Ok(topology)
    }

    /// The names of all queues.
    pub fn queues(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|binding| binding.exchange.is_empty()).map(|binding| binding.queue.as_str())
    }

    /// The queues that get events, each with a pattern of types; a queue with several comes several times.
    pub fn consumers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|binding| binding.exchange == EVENTS).map(|binding| (binding.queue.as_str(), binding.key.as_str()))
    }

    /// How much of this is not in `now`.
    pub fn missing_in(&self, now: &Self) -> usize {
        self.0.difference(&now.0).count()
    }
}

/// AMQP topic matching: `*` is one word, `#` any number.
pub(super) fn matches_topic(pattern: &str, key: &str) -> bool {
    fn words(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern.split_first(), key.split_first()) {
            (None, None) => true,
            (Some((&"#", rest)), _) => words(rest, key) || key.split_first().is_some_and(|(_, tail)| words(pattern, tail)),
            (Some((&"*", rest)), Some((_, tail))) => words(rest, tail),
            (Some((word, rest)), Some((head, tail))) => word == head && words(rest, tail),
            _ => false,
        }
    }
    words(&pattern.split('.').collect::<Vec<_>>(), &key.split('.').collect::<Vec<_>>())
}
