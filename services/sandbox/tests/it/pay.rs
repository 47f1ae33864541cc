use std::time::Duration;

use serde_json::{Value, json};

use crate::rig::{START_MS, json_of, request, rig};

#[tokio::test]
async fn a_new_order_is_pending_and_has_a_pay_page() {
    let rig = rig().await;
    let body = rig.order("o-1").await;
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["orderId", "state", "expireAt", "redirectUrl"]);
    let order_id = body["orderId"].as_str().unwrap();
    assert!(order_id.starts_with("OMO") && order_id.len() == 25, "{order_id}");
    assert_eq!(body["state"], "PENDING");
    assert_eq!(body["expireAt"], START_MS + 1_200_000);
    let page = rig.client.get(body["redirectUrl"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn an_order_lives_ten_minutes_when_nothing_else_is_asked() {
    let rig = rig().await;
    let mut body = request("o-1");
    body["expireAfter"] = Value::Null;
    assert_eq!(json_of(rig.pay(&body).await).await["expireAt"], START_MS + 600_000);
}

#[tokio::test]
async fn both_sdks_requests_are_accepted() {
    let rig = rig().await;
    let python = json!({"merchantOrderId":"TX1","amount":1000,"metaInfo":null,"paymentFlow":{"type":"PG_CHECKOUT","message":null,"merchantUrls":{"redirectUrl":"http://m/r"},"paymentModeConfig":null},"expireAfter":null,"disablePaymentRetry":null});
    let node =
        json!({"merchantOrderId":"TX2","amount":1000,"paymentFlow":{"type":"PG_CHECKOUT","merchantUrls":{"redirectUrl":"http://m/r"}}});
    for body in [python, node] {
        assert_eq!(rig.pay(&body).await.status(), 200);
    }
}

#[tokio::test]
async fn every_limit_is_held() {
    let rig = rig().await;
    let wrong: Vec<(&str, Value)> = vec![
        ("/merchantOrderId", json!("")),
        ("/merchantOrderId", json!("a".repeat(64))),
        ("/merchantOrderId", json!("a b")),
        ("/merchantOrderId", json!("ä")),
        ("/merchantOrderId", json!(7)),
        ("/amount", json!(99)),
        ("/amount", json!(-500)),
        ("/amount", json!(500.0)),
        ("/amount", json!("500")),
        ("/amount", Value::Null),
        ("/expireAfter", json!(299)),
        ("/expireAfter", json!(3601)),
        ("/expireAfter", json!("600")),
        ("/metaInfo", json!({"udf1": "x".repeat(257)})),
        ("/metaInfo", json!({"udf11": "x".repeat(51)})),
        ("/metaInfo", json!({"udf11": "ü"})),
        ("/metaInfo", json!({"udf16": "x"})),
        ("/metaInfo", json!({"udf1": 1})),
        ("/paymentFlow/type", json!("PG")),
        ("/paymentFlow/merchantUrls/redirectUrl", Value::Null),
        ("/paymentFlow/merchantUrls/redirectUrl", json!("/return")),
        ("/paymentFlow/merchantUrls/redirectUrl", json!("javascript:alert(1)")),
        ("/paymentFlow/paymentModeConfig", json!({"enabledPaymentModes": [{"type": "CASH"}]})),
        ("/paymentFlow/paymentModeConfig", json!({"enabledPaymentModes": [{"type": "CARD"}], "disabledPaymentModes": [{"type": "CARD"}]})),
    ];
    for (pointer, value) in wrong {
        let mut body = request("o-1");
        match body.pointer_mut(pointer) {
            Some(place) => *place = value.clone(),
            None => body["paymentFlow"]["paymentModeConfig"] = value.clone(),
        }
        let answer = rig.pay(&body).await;
        assert_eq!(answer.status(), 400, "{pointer} {value}");
        assert_eq!(
            json_of(answer).await,
            json!({"success": false, "code": "BAD_REQUEST", "message": "Please check the inputs you have provided.", "data": {}})
        );
    }
    assert!(rig.running.sandbox().orders().is_empty());
}

#[tokio::test]
async fn the_limits_themselves_are_allowed() {
    let rig = rig().await;
    let mut body = request(&"a".repeat(63));
    body["amount"] = json!(100);
    body["expireAfter"] = json!(300);
    body["metaInfo"] = json!({"udf1": "ü".repeat(256), "udf15": "a-Z_0@.+ "});
    body["paymentFlow"]["paymentModeConfig"] =
        json!({"enabledPaymentModes": [{"type": "UPI_QR"}, {"type": "CARD", "cardTypes": ["DEBIT_CARD"]}]});
    assert_eq!(rig.pay(&body).await.status(), 200);
    let mut body = request("b_-9");
    body["expireAfter"] = json!(3600);
    assert_eq!(rig.pay(&body).await.status(), 200);
}

#[tokio::test]
async fn an_id_can_be_used_once_and_the_refusal_can_be_chosen() {
    let rig = rig().await;
    rig.order("o-1").await;
    let answer = rig.pay(&request("o-1")).await;
    assert_eq!(answer.status(), 417);
    let body = json_of(answer).await;
    assert_eq!(body["code"], "INVALID_TRANSACTION_ID");
    assert_eq!(body["message"], "Order ID has already been used");
    let other = json!({"duplicate_order": {"http_status": 400, "code": "ORDER_ALREADY_EXISTS"}});
    rig.set_weather(other).await;
    let answer = rig.pay(&request("o-1")).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(json_of(answer).await["code"], "ORDER_ALREADY_EXISTS");
    assert_eq!(rig.running.sandbox().orders().len(), 1);
}

#[tokio::test]
async fn bad_weather_answers_in_phonepes_shapes_and_stores_nothing() {
    let rig = rig().await;
    for (status, code) in [
        (400, "BAD_REQUEST"),
        (401, "AUTHORIZATION_FAILED"),
        (403, "FORBIDDEN"),
        (429, "TOO_MANY_REQUESTS"),
        (500, "INTERNAL_SERVER_ERROR"),
    ] {
        rig.set_weather(json!({"pay": {"http_status": status}})).await;
        let answer = rig.pay(&request("o-1")).await;
        assert_eq!(answer.status(), status);
        assert_eq!(json_of(answer).await["code"], code);
    }
    rig.set_weather(json!({"pay": {"html_body": true}})).await;
    let answer = rig.pay(&request("o-1")).await;
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.headers()["content-type"], "text/html");
    assert!(rig.running.sandbox().orders().is_empty());
}

#[tokio::test]
async fn the_order_may_exist_although_the_answer_was_an_error() {
    let rig = rig().await;
    rig.set_weather(json!({"pay": {"http_status": 500, "after_commit": true}})).await;
    assert_eq!(rig.pay(&request("o-1")).await.status(), 500);
    assert_eq!(rig.running.sandbox().order("o-1").unwrap().attempts, 0);
}

#[tokio::test]
async fn the_order_may_exist_although_no_answer_came() {
    let rig = rig().await;
    rig.set_weather(json!({"pay": {"timeout_after_commit": true}})).await;
    let answer = rig
        .post("/apis/pg/checkout/v2/pay")
        .header("authorization", rig.token().await)
        .timeout(Duration::from_millis(300))
        .json(&request("o-1"))
        .send()
        .await;
    assert!(answer.unwrap_err().is_timeout());
    assert!(rig.running.sandbox().order("o-1").is_some());
}

#[tokio::test]
async fn orders_can_end_by_themselves() {
    let rig = rig().await;
    for (count, auto_pay, state, event) in
        [(1, "success", "COMPLETED", "checkout.order.completed"), (2, "fail", "FAILED", "checkout.order.failed")]
    {
        rig.set_weather(json!({"auto_pay": auto_pay})).await;
        rig.order(auto_pay).await;
        assert_eq!(json_of(rig.status(auto_pay, "").await).await["state"], state);
        assert_eq!(rig.log(count).await[0].event, event);
    }
}

#[tokio::test]
async fn paths_that_phonepe_does_not_have_are_not_found() {
    let rig = rig().await;
    for path in [
        "/apis/pg/checkout/v2/refund",
        "/apis/pg/subscriptions/v2/create",
        "/apis/pgsandbox/checkout/v2/pay",
        "/apis/hermes/pg/v1/pay",
        "/apis/pg/checkout/v2/pay/",
    ] {
        let answer = rig.control(path, &request("o-1")).await;
        assert_eq!(answer.status(), 404, "{path}");
    }
}
