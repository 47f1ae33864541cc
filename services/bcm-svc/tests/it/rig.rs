//! Replicas of the service on one database and one vhost, and the events that reach them.

use std::{collections::BTreeMap, time::Duration};

use bcm_svc::BcmService;
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use domain::{
    Clock, SystemClock,
    context::{AnswerSource, BusinessContext, Finalization, StepOutcome},
    event::{Event, OnboardingFinalized, Open, SubscriptionEvent},
    ids::{EventId, SubscriptionId, UserId, WorkspaceId},
    plan::{Cycle, PlanCode},
    subscription::SubscriptionState,
};
use lapin::{
    Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use messaging::{envelope::Envelope, topology};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use service_kit::cache::client as redis;
use testkit::{Database, Person, Running, Vhost, config, person};

const ACME: &str = include_str!("../../../../crates/domain/tests/fixtures/answers/acme.json");

/// A database, a vhost with the topology, and one replica with its workers.
pub struct Rig {
    pub replica: Replica,
    pub database: Database,
    vhost: Vhost,
    broker: Connection,
    http: reqwest::Client,
}

/// A running process of the service.
pub struct Replica {
    running: Running,
}

impl Replica {
    /// Where it listens.
    pub fn url(&self) -> String {
        self.running.url.clone()
    }

    /// Ends it as a signal would.
    pub fn drain(&self) {
        self.running.lifecycle.drain();
    }

    /// The value of one of its metrics with the given labels as they are printed: `{tier="redis"}`.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = service_kit::http_client(Duration::from_secs(5)).unwrap();
        let text = text.get(format!("{}/metrics", self.running.internal_url)).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
    }
}

impl Rig {
    pub async fn new() -> Self {
        let (database, vhost) = (Database::create().await, Vhost::create().await);
        let broker = Connection::connect(&vhost.url(), ConnectionProperties::default()).await.unwrap();
        topology::declare_all(&broker).await.unwrap();
        let replica = start(&database, &vhost, &[], true);
        Self { replica, database, vhost, broker, http: service_kit::http_client(Duration::from_secs(10)).unwrap() }
    }

    /// Another process, with empty memory. With `with_worker` it takes events and jobs, too.
    pub fn another_replica(&self, with_worker: bool, more: &[(&str, &str)]) -> Replica {
        start(&self.database, &self.vhost, more, with_worker)
    }

    /// A workspace of its own and its owner.
    pub async fn person(&self) -> Person {
        person(&self.database).await
    }

    /// A person who was made a member of somebody's workspace.
    pub async fn member(&self, of: &Person, role: &str) -> Person {
        let member = Person { workspace: of.workspace, ..self.person().await };
        let sql = format!(
            "insert into identity.memberships (workspace_id, user_id, role) values ('{}', '{}', '{role}')",
            of.workspace, member.user
        );
        self.admin(&sql).await;
        member
    }

    /// What only a superuser may do.
    pub async fn admin(&self, sql: &str) {
        self.database.admin().await.batch_execute(sql).await.unwrap();
    }

    /// A connection as the service has it.
    pub async fn service(&self) -> AsyncPgConnection {
        self.database.service("bcm_svc", "bcm").await
    }

    /// Finalizes answers and waits until the event has had its effect. Answers the event's id.
    pub async fn finalize(&self, who: &Person, number: u64, answers: &Value) -> EventId {
        let id = EventId::generate();
        self.publish(id, &finalized(who, number, answers), 1).await;
        self.effect_of(id).await;
        id
    }

    /// Tells a subscription's state and waits for its effect.
    pub async fn subscribe(&self, who: &Person, status: SubscriptionState, sequence: i64) {
        let id = EventId::generate();
        self.publish(id, &subscription(who, status), sequence).await;
        self.effect_of(id).await;
    }

    /// Publishes an event as the service that sends it.
    pub async fn publish(&self, id: EventId, event: &Event, sequence: i64) {
        let event_type = event.event_type();
        let envelope = Envelope {
            id,
            source: event_type.source().to_owned(),
            event_type: event_type.as_str().to_owned(),
            subject: event.subject(),
            time: now(),
            dataschema: event.dataschema().to_owned(),
            sequence,
            workspace_id: Some(event.workspace_id()),
            trace: None,
        };
        let channel = self.broker.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let properties = envelope.to_properties(event_type.service()).unwrap();
        let body = event.to_data().to_string();
        let published = channel
            .basic_publish(topology::EVENTS.into(), event_type.as_str().into(), BasicPublishOptions::default(), body.as_bytes(), properties)
            .await
            .unwrap();
        assert!(published.await.unwrap().is_ack());
    }

    pub async fn effect_of(&self, id: EventId) {
        let inboxed = format!("select count(*) from bcm.inbox where event_id = '{id}'");
        eventually("the event has its effect", async || self.database.number(&inboxed).await == 1).await;
    }

    /// Messages in a queue that nobody has taken.
    pub async fn waiting(&self, queue: &str) -> u64 {
        self.vhost.ready(queue).await
    }

    pub async fn versions(&self, who: &Person) -> i64 {
        let sql = format!("select count(*) from bcm.business_context_manifests where workspace_id = '{}'", who.workspace);
        self.database.number(&sql).await
    }

    pub async fn events(&self, event_type: &str) -> i64 {
        self.database.number(&format!("select count(*) from bcm.outbox where event_type = '{event_type}'")).await
    }

    /// A request of `who` for the workspace in `who`.
    pub fn ask(&self, method: Method, replica: &Replica, who: &Person, path: &str) -> RequestBuilder {
        self.anonymous(method, replica, path).bearer_auth(&who.token).header("X-Workspace-Id", who.workspace.to_string())
    }

    /// A request without a token.
    pub fn anonymous(&self, method: Method, replica: &Replica, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/context/{path}", replica.running.url))
    }

    /// Reads from the first replica.
    pub async fn get(&self, who: &Person, path: &str) -> Response {
        self.get_from(&self.replica, who, path).await
    }

    pub async fn get_from(&self, replica: &Replica, who: &Person, path: &str) -> Response {
        self.ask(Method::GET, replica, who, path).send().await.unwrap()
    }

    /// Reads JSON that must be there.
    pub async fn json(&self, who: &Person, path: &str) -> Value {
        let answer = self.get(who, path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    /// The version that the first replica gives as the current one, once it is as expected.
    pub async fn current(&self, who: &Person, version: &str) -> Value {
        eventually(&format!("version {version}"), async || {
            let answer = self.get(who, "manifest").await;
            answer.status() == 200 && answer.json::<Value>().await.unwrap()["record"]["version"] == version
        })
        .await;
        self.json(who, "manifest").await
    }

    pub async fn rebuild(&self, who: &Person, body: &Value) -> Response {
        self.ask(Method::POST, &self.replica, who, "rebuild").json(body).send().await.unwrap()
    }

    /// The end of a job.
    pub async fn finished(&self, who: &Person, job: &Value) -> Value {
        let path = format!("rebuild/{}", job["id"].as_str().unwrap());
        eventually("the job ends", async || self.json(who, &path).await.get("finished_at").is_some()).await;
        self.json(who, &path).await
    }
}

fn start(database: &Database, vhost: &Vhost, more: &[(&str, &str)], with_worker: bool) -> Replica {
    Replica { running: Running::start::<BcmService>(config::<BcmService>(database, Some(vhost), more), with_worker) }
}

/// Where a workspace's things lie in Redis.
pub fn redis_key(who: &Person, rest: &str) -> String {
    format!("bcm:3:{{{}}}:{rest}", who.workspace)
}

/// A connection to the test's Redis.
pub async fn raw_redis() -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(testkit::redis_url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// Complete answers to all steps.
pub fn acme() -> Value {
    serde_json::from_str(ACME).unwrap()
}

/// The same with another wording of the line that every manifest has, one for each number below ten.
pub fn edition(number: u64) -> Value {
    let mut answers = acme();
    answers["messaging"]["one_liner"] = Value::from(format!("Acme tells factories which machine fails next, edition {number}."));
    answers
}

/// The context of these answers.
pub fn context(who: &Person, number: u64, answers: &Value) -> BusinessContext {
    let by = UserId::from_uuid(who.user);
    let source = AnswerSource { revision: "1.1".to_owned(), answered_at: now(), answered_by: by };
    let outcomes: BTreeMap<_, _> = answers
        .as_object()
        .unwrap()
        .iter()
        .map(|(slug, answer)| (slug.parse().unwrap(), StepOutcome::Complete { answer: answer.clone(), source: source.clone() }))
        .collect();
    let act = Finalization { version: number, workspace: WorkspaceId::from_uuid(who.workspace), at: now(), by };
    BusinessContext::build(act, &outcomes).unwrap()
}

/// The event that these answers were finalized.
pub fn finalized(who: &Person, number: u64, answers: &Value) -> Event {
    let context = context(who, number, answers);
    Event::OnboardingFinalized(OnboardingFinalized {
        workspace_id: context.workspace,
        context_number: number,
        context_sha256: context.sha256().unwrap().to_string(),
        finalized_by: context.finalized_by,
        context: serde_json::to_value(&context).unwrap(),
    })
}

fn subscription(who: &Person, status: SubscriptionState) -> Event {
    let data = SubscriptionEvent {
        workspace_id: WorkspaceId::from_uuid(who.workspace),
        subscription_id: SubscriptionId::generate(),
        plan: Open::Known(PlanCode::Glide),
        cycle: Open::Known(Cycle::Monthly),
        status: Open::Known(status),
        period_start: now(),
        period_end: now() + TimeDelta::days(30),
        grace_end: None,
        entitlements: PlanCode::Glide.entitlements(),
    };
    match status {
        SubscriptionState::Expired => Event::SubscriptionExpired(data),
        _ => Event::SubscriptionActivated(data),
    }
}

pub fn now() -> DateTime<Utc> {
    SystemClock.now()
}

pub fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

pub async fn code(answer: Response) -> String {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    format!("{status} {}", body["code"].as_str().unwrap())
}

/// Waits up to half a minute for something to become true.
pub async fn eventually(what: &str, check: impl AsyncFn() -> bool) {
    for _ in 0..300 {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within 30 s: {what}");
}
