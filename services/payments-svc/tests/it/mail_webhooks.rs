//! What the provider tells of our mails comes in, and an address that bounced gets no more.

use std::net::TcpListener;

use reqwest::StatusCode;
use sandbox::{Outcome, ResendWebhook, SandboxConfig};
use serde_json::json;

use crate::rig::Rig;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The sandbox has to know the service's address before there is a service.
async fn told_of_mails() -> Rig {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let resend_webhook = ResendWebhook {
        urls: vec![format!("http://{address}/api/payments/v2/mail/webhook").parse().unwrap()],
        secret: Some(SECRET.into()),
    };
    let changes = [("GROUNDWORK__HTTP__PUBLIC_ADDR", address.as_str()), ("RESEND_WEBHOOK_SECRET", SECRET)];
    Rig::start_with(SandboxConfig { resend_webhook, ..SandboxConfig::default() }, &changes).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_arrives_is_delivered_and_one_that_bounces_is_the_last_to_its_address() {
    let rig = told_of_mails().await;
    let id = rig.ordered().await;
    rig.sql("update payments.orders set payer_email = 'bounced+payer@resend.dev'").await;
    rig.end(&id, Outcome::Success);
    rig.wait_for_count(1, "select count(*) from payments.mail_outbox where delivery = 'bounced' and sent_at is not null").await;
    rig.wait_for_metric("mail_deliveries_total{state=\"bounced\"} 1").await;

    for (purpose, recipient) in [("a/1", "bounced+payer@resend.dev"), ("a/2", "ann@shop.example")] {
        rig.sql(&format!(
            "insert into payments.mail_outbox (id, purpose_key, recipient, subject, html, body_text) \
             values (gen_random_uuid(), '{purpose}', '{recipient}', 'Hello', '<p>Hello</p>', 'Hello')"
        ))
        .await;
    }
    rig.wait_for_count(1, "select count(*) from payments.mail_outbox where purpose_key = 'a/2' and delivery = 'delivered'").await;
    rig.wait_for_count(1, "select count(*) from payments.mail_outbox where purpose_key = 'a/1' and last_error = 'suppressed: bounced'")
        .await;
    assert_eq!(rig.outside().mails().len(), 2, "the confirmation, and the mail to somebody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_about_a_mail_that_resend_did_not_sign_is_refused() {
    let rig = told_of_mails().await;
    let event = json!({"type": "email.complained", "data": {"email_id": "e", "to": ["ann@shop.example"]}});
    let (status, problem) = rig.call(reqwest::Method::POST, "mail/webhook", "", Some(event)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("GW-0030")));
    rig.wait_for_metric("mail_webhooks_total{outcome=\"unauthenticated\"} 1").await;
    assert_eq!(rig.database.number("select count(*) from payments.mail_suppression").await, 0);
}
