//! Where the gate sends a user, as the events of the other services arrive.

use std::sync::Arc;

use auth_svc::consumers::{GateProjection, QUEUES, specs};
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncPgConnection;
use domain::{
    Clock, SystemClock,
    event::{Event, EventType},
    ids::{EventId, WorkspaceId},
    plan::PlanCode,
};
use messaging::{Delivered, Handler};
use serde_json::{Value, json};
use testkit::{Person, issue_token, person};
use uuid::Uuid;

use crate::rig::{Answer, Rig};

struct Story {
    rig: Rig,
    person: Person,
    connection: AsyncPgConnection,
    handler: GateProjection,
}

impl Story {
    async fn begin() -> Self {
        let rig = Rig::start().await;
        let person = person(&rig.database).await;
        let connection = rig.database.service("auth_svc", "identity").await;
        Self { rig, person, connection, handler: GateProjection::new(Arc::new(SystemClock)) }
    }

    async fn hear(&mut self, event_type: &str, sequence: i64, data: Value) {
        let event = Event::decode(event_type, data.to_string().as_bytes()).unwrap();
        let workspace_id = WorkspaceId::from_uuid(self.person.workspace);
        let time = SystemClock.now();
        let delivered = Delivered { id: EventId::generate(), event, sequence, time, workspace_id, retries: 0, redrives: 0 };
        self.handler.handle(&mut self.connection, &delivered).await.unwrap();
    }

    async fn gate(&self) -> Answer {
        let answer = self.rig.get("/api/auth/verify-profile", &self.person.token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    async fn next(&self) -> String {
        self.gate().await.text("/next")
    }

    fn payment(&self, order: Uuid) -> Value {
        json!({"workspace_id": self.person.workspace, "order_id": order, "plan": "glide", "cycle": "monthly", "amount": 700_000,
            "currency": "INR", "provider_reference": null, "failure": null})
    }

    fn subscription(&self, id: Uuid, status: &str, period_end: DateTime<Utc>) -> Value {
        json!({"workspace_id": self.person.workspace, "subscription_id": id, "plan": "glide", "cycle": "monthly", "status": status,
            "period_start": period_end - TimeDelta::days(30), "period_end": period_end, "grace_end": null,
            "entitlements": PlanCode::Glide.entitlements()})
    }

    fn onboarding(&self, status: &str, done: u32) -> Value {
        json!({"workspace_id": self.person.workspace, "status": status, "steps_done": done, "steps_total": 23,
            "percent": done * 100 / 23, "next_step": "industry"})
    }

    fn manifest(&self, version: &str, generated_at: DateTime<Utc>) -> Value {
        json!({"workspace_id": self.person.workspace, "version": version, "sequence": 1, "checksum": "c0ffee", "token_count": 900,
            "completion_percent": 90, "reason": "finalized", "context_number": 1, "generated_at": generated_at})
    }

    async fn mirrored(&self, status: &str) -> bool {
        let sql =
            format!("select count(*) from identity.profiles where user_id = '{}' and onboarding_status = '{status}'", self.person.user);
        self.rig.database.number(&sql).await == 1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_follows_the_journey() {
    let mut story = Story::begin().await;
    let (order, subscription) = (Uuid::now_v7(), Uuid::now_v7());
    let month_end = SystemClock.now() + TimeDelta::days(30);

    let gate = story.gate().await;
    assert_eq!((gate.text("/next"), gate.text("/path")), ("choose_plan".into(), "/onboarding/plans".into()));
    assert_eq!(gate.body["needs_payment"], true);
    assert_eq!(gate.body["onboarding"]["status"], "locked");
    assert_eq!(gate.body["onboarding"]["steps_total"], 23);
    assert_eq!(gate.text("/workspace/id"), story.person.workspace.to_string());
    assert_eq!(gate.text("/workspace/role"), "owner");

    story.hear("payments.payment.pending.v1", 1, story.payment(order)).await;
    let gate = story.gate().await;
    assert_eq!(gate.text("/next"), "payment_pending");
    assert_eq!(gate.text("/open_order/id"), order.to_string());
    assert_eq!(gate.body["open_order"]["amount"], 700_000);

    // The two events of one payment come by different ways: between them nobody is sent back to the plans.
    story.hear("payments.payment.confirmed.v1", 2, story.payment(order)).await;
    assert_eq!(story.next().await, "payment_pending");
    story.hear("payments.subscription.activated.v1", 1, story.subscription(subscription, "active", month_end)).await;
    let gate = story.gate().await;
    assert_eq!((gate.text("/next"), gate.text("/subscription/plan")), ("onboarding".into(), "glide".into()));
    assert_eq!((&gate.body["needs_payment"], &gate.body["subscription"]["entitled"]), (&json!(false), &json!(true)));

    story.hear("onboarding.unlocked.v1", 1, story.onboarding("unlocked", 0)).await;
    assert!(story.mirrored("payment_confirmed").await);
    story.hear("onboarding.progressed.v1", 2, story.onboarding("in_progress", 12)).await;
    let gate = story.gate().await;
    assert_eq!((&gate.body["onboarding"]["percent"], gate.text("/onboarding/next_step")), (&json!(52), "industry".into()));
    assert!(story.mirrored("in_progress").await);

    let context = json!({"workspace_id": story.person.workspace, "context_number": 1, "context_sha256": "00", "finalized_by": story.person.user, "context": {}});
    story.hear("onboarding.finalized.v1", 3, context).await;
    let gate = story.gate().await;
    assert_eq!((gate.text("/next"), gate.text("/manifest/freshness")), ("building".into(), "building".into()));

    story.hear("bcm.manifest.generated.v1", 1, story.manifest("1.0.0", SystemClock.now())).await;
    story.hear("onboarding.completed.v1", 4, story.onboarding("completed", 23)).await;
    let gate = story.gate().await;
    assert_eq!((gate.text("/next"), gate.text("/path")), ("app".into(), "/dashboard".into()));
    assert_eq!((gate.text("/manifest/version"), gate.text("/manifest/freshness")), ("1.0.0".into(), "fresh".into()));
    assert!(story.mirrored("completed").await);

    // A reopened onboarding keeps the app open; a lapsed subscription closes it and leaves the mirror.
    story.hear("onboarding.reopened.v1", 5, story.onboarding("reopened", 23)).await;
    assert_eq!(story.next().await, "app");
    story.hear("payments.subscription.expired.v1", 2, story.subscription(subscription, "expired", month_end)).await;
    story.hear("onboarding.suspended.v1", 6, story.onboarding("suspended", 23)).await;
    assert_eq!(story.next().await, "choose_plan");
    assert!(story.mirrored("in_progress").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_event_does_not_undo_a_newer_one() {
    let mut story = Story::begin().await;
    let (order, old, new) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
    let month_end = SystemClock.now() + TimeDelta::days(30);
    story.hear("payments.payment.failed.v1", 2, story.payment(order)).await;
    story.hear("payments.payment.pending.v1", 1, story.payment(order)).await;
    assert_eq!(story.next().await, "choose_plan");

    story.hear("payments.subscription.activated.v1", 4, story.subscription(old, "active", month_end)).await;
    story.hear("payments.subscription.expired.v1", 3, story.subscription(old, "expired", month_end)).await;
    assert_eq!(story.next().await, "onboarding");
    // Another subscription counts from 1 again and is still newer.
    story.hear("payments.subscription.expired.v1", 1, story.subscription(new, "expired", month_end)).await;
    assert_eq!(story.next().await, "choose_plan");
    story.hear("payments.subscription.renewed.v1", 9, story.subscription(old, "active", month_end)).await;
    assert_eq!(story.next().await, "choose_plan");

    story.hear("onboarding.progressed.v1", 7, story.onboarding("in_progress", 9)).await;
    story.hear("onboarding.unlocked.v1", 6, story.onboarding("unlocked", 0)).await;
    assert_eq!(story.gate().await.body["onboarding"]["steps_done"], 9);
    assert!(story.mirrored("in_progress").await);

    story.hear("bcm.manifest.generated.v1", 5, story.manifest("1.1.0", SystemClock.now())).await;
    story.hear("bcm.manifest.generated.v1", 4, story.manifest("1.0.0", SystemClock.now())).await;
    assert_eq!(story.gate().await.text("/manifest/version"), "1.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canceled_subscription_lasts_until_its_period_ends() {
    let mut story = Story::begin().await;
    let id = Uuid::now_v7();
    story.hear("payments.subscription.canceled.v1", 1, story.subscription(id, "canceled", SystemClock.now() + TimeDelta::days(1))).await;
    assert_eq!(story.next().await, "onboarding");
    story.hear("payments.subscription.canceled.v1", 2, story.subscription(id, "canceled", SystemClock.now() - TimeDelta::days(1))).await;
    assert_eq!(story.next().await, "choose_plan");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_this_build_does_not_know_entitles_to_nothing_and_breaks_nothing() {
    let mut story = Story::begin().await;
    let month_end = SystemClock.now() + TimeDelta::days(30);
    story.hear("payments.subscription.activated.v1", 1, story.subscription(Uuid::now_v7(), "hibernating", month_end)).await;
    assert_eq!(story.next().await, "choose_plan");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_of_a_workspace_that_is_not_theirs() {
    let story = Story::begin().await;
    let stranger = person(&story.rig.database).await;
    let url = format!("{}/api/auth/verify-profile", story.rig.running.url);
    let ask = |workspace: String| {
        crate::rig::answer(crate::rig::client().get(&url).bearer_auth(&stranger.token).header("x-workspace-id", workspace))
    };
    assert_eq!(ask(story.person.workspace.to_string()).await.status, 404);
    assert_eq!(ask(Uuid::now_v7().to_string()).await.status, 404);
    assert_eq!(ask(stranger.workspace.to_string()).await.status, 200);
    let malformed = ask("mine".into()).await;
    assert_eq!((malformed.status.as_u16(), malformed.text("/code")), (400, "GW-0017".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_workspace_or_a_session_the_gate_says_so() {
    let rig = Rig::start().await;
    let token = issue_token(Uuid::now_v7(), "e@example.test", TimeDelta::hours(1));
    let gate = rig.get("/api/auth/verify-profile", &token).await;
    assert_eq!(
        (gate.text("/next"), &gate.body["workspace"], &gate.body["profile"]),
        ("create_workspace".into(), &Value::Null, &Value::Null)
    );
    let expired = issue_token(Uuid::now_v7(), "e@example.test", TimeDelta::hours(-1));
    let refused = rig.get("/api/auth/verify-profile", &expired).await;
    assert_eq!((refused.status.as_u16(), refused.text("/next")), (401, "sign_in".to_owned()));
}

#[test]
fn every_queue_of_the_service_has_a_consumer() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    assert_eq!(specs(&clock).unwrap().len(), QUEUES.len());
    let mut of_topology: Vec<_> = messaging::topology::queues_of("auth-svc").map(|queue| queue.name).collect();
    let mut ours = QUEUES.to_vec();
    of_topology.sort_unstable();
    ours.sort_unstable();
    assert_eq!(of_topology, ours);
    assert!(
        messaging::topology::queues_of("auth-svc")
            .flat_map(messaging::topology::ConsumerQueue::event_types)
            .any(|event| event == EventType::OnboardingFinalized)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_known_is_304_until_something_happens() {
    let mut story = Story::begin().await;
    let known = story.gate().await.header("etag").unwrap().to_owned();
    let url = format!("{}/api/auth/verify-profile", story.rig.running.url);
    let ask = || crate::rig::answer(crate::rig::client().get(&url).bearer_auth(&story.person.token).header("If-None-Match", &known));
    let unchanged = ask().await;
    assert_eq!((unchanged.status.as_u16(), &unchanged.body), (304, &Value::Null));
    assert_eq!(unchanged.header("etag"), Some(known.as_str()));
    let subscription = story.subscription(Uuid::now_v7(), "active", SystemClock.now() + TimeDelta::days(30));
    story.hear("payments.subscription.activated.v1", 1, subscription).await;
    let url = format!("{}/api/auth/verify-profile", story.rig.running.url);
    let changed = crate::rig::answer(crate::rig::client().get(&url).bearer_auth(&story.person.token).header("If-None-Match", &known)).await;
    assert_eq!((changed.status.as_u16(), changed.text("/next").as_str()), (200, "onboarding"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_tells_the_answer_and_each_change_of_it() {
    let mut story = Story::begin().await;
    let url = format!("{}/api/auth/gate/events", story.rig.running.url);
    let mut stream = crate::rig::client().get(&url).bearer_auth(&story.person.token).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(told(&mut stream).await["next"], "choose_plan");
    let subscription = story.subscription(Uuid::now_v7(), "active", SystemClock.now() + TimeDelta::days(30));
    story.hear("payments.subscription.activated.v1", 1, subscription).await;
    assert_eq!(told(&mut stream).await["next"], "onboarding");
    story.rig.run(&format!("delete from identity.memberships where user_id = '{}'", story.person.user)).await;
    assert_eq!(told(&mut stream).await["next"], "create_workspace");
    let foreign = person(&story.rig.database).await.workspace;
    let refused = crate::rig::client().get(&url).bearer_auth(&story.person.token).header("X-Workspace-Id", foreign.to_string());
    assert_eq!(crate::rig::answer(refused).await.status, 404);
}

/// The data of the next event.
async fn told(stream: &mut reqwest::Response) -> Value {
    let chunk = tokio::time::timeout(std::time::Duration::from_secs(10), stream.chunk()).await.unwrap().unwrap().unwrap();
    let text = String::from_utf8(chunk.to_vec()).unwrap();
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_else(|| panic!("no data: {text}"));
    serde_json::from_str(data).unwrap()
}
