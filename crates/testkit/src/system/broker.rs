//! The broker, asked without our own library and past every relay.

use std::time::Duration;

use anyhow::Context;
use lapin::{Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};
use serde_json::Value;
use tokio::time::timeout;

use crate::journey::Places;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The vhost of a system.
#[derive(Debug)]
pub struct Broker {
    amqp: String,
    management: String,
    vhost: String,
}

/// What the broker says of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Messages that wait in it.
    pub messages: u32,
    /// Consumers on it.
    pub consumers: u32,
}

impl Queue {
    /// Whether a service consumes it; if not, its messages wait for a retry or are dead letters.
    pub fn is_consumed(&self) -> bool {
        is_consumed(&self.name)
    }

    /// Whether it holds dead letters.
    pub fn is_dead(&self) -> bool {
        is_dead(&self.name)
    }
}

fn is_dead(queue: &str) -> bool {
    queue.rsplit('.').next() == Some("dead")
}

fn is_consumed(queue: &str) -> bool {
    !queue.contains(".retry.") && !is_dead(queue)
}

impl Broker {
    pub(super) fn new(amqp: String, places: &Places) -> Self {
        Self { amqp, management: places.management.clone(), vhost: places.vhost.clone() }
    }

    /// Every queue as it is now.
    pub async fn queues(&self) -> anyhow::Result<Vec<Queue>> {
        timeout(LIMIT, self.ask(|_| true)).await.context("the broker does not answer")?
    }

    /// The queues that services consume.
    pub async fn consumed(&self) -> anyhow::Result<Vec<Queue>> {
        timeout(LIMIT, self.ask(is_consumed)).await.context("the broker does not answer")?
    }

    /// How many messages wait in the dead queues.
    pub async fn dead_letters(&self) -> anyhow::Result<u32> {
        let queues = timeout(LIMIT, self.ask(is_dead)).await.context("the broker does not answer")??;
        Ok(queues.iter().map(|queue| queue.messages).sum())
    }

    /// Names from the management interface, counts from a passive declaration: the former's counts are seconds old.
    async fn ask(&self, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<Queue>> {
        let url = url::Url::parse(&self.management)?.join(&format!("api/queues/{}", self.vhost))?;
        let listed: Value = service_kit::http_client(LIMIT)?.get(url).send().await?.error_for_status()?.json().await?;
        let names = listed.as_array().into_iter().flatten().filter_map(|queue| queue.get("name")?.as_str());
        let connection = Connection::connect(&self.amqp, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        let mut queues = Vec::new();
        for name in names.filter(|name| wanted(name)) {
            let state = channel.queue_declare(name.into(), QueueDeclareOptions::durable().passive(), FieldTable::default()).await?;
            queues.push(Queue { name: name.to_owned(), messages: state.message_count(), consumers: state.consumer_count() });
        }
        connection.close(200, "OK".into()).await?;
        anyhow::ensure!(!queues.is_empty(), "the vhost has no queue");
        Ok(queues)
    }
}
