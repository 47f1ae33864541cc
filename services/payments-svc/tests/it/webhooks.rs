//! Webhooks are hints to look, whoever sends them and whatever they say.

use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use sandbox::{Outcome, Weather, WebhookWeather};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::rig::{CREDENTIALS, Rig, SECRET};

fn body(order: &str, state: &str, amount: i64) -> String {
    json!({
        "event": format!("checkout.order.{}", state.to_lowercase()),
        "payload": {"merchantOrderId": format!("{order}-1"), "orderId": "OMO1", "state": state, "amount": amount},
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_confirmed_once_and_told_once() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    rig.end(&id, Outcome::Success);
    rig.wait_for_state(&id, "completed").await;
    rig.assert_confirmed_once().await;
    rig.wait_for_count(1, "select count(*) from payments.mail_outbox where sent_at is not null").await;
    let mails = rig.outside().mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        rig.database
            .number("select count(*) from payments.subscription where period_end = period_start + interval '1 month' and plan = 'ascent'")
            .await,
        1
    );
    assert_eq!(
        rig.database.number("select count(*) from payments.orders where next_check_at is null and provider_reference is not null").await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicated_webhooks_have_one_effect() {
    let rig = Rig::start().await;
    rig.outside().set_weather(Weather { webhook: WebhookWeather { duplicate: 5, ..WebhookWeather::default() }, ..Weather::default() });
    let id = rig.ordered().await;
    rig.end(&id, Outcome::Success);
    rig.wait_for_state(&id, "completed").await;
    rig.wait_for_count(6, "select coalesce(sum(seen_count), 0) from payments.webhook_receipt").await;
    rig.assert_confirmed_once().await;
    assert_eq!(rig.database.number("select count(*) from payments.webhook_receipt").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_webhook_changes_nothing() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    assert_eq!(rig.webhook(Some(CREDENTIALS), body(&id, "COMPLETED", 1)).await, StatusCode::OK);
    assert_eq!(rig.webhook(Some(CREDENTIALS), body(&id, "FAILED", 500_000)).await, StatusCode::OK);
    rig.wait_for_count(2, "select count(*) from payments.webhook_receipt where attempts > 0").await;
    assert_eq!(rig.state_of(&id).await, "pending");
    rig.assert_nothing_confirmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_with_a_false_amount_leads_to_the_true_payment() {
    let rig = Rig::start().await;
    let tamper_amount = Some(domain::money::Paise::new(1));
    rig.outside().set_weather(Weather { webhook: WebhookWeather { tamper_amount, ..WebhookWeather::default() }, ..Weather::default() });
    let id = rig.ordered().await;
    rig.end(&id, Outcome::Success);
    rig.wait_for_state(&id, "completed").await;
    rig.assert_confirmed_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_known_again_and_worked_on_again_after_a_minute() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    let bytes = body(&id, "PENDING", 500_000);
    assert_eq!(rig.webhook(Some(CREDENTIALS), bytes.clone()).await, StatusCode::OK);
    rig.wait_for_count(1, "select count(*) from payments.webhook_receipt where processed_at is not null").await;
    assert_eq!(rig.webhook(Some(CREDENTIALS), bytes.clone()).await, StatusCode::OK);
    assert_eq!(
        rig.database.number("select count(*) from payments.webhook_receipt where seen_count = 2 and processed_at is not null").await,
        1
    );
    rig.sql("update payments.webhook_receipt set processed_at = now() - interval '61 seconds'").await;
    assert_eq!(rig.webhook(Some(CREDENTIALS), bytes).await, StatusCode::OK);
    rig.wait_for_count(
        1,
        "select count(*) from payments.webhook_receipt where seen_count = 3 and processed_at > now() - interval '30 seconds'",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_store_nothing() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    let wrong = CREDENTIALS.replace(['a', '1'], "b");
    for credentials in [None, Some(wrong.as_str()), Some("Basic Z3JvdW5kd29yazpTYW5kYm94MjAyNg=="), Some("")] {
        assert_eq!(rig.webhook(credentials, body(&id, "COMPLETED", 500_000)).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(rig.database.number("select count(*) from payments.webhook_receipt").await, 0);
    assert_eq!(rig.state_of(&id).await, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_webhooks_confirm_and_altered_ones_are_strangers_whose_order_is_looked_at() {
    let rig = Rig::signed().await;
    let id = rig.ordered().await;
    let bytes = body(&id, "COMPLETED", 500_000);
    let signature = hex::encode(Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&bytes).finalize().as_bytes());
    assert_eq!(rig.signed_webhook(&signature, bytes.replace("500000", "1")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(rig.webhook(Some(CREDENTIALS), bytes.clone()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(rig.database.number("select count(*) from payments.webhook_receipt").await, 0);
    assert_eq!(rig.signed_webhook(&signature, bytes).await, StatusCode::OK);
    rig.assert_nothing_confirmed().await;
    rig.end(&id, Outcome::Success);
    rig.wait_for_state(&id, "completed").await;
    rig.assert_confirmed_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_webhooks_without_our_credentials_are_limited() {
    let rig = Rig::start().await;
    let sent = async |credentials: &str| {
        let webhooks = (0..200).map(|n| rig.webhook(Some(credentials), body(&n.to_string(), "COMPLETED", 500_000)));
        let answers = futures_util::future::join_all(webhooks).await;
        answers.into_iter().fold(std::collections::BTreeMap::new(), |mut counts, status| {
            *counts.entry(status.as_u16()).or_insert(0) += 1;
            counts
        })
    };
    let guessed = sent("wrong").await;
    assert!(guessed.keys().eq([&401, &429]) && guessed[&401] >= 50, "{guessed:?}");
    assert_eq!(sent(CREDENTIALS).await, [(200, 200)].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_events_states_and_orders_are_stored_and_acknowledged() {
    let rig = Rig::start().await;
    let bodies: [Value; 4] = [
        json!({"event": "settlement.done", "payload": {"id": 1}}),
        json!({"event": "checkout.order.teleported", "payload": {"merchantOrderId": "never-1", "state": "TELEPORTED"}}),
        json!({"type": "CHECKOUT_ORDER_COMPLETED", "payload": null, "extra": [[[1]]]}),
        json!({}),
    ];
    for body in &bodies {
        assert_eq!(rig.webhook(Some(CREDENTIALS), body.to_string()).await, StatusCode::OK, "{body}");
    }
    rig.wait_for_count(3, "select count(*) from payments.webhook_receipt where processed_at is not null").await;
    rig.wait_for_count(1, "select count(*) from payments.webhook_receipt where processed_at is null and last_error = 'unknown order'")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_came_before_its_order_is_not_lost() {
    let rig = Rig::start().await;
    rig.outside().set_weather(Weather { webhook: WebhookWeather { lost: true, ..WebhookWeather::default() }, ..Weather::default() });
    let id = rig.ordered().await;
    rig.sql(&format!("update payments.attempt set merchant_order_id = 'hidden-1' where order_id = '{id}'")).await;
    assert_eq!(rig.webhook(Some(CREDENTIALS), body(&id, "COMPLETED", 500_000)).await, StatusCode::OK);
    rig.wait_for_count(1, "select count(*) from payments.webhook_receipt where last_error = 'unknown order'").await;
    rig.end(&id, Outcome::Success);
    rig.sql(&format!("update payments.attempt set merchant_order_id = '{id}-1' where order_id = '{id}'")).await;
    rig.wait_for_state(&id, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_webhooks_are_refused() {
    let rig = Rig::start().await;
    for body in ["", "null", "[1]", "not json", "{\"event\":"] {
        assert_eq!(rig.webhook(Some(CREDENTIALS), body).await, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(rig.webhook(Some(CREDENTIALS), vec![0xff, 0xfe]).await, StatusCode::BAD_REQUEST);
    let large = format!("{{\"event\":\"{}\"}}", "x".repeat(64 * 1024));
    assert_eq!(rig.webhook(Some(CREDENTIALS), large).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(rig.database.number("select count(*) from payments.webhook_receipt").await, 0);
}
