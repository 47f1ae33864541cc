//! One consumer, for ever: built anew whenever it ends, and asked for at the broker because a client can be wrong.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream::SelectAll};
use lapin::{
    Channel, Connection, Consumer,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Worker;
use crate::{
    backoff::Backoff,
    link::Link,
    metrics::Metrics,
    topology::{self, TopologyError},
};

/// Fetched beside the first message once one succeeded. A crash costs whatever is fetched one of its deliveries, so that
/// an event which crashes the process again and again is fetched alone. An ordered queue could start no second one.
const MORE: u16 = 15;
const PROBE_EVERY: Duration = Duration::from_secs(15);
const STEP_LIMIT: Duration = Duration::from_secs(5);
/// Running handlers may finish within this at shutdown; the process itself is given 20 s.
const DRAIN_LIMIT: Duration = Duration::from_secs(18);
/// Their deliveries are lost already; they only get a chance to commit.
const ORPHAN_LIMIT: Duration = Duration::from_secs(5);
const GUARD_PROBE_EVERY: Duration = Duration::from_secs(5);
const GUARD_WAIT: Duration = Duration::from_secs(2);

/// Whether the consumer is there, and since when.
#[derive(Debug)]
pub(crate) struct Liveness(Mutex<(bool, Instant)>);

impl Liveness {
    pub(crate) fn new() -> Self {
        Self(Mutex::new((false, Instant::now())))
    }

    fn set(&self, alive: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 != alive {
            *state = (alive, Instant::now());
        }
    }

    /// For how long it has been gone; `None` while it is there.
    pub(crate) fn gone_for(&self) -> Option<Duration> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!state.0).then(|| state.1.elapsed())
    }
}

/// Keeps the consumer of one queue running.
pub(crate) struct Supervisor {
    worker: Arc<Worker>,
    link: Arc<Link>,
    instance: String,
    liveness: Arc<Liveness>,
    metrics: Arc<Metrics>,
    draining: CancellationToken,
}

enum Ended {
    Drained,
    /// Nothing succeeds any more.
    Guarded,
    /// Its queue was deleted, and is there again.
    Deleted,
    /// Its queue cannot be there again.
    Refused(TopologyError),
    Lost(String),
}

impl Supervisor {
    pub(crate) fn new(worker: Worker, link: Arc<Link>, instance: String, liveness: Arc<Liveness>) -> Self {
        let (metrics, draining) = (worker.metrics.clone(), worker.draining.clone());
        Self { worker: Arc::new(worker), link, instance, liveness, metrics, draining }
    }

    /// Runs until the process drains. An early end means that the topology conflicts.
    pub(crate) async fn run(self) {
        let queue = self.worker.queue.name;
        let mut backoff = Backoff::reconnect();
        while !self.draining.is_cancelled() {
            let connection = tokio::select! {
                () = self.draining.cancelled() => return,
                connection = self.link.connection() => connection,
            };
            let connection = match connection {
                Ok(connection) => connection,
                Err(conflict) => return self.refuse(&conflict),
            };
            let started = Instant::now();
            match self.consume(&connection).await {
                Ended::Drained => return,
                Ended::Guarded => {
                    if let Err(conflict) = self.wait_out_the_outage().await {
                        return self.refuse(&conflict);
                    }
                    continue;
                }
                Ended::Deleted => {}
                Ended::Refused(conflict) => return self.refuse(&conflict),
                Ended::Lost(reason) => tracing::warn!(queue, reason, "a consumer was lost and will be built anew"),
            }
            self.metrics.rebuilds.with_label_values(&[queue]).inc();
            if started.elapsed() > PROBE_EVERY {
                backoff.reset();
            }
            self.pause(backoff.next()).await;
        }
    }

    fn refuse(&self, conflict: &TopologyError) {
        tracing::error!(queue = self.worker.queue.name, %conflict, "events cannot be consumed");
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = self.draining.cancelled() => {}
            () = sleep(wait) => {}
        }
    }

    async fn consume(&self, connection: &Arc<Connection>) -> Ended {
        let (channel, first) = match bounded(self.subscribe(connection)).await {
            Ok(subscribed) => subscribed,
            Err(reason) => {
                self.link.discard(connection).await;
                return Ended::Lost(reason);
            }
        };
        let mut tags = vec![first.tag()];
        let mut messages = SelectAll::from_iter([first]);
        self.alive(true);
        let concurrency = self.worker.queue.concurrency();
        let (mut waiting, mut running) = (VecDeque::new(), JoinSet::new());
        let mut probes = interval_at(Instant::now() + PROBE_EVERY, PROBE_EVERY);
        probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = loop {
            tokio::select! {
                biased;
                () = self.draining.cancelled() => break Ended::Drained,
                Some(judged) = running.join_next() => {
                    if self.worker.tripped() {
                        break Ended::Guarded;
                    }
                    if tags.len() == 1 && concurrency > 1 && matches!(judged, Ok(true)) {
                        match bounded(self.fetch(&channel, MORE)).await {
                            Ok(more) => {
                                tags.push(more.tag());
                                messages.push(more);
                            }
                            Err(reason) => break Ended::Lost(reason),
                        }
                    }
                }
                _ = probes.tick() => if let Err(reason) = self.probe(connection).await {
                    break Ended::Lost(reason);
                },
                // Listened to even while no more can be handled: a deleted queue is told here.
                item = messages.next() => match item {
                    Some(Ok(delivery)) => waiting.push_back(delivery),
                    Some(Err(error)) => break Ended::Lost(error.to_string()),
                    None => break self.declare_again(connection).await,
                },
            }
            while running.len() < concurrency
                && let Some(delivery) = waiting.pop_front()
            {
                let worker = self.worker.clone();
                running.spawn(async move { worker.take(delivery, false).await });
            }
        };
        self.alive(false);
        let limit = if matches!(ended, Ended::Drained | Ended::Guarded) {
            for tag in tags {
                let _ = bounded(channel.basic_cancel(tag, BasicCancelOptions::default())).await;
            }
            DRAIN_LIMIT
        } else {
            ORPHAN_LIMIT
        };
        if timeout(limit, async { while running.join_next().await.is_some() {} }).await.is_err() {
            tracing::warn!(queue = self.worker.queue.name, running = running.len(), "handlers did not finish and are dropped");
        }
        // What was fetched and not started goes back to the queue.
        let _ = bounded(channel.close(200, "OK".into())).await;
        ended
    }

    /// After the broker cancelled the consumer, which it does when it deletes the queue: at once and on the connection
    /// that heard of it, because what is published meanwhile has nowhere to wait.
    async fn declare_again(&self, connection: &Arc<Connection>) -> Ended {
        let queue = self.worker.queue.name;
        match topology::declare_all(connection).await {
            Ok(()) => {
                tracing::error!(queue, "the queue was deleted and is declared again: publish again what it held");
                Ended::Deleted
            }
            Err(conflict @ TopologyError::Conflict { .. }) => Ended::Refused(conflict),
            Err(error) => {
                self.link.discard(connection).await;
                Ended::Lost(format!("the queue was deleted, and {error}"))
            }
        }
    }

    /// A channel with a consumer that fetches one message at a time.
    async fn subscribe(&self, connection: &Connection) -> lapin::Result<(Channel, Consumer)> {
        let channel = connection.create_channel().await?;
        let messages = self.fetch(&channel, 1).await?;
        Ok((channel, messages))
    }

    async fn fetch(&self, channel: &Channel, prefetch: u16) -> lapin::Result<Consumer> {
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let tag = format!("{}/{}", self.instance, Uuid::now_v7().simple());
        let queue = self.worker.queue.name.into();
        channel.basic_consume(queue, tag.into(), BasicConsumeOptions::default(), FieldTable::default()).await
    }

    /// Asks the broker whether it knows of a consumer, and how much waits.
    async fn probe(&self, connection: &Arc<Connection>) -> Result<(), String> {
        let queue = self.worker.queue;
        let ask = async {
            let channel = connection.create_channel().await?;
            let passive = QueueDeclareOptions::durable().passive();
            let live = channel.queue_declare(queue.name.into(), passive, FieldTable::default()).await?;
            let dead = channel.queue_declare(queue.dead_queue().into(), passive, FieldTable::default()).await?;
            channel.close(200, "OK".into()).await?;
            Ok((live, dead))
        };
        let (live, dead) = match bounded(ask).await {
            Ok(answer) => answer,
            Err(reason) => {
                self.link.discard(connection).await;
                return Err(reason);
            }
        };
        self.metrics.queue_depth.with_label_values(&[queue.name]).set(i64::from(live.message_count()));
        self.metrics.dead_depth.with_label_values(&[queue.name]).set(i64::from(dead.message_count()));
        if live.consumer_count() == 0 { Err("the broker lists no consumer".to_owned()) } else { Ok(()) }
    }

    /// Takes nothing until one message, or the database if there is none, succeeds.
    async fn wait_out_the_outage(&self) -> Result<(), TopologyError> {
        let queue = self.worker.queue.name;
        tracing::error!(queue, "nothing succeeds any more: the consumer stops taking and probes");
        self.metrics.consumer_guarded.with_label_values(&[queue]).set(1);
        while !self.draining.is_cancelled() {
            self.pause(GUARD_PROBE_EVERY).await;
            let connection = tokio::select! {
                () = self.draining.cancelled() => break,
                connection = self.link.connection() => connection?,
            };
            if self.one_succeeds(&connection).await {
                self.worker.reset();
                tracing::info!(queue, "the outage is over");
                break;
            }
        }
        self.metrics.consumer_guarded.with_label_values(&[queue]).set(0);
        Ok(())
    }

    /// The consumer is cancelled before its one message is judged, so that no second one is fetched and returned.
    async fn one_succeeds(&self, connection: &Arc<Connection>) -> bool {
        let Ok((channel, mut messages)) = bounded(self.subscribe(connection)).await else { return false };
        let first = timeout(GUARD_WAIT, messages.next()).await;
        let _ = bounded(channel.basic_cancel(messages.tag(), BasicCancelOptions::default())).await;
        let succeeds = match first {
            Ok(Some(Ok(delivery))) => self.worker.take(delivery, true).await,
            Ok(Some(Err(_)) | None) => false,
            Err(_) => self.worker.database_answers().await,
        };
        let _ = bounded(channel.close(200, "OK".into())).await;
        succeeds
    }

    fn alive(&self, alive: bool) {
        self.liveness.set(alive);
        self.metrics.consumer_alive.with_label_values(&[self.worker.queue.name]).set(i64::from(alive));
    }
}

async fn bounded<T>(step: impl Future<Output = lapin::Result<T>>) -> Result<T, String> {
    match timeout(STEP_LIMIT, step).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the broker did not answer within {} s", STEP_LIMIT.as_secs())),
    }
}
