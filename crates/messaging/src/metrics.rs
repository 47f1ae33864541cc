//! What messaging counts. Labels are queue names and fixed words, so their number is bounded.

use prometheus::{Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use service_kit::metrics::{self, register};

/// The metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    /// Rows that wait to be published.
    pub outbox_pending: IntGauge,
    /// Age of the oldest of them, in seconds; 0 when there is none.
    pub outbox_oldest_age: Gauge,
    /// Rows that were given up and block their aggregate.
    pub outbox_parked: IntGauge,
    /// Publishing attempts by `result`: ack, nack, returned, timeout, error, invalid.
    pub published: IntCounterVec,
    /// Marks that came after the lease was lost to another relay.
    pub stale_marks: IntCounter,
    /// Whether the connection for `purpose` is up.
    pub connected: IntGaugeVec,
    /// Whether the broker has blocked our publishing (memory or disk alarm).
    pub blocked: IntGauge,
    /// Messages taken from `queue` by `outcome`: done, duplicate, retried, unavailable, dead.
    pub consumed: IntCounterVec,
    /// Messages that the broker delivered again.
    pub redelivered: IntCounterVec,
    /// Acknowledgements that came after the channel was gone; the message comes again.
    pub acks_lost: IntCounterVec,
    /// Handlers that panicked.
    pub panics: IntCounterVec,
    /// Seconds from taking a message to its verdict.
    pub handling: HistogramVec,
    /// Whether the broker itself lists a consumer on `queue`.
    pub consumer_alive: IntGaugeVec,
    /// Whether the consumer has stopped taking because nothing succeeds.
    pub consumer_guarded: IntGaugeVec,
    /// Times the consumer was built anew.
    pub rebuilds: IntCounterVec,
    /// Messages in `queue`.
    pub queue_depth: IntGaugeVec,
    /// Messages in the dead queue of `queue`.
    pub dead_depth: IntGaugeVec,
}

impl Metrics {
    /// Makes and registers them.
    ///
    /// # Errors
    /// When the registry already has metrics of these names.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let per_queue = ["queue"];
        let counters = |name: &str, help: &str, labels: &[&str]| register(registry, IntCounterVec::new(Opts::new(name, help), labels)?);
        let gauges = |name: &str, help: &str, labels: &[&str]| register(registry, IntGaugeVec::new(Opts::new(name, help), labels)?);
        let gauge = |name: &str, help: &str| register(registry, IntGauge::new(name, help)?);
        let buckets = vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
        Ok(Self {
            outbox_pending: gauge("outbox_pending", "Rows that wait to be published.")?,
            outbox_oldest_age: register(registry, Gauge::new("outbox_oldest_age_seconds", "Age of the oldest unpublished row.")?)?,
            outbox_parked: gauge("outbox_parked", "Rows that were given up.")?,
            published: metrics::counters(
                registry,
                "messaging_published_total",
                "Publishing attempts.",
                "result",
                &["ack", "nack", "returned", "timeout", "error", "invalid"],
            )?,
            stale_marks: register(registry, IntCounter::new("messaging_stale_marks_total", "Marks refused because the lease was lost.")?)?,
            connected: gauges("messaging_connected", "1 while the connection is up.", &["purpose"])?,
            blocked: gauge("messaging_publisher_blocked", "1 while the broker blocks publishing.")?,
            consumed: counters("messaging_consumed_total", "Messages taken.", &["queue", "outcome"])?,
            redelivered: counters("messaging_redelivered_total", "Messages delivered again.", &per_queue)?,
            acks_lost: counters("messaging_acks_lost_total", "Acknowledgements that came too late.", &per_queue)?,
            panics: counters("messaging_handler_panics_total", "Handlers that panicked.", &per_queue)?,
            handling: register(
                registry,
                HistogramVec::new(HistogramOpts::new("messaging_handling_seconds", "Time to a verdict.").buckets(buckets), &per_queue)?,
            )?,
            consumer_alive: gauges("messaging_consumer_alive", "1 while the broker lists a consumer.", &per_queue)?,
            consumer_guarded: gauges("messaging_consumer_guarded", "1 while an outage is waited out.", &per_queue)?,
            rebuilds: counters("messaging_consumer_rebuilds_total", "Consumers built anew.", &per_queue)?,
            queue_depth: gauges("messaging_queue_depth", "Messages in the queue.", &per_queue)?,
            dead_depth: gauges("messaging_dead_letters", "Messages in the dead queue.", &per_queue)?,
        })
    }

    /// Lets the series of a queue that is to be consumed exist before anything happens: a consumer that never came must
    /// read as gone, and the first increase of a counter as one. How deep the queues are is not known yet.
    pub(crate) fn expect(&self, queue: &str) {
        for outcome in ["done", "duplicate", "retried", "unavailable", "dead"] {
            self.consumed.with_label_values(&[queue, outcome]);
        }
        for counter in [&self.redelivered, &self.acks_lost, &self.panics, &self.rebuilds] {
            counter.with_label_values(&[queue]);
        }
        for gauge in [&self.consumer_alive, &self.consumer_guarded] {
            gauge.with_label_values(&[queue]);
        }
        self.handling.with_label_values(&[queue]);
    }
}
