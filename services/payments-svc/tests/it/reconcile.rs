//! The product works with every webhook lost.

use reqwest::{Method, StatusCode};
use sandbox::{ApiWeather, Outcome, PayWeather, SandboxConfig, Weather, WebhookWeather};
use serde_json::json;

use crate::rig::Rig;

fn no_webhooks() -> Weather {
    Weather { webhook: WebhookWeather { lost: true, ..WebhookWeather::default() }, ..Weather::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_whose_webhook_is_lost_is_confirmed_by_the_schedule() {
    let rig = Rig::start().await;
    rig.outside().set_weather(no_webhooks());
    let id = rig.ordered().await;
    rig.end(&id, Outcome::Success);
    rig.make_check_due(&id).await;
    rig.wait_for_state(&id, "completed").await;
    rig.assert_confirmed_once().await;
    rig.wait_for_metric("payments_orders_total{state=\"completed\"} 1").await;
    rig.wait_for_metric("payments_late_successes_total 0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_payment_fails_the_order_and_makes_room_for_another() {
    let rig = Rig::start().await;
    rig.outside().set_weather(no_webhooks());
    let id = rig.ordered().await;
    rig.end(&id, Outcome::Fail);
    rig.make_check_due(&id).await;
    rig.wait_for_state(&id, "failed").await;
    assert_eq!(rig.events("payments.payment.failed.v1").await, 1);
    let told = format!("select count(*) from payments.mail_outbox where purpose_key = 'payment-failed/{id}'");
    assert_eq!(rig.database.number(&told).await, 1);
    assert_eq!(rig.initiate("glide", "yearly").await.0, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ambiguous_payment_stays_pending_and_is_never_made_twice() {
    let rig = Rig::start().await;
    let pay = PayWeather { http_status: Some(500), after_commit: true, ..PayWeather::default() };
    rig.outside().set_weather(Weather { pay, ..no_webhooks() });
    let (status, problem) = rig.initiate("ascent", "monthly").await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("PAY-0004")));
    let id = problem["order"]["order_id"].as_str().unwrap().to_owned();
    assert_eq!(rig.state_of(&id).await, "pending");
    let (status, again) = rig.initiate("ascent", "monthly").await;
    assert_eq!((status, &again["order_id"]), (StatusCode::OK, &json!(id)));
    assert_eq!(rig.outside().orders().len(), 1);
    // It got through and was paid: no second payment is opened.
    rig.end(&id, Outcome::Success);
    rig.make_check_due(&id).await;
    rig.wait_for_state(&id, "completed").await;
    rig.assert_confirmed_once().await;
    assert_eq!(rig.outside().orders().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_never_got_through_is_sent_again_under_the_same_id() {
    let rig = Rig::start().await;
    let pay = PayWeather { http_status: Some(500), ..PayWeather::default() };
    rig.outside().set_weather(Weather { pay, ..no_webhooks() });
    let (_, problem) = rig.initiate("ascent", "monthly").await;
    let id = problem["order"]["order_id"].as_str().unwrap().to_owned();
    assert!(rig.outside().orders().is_empty());
    rig.outside().set_weather(no_webhooks());
    rig.make_check_due(&id).await;
    rig.wait_for_count(1, "select count(*) from payments.orders where redirect_url is not null").await;
    let (_, order) = rig.get(&format!("status/{id}")).await;
    assert_eq!(order["redirect_url"], rig.outside().order(&format!("{id}-1")).unwrap().pay_url);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_whose_address_was_lost_gets_a_new_attempt_and_both_are_asked_about() {
    let rig = Rig::start().await;
    let pay = PayWeather { html_body: true, after_commit: true, ..PayWeather::default() };
    rig.outside().set_weather(Weather { pay, ..no_webhooks() });
    let (_, problem) = rig.initiate("ascent", "monthly").await;
    let id = problem["order"]["order_id"].as_str().unwrap().to_owned();
    rig.outside().set_weather(no_webhooks());
    rig.make_check_due(&id).await;
    rig.wait_for_count(2, "select count(*) from payments.attempt where state = 'pending'").await;
    let (_, order) = rig.get(&format!("status/{id}")).await;
    assert_eq!(order["redirect_url"], rig.outside().order(&format!("{id}-2")).unwrap().pay_url);
    // Both are paid: one payment is confirmed, the other is given back, and the order stays paid.
    rig.end(&id, Outcome::Success);
    rig.outside().pay(&format!("{id}-2"), Outcome::Success, sandbox::Mode::default()).unwrap();
    rig.make_check_due(&id).await;
    rig.wait_for_count(2, "select count(*) from payments.attempt where state = 'completed'").await;
    rig.assert_confirmed_once().await;
    assert_eq!(rig.database.number("select count(*) from payments.audit_log where action = 'payment.excess'").await, 1);
    rig.wait_for_count(1, "select count(*) from payments.refund where state = 'completed' and amount = 500000").await;
    assert_eq!(rig.outside().refunds().len(), 1);
    assert_eq!(rig.state_of(&id).await, "completed");
    assert_eq!(rig.events("payments.payment.refunded.v1").await, 0);
    rig.assert_confirmed_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_expires_only_when_the_provider_still_does_not_call_it_paid() {
    let rig = Rig::start().await;
    rig.outside().set_weather(Weather { status: ApiWeather { http_status: Some(500), ..ApiWeather::default() }, ..no_webhooks() });
    let id = rig.ordered().await;
    rig.sql("update payments.orders set expires_at = now() - interval '1 second'").await;
    rig.make_check_due(&id).await;
    rig.wait_for_count(1, "select count(*) from payments.orders where check_count = 1").await;
    assert_eq!(rig.state_of(&id).await, "pending");
    rig.outside().set_weather(no_webhooks());
    rig.make_check_due(&id).await;
    rig.wait_for_state(&id, "expired").await;
    assert_eq!(rig.events("payments.payment.failed.v1").await, 1);
    // A late success is honoured.
    rig.end(&id, Outcome::Success);
    rig.make_check_due(&id).await;
    rig.wait_for_state(&id, "completed").await;
    rig.assert_confirmed_once().await;
    // And told to whoever looks after payments.
    rig.wait_for_metric("payments_late_successes_total 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_comes_too_late_goes_back_where_the_policy_says_so() {
    let rig = Rig::start_with(SandboxConfig::default(), &[("GROUNDWORK__PAYMENTS__LATE_SUCCESS", "refund")]).await;
    let id = rig.ordered().await;
    rig.end(&id, Outcome::Fail);
    rig.wait_for_state(&id, "failed").await;
    rig.end(&id, Outcome::Success);
    rig.wait_for_state(&id, "refunded").await;
    assert_eq!(rig.events("payments.payment.confirmed.v1").await, 0);
    assert_eq!(rig.database.number("select count(*) from payments.subscription").await, 0);
    // The next one is in time.
    let next = rig.ordered().await;
    rig.end(&next, Outcome::Success);
    rig.wait_for_state(&next, "completed").await;
    assert_eq!(rig.events("payments.payment.confirmed.v1").await, 1);
    assert_eq!(rig.database.number("select count(*) from payments.subscription where status = 'active'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_of_an_abandoned_order_beside_a_paid_one_is_given_back_by_itself() {
    let rig = Rig::start().await;
    let first = rig.ordered().await;
    rig.call(Method::POST, &format!("orders/{first}/abandon"), &rig.payer.token, None).await;
    let second = rig.ordered().await;
    rig.end(&second, Outcome::Success);
    rig.wait_for_state(&second, "completed").await;
    rig.end(&first, Outcome::Success);
    rig.wait_for_state(&first, "refunded").await;
    for event in ["payments.payment.confirmed.v1", "payments.subscription.activated.v1", "payments.payment.refunded.v1"] {
        assert_eq!(rig.events(event).await, 1, "{event}");
    }
    assert_eq!(rig.state_of(&second).await, "completed");
    assert_eq!(rig.database.number("select count(*) from payments.subscription where status = 'active'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_is_made_on_request_but_neither_too_early_nor_too_often() {
    let rig = Rig::start().await;
    rig.outside().set_weather(no_webhooks());
    let id = rig.ordered().await;
    let check = async || rig.call(Method::POST, &format!("orders/{id}/check"), &rig.payer.token, None).await;
    let (status, problem) = check().await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::TOO_MANY_REQUESTS, Some("PAY-0005")));
    rig.sql("update payments.orders set created_at = now() - interval '21 seconds', next_check_at = now() + interval '1 hour'").await;
    assert_eq!(check().await.0, StatusCode::ACCEPTED);
    rig.wait_for_count(1, "select count(*) from payments.orders where check_count = 1").await;
    assert_eq!(check().await.0, StatusCode::TOO_MANY_REQUESTS);
    rig.end(&id, Outcome::Success);
    rig.make_check_due(&id).await;
    rig.wait_for_state(&id, "completed").await;
    assert_eq!(check().await.0, StatusCode::OK);
}
