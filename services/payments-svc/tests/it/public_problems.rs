//! What went wrong in public PhonePe integrations, each by the symptom that its users saw, by its number in the list of facts.
//!
//! Elsewhere: 5, mixed environments (`config.rs`); 26, a fresh installation of PhonePe's SDK (`deploy/test/20-phonepe-sdk.sh`); 27,
//! comparing in constant time (`phonepe/webhook_credentials.rs`).

use std::time::Duration;

use domain::{ids::OrderId, money::Paise};
use hmac::{Hmac, KeyInit, Mac};
use payments_svc::phonepe::{ActOutcome, AutopayApi, MerchantOrderId, NotifyRequest, StatusAnswer, WebhookCredentials};
use reqwest::{Method, StatusCode};
use sandbox::{ApiWeather, DuplicateAnswer, MandateState, Outcome, PayWeather, UserAct, Weather, WebhookWeather};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::rig::{CREDENTIALS, Rig, SECRET};

fn webhook(event: &str, order: &str, more: &Value) -> String {
    let mut payload = json!({ "merchantOrderId": format!("{order}-1"), "orderId": "OMO1", "amount": 500_000 });
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "event": event, "payload": payload }).to_string()
}

fn client() -> reqwest::Client {
    service_kit::http_client(Duration::from_secs(10)).unwrap()
}

/// No webhook comes from now on, and something else is wrong.
fn silent(weather: Weather) -> Weather {
    Weather { webhook: WebhookWeather { lost: true, ..WebhookWeather::default() }, ..weather }
}

impl Rig {
    async fn wait_for_receipts(&self, count: i64) {
        self.wait_for_count(count, "select count(*) from payments.webhook_receipt where attempts > 0").await;
    }

    /// The order of a request that was answered 503.
    async fn ordered_in(&self, weather: Weather) -> String {
        self.outside().set_weather(weather);
        let (status, problem) = self.initiate("ascent", "monthly").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
        problem["order"]["order_id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_01_amounts_are_a_hundred_times_off_and_every_click_makes_an_order() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    let (status, again) = rig.initiate("ascent", "monthly").await;
    assert_eq!((status, &again["order_id"]), (StatusCode::OK, &json!(id)));
    let [order] = rig.outside().orders().try_into().unwrap();
    assert_eq!(order.amount.get(), 500_000);
    assert_eq!(again["redirect_url"], json!(order.pay_url));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_02_the_webhooks_header_is_never_found_because_of_its_capitals() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    for (name, wanted) in [("authorization", StatusCode::OK), ("AUTHORIZATION", StatusCode::OK), ("X-VERIFY", StatusCode::UNAUTHORIZED)] {
        let body = webhook("checkout.order.completed", &id, &json!({ "state": "COMPLETED", "as": name }));
        let sent = client().post(rig.url("webhook")).header(name, CREDENTIALS).body(body).send().await.unwrap();
        assert_eq!(sent.status(), wanted, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_03_and_30_a_signature_never_matches_because_the_body_was_written_anew() {
    let rig = Rig::signed().await;
    let id = rig.ordered().await;
    // Spaces, an order of members and an escape that no serialiser would choose.
    let body = format!(
        "{{ \"payload\" : {{\"state\":\"COMPLETED\",  \"merchantOrderId\":\"{id}\\u002d1\"}},\n\"event\":\"checkout.order.completed\" }}"
    );
    let signature = hex::encode(Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&body).finalize().as_bytes());
    assert_eq!(rig.signed_webhook(&signature, body).await, StatusCode::OK);
    let kept = format!("select count(*) from payments.webhook_receipt where merchant_order_id = '{id}-1'");
    rig.wait_for_count(1, &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_04_a_webhook_that_is_faster_than_the_order_is_lost() {
    let rig = Rig::start().await;
    let order = domain::ids::OrderId::generate().to_string();
    assert_eq!(
        rig.webhook(Some(CREDENTIALS), webhook("checkout.order.completed", &order, &json!({ "state": "COMPLETED" }))).await,
        StatusCode::OK
    );
    rig.wait_for_receipts(1).await;
    rig.wait_for_count(1, "select count(*) from payments.webhook_receipt where processed_at is null and available_at > now()").await;
    // The order appears.
    let id = rig.ordered().await;
    rig.without_webhooks();
    rig.end(&id, Outcome::Success);
    rig.sql(&format!(
        "update payments.webhook_receipt set body = convert_to(replace(convert_from(body, 'UTF8'), '{order}', '{id}'), 'UTF8'), \
                      merchant_order_id = '{id}-1', available_at = now()"
    ))
    .await;
    rig.wait_for_state(&id, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_06_and_23_a_server_error_is_shown_to_the_payer_as_a_failed_payment() {
    let rig = Rig::start().await;
    let pay = PayWeather { http_status: Some(500), after_commit: true, ..PayWeather::default() };
    let id = rig.ordered_in(silent(Weather { pay, ..Weather::default() })).await;
    assert_eq!(rig.state_of(&id).await, "pending");
    rig.end(&id, Outcome::Success);
    rig.make_check_due(&id).await;
    rig.wait_for_state(&id, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_07_refunds_by_webhook_are_not_understood() {
    let rig = Rig::start().await;
    let id = rig.paid().await;
    let refund = rig.give_back(&id, None).await.unwrap();
    rig.wait_for_refund(&refund, "completed").await;
    rig.wait_for_count(1, "select count(*) from payments.webhook_receipt where event = 'pg.refund.completed' and processed_at is not null")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_08_a_new_way_to_pay_breaks_every_webhook_and_every_status() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    let paid_by = json!([{ "paymentMode": "CREDIT_LINE", "state": "SETTLED_SOON", "rail": { "type": "MOON" }, "instrument": { "type": "CREDIT_LINE" } }]);
    let unknown = webhook("checkout.order.completed", &id, &json!({ "state": "BRAND_NEW", "paymentDetails": paid_by, "x": [1] }));
    assert_eq!(rig.webhook(Some(CREDENTIALS), unknown).await, StatusCode::OK);
    rig.wait_for_receipts(1).await;
    assert_eq!(rig.state_of(&id).await, "pending");
    rig.end(&id, Outcome::Success);
    rig.wait_for_state(&id, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_09_a_webhook_of_a_mandate_is_not_understood_because_its_id_stands_elsewhere() {
    let rig = Rig::start().await;
    let mandate = rig.subscribed().await;
    rig.outside().set_weather(silent(Weather::default()));
    let state = async |state: &str| {
        rig.wait_for_count(1, &format!("select count(*) from payments.mandate where state = '{state}'")).await;
    };
    rig.outside().act(&mandate, UserAct::Pause).unwrap();
    let at_root = json!({ "event": "subscription.paused", "payload": { "merchantSubscriptionId": mandate, "state": "PAUSED" } });
    assert_eq!(rig.webhook(Some(CREDENTIALS), at_root.to_string()).await, StatusCode::OK);
    state("paused").await;
    rig.outside().act(&mandate, UserAct::Unpause).unwrap();
    let flow = json!({ "type": "SUBSCRIPTION_CHECKOUT_SETUP", "merchantSubscriptionId": mandate });
    let nested = json!({ "event": "subscription.unpaused", "payload": { "state": "ACTIVE", "paymentFlow": flow } });
    assert_eq!(rig.webhook(Some(CREDENTIALS), nested.to_string()).await, StatusCode::OK);
    state("active").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_10_only_the_deprecated_type_is_read_or_only_the_event() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    let payload = json!({ "merchantOrderId": format!("{id}-1"), "state": "COMPLETED" });
    for body in [
        json!({ "type": "CHECKOUT_ORDER_COMPLETED", "payload": payload }),
        json!({ "event": "checkout.order.completed", "payload": payload }),
    ] {
        assert_eq!(rig.webhook(Some(CREDENTIALS), body.to_string()).await, StatusCode::OK);
    }
    rig.wait_for_count(2, "select count(*) from payments.webhook_receipt where event = 'checkout.order.completed'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_11_the_end_of_a_mandate_fails_because_its_answer_is_empty() {
    let rig = Rig::start().await;
    let mandate = rig.subscribed().await;
    assert_eq!(rig.app().gateway.cancel_mandate(AutopayApi::Checkout, &mandate).await, ActOutcome::Accepted);
    assert_eq!(rig.outside().mandate(&mandate).unwrap().state, MandateState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_12_the_form_of_a_notice_is_that_of_the_other_api() {
    let rig = Rig::start().await;
    let mandate = rig.subscribed().await;
    let app = rig.app();
    let now = app.kit.clock.now();
    let notify = |api, id| NotifyRequest {
        api,
        merchant_order_id: MerchantOrderId::of(id, 1),
        merchant_subscription_id: mandate.clone(),
        amount: Paise::new(500_000),
        expires_at: now + chrono::TimeDelta::hours(48),
    };
    let wrong = app.gateway.notify(&notify(AutopayApi::Subscriptions, OrderId::generate())).await;
    assert!(matches!(wrong, ActOutcome::Refused { .. }), "{wrong:?}");
    assert_eq!(app.gateway.notify(&notify(AutopayApi::Checkout, OrderId::generate())).await, ActOutcome::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_13_the_browser_says_success_while_the_payment_failed() {
    let rig = Rig::start().await;
    rig.without_webhooks();
    let id = rig.ordered().await;
    rig.end(&id, Outcome::Fail);
    // Whatever a returning browser claims, there is nothing here that takes it.
    let (status, order) = rig.get(&format!("status/{id}?state=COMPLETED&code=PAYMENT_SUCCESS")).await;
    assert_eq!((status, &order["state"]), (StatusCode::OK, &json!("pending")));
    assert_eq!(
        rig.call(Method::POST, &format!("status/{id}"), &rig.payer.token, Some(json!({ "state": "COMPLETED" }))).await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
    rig.make_check_due(&id).await;
    rig.wait_for_state(&id, "failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_14_too_many_requests_end_the_order() {
    let rig = Rig::start().await;
    let status = ApiWeather { http_status: Some(429), ..ApiWeather::default() };
    let id = rig.ordered().await;
    rig.outside().set_weather(silent(Weather { status, ..Weather::default() }));
    rig.end(&id, Outcome::Success);
    rig.make_check_due(&id).await;
    rig.wait_for_count(1, "select count(*) from payments.orders where check_count = 1").await;
    assert_eq!(rig.state_of(&id).await, "pending");
    rig.without_webhooks();
    rig.make_check_due(&id).await;
    rig.wait_for_state(&id, "completed").await;
}

#[test]
fn no_15_an_id_is_too_long_for_phonepe() {
    let id = MerchantOrderId::of(domain::ids::OrderId::generate(), u16::MAX);
    assert!(id.as_str().len() <= 63 && id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_16_wrong_credentials_look_like_failed_payments() {
    let rig = Rig::start().await;
    let token = ApiWeather { http_status: Some(401), ..ApiWeather::default() };
    let weather = silent(Weather { token, token_revoked: true, ..Weather::default() });
    let id = rig.ordered_in(weather).await;
    assert_eq!(rig.state_of(&id).await, "pending");
    rig.wait_for_metric(r#"phonepe_request_duration_seconds_count{call="pay",outcome="ambiguous"} 1"#).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_17_a_status_that_lags_behind_its_webhook_is_believed() {
    let rig = Rig::start().await;
    rig.outside().set_weather(Weather { status_lag_ms: 1500, ..Weather::default() });
    let id = rig.ordered().await;
    rig.end(&id, Outcome::Fail);
    rig.wait_for_receipts(1).await;
    assert_eq!(rig.state_of(&id).await, "pending");
    rig.wait_for_state(&id, "failed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_18_a_payment_whose_outcome_nobody_knows_is_called_failed() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    let attempt =
        webhook("checkout.transaction.attempt.failed", &id, &json!({ "state": "PENDING", "paymentDetails": [{ "state": "FAILED" }] }));
    assert_eq!(rig.webhook(Some(CREDENTIALS), attempt).await, StatusCode::OK);
    rig.wait_for_receipts(1).await;
    assert_eq!(rig.state_of(&id).await, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_19_an_amount_from_the_page_is_charged() {
    let rig = Rig::start().await;
    let body = json!({ "plan": "ascent", "cycle": "monthly", "amount": "100" });
    assert_eq!(rig.call(Method::POST, "initiate", &rig.payer.token, Some(body)).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(rig.outside().orders().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_20_and_25_money_that_arrives_after_the_order_was_given_up_disappears() {
    let rig = Rig::start().await;
    rig.without_webhooks();
    let id = rig.ordered().await;
    assert_eq!(rig.call(Method::POST, &format!("orders/{id}/abandon"), &rig.payer.token, None).await.0, StatusCode::OK);
    rig.end(&id, Outcome::Success);
    rig.wait_for_count(1, "select count(*) from payments.orders where next_check_at is not null").await;
    rig.make_check_due(&id).await;
    rig.wait_for_state(&id, "completed").await;
    rig.assert_confirmed_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_21_the_header_is_taken_for_a_password_in_base64() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    let hash = hex::encode(Sha256::digest("groundwork:Sandbox2026"));
    assert_eq!(hash, CREDENTIALS);
    for wrong in [format!("Basic {hash}"), "Basic Z3JvdW5kd29yazpTYW5kYm94MjAyNg==".to_owned(), "groundwork:Sandbox2026".to_owned()] {
        let body = webhook("checkout.order.completed", &id, &json!({ "state": "COMPLETED" }));
        assert_eq!(rig.webhook(Some(&wrong), body).await, StatusCode::UNAUTHORIZED, "{wrong}");
    }
}

#[test]
fn no_22_verification_is_switched_off_by_leaving_the_password_out() {
    // Nothing configured is nobody, not everybody.
    assert!(WebhookCredentials::parse("", &String::new().into(), &String::new().into()).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_24_a_repeat_of_the_pay_call_gets_an_error_that_is_taken_for_a_failure() {
    for duplicate_order in [
        DuplicateAnswer::default(),
        DuplicateAnswer { http_status: 417, code: "INVALID_MERCHANT_ORDER_ID".to_owned() },
        DuplicateAnswer { http_status: 400, code: "ORDER_ALREADY_EXISTS".to_owned() },
    ] {
        let rig = Rig::start().await;
        let pay = PayWeather { http_status: Some(500), after_commit: true, ..PayWeather::default() };
        let id = rig.ordered_in(silent(Weather { pay, duplicate_order: duplicate_order.clone(), ..Weather::default() })).await;
        rig.outside().set_weather(silent(Weather { duplicate_order, ..Weather::default() }));
        rig.make_check_due(&id).await;
        rig.wait_for_count(1, "select count(*) from payments.orders where check_count >= 1").await;
        assert_eq!(rig.state_of(&id).await, "pending");
        rig.end(&id, Outcome::Success);
        rig.make_check_due(&id).await;
        rig.wait_for_state(&id, "completed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_28_webhook_return_page_and_poller_each_fulfil_the_order() {
    let rig = Rig::start().await;
    rig.outside().set_weather(Weather { webhook: WebhookWeather { duplicate: 4, ..WebhookWeather::default() }, ..Weather::default() });
    let id = rig.ordered().await;
    rig.sql("update payments.orders set created_at = now() - interval '1 minute'").await;
    rig.end(&id, Outcome::Success);
    rig.make_check_due(&id).await;
    rig.call(Method::POST, &format!("orders/{id}/check"), &rig.payer.token, None).await;
    rig.run(&format!("orders reconcile {id}")).await.unwrap();
    rig.wait_for_state(&id, "completed").await;
    rig.wait_for_count(0, "select count(*) from payments.webhook_receipt where processed_at is null").await;
    rig.assert_confirmed_once().await;
    assert_eq!(rig.database.number("select count(*) from payments.invoice").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_29_a_payment_of_one_rupee_buys_the_largest_plan() {
    let rig = Rig::start().await;
    rig.without_webhooks();
    let id = rig.ordered().await;
    let app = rig.app();
    let attempt = MerchantOrderId::parse(&format!("{id}-1")).unwrap();
    rig.end(&id, Outcome::Success);
    let mut answer = app.gateway.order_status(&attempt, None).await.unwrap();
    if let StatusAnswer::Found(status) = &mut answer {
        status.amount = Some(100);
    }
    let known = payments_svc::store::attempt::find(&mut app.kit.worker_db.get().await.unwrap(), &attempt).await.unwrap().unwrap();
    payments_svc::payment::confirm::apply(&app, &known, &answer).await.unwrap();
    assert_eq!(rig.state_of(&id).await, "quarantined");
    rig.assert_nothing_confirmed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_31_an_endpoint_that_phonepe_never_had_is_called() {
    let rig = Rig::start().await;
    let base = rig.outside().orders().len();
    for path in ["subscriptions/v2/create", "checkout/v2/refund", "pg/v1/pay", "v2/pay"] {
        let url = rig.provider_url(path);
        let answer = client().post(&url).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{url}");
    }
    assert_eq!(rig.outside().orders().len(), base);
}
