use sandbox::{Mode, Outcome, RefundState, RefundStep};
use serde_json::{Value, json};

use crate::rig::{Rig, START_MS, body_of, json_of, rig};

impl Rig {
    async fn refund(&self, body: &Value) -> reqwest::Response {
        self.post("/apis/pg/payments/v2/refund").header("authorization", self.token().await).json(body).send().await.unwrap()
    }

    async fn refund_status(&self, id: &str) -> reqwest::Response {
        self.get(&format!("/apis/pg/payments/v2/refund/{id}/status")).header("authorization", self.token().await).send().await.unwrap()
    }

    /// A paid order of 49,900 paise whose webhook has come.
    async fn paid(&self, id: &str) {
        self.order(id).await;
        let before = self.running.sandbox().webhooks().len();
        self.running.sandbox().pay(id, Outcome::Success, Mode::Upi).unwrap();
        self.log(before + 1).await;
    }
}

fn request(id: &str, order: &str, amount: i64) -> Value {
    json!({"merchantRefundId": id, "originalMerchantOrderId": order, "amount": amount})
}

/// Events without those of orders, in the order in which they were caused.
async fn told(rig: &Rig, count: usize) -> Vec<(String, String)> {
    let mut log = rig.log(count).await;
    log.sort_unstable_by_key(|delivery| delivery.webhook);
    log.iter()
        .filter(|delivery| delivery.event.starts_with("pg.refund."))
        .map(|delivery| (delivery.event.to_owned(), serde_json::from_str::<Value>(&delivery.body).unwrap()["payload"]["state"].to_string()))
        .collect()
}

#[tokio::test]
async fn a_refund_is_pending_at_first_and_completes_by_itself_in_fair_weather() {
    let rig = rig().await;
    rig.paid("o-1").await;
    let answer = rig.refund(&request("r-1", "o-1", 12_345)).await;
    assert_eq!(answer.status(), 200);
    let answer = json_of(answer).await;
    assert_eq!((&answer["amount"], &answer["state"]), (&json!(12_345), &json!("PENDING")));
    let refund_id = answer["refundId"].as_str().unwrap();
    assert!(refund_id.starts_with("OMR"), "{refund_id}");

    let mut status = json_of(rig.refund_status("r-1").await).await;
    let (split, details) = (status["splitInstruments"].take(), status["paymentDetails"].take());
    assert_eq!(
        status,
        json!({"merchantId": "MERCHANTUAT", "merchantRefundId": "r-1", "originalMerchantOrderId": "o-1", "amount": 12_345,
            "state": "COMPLETED", "timestamp": START_MS, "refundId": refund_id, "splitInstruments": null, "paymentDetails": null})
    );
    assert_eq!((&split[0]["amount"], &split[0]["rail"]["type"]), (&json!(12_345), &json!("UPI")));
    assert_eq!(
        details,
        json!([{"transactionId": refund_id, "paymentMode": "UPI_INTENT", "timestamp": START_MS, "amount": 12_345, "state": "COMPLETED",
            "splitInstruments": split}])
    );

    let told = told(&rig, 3).await;
    let expected = [("pg.refund.accepted", "\"CONFIRMED\""), ("pg.refund.completed", "\"COMPLETED\"")];
    assert_eq!(told, expected.map(|(event, state)| (event.to_owned(), state.to_owned())));
}

#[tokio::test]
async fn the_webhook_names_refund_and_order_in_phonepes_envelope() {
    let rig = rig().await;
    rig.set_weather(json!({"auto_refund": "none"})).await;
    rig.paid("o-1").await;
    rig.refund(&request("r-1", "o-1", 100)).await;
    rig.running.sandbox().refund("r-1", RefundStep::Fail).unwrap();
    let webhooks = rig.webhooks(2).await;
    let mut body = body_of(&webhooks[1]);
    assert!(body["payload"]["refundId"].take().is_string());
    assert_eq!(
        body,
        json!({"event": "pg.refund.failed", "type": "PG_REFUND_FAILED", "payload": {
            "merchantId": "MERCHANTUAT", "merchantRefundId": "r-1", "originalMerchantOrderId": "o-1", "currency": "INR", "amount": 100,
            "state": "FAILED", "timestamp": START_MS, "refundId": null, "errorCode": "OTHERS", "detailedErrorCode": "500"}})
    );
}

#[tokio::test]
async fn limits_are_held() {
    let rig = rig().await;
    rig.paid("o-1").await;
    rig.order("open").await;
    let long = "r".repeat(64);
    for (body, status, code) in [
        (request("r-1", "o-1", 99), 400, "BAD_REQUEST"),
        (request("r-1", "o-1", 49_901), 400, "BAD_REQUEST"),
        (request(&long, "o-1", 100), 400, "BAD_REQUEST"),
        (request("r 1", "o-1", 100), 400, "BAD_REQUEST"),
        (json!({"merchantRefundId": "r-1", "originalMerchantOrderId": "o-1", "amount": "100"}), 400, "BAD_REQUEST"),
        (json!({"originalMerchantOrderId": "o-1", "amount": 100}), 400, "BAD_REQUEST"),
        (request("r-1", "nobody", 100), 400, "INVALID_MERCHANT_ORDER_ID"),
        (request("r-1", "open", 100), 402, "PAYMENT_REQUIRED"),
    ] {
        let answer = rig.refund(&body).await;
        assert_eq!((answer.status().as_u16(), json_of(answer).await["code"].as_str()), (status, Some(code)), "{body}");
    }
    assert!(rig.running.sandbox().refunds().is_empty());
    let unknown = rig.refund_status("r-1").await;
    assert_eq!((unknown.status().as_u16(), json_of(unknown).await["code"].as_str()), (400, Some("INVALID_MERCHANT_REFUND_ID")));
    let stranger = rig.post("/apis/pg/payments/v2/refund").json(&request("r-1", "o-1", 100)).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
}

#[tokio::test]
async fn an_id_is_used_once_for_ever_and_the_merchant_keeps_the_sum() {
    let rig = rig().await;
    rig.set_weather(json!({"auto_refund": "fail"})).await;
    rig.paid("o-1").await;
    assert_eq!(rig.refund(&request("r-1", "o-1", 49_900)).await.status(), 200);
    assert_eq!(rig.refund(&request("r-1", "o-1", 49_900)).await.status(), 417);
    // PhonePe promises only that one refund is at most what was paid.
    assert_eq!(rig.refund(&request("r-2", "o-1", 49_900)).await.status(), 200);
    assert_eq!(rig.running.sandbox().refunds().len(), 2);
}

#[tokio::test]
async fn refunds_stop_where_the_weather_says_and_go_on_by_script_or_by_the_pages_buttons() {
    let rig = rig().await;
    rig.paid("o-1").await;
    for (id, auto_refund, state) in [("r-1", "none", "PENDING"), ("r-2", "confirm", "CONFIRMED"), ("r-3", "fail", "FAILED")] {
        rig.set_weather(json!({ "auto_refund": auto_refund })).await;
        rig.refund(&request(id, "o-1", 100)).await;
        let status = json_of(rig.refund_status(id).await).await;
        assert_eq!(status["state"], state);
        let code = if state == "FAILED" { json!("OTHERS") } else { Value::Null };
        assert_eq!(status["paymentDetails"].as_array().map_or(0, Vec::len), usize::from(state != "PENDING"));
        assert_eq!(status["paymentDetails"][0]["errorCode"], code);
    }
    let page = rig.get("/").send().await.unwrap().text().await.unwrap();
    for part in ["Complete the refund r-1", "Fail the refund r-2"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("Confirm the refund r-2") && !page.contains("Complete the refund r-3"));

    let step = async |id: &str, step: &str| rig.control(&format!("/control/refunds/{id}"), &json!({ "step": step })).await.status();
    assert_eq!(step("r-1", "confirm").await, 200);
    assert_eq!(step("r-1", "confirm").await, 409);
    assert_eq!(step("r-3", "complete").await, 409);
    assert_eq!(step("r-4", "complete").await, 404);
    assert_eq!(step("r-1", "maybe").await, 400);
    let pressed = rig.post("/control/refunds/r-2").form(&[("step", "complete")]).send().await.unwrap();
    assert_eq!(pressed.status(), 303);
    let states: Vec<_> = rig.running.sandbox().refunds().into_iter().map(|refund| refund.state).collect();
    assert_eq!(states, [RefundState::Failed, RefundState::Completed, RefundState::Confirmed]);
}

#[tokio::test]
async fn an_answer_that_goes_wrong_may_hide_a_refund_that_exists() {
    let rig = rig().await;
    rig.paid("o-1").await;
    rig.set_weather(json!({"refund": {"http_status": 500}})).await;
    assert_eq!(rig.refund(&request("r-1", "o-1", 100)).await.status(), 500);
    assert!(rig.running.sandbox().refunds().is_empty());
    rig.set_weather(json!({"refund": {"http_status": 500, "after_commit": true}})).await;
    assert_eq!(rig.refund(&request("r-1", "o-1", 100)).await.status(), 500);
    assert_eq!(json_of(rig.refund_status("r-1").await).await["state"], "COMPLETED");
}

#[tokio::test]
async fn the_status_may_lag_behind_the_bank() {
    let rig = rig().await;
    rig.paid("o-1").await;
    rig.set_weather(json!({"status_lag_ms": 5000})).await;
    rig.refund(&request("r-1", "o-1", 100)).await;
    assert_eq!(json_of(rig.refund_status("r-1").await).await["state"], "PENDING");
    rig.advance(5);
    assert_eq!(json_of(rig.refund_status("r-1").await).await["state"], "COMPLETED");
}
