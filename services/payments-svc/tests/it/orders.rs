//! Making, reading and giving up orders.

use reqwest::{Method, StatusCode};
use sandbox::{Outcome, PayWeather, Weather};
use serde_json::{Value, json};
use testkit::person;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_read_the_price_list() {
    let rig = Rig::start().await;
    let (status, body) = rig.call(Method::GET, "plans", "", None).await;
    assert_eq!(status, StatusCode::OK);
    let monthly: Vec<_> = body["plans"].as_array().unwrap().iter().map(|plan| plan["monthly"]["amount"].clone()).collect();
    assert_eq!(monthly, [500_000, 700_000, 1_000_000]);
    let seeded = "select count(*) from payments.plan where (code, monthly_amount, yearly_amount) in \
                  (('ascent', 500000, 5000000), ('glide', 700000, 7000000), ('soar', 1000000, 10000000))";
    assert_eq!(rig.database.number(seeded).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_paid_at_the_address_that_phonepe_gave_and_comes_back_to_the_product() {
    let rig = Rig::start().await;
    let (status, order) = rig.initiate("soar", "yearly").await;
    assert_eq!(status, StatusCode::CREATED, "{order}");
    assert_eq!((&order["amount"], &order["currency"], &order["state"]), (&json!(10_000_000), &json!("INR"), &json!("pending")));
    let id = order["order_id"].as_str().unwrap();
    let known = rig.outside().order(&format!("{id}-1")).unwrap();
    assert_eq!(order["redirect_url"], known.pay_url);
    assert_eq!(known.redirect_url, format!("http://app.test/payment/return?order={id}"));
    assert_eq!(known.amount.get(), 10_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_has_one_open_order() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    let (status, again) = rig.initiate("ascent", "monthly").await;
    assert_eq!((status, again["order_id"].as_str()), (StatusCode::OK, Some(id.as_str())));
    let (status, problem) = rig.initiate("glide", "monthly").await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::CONFLICT, Some("PAY-0002")));
    assert_eq!(problem["order"]["order_id"].as_str(), Some(id.as_str()));
    assert_eq!(rig.outside().orders().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_make_one_order_and_one_payment() {
    let rig = Rig::start().await;
    let requests = (0..5).map(|_| rig.initiate("ascent", "monthly"));
    let answers = futures_util::future::join_all(requests).await;
    let first = &answers[0].1["order_id"];
    assert!(answers.iter().all(|(status, order)| status.is_success() && &order["order_id"] == first), "{answers:?}");
    assert_eq!(rig.outside().orders().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_order_makes_room_and_is_honoured_when_it_is_paid_after_all() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    let (status, order) = rig.call(Method::POST, &format!("orders/{id}/abandon"), &rig.payer.token, None).await;
    assert_eq!((status, &order["state"], order.get("redirect_url")), (StatusCode::OK, &json!("expired"), None));
    let (status, problem) = rig.call(Method::POST, &format!("orders/{id}/abandon"), &rig.payer.token, None).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::CONFLICT, Some("PAY-0009")));
    let (status, _) = rig.initiate("glide", "monthly").await;
    assert_eq!(status, StatusCode::CREATED);
    rig.end(&id, Outcome::Success);
    rig.wait_for_state(&id, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_gets_the_present_state_of_the_same_order() {
    let rig = Rig::start().await;
    let (status, order) = rig.initiate_with_key("key-1", "ascent").await;
    assert_eq!(status, StatusCode::CREATED, "{order}");
    let id = order["order_id"].as_str().unwrap();
    rig.end(id, Outcome::Success);
    rig.wait_for_state(id, "completed").await;
    let (status, replay) = rig.initiate_with_key("key-1", "ascent").await;
    assert_eq!((status, &replay["order_id"], &replay["state"]), (StatusCode::OK, &order["order_id"], &json!("completed")));
    let (status, problem) = rig.initiate_with_key("key-1", "glide").await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("GW-0012")));
    let (status, problem) = rig.initiate_with_key("key-2", "ascent").await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::CONFLICT, Some("PAY-0017")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_another_workspace_does_not_exist() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    let stranger = person(&rig.database).await;
    for (method, path) in [
        (Method::GET, format!("status/{id}")),
        (Method::GET, format!("orders/{id}/events")),
        (Method::POST, format!("orders/{id}/check")),
        (Method::POST, format!("orders/{id}/abandon")),
    ] {
        let (status, problem) = rig.call(method.clone(), &path, &stranger.token, None).await;
        assert_eq!((status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some("PAY-0003")), "{path}");
        let (status, _) = rig.call(method, &path, "no-token", None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(rig.state_of(&id).await, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_owners_and_admins_order() {
    let rig = Rig::start().await;
    rig.sql(&format!("update identity.memberships set role = 'admin' where user_id = '{}'", rig.payer.user)).await;
    assert_eq!(rig.initiate("ascent", "monthly").await.0, StatusCode::CREATED);
    let other = person(&rig.database).await;
    rig.sql(&format!("update identity.memberships set role = 'member' where user_id = '{}'", other.user)).await;
    let body = json!({ "plan": "ascent", "cycle": "monthly" });
    let (status, problem) = rig.call(Method::POST, "initiate", &other.token, Some(body)).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::FORBIDDEN, Some("GW-0005")));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_a_problem_that_points_at_it_and_makes_nothing() {
    let rig = Rig::start().await;
    let cases: [(Value, u16, &str, &str); 5] = [
        (json!({ "plan": "gold", "cycle": "monthly" }), 422, "PAY-0001", "/plan"),
        (json!({ "plan": "ascent", "cycle": "daily" }), 422, "PAY-0001", "/cycle"),
        (json!({ "plan": "ascent", "cycle": "monthly", "amount": 1 }), 422, "GW-0006", "/amount"),
        (json!({ "plan": 7, "cycle": "monthly" }), 422, "GW-0006", "/plan"),
        (json!([]), 422, "GW-0006", ""),
    ];
    for (body, status, code, pointer) in cases {
        let (answered, problem) = rig.call(Method::POST, "initiate", &rig.payer.token, Some(body.clone())).await;
        assert_eq!((answered.as_u16(), problem["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!(problem["errors"][0]["pointer"].as_str().unwrap_or_default(), pointer, "{body} {problem}");
    }
    let (status, problem) = rig.get("status/not-an-id").await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::NOT_FOUND, Some("PAY-0003")));
    assert_eq!(rig.database.number("select count(*) from payments.orders").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sixth_order_in_a_minute_is_refused() {
    let rig = Rig::start().await;
    for _ in 0..5 {
        assert!(rig.initiate("ascent", "monthly").await.0.is_success());
    }
    let (status, problem) = rig.initiate("ascent", "monthly").await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::TOO_MANY_REQUESTS, Some("GW-0010")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certain_refusal_fails_the_order() {
    let rig = Rig::start().await;
    rig.outside().set_weather(Weather { pay: PayWeather { http_status: Some(400), ..PayWeather::default() }, ..Weather::default() });
    let (status, problem) = rig.initiate("ascent", "monthly").await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::BAD_GATEWAY, Some("PAY-0010")));
    assert_eq!(problem["order"]["state"], "failed");
    assert_eq!(rig.events("payments.payment.failed.v1").await, 1);
    rig.outside().set_weather(Weather::default());
    assert_eq!(rig.initiate("ascent", "monthly").await.0, StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_tells_of_the_payment_and_ends() {
    let rig = Rig::start().await;
    let id = rig.ordered().await;
    let mut stream = reqwest_stream(&rig, &id).await;
    let first = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.contains("event: order") && first.contains(r#""state":"pending""#), "{first}");
    rig.end(&id, Outcome::Success);
    let mut rest = String::new();
    while let Some(chunk) = stream.chunk().await.unwrap() {
        rest.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(rest.contains(r#""state":"completed""#), "{rest}");
}

async fn reqwest_stream(rig: &Rig, order: &str) -> reqwest::Response {
    let http = service_kit::http_client(std::time::Duration::from_secs(20)).unwrap();
    let stream = http.get(rig.url(&format!("orders/{order}/events"))).bearer_auth(&rig.payer.token).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    stream
}
