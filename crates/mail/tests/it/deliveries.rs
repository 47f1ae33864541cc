//! What the provider tells of mails, and the addresses that get none from then on.

use std::sync::Arc;

use actix_web::test::TestRequest;
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::ErrorCode;
use hmac::{Hmac, KeyInit, Mac};
use mail::{Deliveries, Mail, MailCommand, MailSettings, Mailer, Next, SuppressedCommand, enqueue};
use serde_json::{Value, json};
use service_kit::{Kit, http::Problem};
use sha2::Sha256;
use testkit::Database;

use crate::rig::{Recorder, kit, kit_at, mail, send_due, sql};

const KEY: &[u8] = b"only this test knows this";

fn settings(secret: &str) -> MailSettings {
    MailSettings {
        resend_url: String::new(),
        resend_api_key: String::new().into(),
        webhook_secret: secret.to_owned().into(),
        smtp_url: String::new().into(),
        from: String::new(),
    }
}

/// A mailer whose mails the provider knows as `provider-id`, and what hears of them.
struct Rig {
    kit: Kit,
    mailer: Mailer,
    recorder: Arc<Recorder>,
    deliveries: Deliveries,
}

impl Rig {
    fn on(kit: Kit) -> Self {
        let recorder = Arc::new(Recorder::default());
        let mailer = Mailer::new(&kit, recorder.clone()).unwrap();
        let secret = format!("whsec_{}", BASE64_STANDARD.encode(KEY));
        let deliveries = Deliveries::new(&kit, &mailer, &settings(&secret)).unwrap();
        Self { kit, mailer, recorder, deliveries }
    }

    async fn send(&self, mail: &Mail) -> Next {
        enqueue(&mut self.kit.db.get().await.unwrap(), self.kit.clock.now(), mail).await.unwrap();
        send_due(&self.mailer).await
    }

    /// A webhook as the provider signs it.
    async fn hear(&self, id: &str, kind: &str, data: &Value) -> Result<u16, ErrorCode> {
        let body = json!({"type": kind, "created_at": "2026-11-28T08:00:00.000Z", "data": data}).to_string();
        self.hear_bytes(id, body.as_bytes(), KEY).await
    }

    async fn hear_bytes(&self, id: &str, body: &[u8], key: &[u8]) -> Result<u16, ErrorCode> {
        let at = self.kit.clock.now().timestamp().to_string();
        let mac = Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(format!("{id}.{at}.")).chain_update(body);
        let signature = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().as_bytes()));
        let request = TestRequest::post()
            .insert_header(("svix-id", id))
            .insert_header(("svix-timestamp", at))
            .insert_header(("svix-signature", signature))
            .to_http_request();
        let answer = self.deliveries.receive(&request, body).await;
        answer.map(|answer| answer.status().as_u16()).map_err(|problem: Problem| problem.code())
    }

    async fn console(&self, command: SuppressedCommand) -> Result<String, String> {
        let mut out = Vec::new();
        let ran = MailCommand::Suppressed(command).run(&self.kit, &mut out).await;
        ran.map(|()| String::from_utf8(out).unwrap()).map_err(|error| error.to_string())
    }

    fn metric(&self, line: &str) -> bool {
        self.kit.metrics.exposition().lines().any(|known| known == line)
    }
}

fn bounce(kind: &str) -> Value {
    let bounce = json!({"message": "550 asha@example.test: no such user", "type": kind, "subType": "General"});
    json!({"email_id": "provider-id", "to": ["asha@example.test"], "subject": "Subject", "bounce": bounce})
}

fn about() -> Value {
    json!({"email_id": "provider-id", "to": ["asha@example.test"], "subject": "Subject"})
}

async fn state_of(database: &Database) -> Option<String> {
    database.text("select delivery as value from payments.mail_outbox where purpose_key = 'purpose/1' and delivery is not null").await
}

async fn suppressed(database: &Database) -> i64 {
    database.number("select count(*) from payments.mail_suppression").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_gets_the_strongest_state_that_is_told_in_whatever_order() {
    let database = Database::create().await;
    let rig = Rig::on(kit(&database));
    rig.send(&mail("purpose/1")).await;
    assert_eq!(state_of(&database).await, None, "taken by the provider, and nothing told yet");
    for (id, kind, state) in [
        ("msg_1", "email.delivery_delayed", "delayed"),
        ("msg_2", "email.sent", "delayed"),
        ("msg_3", "email.delivered", "delivered"),
        ("msg_4", "email.bounced", "bounced"),
        ("msg_5", "email.delivered", "bounced"),
        ("msg_6", "email.complained", "complained"),
        ("msg_7", "email.bounced", "complained"),
    ] {
        assert_eq!(rig.hear(id, kind, &about()).await, Ok(200));
        assert_eq!(state_of(&database).await.as_deref(), Some(state), "after {kind}");
    }
    for state in ["delayed", "delivered", "bounced", "complained"] {
        assert!(rig.metric(&format!("mail_deliveries_total{{state=\"{state}\"}} 1")), "{state}");
    }
    assert!(rig.metric("mail_deliveries_total{state=\"sent\"} 0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_before_its_mail_is_marked_as_sent_waits_for_it() {
    let database = Database::create().await;
    let rig = Rig::on(kit(&database));
    assert_eq!(rig.hear("msg_1", "email.delivered", &about()).await, Ok(200));
    rig.send(&mail("purpose/1")).await;
    assert_eq!(state_of(&database).await.as_deref(), Some("delivered"));
    assert!(rig.metric("mail_deliveries_total{state=\"delivered\"} 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_again_changes_nothing_and_one_about_something_else_is_acknowledged() {
    let database = Database::create().await;
    let rig = Rig::on(kit(&database));
    rig.send(&mail("purpose/1")).await;
    for _ in 0..2 {
        assert_eq!(rig.hear("msg_1", "email.delivered", &about()).await, Ok(200));
    }
    for (id, kind) in [("msg_2", "email.opened"), ("msg_3", "email.teleported"), ("msg_4", "domain.created")] {
        assert_eq!(rig.hear(id, kind, &about()).await, Ok(200), "{kind}");
    }
    assert_eq!(rig.hear_bytes("msg_5", b"{}", KEY).await, Ok(200));
    assert_eq!(database.number("select count(*) from payments.mail_event").await, 1);
    for (outcome, count) in [("stored", 1), ("repeated", 1), ("ignored", 4)] {
        assert!(rig.metric(&format!("mail_webhooks_total{{outcome=\"{outcome}\"}} {count}")), "{outcome}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_with_our_secret_or_is_no_event_changes_nothing() {
    let database = Database::create().await;
    let rig = Rig::on(kit(&database));
    rig.send(&mail("purpose/1")).await;
    let event = json!({"type": "email.complained", "data": about()}).to_string();
    assert_eq!(rig.hear_bytes("msg_1", event.as_bytes(), b"somebody else's secret").await, Err(ErrorCode::DeliveryUnauthenticated));
    assert_eq!(rig.hear_bytes("msg_2", b"no JSON", KEY).await, Err(ErrorCode::MalformedJson));
    assert_eq!(rig.hear_bytes("msg_3", &vec![b' '; 64 * 1024 + 1], KEY).await, Err(ErrorCode::PayloadTooLarge));
    let bare = rig.deliveries.receive(&TestRequest::post().to_http_request(), event.as_bytes()).await;
    assert_eq!(bare.unwrap_err().code(), ErrorCode::DeliveryUnauthenticated);
    assert_eq!((state_of(&database).await, suppressed(&database).await), (None, 0));
    assert!(rig.metric("mail_webhooks_total{outcome=\"unauthenticated\"} 2"));
    assert!(rig.metric("mail_webhooks_total{outcome=\"refused\"} 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_the_provider_is_asked_to_send_it_again() {
    let rig = Rig::on(kit_at("postgres://payments_svc:none@127.0.0.1:1/none"));
    assert_eq!(rig.hear("msg_1", "email.delivered", &about()).await, Err(ErrorCode::DependencyUnavailable));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_bounced_for_good_gets_no_more_mail_until_an_operator_lifts_it() {
    let database = Database::create().await;
    let rig = Rig::on(kit(&database));
    rig.send(&mail("purpose/1")).await;
    assert_eq!(rig.hear("msg_1", "email.bounced", &bounce("Permanent")).await, Ok(200));

    rig.send(&Mail { recipient: "ASHA@example.test".into(), ..mail("purpose/2") }).await;
    rig.send(&Mail { recipient: "ravi@example.test".into(), ..mail("purpose/3") }).await;
    assert_eq!(*rig.recorder.taken.lock().unwrap(), ["purpose/1", "purpose/3"]);
    let unsent = "select count(*) from payments.mail_outbox where purpose_key = 'purpose/2' and delivery = 'suppressed' \
                  and failed_at is not null and last_error = 'suppressed: bounced' and html = '' and body_text = ''";
    assert_eq!(database.number(unsent).await, 1);
    assert!(rig.metric("mail_suppressed_total{reason=\"bounced\"} 1"));

    let listed = rig.console(SuppressedCommand::List { limit: 10, json: false }).await.unwrap();
    assert!(listed.contains(" asha@example.test, bounced since ") && listed.lines().count() == 1, "{listed}");
    let lift = |why: &str| SuppressedCommand::Lift { address: "Asha@Example.test".into(), why: why.into() };
    assert_eq!(rig.console(lift(" ")).await.unwrap_err(), "say why");
    rig.console(lift("the mailbox is back")).await.unwrap();
    assert_eq!(rig.console(lift("again")).await.unwrap_err(), "the address is not on the list");
    assert_eq!(rig.console(SuppressedCommand::List { limit: 10, json: false }).await.unwrap(), "");
    rig.send(&mail("purpose/4")).await;
    assert_eq!(*rig.recorder.taken.lock().unwrap(), ["purpose/1", "purpose/3", "purpose/4"]);
    let audited = "select count(*) from payments.audit_log where action = 'mail.suppression_lift' and outcome = 'done' \
                   and resource like 'mail\\_suppression/%' and detail ->> 'why' = 'the mailbox is back' and detail::text !~* 'asha'";
    assert_eq!(database.number(audited).await, 1, "ids alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_that_may_pass_ends_nothing_and_a_complaint_does() {
    let database = Database::create().await;
    let rig = Rig::on(kit(&database));
    rig.send(&mail("purpose/1")).await;
    rig.hear("msg_1", "email.bounced", &bounce("Transient")).await.unwrap();
    assert_eq!(suppressed(&database).await, 0);
    rig.hear("msg_2", "email.bounced", &bounce("Permanent")).await.unwrap();
    rig.hear("msg_3", "email.complained", &about()).await.unwrap();
    rig.hear("msg_4", "email.bounced", &bounce("Permanent")).await.unwrap();
    assert_eq!(database.number("select count(*) from payments.mail_suppression where reason = 'complained'").await, 1);
    assert_eq!(database.number("select count(*) from payments.mail_event where detail = 'Permanent/General'").await, 2);
}

/// Both services that send hear of the mails of one account with the provider.
#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_of_another_services_mail_ends_the_address_here_too() {
    let database = Database::create().await;
    let rig = Rig::on(kit(&database));
    rig.hear("msg_1", "email.bounced", &bounce("Permanent")).await.unwrap();
    rig.send(&mail("purpose/1")).await;
    assert!(rig.recorder.taken.lock().unwrap().is_empty());
    let listed = rig.console(SuppressedCommand::List { limit: 10, json: true }).await.unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed["reason"], &listed["address"]), (&json!("bounced"), &Value::Null));
    rig.console(SuppressedCommand::Lift { address: listed["id"].as_str().unwrap().into(), why: "ticket 9".into() }).await.unwrap();
    assert_eq!(suppressed(&database).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_a_workspace_erases_the_address_and_remembers_that_it_bounced() {
    let database = Database::create().await;
    let rig = Rig::on(kit(&database));
    let workspace = domain::ids::WorkspaceId::generate();
    rig.send(&Mail { workspace: Some(workspace), ..mail("purpose/1") }).await;
    rig.hear("msg_1", "email.bounced", &bounce("Permanent")).await.unwrap();
    sql(&database, &format!("select payments.erase_workspace('{workspace}')")).await;
    let stored = "(select count(*) from payments.mail_outbox) + (select count(*) from payments.mail_suppression s where s::text ~* 'asha') \
                  + (select count(*) from payments.mail_event e where e::text ~* 'asha')";
    assert_eq!((database.number(stored).await, suppressed(&database).await), (0, 1));
    assert_eq!(database.number("select count(*) from payments.mail_suppression where mail_id is null").await, 1);
    rig.send(&mail("purpose/2")).await;
    assert_eq!(*rig.recorder.taken.lock().unwrap(), ["purpose/1"]);
}
