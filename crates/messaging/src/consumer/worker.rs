//! One message: judged, retried, buried or acknowledged.

use std::{
    any::Any,
    borrow::Cow,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chrono::SecondsFormat;
use diesel_async::{AsyncConnection, RunQueryDsl};
use domain::Clock;
use futures_util::FutureExt;
use lapin::{
    BasicProperties,
    message::Delivery,
    options::{BasicAckOptions, BasicNackOptions},
    types::{AMQPValue, FieldTable},
};
use service_kit::db::Db;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span};

use super::{Delivered, Handler, HandlerError};
use crate::{
    backoff::Backoff,
    envelope::{self, DEAD_AT, DEAD_DETAIL, DEAD_REASON, Decoded, Envelope, REDRIVE_COUNT, RETRY_COUNT},
    inbox,
    metrics::Metrics,
    publisher::{Outgoing, Publisher},
    topology::{ConsumerQueue, DEAD, RetryDelay},
};

/// Well below the broker's own limit for an unacknowledged delivery (30 min).
const HANDLER_LIMIT: Duration = Duration::from_secs(60);
const COMMITTED_LIMIT: Duration = Duration::from_secs(5);
const ACK_LIMIT: Duration = Duration::from_secs(10);
/// How long a message is held while the broker does not take its retry or its burial.
const HANDOVER_LIMIT: Duration = Duration::from_secs(600);
/// Failures in a row after which the cause is not the messages.
const GUARD_AFTER: u32 = 20;

/// Handles the messages of one queue.
pub(crate) struct Worker {
    pub(crate) queue: &'static ConsumerQueue,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) db: Db,
    pub(crate) publisher: Publisher,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) draining: CancellationToken,
    pub(crate) failures: AtomicU32,
}

/// What is to be done with a message.
#[derive(Debug)]
enum Verdict {
    Done,
    Duplicate,
    /// The message may be at fault: costs it a try.
    Retry(String),
    /// The message is not at fault.
    Unavailable(String),
    Dead(&'static str, String),
}

impl Worker {
    /// Whether so much failed in a row that taking more would only move a backlog to the dead queue.
    pub(crate) fn tripped(&self) -> bool {
        AtomicU32::load(&self.failures, Ordering::SeqCst) >= GUARD_AFTER
    }

    /// Starts counting failures anew.
    pub(crate) fn reset(&self) {
        self.failures.store(0, Ordering::SeqCst);
    }

    /// Whether the database answers.
    pub(crate) async fn database_answers(&self) -> bool {
        let ask = async {
            let mut connection = self.db.get().await.ok()?;
            diesel::sql_query("select 1").execute(&mut connection).await.ok()
        };
        timeout(Duration::from_secs(5), ask).await.is_ok_and(|answer| answer.is_some())
    }

    /// Deals with one message to its end. While an outage is probed (`probing`) a failure costs the message no try.
    /// `false` when it could not be judged now.
    pub(crate) async fn take(&self, delivery: Delivery, probing: bool) -> bool {
        let started = Instant::now();
        if delivery.redelivered {
            self.metrics.redelivered.with_label_values(&[self.queue.name]).inc();
        }
        service_kit::kill_point!("K5");
        let verdict = self.judge(&delivery).await;
        self.metrics.handling.with_label_values(&[self.queue.name]).observe(started.elapsed().as_secs_f64());
        let healthy = !matches!(verdict, Verdict::Retry(_) | Verdict::Unavailable(_));
        if healthy {
            self.reset();
        } else {
            self.failures.fetch_add(1, Ordering::SeqCst);
        }
        self.carry_out(delivery, verdict, probing).await;
        healthy
    }

    async fn judge(&self, delivery: &Delivery) -> Verdict {
        let (envelope, event) = match envelope::decode(&delivery.properties, &delivery.data) {
            Ok(Decoded::Known(envelope, event)) => (envelope, event),
            // During a rolling update a newer replica binds types that this one does not know: it will take them.
            Ok(Decoded::Unknown(envelope)) => return Verdict::Retry(format!("the type {} is unknown here", envelope.event_type)),
            Err(malformed) => return Verdict::Dead(malformed.reason(), malformed.to_string()),
        };
        let span = self.span(&envelope);
        let headers = delivery.properties.headers().as_ref();
        let delivered = Delivered {
            id: envelope.id,
            sequence: envelope.sequence,
            time: envelope.time,
            workspace_id: event.workspace_id(),
            retries: envelope::number(headers, RETRY_COUNT),
            redrives: envelope::number(headers, REDRIVE_COUNT),
            event,
        };
        async {
            let verdict = self.apply_bounded(&delivered).await;
            if matches!(verdict, Verdict::Done) {
                let hook = AssertUnwindSafe(self.handler.committed(&delivered)).catch_unwind();
                if !matches!(timeout(COMMITTED_LIMIT, hook).await, Ok(Ok(()))) {
                    tracing::warn!(event_id = %delivered.id, "the hook after the commit did not finish");
                }
            }
            verdict
        }
        .instrument(span)
        .await
    }

    async fn apply_bounded(&self, delivered: &Delivered) -> Verdict {
        let work = AssertUnwindSafe(self.apply(delivered)).catch_unwind();
        match timeout(HANDLER_LIMIT, work).await {
            Ok(Ok(Ok(true))) => Verdict::Done,
            Ok(Ok(Ok(false))) => Verdict::Duplicate,
            Ok(Ok(Err(HandlerError::Transient(error)))) => Verdict::Retry(error),
            Ok(Ok(Err(HandlerError::Permanent(error)))) => Verdict::Dead("permanent", error),
            Ok(Ok(Err(HandlerError::Unavailable(error)))) => Verdict::Unavailable(error),
            Ok(Err(panic)) => {
                self.metrics.panics.with_label_values(&[self.queue.name]).inc();
                tracing::error!(event_id = %delivered.id, panic = %panic_text(&*panic), "a handler panicked");
                Verdict::Retry("the handler panicked".to_owned())
            }
            Err(_) => Verdict::Retry(format!("the handler took longer than {} s", HANDLER_LIMIT.as_secs())),
        }
    }

    /// Inbox row and effect in one transaction; `false` for an event that already had its effect.
    async fn apply(&self, delivered: &Delivered) -> Result<bool, HandlerError> {
        let mut connection = self.db.get().await?;
        let connection = &mut *connection;
        connection
            .transaction(async |connection| {
                let event_type = delivered.event.event_type().as_str();
                if !inbox::insert(connection, self.queue.name, delivered.id, event_type).await? {
                    return Ok(false);
                }
                #[cfg(feature = "kill-points")]
                super::provoked::failure(delivered)?;
                self.handler.handle(connection, delivered).await?;
                Ok(true)
            })
            .await
    }

    async fn carry_out(&self, delivery: Delivery, verdict: Verdict, probing: bool) {
        let headers = delivery.properties.headers().as_ref();
        let retries = envelope::number(headers, RETRY_COUNT);
        let event_id = delivery.properties.message_id().as_ref().map_or(Cow::Borrowed(""), |id| Cow::Owned(id.to_string()));
        let outcome = match verdict {
            Verdict::Done => {
                service_kit::kill_point!("K6");
                "done"
            }
            Verdict::Duplicate => "duplicate",
            Verdict::Retry(error) if !probing => {
                if let Some(delay) = RetryDelay::after(retries) {
                    tracing::warn!(queue = self.queue.name, %event_id, retries, error, "an event failed and will be tried again");
                    if !self.hand_over(&delivery, delay.exchange(), retried(&delivery, retries + 1)).await {
                        return;
                    }
                    service_kit::kill_point!("K7");
                    "retried"
                } else {
                    return self.bury(&delivery, &event_id, "retries_exhausted", &error).await;
                }
            }
            Verdict::Retry(error) | Verdict::Unavailable(error) => {
                tracing::warn!(queue = self.queue.name, %event_id, error, "an event has to wait");
                if !self.hand_over(&delivery, RetryDelay::FiveSeconds.exchange(), retried(&delivery, retries)).await {
                    return;
                }
                "unavailable"
            }
            Verdict::Dead(reason, detail) => return self.bury(&delivery, &event_id, reason, &detail).await,
        };
        self.metrics.consumed.with_label_values(&[self.queue.name, outcome]).inc();
        self.ack(&delivery).await;
    }

    async fn bury(&self, delivery: &Delivery, event_id: &str, reason: &'static str, detail: &str) {
        tracing::error!(queue = self.queue.name, event_id, reason, detail, "an event is a dead letter");
        let at = self.clock.now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut headers = envelope::carried(delivery.properties.headers().as_ref());
        headers.insert(DEAD_REASON.into(), AMQPValue::LongString(reason.into()));
        headers.insert(DEAD_DETAIL.into(), AMQPValue::LongString(detail.chars().take(300).collect::<String>().into()));
        headers.insert(DEAD_AT.into(), AMQPValue::LongString(at.into()));
        if self.hand_over(delivery, DEAD, republished(&delivery.properties, headers.into())).await {
            service_kit::kill_point!("K8");
            self.metrics.consumed.with_label_values(&[self.queue.name, "dead"]).inc();
            self.ack(delivery).await;
        }
    }

    /// Publishes the message elsewhere before it may be acknowledged here. A crash in between makes a duplicate, which
    /// the inbox absorbs. As long as the broker does not take it, the message is held: giving it back would spend one
    /// of its deliveries each time.
    async fn hand_over(&self, delivery: &Delivery, exchange: &str, properties: BasicProperties) -> bool {
        let started = Instant::now();
        let mut backoff = Backoff::reconnect();
        loop {
            let message = Outgoing { exchange, routing_key: self.queue.name, properties: properties.clone(), body: &delivery.data };
            match self.publisher.publish(message).await {
                Ok(()) => return true,
                Err(error) => tracing::warn!(queue = self.queue.name, exchange, %error, "a message could not be moved"),
            }
            if !delivery.acker.usable() {
                return false;
            }
            if started.elapsed() >= HANDOVER_LIMIT || self.draining.is_cancelled() {
                sleep(Duration::from_secs(1)).await;
                let _ = timeout(ACK_LIMIT, delivery.acker.nack(BasicNackOptions { requeue: true, multiple: false })).await;
                return false;
            }
            tokio::select! {
                () = self.draining.cancelled() => {}
                () = sleep(backoff.next()) => {}
            }
        }
    }

    async fn ack(&self, delivery: &Delivery) {
        let acked = timeout(ACK_LIMIT, delivery.acker.ack(BasicAckOptions::default())).await;
        if !matches!(acked, Ok(Ok(true))) {
            self.metrics.acks_lost.with_label_values(&[self.queue.name]).inc();
            tracing::info!(queue = self.queue.name, "an acknowledgement was lost; the message comes again");
        }
    }

    fn span(&self, envelope: &Envelope) -> tracing::Span {
        let span = info_span!(
            "process",
            otel.kind = "consumer",
            messaging.system = "rabbitmq",
            messaging.operation.type = "process",
            messaging.destination.name = self.queue.name,
            messaging.message.id = %envelope.id,
            event_type = envelope.event_type,
        );
        if let Some(trace) = &envelope.trace {
            trace.adopt(&span);
        }
        span
    }
}

fn retried(delivery: &Delivery, retries: u32) -> BasicProperties {
    let mut headers = envelope::carried(delivery.properties.headers().as_ref());
    headers.insert(RETRY_COUNT.into(), AMQPValue::LongLongInt(i64::from(retries)));
    republished(&delivery.properties, headers.into())
}

/// The properties of a message with other headers; what the sender said of delivery (expiration, priority, …) is dropped.
pub(crate) fn republished(original: &BasicProperties, headers: FieldTable) -> BasicProperties {
    let mut properties = BasicProperties::default().with_delivery_mode(2).with_headers(headers);
    if let Some(content_type) = original.content_type() {
        properties = properties.with_content_type(content_type.clone());
    }
    if let Some(id) = original.message_id() {
        properties = properties.with_message_id(id.clone());
    }
    if let Some(kind) = original.kind() {
        properties = properties.with_type(kind.clone());
    }
    if let Some(app_id) = original.app_id() {
        properties = properties.with_app_id(app_id.clone());
    }
    if let Some(timestamp) = original.timestamp() {
        properties = properties.with_timestamp(*timestamp);
    }
    properties
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}
