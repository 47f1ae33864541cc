//! Two traces tell the journey: webhook → confirm → relay → unlock, and finalize → relay → manifest (decision 7). Three
//! services with a real database and broker export to a collector; spans are told apart by route and queue.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking and starts a server of its own"
)]

mod collector;

use std::time::Duration;

use bcm_svc::BcmService;
use collector::{Collector, Span};
use onboarding_svc::OnboardingService;
use reqwest::{Method, StatusCode};
use sandbox::{Mode, Outcome, SandboxConfig};
use serde_json::{Value, json};
use service_kit::{config::TelemetryConfig, telemetry::Telemetry};
use testkit::{Database, Person, Running, Vhost, config, person};

const ANSWERS: &str = include_str!("../../../domain/tests/fixtures/answers/acme.json");
const CLIENT_SECRET: &str = "sandbox-client-secret";
const WEBHOOK_PASSWORD: &str = "Sandbox2026";

struct Journey {
    payments: Running,
    onboarding: Running,
    bcm: Running,
    outside: sandbox::Running,
    payer: Person,
}

impl Journey {
    async fn call(&self, method: Method, url: String, headers: &[(&str, &str)], body: Option<Value>) -> (StatusCode, Value) {
        let client = service_kit::http_client(Duration::from_secs(30)).unwrap();
        let mut request = client.request(method, url).bearer_auth(&self.payer.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap_or_default())
    }

    /// Pays, answers every step, finalizes and waits for the manifest.
    async fn run(&self) {
        let (payments, onboarding) = (&self.payments.url, &self.onboarding.url);
        let initiate = json!({"plan": "glide", "cycle": "monthly"});
        let (status, order) = self.call(Method::POST, format!("{payments}/api/payments/v2/initiate"), &[], Some(initiate)).await;
        assert_eq!(status, StatusCode::CREATED, "{order}");
        let attempt = format!("{}-1", order["order_id"].as_str().unwrap());
        self.outside.sandbox().pay(&attempt, Outcome::Success, Mode::default()).unwrap();
        eventually("the unlock", async || {
            let (status, body) = self.call(Method::GET, format!("{onboarding}/api/onboarding"), &[], None).await;
            status.is_success() && body["status"] == "unlocked"
        })
        .await;
        let answers: Value = serde_json::from_str(ANSWERS).unwrap();
        for (slug, answer) in answers.as_object().unwrap() {
            let url = format!("{onboarding}/api/onboarding/steps/{slug}/complete");
            let (status, body) = self.call(Method::POST, url, &[("If-Match", r#""0""#)], Some(json!({"answer": answer}))).await;
            assert!(status.is_success(), "{slug}: {body}");
        }
        let (status, body) = self.call(Method::POST, format!("{onboarding}/api/onboarding/finalize"), &[], Some(json!({}))).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        eventually("the manifest", async || {
            self.call(Method::GET, format!("{}/api/context/manifest", self.bcm.url), &[], None).await.0.is_success()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_traces_tell_the_journey_across_the_services_and_no_span_holds_a_secret() {
    let (collector, endpoint) = Collector::start();
    let telemetry = Telemetry::install(&TelemetryConfig { otlp_endpoint: endpoint, log: "info".into() }, "journey").unwrap();
    let (database, vhost) = (Database::create().await, Vhost::create().await);
    let outside = sandbox::start(SandboxConfig::default()).unwrap();
    let payments = Running::start::<payments_svc::App>(payments(&database, &vhost, &outside), true);
    outside.sandbox().set_webhook_url(Some(format!("{}/api/payments/v2/webhook", payments.url).parse().unwrap()));
    let journey = Journey {
        payments,
        outside,
        onboarding: Running::start::<OnboardingService>(config::<OnboardingService>(&database, Some(&vhost), &[]), true),
        bcm: Running::start::<BcmService>(config::<BcmService>(&database, Some(&vhost), &[]), true),
        payer: person(&database).await,
    };
    journey.run().await;
    for event in
        ["payments.payment.confirmed", "onboarding.unlocked", "onboarding.finalized", "bcm.manifest.generated", "onboarding.completed"]
    {
        eventually(event, async || collector.spans().iter().any(|span| span.is("publish", ROUTING_KEY, &format!("{event}.v1")))).await;
    }
    // A consumer's span ends with its acknowledgement, which may come after the relay has sent what it told.
    for (queue, event) in [
        ("onboarding-svc.payments.v1", "payments.payment.confirmed.v1"),
        ("bcm-svc.onboarding.v1", "onboarding.finalized.v1"),
        ("onboarding-svc.bcm.v1", "bcm.manifest.generated.v1"),
    ] {
        let taken = |span: &Span| span.is("process", "messaging.destination.name", queue) && span.is("process", "event_type", event);
        eventually(event, async || collector.spans().iter().any(taken)).await;
    }
    let spans = collector.spans();

    // webhook → confirm → relay → unlock
    let webhook = one(&spans, "request", "http.route", "/api/payments/v2/webhook");
    let told = one(&spans, "publish", ROUTING_KEY, "payments.payment.confirmed.v1");
    let confirm = parent_of(&spans, &told);
    assert_eq!(confirm.name, "receipt", "the confirmation is worked on in the receipt's span");
    assert!(child(&confirm, &webhook), "{confirm:?} of {webhook:?}");
    let unlock = taken(&spans, "onboarding-svc.payments.v1", "payments.payment.confirmed.v1");
    assert!(child(&unlock, &confirm), "{unlock:?} of {confirm:?}");
    assert!(child(&one(&spans, "publish", ROUTING_KEY, "onboarding.unlocked.v1"), &unlock));

    // finalize → relay → manifest, and back
    let finalize = one(&spans, "request", "http.route", "/api/onboarding/finalize");
    assert_ne!(finalize.trace_id, webhook.trace_id);
    assert!(child(&one(&spans, "publish", ROUTING_KEY, "onboarding.finalized.v1"), &finalize));
    let generate = taken(&spans, "bcm-svc.onboarding.v1", "onboarding.finalized.v1");
    assert!(child(&generate, &finalize), "{generate:?} of {finalize:?}");
    assert!(child(&one(&spans, "publish", ROUTING_KEY, "bcm.manifest.generated.v1"), &generate));
    let complete = taken(&spans, "onboarding-svc.bcm.v1", "bcm.manifest.generated.v1");
    assert!(child(&complete, &generate), "{complete:?} of {generate:?}");
    assert!(child(&one(&spans, "publish", ROUTING_KEY, "onboarding.completed.v1"), &complete));

    // What is still buffered is searched as well.
    tokio::task::spawn_blocking(|| telemetry.shutdown()).await.unwrap();
    let everything = collector.everything();
    assert!(everything.contains("/api/payments/v2/webhook"), "the search would find what is there");
    for secret in [&journey.payer.token, &journey.payer.email, CLIENT_SECRET, WEBHOOK_PASSWORD, "re_sandbox", "Acme"] {
        assert!(!everything.contains(secret), "a span holds {secret}");
    }
}

const ROUTING_KEY: &str = "messaging.rabbitmq.destination.routing_key";

fn one(spans: &[Span], name: &str, attribute: &str, value: &str) -> Span {
    let found: Vec<_> = spans.iter().filter(|span| span.is(name, attribute, value)).collect();
    assert_eq!(found.len(), 1, "spans {name} with {attribute} {value}: {found:?}");
    found[0].clone()
}

/// The span in which a queue's consumer dealt with the event.
fn taken(spans: &[Span], queue: &str, event_type: &str) -> Span {
    let of_queue: Vec<_> = spans.iter().filter(|span| span.is("process", "messaging.destination.name", queue)).cloned().collect();
    one(&of_queue, "process", "event_type", event_type)
}

fn parent_of(spans: &[Span], span: &Span) -> Span {
    spans.iter().find(|candidate| candidate.id == span.parent).unwrap_or_else(|| panic!("{span:?} has no parent")).clone()
}

fn child(span: &Span, parent: &Span) -> bool {
    span.trace_id == parent.trace_id && span.parent == parent.id
}

async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn payments(
    database: &Database,
    vhost: &Vhost,
    outside: &sandbox::Running,
) -> service_kit::config::Config<<payments_svc::App as service_kit::Service>::Config> {
    let (oauth, pg, resend) =
        (format!("{}/apis/identity-manager", outside.url), format!("{}/apis/pg", outside.url), format!("{}/resend", outside.url));
    config::<payments_svc::App>(
        database,
        Some(vhost),
        &[
            ("GROUNDWORK__PUBLIC_URL", "http://app.test"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__OAUTH_URL", &oauth),
            ("GROUNDWORK__PAYMENTS__PHONEPE__PAYMENT_URL", &pg),
            ("GROUNDWORK__PAYMENTS__PHONEPE__CLIENT_ID", "groundwork-local"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__CLIENT_SECRET", CLIENT_SECRET),
            ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_USERNAME", "groundwork"),
            ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_PASSWORD", WEBHOOK_PASSWORD),
            ("GROUNDWORK__PAYMENTS__MAIL__RESEND_URL", &resend),
            ("GROUNDWORK__PAYMENTS__MAIL__RESEND_API_KEY", "re_sandbox"),
        ],
    )
}
