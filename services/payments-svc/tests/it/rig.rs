//! A payments service against its own database and its own sandbox.

use std::{sync::Arc, time::Duration};

use domain::money::Paise;
use payments_svc::{
    App,
    payment::refund::{self, RefundError, Wanted},
    store::refund::Refund,
};
use reqwest::{Method, Response, StatusCode};
use sandbox::{Mode, Outcome, Sandbox, SandboxConfig};
use serde_json::{Value, json};
use service_kit::{Kit, Lifecycle, Service, audit::Author, config::Config};
use testkit::{Database, Person, Running, Vhost, config, person};

/// The sandbox's webhook header: SHA-256 of `groundwork:Sandbox2026`.
pub const CREDENTIALS: &str = "d11183fa34b6bb8f497fc1aae43fe34c5f149523dd0c38c7bc1891e4d96f8668";

/// What the dashboard signs with in a rig that is [`Rig::signed`].
pub const SECRET: &str = "whk_2f0b8c1d9e7a4655";

pub struct Rig {
    pub database: Database,
    pub payer: Person,
    service: Running,
    outside: sandbox::Running,
    http: reqwest::Client,
}

impl Rig {
    /// Everything running, workers included, with somebody who has signed up.
    pub async fn start() -> Self {
        Self::start_with(SandboxConfig::default(), &[]).await
    }

    /// The same, with webhooks that are signed and no password for them.
    pub async fn signed() -> Self {
        let mut outside = SandboxConfig::default();
        outside.webhook.secret = Some(SECRET.into());
        let changes = [
            ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_USERNAME", ""),
            ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_PASSWORD", ""),
            ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_SECRET", SECRET),
        ];
        Self::start_with(outside, &changes).await
    }

    /// The same, with changed settings.
    pub async fn start_with(outside: SandboxConfig, changes: &[(&str, &str)]) -> Self {
        let database = Database::create().await;
        let outside = sandbox::start(outside).unwrap();
        let service = Running::start::<App>(changed(&database, None, &outside, changes), true);
        outside.sandbox().set_webhook_url(Some(format!("{}/api/payments/v2/webhook", service.url).parse().unwrap()));
        let payer = person(&database).await;
        Self { database, payer, service, outside, http: service_kit::http_client(Duration::from_secs(20)).unwrap() }
    }

    pub fn outside(&self) -> &Sandbox {
        self.outside.sandbox()
    }

    /// The service as a value, for calling its use cases directly, with a connection for each of twenty callers.
    pub fn app(&self) -> Arc<App> {
        let Config { mut kit, service } = settings(&self.database, None, &self.outside);
        kit.database.worker_pool_size = 20;
        (kit.database.wait_timeout_ms, kit.database.create_timeout_ms, kit.database.checkout_timeout_ms) = (5000, 5000, 10_000);
        Arc::new(App::build(Kit::new(App::IDENTITY, kit, Lifecycle::on_this_runtime()).unwrap(), service).unwrap())
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/api/payments/v2/{path}", self.service.url)
    }

    /// A path of PhonePe's payment host.
    pub fn provider_url(&self, path: &str) -> String {
        format!("{}/apis/pg/{path}", self.outside.url)
    }

    /// Where operators ask.
    pub fn admin_url(&self) -> String {
        format!("{}/api/admin/payments", self.service.url)
    }

    pub async fn call(&self, method: Method, path: &str, token: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.http.request(method, self.url(path)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, &self.payer.token, None).await
    }

    /// What the payer downloads.
    pub async fn fetch(&self, path: &str) -> Response {
        let answer = self.http.get(self.url(path)).bearer_auth(&self.payer.token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer
    }

    pub async fn initiate(&self, plan: &str, cycle: &str) -> (StatusCode, Value) {
        self.call(Method::POST, "initiate", &self.payer.token, Some(json!({ "plan": plan, "cycle": cycle }))).await
    }

    pub async fn initiate_with_key(&self, key: &str, plan: &str) -> (StatusCode, Value) {
        let body = json!({ "plan": plan, "cycle": "monthly" });
        let request = self.http.post(self.url("initiate")).bearer_auth(&self.payer.token).header("Idempotency-Key", key).json(&body);
        read(request.send().await.unwrap()).await
    }

    /// A new order's id.
    pub async fn ordered(&self) -> String {
        let (status, order) = self.initiate("ascent", "monthly").await;
        assert_eq!((status, &order["state"]), (StatusCode::CREATED, &json!("pending")), "{order}");
        order["order_id"].as_str().unwrap().to_owned()
    }

    /// Ends the first attempt at PhonePe.
    pub fn end(&self, order: &str, outcome: Outcome) {
        self.outside().pay(&format!("{order}-1"), outcome, Mode::default()).unwrap();
    }

    /// A paid order of the monthly plan, with its subscription.
    pub async fn paid(&self) -> String {
        let id = self.ordered().await;
        self.end(&id, Outcome::Success);
        // Where no webhook comes.
        self.make_check_due(&id).await;
        self.wait_for_state(&id, "completed").await;
        id
    }

    pub async fn give_back(&self, order: &str, amount: Option<i64>) -> Result<Refund, RefundError> {
        let wanted = Wanted { order: order.parse().unwrap(), attempt: None, amount: amount.map(Paise::new) };
        refund::create(&self.app(), &wanted, &Author::of_this_process("a test"), "a test", false).await
    }

    pub async fn wait_for_refund(&self, refund: &Refund, state: &str) {
        self.wait_for_count(1, &format!("select count(*) from payments.refund where id = '{}' and state = '{state}'", refund.id)).await;
    }

    /// Posts a webhook as anybody could.
    pub async fn webhook(&self, credentials: Option<&str>, body: impl Into<reqwest::Body>) -> StatusCode {
        let mut request = self.http.post(self.url("webhook")).body(body);
        if let Some(credentials) = credentials {
            request = request.header("Authorization", credentials);
        }
        request.send().await.unwrap().status()
    }

    /// Posts a webhook with a signature.
    pub async fn signed_webhook(&self, signature: &str, body: impl Into<reqwest::Body>) -> StatusCode {
        let request = self.http.post(self.url("webhook")).header("X-PhonePe-Checksum-Signature", signature).body(body);
        request.send().await.unwrap().status()
    }

    /// Makes the reconciler's next look at the order due.
    pub async fn make_check_due(&self, order: &str) {
        self.sql(&format!("update payments.orders set next_check_at = now() - interval '1 second' where id = '{order}'")).await;
    }

    pub async fn sql(&self, sql: &str) {
        diesel_async::RunQueryDsl::execute(diesel::sql_query(sql), &mut self.database.admin().await).await.unwrap();
    }

    pub async fn state_of(&self, order: &str) -> String {
        let (status, body) = self.get(&format!("status/{order}")).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["state"].as_str().unwrap().to_owned()
    }

    pub async fn wait_for_state(&self, order: &str, state: &str) {
        let what = format!("order {order} to become {state}");
        eventually(&what, async || self.state_of(order).await == state).await;
    }

    pub async fn wait_for_count(&self, expected: i64, sql: &str) {
        eventually(sql, async || self.database.number(sql).await == expected).await;
    }

    /// Waits for a line of the exposition.
    pub async fn wait_for_metric(&self, line: &str) {
        let exposition = async || {
            let answer = self.http.get(format!("{}/metrics", self.service.internal_url)).send().await.unwrap();
            answer.text().await.unwrap()
        };
        eventually(line, async || exposition().await.lines().any(|known| known == line)).await;
    }

    pub async fn events(&self, event_type: &str) -> i64 {
        self.database.number(&format!("select count(*) from payments.outbox where event_type = '{event_type}'")).await
    }

    /// Exactly one of everything that a confirmed payment makes.
    pub async fn assert_confirmed_once(&self) {
        for event in ["payments.payment.confirmed.v1", "payments.subscription.activated.v1", "payments.payment.pending.v1"] {
            assert_eq!(self.events(event).await, 1, "{event}");
        }
        let mails = "select count(*) from payments.mail_outbox where purpose_key like 'payment-confirmation/%'";
        assert_eq!(self.database.number(mails).await, 1);
        assert_eq!(self.database.number("select count(*) from payments.subscription where status = 'active'").await, 1);
    }

    pub async fn assert_nothing_confirmed(&self) {
        assert_eq!(self.database.number("select count(*) from payments.outbox where event_type ~ 'confirmed|subscription'").await, 0);
        assert_eq!(self.database.number("select count(*) from payments.mail_outbox").await, 0);
        assert_eq!(self.database.number("select count(*) from payments.subscription").await, 0);
    }
}

async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    (status, response.json().await.unwrap_or(Value::Null))
}

async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(15);
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub fn settings(database: &Database, vhost: Option<&Vhost>, outside: &sandbox::Running) -> Config<<App as Service>::Config> {
    changed(database, vhost, outside, &[])
}

/// The usual settings, and those that replace them.
fn changed(
    database: &Database,
    vhost: Option<&Vhost>,
    outside: &sandbox::Running,
    changes: &[(&str, &str)],
) -> Config<<App as Service>::Config> {
    let (oauth, pg, resend) =
        (format!("{}/apis/identity-manager", outside.url), format!("{}/apis/pg", outside.url), format!("{}/resend", outside.url));
    let mut pairs = vec![
        ("GROUNDWORK__PUBLIC_URL", "http://app.test"),
        ("GROUNDWORK__PAYMENTS__PHONEPE__OAUTH_URL", &oauth),
        ("GROUNDWORK__PAYMENTS__PHONEPE__PAYMENT_URL", &pg),
        ("GROUNDWORK__PAYMENTS__PHONEPE__CLIENT_ID", "groundwork-local"),
        ("GROUNDWORK__PAYMENTS__PHONEPE__CLIENT_SECRET", "sandbox-client-secret"),
        ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_USERNAME", "groundwork"),
        ("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_PASSWORD", "Sandbox2026"),
        ("GROUNDWORK__PAYMENTS__MAIL__RESEND_URL", &resend),
        ("GROUNDWORK__PAYMENTS__MAIL__RESEND_API_KEY", "re_sandbox"),
    ];
    pairs.extend_from_slice(changes);
    config::<App>(database, vhost, &pairs)
}
