//! Processes of two services on one database and one vhost.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::sql_types;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use domain::{
    SystemClock,
    clock::Clock,
    event::{Event, Open, PaymentEvent},
    ids::{EventId, OrderId, WorkspaceId},
    money::{Currency, Paise},
    plan::{Cycle, PlanCode},
};
use lapin::{
    BasicProperties, Connection, ConnectionProperties, Queue,
    message::Delivery,
    options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
};
use messaging::{ConsumerSpec, Delivered, Handler, HandlerError, Messaging, MessagingConfig, Parts, outbox, topology};
use prometheus::Registry;
use reqwest::Method;
use serde_json::json;
use service_kit::{Lifecycle, config::DatabaseConfig, db::Db};
use testkit::{Database, Vhost};

use crate::consuming::envelope;

/// The queue on which most tests consume: one active consumer, one message at a time.
pub const QUEUE: &str = "onboarding-svc.payments.v1";
/// A queue that several replicas consume at once.
pub const SHARED_QUEUE: &str = "auth-svc.payments.v1";
/// Effects that are not the next of their aggregate.
pub const DISORDERED: &str = "select count(*) from (select sequence, lag(sequence) over (partition by aggregate_id order by id) as before
                          from public.effect) as e where sequence <> coalesce(before, 0) + 1";

/// A database with a table for effects, and a vhost with the topology.
pub struct Rig {
    pub database: Database,
    pub vhost: Vhost,
}

impl Rig {
    pub async fn new() -> Self {
        Self::on(Vhost::create().await).await
    }

    pub async fn on(vhost: Vhost) -> Self {
        let rig = Self { database: Database::create().await, vhost };
        let mut admin = rig.database.admin().await;
        admin
            .batch_execute(
                "create table public.effect (id bigserial, event_id uuid, aggregate_id uuid, sequence bigint, retries int);
                 grant usage on schema public to public;
                 grant all on public.effect, public.effect_id_seq to public;",
            )
            .await
            .unwrap();
        topology::declare_all(&rig.connection().await).await.unwrap();
        rig
    }

    pub async fn connection(&self) -> Connection {
        Connection::connect(&self.vhost.url(), ConnectionProperties::default()).await.unwrap()
    }

    /// Starts a process of a service with its relay and these consumers.
    pub fn process(&self, service: &'static str, consumers: Vec<ConsumerSpec>) -> Process {
        self.process_at(&self.vhost.url(), service, consumers)
    }

    /// The same with another way to the broker.
    pub fn process_at(&self, amqp_url: &str, service: &'static str, consumers: Vec<ConsumerSpec>) -> Process {
        Process::start(amqp_url, &self.database_url(service), service, consumers)
    }

    /// Where a process of the service finds its database.
    pub fn database_url(&self, service: &str) -> String {
        self.database.url(&format!("{}_svc", service.trim_end_matches("-svc")))
    }

    /// Limits a queue to `length` messages until the policy is deleted; the broker refuses what is too many.
    pub async fn limit(&self, queue: &str, length: u32) {
        let policy =
            json!({"pattern": format!("^{}$", queue.replace('.', "\\.")), "apply-to": "queues", "definition": {"max-length": length}});
        self.vhost.request(Method::PUT, &self.policy(), Some(policy)).await;
    }

    pub async fn unlimit(&self) {
        self.vhost.request(Method::DELETE, &self.policy(), None).await;
    }

    fn policy(&self) -> String {
        format!("api/policies/{}/limit", self.vhost.name())
    }

    /// What a use case of payments-svc does: all events in one transaction.
    pub async fn tell(&self, events: &[Event]) -> Vec<EventId> {
        let mut connection = self.database.service("payments_svc", "payments").await;
        connection.batch_execute("begin").await.unwrap();
        let mut ids = Vec::new();
        for event in events {
            ids.push(outbox::append(&mut connection, now(), event).await.unwrap());
        }
        connection.batch_execute("commit").await.unwrap();
        ids
    }

    /// Publishes without an outbox, as a stranger could.
    pub async fn publish(&self, routing_key: &str, properties: BasicProperties, body: &[u8]) {
        let connection = self.connection().await;
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let confirm = channel
            .basic_publish(topology::EVENTS.into(), routing_key.into(), BasicPublishOptions::default(), body, properties)
            .await
            .unwrap();
        assert!(confirm.await.unwrap().is_ack());
    }

    /// Publishes events as their service does, without an outbox; returns their ids.
    pub async fn send(&self, events: &[Event]) -> Vec<EventId> {
        let connection = self.connection().await;
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let mut ids = Vec::new();
        for event in events {
            let (envelope, event_type) = (envelope(event), event.event_type());
            let properties = envelope.to_properties(event_type.service()).unwrap();
            let (options, body) = (BasicPublishOptions::default(), event.to_data().to_string());
            let key = event_type.as_str().into();
            let confirm = channel.basic_publish(topology::EVENTS.into(), key, options, body.as_bytes(), properties).await.unwrap();
            assert!(confirm.await.unwrap().is_ack());
            ids.push(envelope.id);
        }
        ids
    }

    pub async fn effects(&self) -> i64 {
        self.database.number("select count(*) from public.effect").await
    }

    pub async fn inboxed(&self, consumer: &str) -> i64 {
        let schema = if consumer.starts_with("auth") { "identity" } else { "onboarding" };
        self.database.number(&format!("select count(*) from {schema}.inbox where consumer = '{consumer}'")).await
    }

    pub async fn unpublished(&self) -> i64 {
        self.database.number("select count(*) from payments.outbox where published_at is null").await
    }

    /// Messages that wait in a queue, as the broker counts them at this moment.
    pub async fn waiting(&self, queue: &str) -> u32 {
        self.look_at(queue).await.unwrap().message_count()
    }

    /// Whether the broker has this queue at this moment.
    pub async fn exists(&self, queue: &str) -> bool {
        self.look_at(queue).await.is_ok()
    }

    async fn look_at(&self, queue: &str) -> lapin::Result<Queue> {
        let connection = self.connection().await;
        let channel = connection.create_channel().await.unwrap();
        channel.queue_declare(queue.into(), QueueDeclareOptions::durable().passive(), FieldTable::default()).await
    }

    /// What waits in a queue; all of it goes back to its place.
    pub async fn letters(&self, queue: &str) -> Vec<Delivery> {
        let connection = self.connection().await;
        let channel = connection.create_channel().await.unwrap();
        let mut letters = Vec::new();
        while let Some(message) = channel.basic_get(queue.into(), BasicGetOptions::default()).await.unwrap() {
            letters.push(message.delivery);
        }
        letters
    }

    /// Messages in a queue, delivered ones included, as the broker counted them up to five seconds ago.
    pub async fn held(&self, queue: &str) -> u64 {
        let answer = self.vhost.request(Method::GET, &format!("api/queues/{}/{queue}", self.vhost.name()), None).await;
        answer.get("messages").and_then(serde_json::Value::as_u64).unwrap_or(u64::MAX)
    }
}

/// A running process; it drains when it goes.
pub struct Process {
    pub messaging: Messaging,
    pub lifecycle: Lifecycle,
    pub registry: Registry,
}

/// Eight connections of a service.
pub fn pool(database_url: &str, service: &str, schema: &str, lifecycle: &Lifecycle) -> Db {
    let config = DatabaseConfig {
        url: database_url.into(),
        owner_url: String::new().into(),
        pool_size: 8,
        worker_pool_size: 8,
        wait_timeout_ms: 1_000,
        create_timeout_ms: 1_500,
        recycle_timeout_ms: 500,
        checkout_timeout_ms: 1_800,
        statement_timeout_ms: 5_000,
        lock_timeout_ms: 5_000,
        idle_in_transaction_timeout_ms: 15_000,
    };
    Db::new(&config, service, schema, 8, lifecycle).unwrap()
}

impl Process {
    /// Starts it on this runtime.
    pub fn start(amqp_url: &str, database_url: &str, service: &'static str, consumers: Vec<ConsumerSpec>) -> Self {
        let schema = match service {
            "payments-svc" => "payments",
            "onboarding-svc" => "onboarding",
            "auth-svc" => "identity",
            other => panic!("{other}"),
        };
        let lifecycle = Lifecycle::on_this_runtime();
        let db = pool(database_url, service, schema, &lifecycle);
        let database_url = database_url.into();
        let registry = Registry::new();
        let parts = Parts { db, clock: Arc::new(SystemClock), lifecycle: lifecycle.clone(), registry: registry.clone() };
        let config = MessagingConfig { service, schema, amqp_url: amqp_url.into(), database_url };
        let messaging = Messaging::start_with(&parts, &config, consumers).unwrap();
        Self { messaging, lifecycle, registry }
    }

    /// The value of a metric, summed over its labels.
    pub fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        family.map_or(0.0, |family| {
            family.get_metric().iter().map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value()).sum()
        })
    }

    /// The same, of the metrics that have this label.
    pub fn labelled(&self, name: &str, label: &str) -> f64 {
        let families = self.registry.gather();
        let metrics = families.iter().filter(|family| family.name() == name).flat_map(prometheus::proto::MetricFamily::get_metric);
        let those = metrics.filter(|metric| metric.get_label().iter().any(|pair| pair.value() == label));
        those.map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value()).sum()
    }

    /// Waits until its consumers take events.
    pub async fn ready(&self) {
        eventually("the consumers are there", async || self.messaging.consumers().iter().all(|consumer| consumer.gone_for.is_none())).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.lifecycle.drain();
    }
}

/// Decides what a delivery comes to, before its effect is written.
type Rule = Box<dyn Fn(&Delivered) -> Result<(), HandlerError> + Send + Sync>;

/// Writes one effect per event, if its rule allows.
pub struct Recorder {
    rule: Rule,
    pause: Duration,
    /// Deliveries that are still to pause.
    pauses: AtomicU32,
    pub committed: Arc<Mutex<Vec<EventId>>>,
}

impl Recorder {
    pub fn new(rule: impl Fn(&Delivered) -> Result<(), HandlerError> + Send + Sync + 'static) -> Self {
        Self { rule: Box::new(rule), pause: Duration::ZERO, pauses: AtomicU32::new(0), committed: Arc::default() }
    }

    pub fn plain() -> Self {
        Self::new(|_| Ok(()))
    }

    /// Holds every delivery for a while before its transaction ends.
    pub fn slow(pause: Duration) -> Self {
        Self { pause, pauses: AtomicU32::new(u32::MAX), ..Self::plain() }
    }

    /// Holds only the first one.
    pub fn slow_once(pause: Duration) -> Self {
        Self { pauses: AtomicU32::new(1), ..Self::slow(pause) }
    }

    pub fn on(self, queue: &str) -> ConsumerSpec {
        ConsumerSpec::new(queue, self).unwrap()
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, connection: &mut AsyncPgConnection, event: &Delivered) -> Result<(), HandlerError> {
        record(connection, event).await?;
        if self.pauses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            tokio::time::sleep(self.pause).await;
        }
        (self.rule)(event)
    }

    async fn committed(&self, event: &Delivered) {
        self.committed.lock().unwrap().push(event.id);
    }
}

/// The effect that the tests count.
pub async fn record(connection: &mut AsyncPgConnection, event: &Delivered) -> Result<(), HandlerError> {
    diesel::sql_query("insert into public.effect (event_id, aggregate_id, sequence, retries) values ($1, $2, $3, $4)")
        .bind::<sql_types::Uuid, _>(event.id.as_uuid())
        .bind::<sql_types::Uuid, _>(event.event.aggregate().id)
        .bind::<sql_types::BigInt, _>(event.sequence)
        .bind::<sql_types::Integer, _>(i32::try_from(event.retries).unwrap())
        .execute(connection)
        .await?;
    Ok(())
}

pub fn now() -> DateTime<Utc> {
    SystemClock.now()
}

pub fn confirmed(order: OrderId) -> Event {
    Event::PaymentConfirmed(PaymentEvent {
        workspace_id: WorkspaceId::generate(),
        order_id: order,
        plan: Open::Known(PlanCode::Glide),
        cycle: Open::Known(Cycle::Monthly),
        amount: Paise::new(700_000),
        currency: Open::Known(Currency::Inr),
        provider_reference: None,
        failure: None,
    })
}

/// Waits up to half a minute for something to become true.
pub async fn eventually(what: &str, check: impl AsyncFn() -> bool) {
    within(30, what, check).await;
}

/// Waits longer, for what takes its time on a machine that does other things.
pub async fn within(seconds: u64, what: &str, check: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !check().await {
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
