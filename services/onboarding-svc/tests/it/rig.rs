//! A service in the test's process with its own database, and a person who owns a workspace.

use std::{sync::Arc, time::Duration};

use diesel::{
    QueryableByName,
    sql_types::{Bytea, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use domain::{
    clock::SystemClock,
    event::{Event, ManifestGenerated, ManifestGenerationFailed, PaymentEvent, SubscriptionEvent, WorkspaceProvisioned},
    ids::{EventId, OrderId, SubscriptionId, UserId, WorkspaceId},
    plan::{Cycle, PlanCode},
    subscription::SubscriptionState,
};
use messaging::{Delivered, Handler, HandlerError, inbox};
use onboarding_svc::{ManifestEvents, OnboardingService, PaymentEvents, WorkspaceEvents};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use service_kit::{Kit, Lifecycle, Service};
use testkit::{Database, Person, Running, config, person};
use uuid::Uuid;

/// Complete answers to all 23 steps.
pub const ACME: &str = include_str!("../../../../crates/domain/tests/fixtures/answers/acme.json");

pub struct Rig {
    pub database: Database,
    pub running: Running,
    pub person: Person,
    pub service: Arc<OnboardingService>,
    pub subscription: SubscriptionId,
    client: reqwest::Client,
}

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The `ETag`, which an edit sends back.
    pub fn etag(&self) -> String {
        self.header("etag").to_owned()
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Requires a status and hands the answer on.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    pub fn step(&self, slug: &str) -> &Value {
        self.body["steps"].as_array().unwrap().iter().find(|step| step["slug"] == slug).unwrap()
    }

    pub fn pointers(&self) -> Vec<&str> {
        self.body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
    }
}

impl Rig {
    /// A service with workers (its broker is absent) and a locked workspace.
    pub async fn locked() -> Self {
        let database = Database::create().await;
        let person = person(&database).await;
        let settings = config::<OnboardingService>(&database, None, &[]);
        let kit = Kit::new(OnboardingService::IDENTITY, settings.kit, Lifecycle::on_this_runtime()).unwrap();
        let service = Arc::new(OnboardingService::build(kit, settings.service).unwrap());
        let running = Running::start::<OnboardingService>(config::<OnboardingService>(&database, None, &[]), true);
        let client = service_kit::http_client(Duration::from_secs(10)).unwrap();
        Self { database, running, person, service, subscription: SubscriptionId::generate(), client }
    }

    /// The same with a workspace that has paid.
    pub async fn unlocked() -> Self {
        let rig = Self::locked().await;
        rig.deliver(&rig.provisioned(), 1).await;
        rig.deliver(&rig.confirmed(), 1).await;
        rig
    }

    /// Another process with settings of its own.
    pub fn replica(&self, more: &[(&str, &str)]) -> Running {
        Running::start::<OnboardingService>(config::<OnboardingService>(&self.database, None, more), true)
    }

    pub fn workspace(&self) -> WorkspaceId {
        WorkspaceId::from_uuid(self.person.workspace)
    }

    pub fn provisioned(&self) -> Event {
        Event::WorkspaceProvisioned(WorkspaceProvisioned {
            workspace_id: self.workspace(),
            owner_id: UserId::from_uuid(self.person.user),
            name: "Acme".into(),
            slug: "acme".into(),
        })
    }

    pub fn confirmed(&self) -> Event {
        confirmed(self.workspace(), OrderId::generate())
    }

    pub fn subscription(&self, state: SubscriptionState) -> SubscriptionEvent {
        let now = self.service.kit().clock.now();
        SubscriptionEvent {
            workspace_id: self.workspace(),
            subscription_id: self.subscription,
            plan: PlanCode::Glide.into(),
            cycle: Cycle::Monthly.into(),
            status: state.into(),
            period_start: now - chrono::TimeDelta::days(1),
            period_end: now + chrono::TimeDelta::days(29),
            grace_end: None,
            entitlements: PlanCode::Glide.entitlements(),
        }
    }

    pub fn generated(&self, context_number: u64) -> Event {
        Event::ManifestGenerated(ManifestGenerated {
            workspace_id: self.workspace(),
            version: "1.0.0".into(),
            sequence: 1,
            checksum: "0".repeat(64),
            token_count: 900,
            completion_percent: 100,
            reason: serde_json::from_value(json!("onboarding")).unwrap(),
            context_number,
            generated_at: self.service.kit().clock.now(),
        })
    }

    pub fn failed(&self, context_number: u64, reason: &str) -> Event {
        Event::ManifestGenerationFailed(ManifestGenerationFailed { workspace_id: self.workspace(), context_number, reason: reason.into() })
    }

    /// Delivers an event under a new id.
    pub async fn deliver(&self, event: &Event, sequence: i64) {
        self.deliver_as(EventId::generate(), event, sequence).await;
    }

    /// Delivers an event as the broker's consumer does: inbox and effect in one transaction.
    pub async fn deliver_as(&self, id: EventId, event: &Event, sequence: i64) {
        self.deliver_over(&mut self.database.service("onboarding_svc", "onboarding").await, id, event, sequence).await;
    }

    /// The same over a connection that is there, for those who deliver a thousand.
    pub async fn deliver_over(&self, connection: &mut AsyncPgConnection, id: EventId, event: &Event, sequence: i64) {
        let delivered = Delivered {
            id,
            event: event.clone(),
            sequence,
            time: self.service.kit().clock.now(),
            workspace_id: event.workspace_id(),
            retries: 0,
            redrives: 0,
        };
        let (queue, handler): (&str, Box<dyn Handler>) = match event.event_type().service() {
            "auth-svc" => ("onboarding-svc.identity.v1", Box::new(WorkspaceEvents(self.service.clone()))),
            "payments-svc" => ("onboarding-svc.payments.v1", Box::new(PaymentEvents(self.service.clone()))),
            _ => ("onboarding-svc.bcm.v1", Box::new(ManifestEvents(self.service.clone()))),
        };
        connection
            .transaction(async |connection: &mut AsyncPgConnection| {
                if inbox::insert(connection, queue, id, event.event_type().as_str()).await? {
                    handler.handle(connection, &delivered).await?;
                }
                Ok::<_, HandlerError>(())
            })
            .await
            .unwrap();
        handler.committed(&delivered).await;
    }

    pub async fn send(
        &self,
        base: &str,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = self.client.request(method, format!("{base}{path}"));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.unwrap().to_vec();
        Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null), bytes }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(&self.running.url, Method::GET, path, &self.person.token, &[], None).await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        self.send(&self.running.url, Method::POST, path, &self.person.token, headers, body).await
    }

    /// Saves a draft through the rig's process.
    pub async fn save(&self, slug: &str, if_match: &str, answer: &Value) -> Answer {
        self.save_at(&self.running.url, slug, if_match, answer, &[]).await
    }

    /// Saves a draft through the process at `base`.
    pub async fn save_at(&self, base: &str, slug: &str, if_match: &str, answer: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut all = vec![("If-Match", if_match)];
        all.extend_from_slice(headers);
        let path = format!("/api/onboarding/steps/{slug}/draft");
        self.send(base, Method::PUT, &path, &self.person.token, &all, Some(&json!({"answer": answer}))).await
    }

    /// Completes all steps of a fixture.
    pub async fn complete_all(&self, answers: &str) {
        let answers: Value = serde_json::from_str(answers).unwrap();
        for (slug, answer) in answers.as_object().unwrap() {
            let path = format!("/api/onboarding/steps/{slug}/complete");
            self.post(&path, &[("If-Match", r#""0""#)], Some(&json!({"answer": answer}))).await.expect(200);
        }
    }

    /// The types of the events that were written, in order, without their version.
    pub async fn events(&self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            event_type: String,
        }
        let rows = diesel::sql_query("select event_type from onboarding.outbox where aggregate_id = $1 order by aggregate_seq")
            .bind::<SqlUuid, _>(self.person.workspace)
            .load::<Row>(&mut self.database.admin().await)
            .await
            .unwrap();
        rows.into_iter().map(|row| row.event_type.trim_start_matches("onboarding.").trim_end_matches(".v1").to_owned()).collect()
    }

    /// The data of the last event of a type.
    pub async fn last_event(&self, event_type: &str) -> Value {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Bytea)]
            payload: Vec<u8>,
        }
        let row = diesel::sql_query("select payload from onboarding.outbox where event_type = $1 order by id desc limit 1")
            .bind::<Text, _>(format!("onboarding.{event_type}.v1"))
            .get_result::<Row>(&mut self.database.admin().await)
            .await
            .unwrap();
        serde_json::from_slice(&row.payload).unwrap()
    }

    pub async fn sql(&self, sql: &str) {
        diesel::sql_query(sql).execute(&mut self.database.admin().await).await.unwrap();
    }

    /// Empties the test's Redis.
    pub async fn flush_redis(&self) {
        let flush = service_kit::cache::client::cmd("FLUSHDB");
        // On a busy machine an answer may come later than a service waits for it.
        for _ in 0..50 {
            if self.service.kit().cache.query::<()>(&flush).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("Redis was not emptied");
    }

    /// Adds somebody to the workspace.
    pub async fn add(&self, person: &Person, role: &str) {
        let (workspace, user) = (self.person.workspace, person.user);
        self.sql(&format!("insert into identity.memberships (workspace_id, user_id, role) values ('{workspace}', '{user}', '{role}')"))
            .await;
    }
}

pub fn confirmed(workspace: WorkspaceId, order: OrderId) -> Event {
    let price = domain::plan::price(PlanCode::Glide, Cycle::Monthly);
    Event::PaymentConfirmed(PaymentEvent {
        workspace_id: workspace,
        order_id: order,
        plan: PlanCode::Glide.into(),
        cycle: Cycle::Monthly.into(),
        amount: price.amount,
        currency: price.currency.into(),
        provider_reference: Some(Uuid::now_v7().to_string()),
        failure: None,
    })
}

/// Asks until it is so, for at most fifteen seconds.
pub async fn eventually(what: &str, ask: impl AsyncFn() -> bool) {
    let clock = SystemClock;
    let started = domain::Clock::now(&clock);
    while domain::Clock::now(&clock) - started < chrono::TimeDelta::seconds(15) {
        if ask().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("this did not happen in time: {what}");
}
