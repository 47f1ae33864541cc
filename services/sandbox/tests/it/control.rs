use serde_json::{Value, json};

use crate::rig::{json_of, rig};

#[tokio::test]
async fn scripts_pay_orders() {
    let rig = rig().await;
    rig.order("o-1").await;
    let answer = rig.control("/control/orders/o-1/pay", &json!({"outcome": "success", "mode": "card"})).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(json_of(answer).await["state"], "COMPLETED");
    for (path, body, status) in [
        ("/control/orders/o-1/pay", json!({"outcome": "fail"}), 409),
        ("/control/orders/o-2/pay", json!({"outcome": "fail"}), 404),
        ("/control/orders/o-1/pay", json!({"outcome": "maybe"}), 400),
    ] {
        assert_eq!(rig.control(path, &body).await.status(), status, "{path} {body}");
    }
}

#[tokio::test]
async fn a_webhook_can_be_sent_again_once_there_is_one() {
    let rig = rig().await;
    rig.order("o-1").await;
    let again = "/control/orders/o-1/webhook";
    assert_eq!(rig.post(again).send().await.unwrap().status(), 409);
    rig.control("/control/orders/o-1/pay", &json!({"outcome": "success"})).await;
    rig.webhooks(1).await;
    assert_eq!(rig.post(again).send().await.unwrap().status(), 202);
    let webhooks = rig.webhooks(2).await;
    assert_eq!(webhooks[0].body, webhooks[1].body);
}

#[tokio::test]
async fn lists_tell_what_happened_and_reset_forgets_it() {
    let rig = rig().await;
    rig.order("o-1").await;
    rig.order("o-2").await;
    rig.control("/control/orders/o-2/pay", &json!({"outcome": "fail"})).await;
    rig.webhooks(1).await;
    let list = async |path: &str| json_of(rig.get(path).send().await.unwrap()).await;
    let orders = list("/control/orders").await;
    assert_eq!(orders[0]["merchant_order_id"], "o-2");
    assert_eq!(orders[0]["state"], "FAILED");
    assert_eq!(orders[1]["state"], "PENDING");
    assert_eq!(orders[1]["amount"], 49900);
    rig.log(1).await;
    let log = list("/control/webhooks").await;
    assert_eq!(log[0]["event"], "checkout.order.failed");
    assert_eq!(log[0]["fate"], "accepted");
    assert_eq!(log[0]["status"], 200);
    assert_eq!(rig.post("/control/reset").send().await.unwrap().status(), 204);
    for path in ["/control/orders", "/control/webhooks", "/control/mails"] {
        assert_eq!(list(path).await, json!([]), "{path}");
    }
}

#[tokio::test]
async fn weather_is_replaced_as_a_whole_and_typing_errors_are_refused() {
    let rig = rig().await;
    rig.set_weather(json!({"status_lag_ms": 5, "auto_pay": "success"})).await;
    rig.set_weather(json!({"webhook": {"lost": true}})).await;
    let weather = json_of(rig.get("/control/weather").send().await.unwrap()).await;
    assert_eq!(weather["webhook"]["lost"], true);
    assert_eq!(weather["status_lag_ms"], 0);
    assert_eq!(weather["auto_pay"], "none");
    let wrong = rig.client.put(rig.url("/control/weather")).json(&json!({"webhok": {}}));
    assert_eq!(wrong.send().await.unwrap().status(), 400);
    let weather = json_of(rig.get("/control/weather").send().await.unwrap()).await;
    assert_eq!(weather["webhook"]["lost"], true);
}

#[tokio::test]
async fn the_webhook_address_can_be_set_while_it_runs() {
    let rig = rig().await;
    let put = async |url: Value| {
        let request = rig.client.put(rig.url("/control/webhook-url")).json(&json!({"url": url}));
        request.send().await.unwrap().status()
    };
    assert_eq!(put(json!("not an address")).await, 400);
    assert_eq!(put(Value::Null).await, 204);
    rig.order("o-1").await;
    rig.control("/control/orders/o-1/pay", &json!({"outcome": "success"})).await;
    assert!(rig.webhooks_after(std::time::Duration::from_millis(200)).await.is_empty());
    assert_eq!(put(json!(format!("{}/elsewhere", rig.merchant.uri()))).await, 204);
    rig.post("/control/orders/o-1/webhook").send().await.unwrap();
    assert_eq!(rig.webhooks(1).await[0].url.path(), "/elsewhere");
}
