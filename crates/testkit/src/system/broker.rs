//! The broker, asked without our own library and past every relay.

use std::time::Duration;

use anyhow::Context;
use lapin::{Connection, ConnectionProperties, options::QueueDeclareOptions, types::FieldTable};
use serde_json::Value;
use tokio::time::timeout;

use crate::journey::{Places, Topology};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The vhost of a system.
#[derive(Debug)]
pub struct Broker {
    amqp: String,
    places: Places,
    topology: Topology,
}

/// What the broker says of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Messages that wait in it.
    pub messages: u32,
    /// Consumers on it.
    pub consumers: usize,
}

impl Queue {
    /// Whether a service consumes it; if not, its messages wait for a retry or are dead letters.
    pub fn is_consumed(&self) -> bool {
        is_consumed(&self.name)
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
        Self { amqp, places: places.clone(), topology: Topology::empty() }
    }

    /// Takes what is declared now as what has to be there from now on.
    pub(super) async fn learn(&mut self) -> anyhow::Result<bool> {
        let topology = Topology::read(&self.places).await?;
        let known = topology == self.topology;
        self.topology = topology;
        Ok(known)
    }

    /// What was declared when the system started.
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Every queue of the start as it is now; an error when one is gone.
    pub async fn queues(&self) -> anyhow::Result<Vec<Queue>> {
        self.ask(|_| true).await
    }

    /// The queues that services consume; an error when one is gone.
    pub async fn consumed(&self) -> anyhow::Result<Vec<Queue>> {
        self.ask(is_consumed).await
    }

    /// How many messages wait in the dead queues.
    pub async fn dead_letters(&self) -> anyhow::Result<u32> {
        Ok(self.ask(is_dead).await?.iter().map(|queue| queue.messages).sum())
    }

    /// Messages from passive declarations, since those of the management interface are seconds old; consumers from the
    /// latter, which asks the queues: a declaration counts the active one only where there may be no more.
    async fn ask(&self, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<Queue>> {
        let asked = async {
            let url = url::Url::parse(&self.places.management)?.join(&format!("api/consumers/{}", self.places.vhost))?;
            let listed: Value = service_kit::http_client(LIMIT)?.get(url).send().await?.error_for_status()?.json().await?;
            let consumed: Vec<_> =
                listed.as_array().into_iter().flatten().filter_map(|consumer| consumer.pointer("/queue/name")?.as_str()).collect();
            let connection = Connection::connect(&self.amqp, ConnectionProperties::default()).await?;
            let channel = connection.create_channel().await?;
            let mut queues = Vec::new();
            for name in self.topology.queues().filter(|name| wanted(name)) {
                let state = channel.queue_declare(name.into(), QueueDeclareOptions::durable().passive(), FieldTable::default()).await?;
                let consumers = consumed.iter().filter(|queue| **queue == name).count();
                queues.push(Queue { name: name.to_owned(), messages: state.message_count(), consumers });
            }
            connection.close(200, "OK".into()).await?;
            anyhow::Ok(queues)
        };
        timeout(LIMIT, asked).await.context("the broker does not answer")?
    }
}
