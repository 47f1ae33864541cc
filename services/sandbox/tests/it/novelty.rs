use sandbox::{Mode, Outcome};
use serde_json::{Value, json};

use crate::{
    autopay::CHECKOUT,
    rig::{json_of, rig},
};

#[tokio::test]
async fn kinds_that_nobody_has_seen_stand_in_status_and_webhook() {
    let rig = rig().await;
    rig.set_weather(json!({"novelty": {"enum_values": true}})).await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Card).unwrap();
    let status = json_of(rig.status("o-1", "").await).await;
    let told = rig.told("checkout.order.completed").await;
    assert_eq!((&status["state"], &told["payload"]["state"]), (&json!("COMPLETED"), &json!("COMPLETED")));
    for body in [&status, &told["payload"]] {
        let detail = &body["paymentDetails"][0];
        assert_eq!(detail["paymentMode"], "NEW_PAYMENT_MODE");
        assert_eq!(
            (&detail["rail"]["type"], &detail["splitInstruments"][0]["instrument"]["type"]),
            (&json!("NEW_KIND"), &json!("NEW_KIND"))
        );
    }
}

#[tokio::test]
async fn states_events_and_fields_may_be_new() {
    let rig = rig().await;
    rig.set_weather(json!({"novelty": {"state": "ON_HOLD", "event": "checkout.order.held", "extra_fields": true}})).await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    let told = rig.told("checkout.order.completed").await;
    assert_eq!((&told["event"], &told["type"]), (&json!("checkout.order.held"), &json!("CHECKOUT_ORDER_HELD")));
    let status = json_of(rig.status("o-1", "").await).await;
    for body in [&status, &told["payload"]] {
        assert_eq!(body["state"], "ON_HOLD");
        assert!(body["newField"].is_object() && body["paymentDetails"][0]["rail"]["newField"].is_object());
    }
    rig.mandate(CHECKOUT, "sub-1").await;
    let mandate = rig.mandate_status(CHECKOUT, "sub-1").await;
    assert_eq!((&mandate["state"], mandate["newField"].is_object()), (&json!("ON_HOLD"), true));
}

#[tokio::test]
async fn the_gateway_tells_of_its_health_where_each_environment_has_it() {
    let rig = rig().await;
    let health = async |path: &str| rig.get(path).header("authorization", rig.token().await).send().await.unwrap();
    for path in ["/apis/pg-sandbox/v3/health", "/apis/pg-health/v3/health"] {
        let body = json_of(health(path).await).await;
        assert_eq!((&body["overallHealth"], &body["instruments"]["UPI"]["health"]), (&json!("UP"), &json!("UP")), "{path}");
    }
    assert_eq!(health("/apis/pg/v3/health").await.status(), 404);
    rig.set_weather(json!({"unhealthy": true})).await;
    assert_eq!(json_of(health("/apis/pg-health/v3/health").await).await["overallHealth"], "DOWN");
}

#[tokio::test]
async fn an_order_of_the_mobile_sdk_has_a_token_and_may_have_nowhere_to_go_back_to() {
    let rig = rig().await;
    let mut body = crate::rig::request("o-1");
    body["paymentFlow"]["merchantUrls"]["redirectUrl"] = Value::Null;
    let answer = json_of(rig.call("checkout/v2/sdk/order", &body).await).await;
    let names: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(names, ["orderId", "state", "expireAt", "token"]);
    assert_eq!(rig.pay(&body).await.status(), 400);
    let page = format!("/pay/{}", answer["token"].as_str().unwrap());
    let paid = rig.post(&page).form(&[("mode", "upi"), ("outcome", "success")]).send().await.unwrap();
    assert!(paid.headers()["location"].to_str().unwrap().ends_with(&page));
    assert_eq!(json_of(rig.status("o-1", "").await).await["state"], "COMPLETED");
    let setup = rig.call("checkout/v2/sdk/order", &crate::autopay::page_setup("o-2", "sub-1")).await;
    assert!(json_of(setup).await["token"].is_string());
}
