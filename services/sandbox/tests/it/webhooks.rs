use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sandbox::{Fate, Mode, Outcome};
use serde_json::json;
use sha2::Sha256;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::rig::{AUTHORIZATION, START_MS, body_of, rig, signing, with_merchant};

#[tokio::test]
async fn a_paid_order_is_told_in_phonepes_envelope() {
    let rig = rig().await;
    let order = rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    let webhooks = rig.webhooks(1).await;
    assert_eq!(webhooks[0].headers["authorization"], AUTHORIZATION);
    assert_eq!(webhooks[0].headers["content-type"], "application/json");
    let mut body = body_of(&webhooks[0]);
    let details = body["payload"]["paymentDetails"].take();
    assert_eq!(
        body,
        json!({
            "event": "checkout.order.completed",
            "type": "CHECKOUT_ORDER_COMPLETED",
            "payload": {
                "orderId": order["orderId"],
                "merchantId": "MERCHANTUAT",
                "merchantOrderId": "o-1",
                "state": "COMPLETED",
                "amount": 49900,
                "expireAt": START_MS + 1_200_000,
                "metaInfo": {"udf1": "cust_42"},
                "paymentDetails": null,
            },
        })
    );
    assert_eq!(details[0]["paymentMode"], "UPI_INTENT");
    assert_eq!(details[0]["state"], "COMPLETED");
}

#[tokio::test]
async fn failures_are_told_with_their_codes_and_a_failed_attempt_leaves_the_root_pending() {
    let rig = rig().await;
    rig.order("o-1").await;
    let sandbox = rig.running.sandbox();
    sandbox.pay("o-1", Outcome::AttemptFailed, Mode::Upi).unwrap();
    let attempt = body_of(&rig.webhooks(1).await[0]);
    assert_eq!(attempt["event"], "checkout.transaction.attempt.failed");
    assert_eq!(attempt["type"], "CHECKOUT_TRANSACTION_ATTEMPT_FAILED");
    assert_eq!(attempt["payload"]["state"], "PENDING");
    sandbox.pay("o-1", Outcome::Fail, Mode::Card).unwrap();
    let failed = body_of(&rig.webhooks(2).await[1]);
    assert_eq!(failed["event"], "checkout.order.failed");
    assert_eq!(failed["payload"]["state"], "FAILED");
    assert_eq!(failed["payload"]["errorCode"], "PAYMENT_ERROR");
    assert_eq!(failed["payload"]["detailedErrorCode"], "TXN_FAILED");
}

#[tokio::test]
async fn nothing_is_told_while_nothing_is_decided() {
    let rig = rig().await;
    rig.order("o-1").await;
    let sandbox = rig.running.sandbox();
    sandbox.pay("o-1", Outcome::Pending, Mode::Upi).unwrap();
    sandbox.pay("o-1", Outcome::Close, Mode::Upi).unwrap();
    assert!(rig.webhooks_after(Duration::from_millis(200)).await.is_empty());
}

#[tokio::test]
async fn a_webhook_that_is_refused_is_sent_again() {
    let merchant = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(503)).up_to_n_times(1).mount(&merchant).await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&merchant).await;
    let rig = with_merchant(merchant);
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    let webhooks = rig.webhooks(2).await;
    assert_eq!(webhooks[0].body, webhooks[1].body);
    assert_eq!(rig.webhooks_after(Duration::from_millis(100)).await.len(), 2);
    let log = rig.log(2).await;
    let tries: Vec<_> = log.iter().map(|it| (it.attempt, it.fate, it.status)).collect();
    assert_eq!(tries, [(2, Fate::Accepted, Some(200)), (1, Fate::Refused, Some(503))]);
}

#[tokio::test]
async fn a_lost_webhook_is_never_sent_but_logged() {
    let rig = rig().await;
    rig.set_weather(json!({"webhook": {"lost": true}})).await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    assert!(rig.webhooks_after(Duration::from_millis(200)).await.is_empty());
    assert_eq!(rig.running.sandbox().webhooks()[0].fate, Fate::Lost);
}

#[tokio::test]
async fn a_webhook_can_come_several_times_with_the_same_bytes() {
    let rig = rig().await;
    rig.set_weather(json!({"webhook": {"duplicate": 2}})).await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    let webhooks = rig.webhooks(3).await;
    assert!(webhooks.iter().all(|webhook| webhook.body == webhooks[0].body));
    assert_eq!(rig.webhooks_after(Duration::from_millis(100)).await.len(), 3);
}

#[tokio::test]
async fn a_webhook_can_be_late() {
    let rig = rig().await;
    rig.set_weather(json!({"webhook": {"delay_ms": 600}})).await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    assert!(rig.webhooks_after(Duration::from_millis(200)).await.is_empty());
    rig.webhooks(1).await;
}

#[tokio::test]
async fn a_webhook_can_lie_about_the_amount_while_the_status_does_not() {
    let rig = rig().await;
    rig.set_weather(json!({"webhook": {"tamper_amount": 100}})).await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    assert_eq!(body_of(&rig.webhooks(1).await[0])["payload"]["amount"], 100);
    let status = crate::rig::json_of(rig.status("o-1", "").await).await;
    assert_eq!(status["amount"], 49900);
}

#[tokio::test]
async fn a_webhook_can_carry_wrong_credentials() {
    let rig = rig().await;
    rig.set_weather(json!({"webhook": {"wrong_credentials": true}})).await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    let webhooks = rig.webhooks(1).await;
    let header = webhooks[0].headers["authorization"].to_str().unwrap();
    assert_eq!(header.len(), 64);
    assert_ne!(header, AUTHORIZATION);
}

fn hmac(secret: &str, body: &[u8]) -> String {
    hex::encode(Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body).finalize().as_bytes())
}

#[tokio::test]
async fn with_a_secret_the_body_is_signed_and_no_password_is_sent() {
    let rig = signing("a secret of the dashboard").await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    let webhook = &rig.webhooks(1).await[0];
    assert!(!webhook.headers.contains_key("authorization"));
    assert_eq!(webhook.headers["x-phonepe-checksum-signature"], hmac("a secret of the dashboard", &webhook.body));
}

#[tokio::test]
async fn a_signature_does_not_fit_what_was_altered_or_signed_by_somebody_else() {
    let rig = signing("a secret of the dashboard").await;
    for (id, weather) in [("o-1", json!({"tamper_amount": 100})), ("o-2", json!({"wrong_credentials": true}))] {
        rig.set_weather(json!({ "webhook": weather })).await;
        rig.order(id).await;
        rig.running.sandbox().pay(id, Outcome::Success, Mode::Upi).unwrap();
    }
    for webhook in rig.webhooks(2).await {
        let signature = webhook.headers["x-phonepe-checksum-signature"].to_str().unwrap();
        assert_eq!(signature.len(), 64);
        assert_ne!(signature, hmac("a secret of the dashboard", &webhook.body));
    }
}

#[tokio::test]
async fn a_later_webhook_can_overtake_an_earlier_one() {
    let rig = rig().await;
    rig.set_weather(json!({"webhook": {"reorder": true}})).await;
    rig.order("o-1").await;
    let sandbox = rig.running.sandbox();
    sandbox.pay("o-1", Outcome::AttemptFailed, Mode::Upi).unwrap();
    sandbox.pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    let events: Vec<_> = rig.webhooks(2).await.iter().map(|it| body_of(it)["event"].clone()).collect();
    assert_eq!(events, ["checkout.order.completed", "checkout.transaction.attempt.failed"]);
}

#[tokio::test]
async fn a_webhook_that_nothing_overtakes_is_sent_in_the_end() {
    let rig = rig().await;
    rig.set_weather(json!({"webhook": {"reorder": true}})).await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    assert!(rig.webhooks_after(Duration::from_millis(300)).await.is_empty());
    rig.webhooks(1).await;
}
