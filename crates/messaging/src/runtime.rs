//! Everything of messaging that runs in a process.

use std::{
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use domain::Clock;
use prometheus::Registry;
use secrecy::SecretString;
use service_kit::{Kit, Lifecycle, db::Db};
use uuid::Uuid;

use crate::{
    consumer::{ConsumerSpec, Liveness, Supervisor, Worker},
    link::Link,
    metrics::Metrics,
    publisher::Publisher,
    relay::Relay,
};

/// A consumer may be gone this long before it counts as degraded.
const GONE_LIMIT: Duration = Duration::from_secs(60);

/// What messaging needs of its process; a [`Kit`] has all of it.
#[derive(Clone)]
pub struct Parts {
    /// Connections whose `search_path` is the service's schema.
    pub db: Db,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Drains and tracks what runs.
    pub lifecycle: Lifecycle,
    /// Where the metrics go.
    pub registry: Registry,
}

/// Names and addresses.
#[derive(Debug, Clone)]
pub struct MessagingConfig {
    /// `payments-svc`.
    pub service: &'static str,
    /// The schema with the outbox.
    pub schema: &'static str,
    /// RabbitMQ.
    pub amqp_url: SecretString,
    /// PostgreSQL, for the session that listens.
    pub database_url: SecretString,
}

impl From<&Kit> for Parts {
    fn from(kit: &Kit) -> Self {
        Self {
            db: kit.worker_db.clone(),
            clock: kit.clock.clone(),
            lifecycle: kit.lifecycle.clone(),
            registry: kit.metrics.registry.clone(),
        }
    }
}

impl From<&Kit> for MessagingConfig {
    fn from(kit: &Kit) -> Self {
        Self {
            service: kit.identity.name,
            schema: kit.identity.schema,
            amqp_url: kit.config.amqp.url.clone(),
            database_url: kit.config.database.url.clone(),
        }
    }
}

/// Why messaging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A consumer of a queue that belongs to another service.
    #[error("{queue} is not a queue of {service}")]
    ForeignQueue {
        /// The queue.
        queue: &'static str,
        /// This service.
        service: &'static str,
    },
    /// The metrics exist already.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// How one consumer is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerHealth {
    /// Its queue.
    pub queue: &'static str,
    /// For how long it has been gone; `None` while it takes events.
    pub gone_for: Option<Duration>,
}

/// The running relay and consumers of a process.
#[derive(Clone)]
pub struct Messaging {
    consumers: Arc<[(&'static str, Arc<Liveness>)]>,
}

impl Messaging {
    /// Starts them with the parts of a kit, and tells its readiness when a consumer is gone.
    pub fn start(kit: &Kit, consumers: Vec<ConsumerSpec>) -> Result<Self, StartError> {
        let messaging = Self::start_with(&kit.into(), &kit.into(), consumers)?;
        let watched = messaging.clone();
        kit.readiness.add("messaging", move || watched.check());
        Ok(messaging)
    }

    /// Starts the relay and one consumer per spec on the lifecycle's runtime. Nothing is connected yet when this
    /// returns: a broker that is down is waited for.
    pub fn start_with(parts: &Parts, config: &MessagingConfig, consumers: Vec<ConsumerSpec>) -> Result<Self, StartError> {
        let service = config.service;
        if let Some(foreign) = consumers.iter().find(|consumer| consumer.queue.service != service) {
            return Err(StartError::ForeignQueue { queue: foreign.queue.name, service });
        }
        let metrics = Arc::new(Metrics::new(&parts.registry)?);
        let instance = format!("{service}/{}", Uuid::now_v7().simple());
        let link = |purpose| Arc::new(Link::new(config.amqp_url.clone(), &instance, purpose, metrics.clone()));
        let (publish, consume) = (link("publish"), link("consume"));
        let draining = parts.lifecycle.draining();
        let relay = Relay {
            service,
            schema: config.schema,
            db: parts.db.clone(),
            database_url: config.database_url.clone(),
            link: publish.clone(),
            metrics: metrics.clone(),
            draining: draining.clone(),
        };
        let mut supervisors = Vec::with_capacity(consumers.len());
        let mut health = Vec::with_capacity(consumers.len());
        for ConsumerSpec { queue, handler } in consumers {
            metrics.expect(queue.name);
            let liveness = Arc::new(Liveness::new());
            health.push((queue.name, liveness.clone()));
            let worker = Worker {
                queue,
                handler,
                db: parts.db.clone(),
                publisher: Publisher::new(publish.clone()),
                clock: parts.clock.clone(),
                metrics: metrics.clone(),
                draining: draining.clone(),
                failures: AtomicU32::new(0),
            };
            supervisors.push(Supervisor::new(worker, consume.clone(), instance.clone(), liveness));
        }
        parts.lifecycle.spawn_service("messaging", run(relay, supervisors, publish, consume));
        Ok(Self { consumers: health.into() })
    }

    /// How each consumer is doing.
    pub fn consumers(&self) -> Vec<ConsumerHealth> {
        self.consumers.iter().map(|(queue, liveness)| ConsumerHealth { queue, gone_for: liveness.gone_for() }).collect()
    }

    fn check(&self) -> Result<(), String> {
        let gone: Vec<_> = self
            .consumers()
            .into_iter()
            .filter(|consumer| consumer.gone_for.is_some_and(|gone_for| gone_for > GONE_LIMIT))
            .map(|consumer| consumer.queue)
            .collect();
        if gone.is_empty() { Ok(()) } else { Err(format!("no consumer on {}", gone.join(", "))) }
    }
}

/// Runs all of them to the end of the process. If one ends early, which only a topology conflict makes it do, all end:
/// the process then stops instead of trying for ever.
async fn run(relay: Relay, supervisors: Vec<Supervisor>, publish: Arc<Link>, consume: Arc<Link>) {
    let draining = relay.draining.clone();
    let mut running = tokio::task::JoinSet::new();
    running.spawn(relay.run());
    for supervisor in supervisors {
        running.spawn(supervisor.run());
    }
    while let Some(ended) = running.join_next().await {
        if let Err(error) = &ended {
            tracing::error!(%error, "a part of messaging crashed");
        }
        if !draining.is_cancelled() {
            return;
        }
    }
    consume.close().await;
    publish.close().await;
}
