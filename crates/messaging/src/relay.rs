//! The relay: claims due rows, publishes them, marks them. Any number of replicas at once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use diesel_async::RunQueryDsl;
use domain::event::MAX_DATA_BYTES;
use futures_util::{StreamExt, future::try_join};
use lapin::BasicProperties;
use secrecy::SecretString;
use service_kit::db::{self, Db};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span};
use uuid::Uuid;

use crate::{
    backoff::Backoff,
    link::Link,
    metrics::Metrics,
    outbox::{self, Claimed},
    publisher::{Outgoing, PublishError, Publisher},
    topology::{self, EVENTS, TopologyError},
};

/// Most rows claimed, and so most unconfirmed messages, at once.
const WINDOW: usize = 256;
/// The guarantee behind the wake-up.
const POLL: Duration = Duration::from_secs(1);
const GAUGES_EVERY: Duration = Duration::from_secs(10);
const REDECLARE_EVERY: Duration = Duration::from_secs(5);

/// Publishes the outbox of one schema.
pub(crate) struct Relay {
    pub(crate) service: &'static str,
    pub(crate) schema: &'static str,
    pub(crate) db: Db,
    pub(crate) database_url: SecretString,
    pub(crate) link: Arc<Link>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) draining: CancellationToken,
}

/// What became of a claim.
enum Round {
    /// Nothing was due.
    Idle,
    /// Something was published.
    Published,
    /// The broker or the database failed.
    Failed,
}

impl Relay {
    /// Runs until the process drains. An early end means that the topology conflicts.
    pub(crate) async fn run(self) {
        let (wake, more) = (Notify::new(), Notify::new());
        let gauges = async {
            loop {
                self.measure().await;
                sleep(GAUGES_EVERY).await;
            }
        };
        tokio::select! {
            () = self.listen(&wake) => {}
            () = gauges => {}
            // Of a backlog one batch is claimed and marked while another is at the broker. Both drain to their end.
            _ = try_join(self.publish_until_drained(&wake, Some(&more)), self.publish_until_drained(&more, None)) => {}
        }
    }

    /// Publishes one batch after the other; with nothing due it waits for `wake`. A whole window is reason to wake `helper`;
    /// whoever has none is the helper and does not poll.
    ///
    /// # Errors
    /// When the topology conflicts.
    async fn publish_until_drained(&self, wake: &Notify, helper: Option<&Notify>) -> Result<(), TopologyError> {
        let publisher = Publisher::new(self.link.clone());
        let mut backoff = Backoff::reconnect();
        let mut last_redeclared = Instant::now();
        let mut idle = helper.is_none();
        while !self.draining.is_cancelled() {
            if std::mem::take(&mut idle) {
                let poll = async {
                    match helper {
                        Some(_) => sleep(POLL.mul_f64(rand::random_range(0.8..=1.0))).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = self.draining.cancelled() => break,
                    () = wake.notified() => {}
                    () = poll => {}
                }
            }
            let connection = tokio::select! {
                () = self.draining.cancelled() => break,
                connection = self.link.connection() => match connection {
                    Ok(connection) => connection,
                    Err(conflict) => {
                        tracing::error!(%conflict, "the outbox cannot be published");
                        return Err(conflict);
                    }
                },
            };
            let blocked = connection.status().blocked();
            self.metrics.blocked.set(i64::from(blocked));
            if blocked {
                self.pause(Duration::from_millis(500)).await;
                continue;
            }
            let (round, returned) = self.round(&publisher, helper).await;
            if returned && last_redeclared.elapsed() >= REDECLARE_EVERY {
                last_redeclared = Instant::now();
                if let Err(error) = topology::declare_all(&connection).await {
                    tracing::error!(%error, "a queue is missing and cannot be declared");
                }
            }
            match round {
                Round::Published => backoff.reset(),
                Round::Idle => {
                    backoff.reset();
                    idle = true;
                }
                Round::Failed => self.pause(backoff.next()).await,
            }
        }
        Ok(())
    }

    async fn pause(&self, wait: Duration) {
        tokio::select! {
            () = self.draining.cancelled() => {}
            () = sleep(wait) => {}
        }
    }

    /// One claim with everything that follows; also whether a message came back unroutable.
    async fn round(&self, publisher: &Publisher, helper: Option<&Notify>) -> (Round, bool) {
        let token = Uuid::now_v7();
        let claimed = match self.claim(token).await {
            Ok(claimed) if claimed.is_empty() => return (Round::Idle, false),
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%error, "the outbox cannot be read");
                return (Round::Failed, false);
            }
        };
        if let Some(helper) = helper.filter(|_| claimed.len() == WINDOW) {
            helper.notify_one();
        }
        let outcomes = self.publish(publisher, &claimed).await;
        service_kit::kill_point!("K4");
        let returned = outcomes.values().any(|outcome| matches!(outcome, Err(Failure::Row(reason)) if *reason == RETURNED));
        let failed = outcomes.values().any(|outcome| matches!(outcome, Err(Failure::Broker)));
        match self.settle(token, &outcomes).await {
            Ok(()) if failed => (Round::Failed, returned),
            Ok(()) => (Round::Published, returned),
            Err(error) => {
                tracing::warn!(%error, "published rows could not be marked and will be published again");
                (Round::Failed, returned)
            }
        }
    }

    async fn claim(&self, token: Uuid) -> Result<Vec<Claimed>, db::DbError> {
        let mut connection = self.db.get().await?;
        Ok(outbox::claim(&mut connection, token, WINDOW).await?)
    }

    async fn publish(&self, publisher: &Publisher, claimed: &[Claimed]) -> HashMap<i64, Result<(), Failure>> {
        let mut outcomes = HashMap::with_capacity(claimed.len());
        let mut sendable = Vec::with_capacity(claimed.len());
        for row in claimed {
            match self.properties(row) {
                Ok(properties) => sendable.push((row, properties)),
                Err(reason) => {
                    self.metrics.published.with_label_values(&["invalid"]).inc();
                    outcomes.insert(row.id, Err(Failure::Row(reason)));
                }
            }
        }
        let spans: Vec<_> = sendable.iter().map(|(row, _)| publish_span(row)).collect();
        let messages = sendable
            .iter()
            .map(|(row, properties)| Outgoing {
                exchange: EVENTS,
                routing_key: &row.event_type,
                properties: properties.clone(),
                body: &row.payload,
            })
            .collect();
        let results = publisher.publish_all(messages).instrument(info_span!("relay", rows = sendable.len())).await;
        drop(spans);
        for ((row, _), result) in sendable.iter().zip(results) {
            let label = result.as_ref().err().map_or("ack", PublishError::result);
            self.metrics.published.with_label_values(&[label]).inc();
            let outcome = result.map_err(|error| match error {
                PublishError::Returned => Failure::Row(RETURNED),
                PublishError::Nacked => Failure::Full,
                PublishError::Unconfirmed | PublishError::Connection(_) => {
                    tracing::warn!(%error, event_id = %row.event_id, "an event was not published");
                    Failure::Broker
                }
            });
            outcomes.insert(row.id, outcome);
        }
        outcomes
    }

    fn properties(&self, row: &Claimed) -> Result<BasicProperties, &'static str> {
        if row.payload.len() > MAX_DATA_BYTES {
            return Err("the data is too large");
        }
        row.envelope(self.service).to_properties(self.service).map_err(|_| "the attributes cannot be written")
    }

    async fn settle(&self, token: Uuid, outcomes: &HashMap<i64, Result<(), Failure>>) -> Result<(), db::DbError> {
        let with = |wanted: fn(&Result<(), Failure>) -> bool| -> Vec<i64> {
            outcomes.iter().filter(|(_, outcome)| wanted(outcome)).map(|(id, _)| *id).collect()
        };
        let published = with(Result::is_ok);
        let full = with(|outcome| matches!(outcome, Err(Failure::Full)));
        let mut connection = self.db.get().await?;
        if !published.is_empty() {
            let marked = outbox::mark_published(&mut connection, token, &published).await?;
            self.metrics.stale_marks.inc_by(u64::try_from(published.len().saturating_sub(marked)).unwrap_or_default());
        }
        if !full.is_empty() {
            outbox::postpone(&mut connection, token, &full).await?;
        }
        for (id, outcome) in outcomes {
            if let Err(Failure::Row(reason)) = outcome
                && outbox::record_failure(&mut connection, token, *id, reason).await?
            {
                tracing::error!(outbox_id = id, reason, "an event was given up and blocks its aggregate");
            }
        }
        // Whatever was published has no lease any more.
        if published.len() < outcomes.len() {
            outbox::release(&mut connection, token).await?;
        }
        Ok(())
    }

    async fn measure(&self) {
        let Ok(mut connection) = self.db.get().await else { return };
        if let Ok(backlog) = outbox::backlog(&mut connection).await {
            self.metrics.outbox_pending.set(backlog.pending);
            self.metrics.outbox_parked.set(backlog.parked);
            self.metrics.outbox_oldest_age.set(backlog.oldest_age_seconds);
        }
    }

    /// Turns PostgreSQL's notifications into wake-ups, on a session of its own.
    async fn listen(&self, wake: &Notify) {
        let mut backoff = Backoff::reconnect();
        loop {
            if let Ok(mut connection) = db::connect(&self.database_url).await
                && diesel::sql_query(format!("listen {}", outbox::channel(self.schema))).execute(&mut connection).await.is_ok()
            {
                backoff.reset();
                let mut notifications = std::pin::pin!(connection.notifications_stream());
                while let Some(Ok(_)) = notifications.next().await {
                    wake.notify_one();
                }
            }
            sleep(backoff.next()).await;
        }
    }
}

const RETURNED: &str = "no queue is bound for the type";

/// Why a row is still in the outbox.
enum Failure {
    /// Its own fault: counts towards parking.
    Row(&'static str),
    /// A queue was full.
    Full,
    /// The broker failed: the row is as good as before.
    Broker,
}

fn publish_span(row: &Claimed) -> tracing::Span {
    let span = info_span!(
        "publish",
        otel.kind = "producer",
        messaging.system = "rabbitmq",
        messaging.operation.type = "send",
        messaging.destination.name = EVENTS,
        messaging.rabbitmq.destination.routing_key = %row.event_type,
        messaging.message.id = %row.event_id,
    );
    if let Some(trace) = row.trace() {
        trace.adopt(&span);
    }
    span
}
