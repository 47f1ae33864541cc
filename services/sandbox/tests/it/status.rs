use sandbox::{Mode, Outcome};
use serde_json::json;

use crate::rig::{START_MS, json_of, rig};

#[tokio::test]
async fn an_unknown_order_is_a_bad_request() {
    let rig = rig().await;
    let answer = rig.status("nobody", "").await;
    assert_eq!(answer.status(), 400);
    assert_eq!(
        json_of(answer).await,
        json!({"code": "INVALID_MERCHANT_ORDER_ID", "message": "No entry found for given merchant order id"})
    );
}

#[tokio::test]
async fn an_untouched_order_has_no_attempt() {
    let rig = rig().await;
    let order = rig.order("o-1").await;
    assert_eq!(
        json_of(rig.status("o-1", "?details=false").await).await,
        json!({
            "orderId": order["orderId"],
            "state": "PENDING",
            "amount": 49900,
            "expireAt": START_MS + 1_200_000,
            "metaInfo": {"udf1": "cust_42"},
            "paymentDetails": [],
        })
    );
}

#[tokio::test]
async fn a_paid_order_tells_how_it_was_paid() {
    let rig = rig().await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    let body = json_of(rig.status("o-1", "").await).await;
    assert_eq!(body["state"], "COMPLETED");
    assert_eq!(body["payableAmount"], 49900);
    assert_eq!(body["feeAmount"], 0);
    let detail = &body["paymentDetails"][0];
    assert_eq!(detail["paymentMode"], "UPI_INTENT");
    assert_eq!(detail["state"], "COMPLETED");
    assert_eq!(detail["timestamp"], START_MS);
    assert!(detail["transactionId"].as_str().unwrap().starts_with("OM"));
    assert_eq!(detail["rail"]["type"], "UPI");
    assert_eq!(detail["instrument"]["type"], "ACCOUNT");
    assert_eq!(detail["splitInstruments"][0]["amount"], 49900);
    assert!(body.get("errorCode").is_none());
}

#[tokio::test]
async fn a_failed_order_tells_why_and_more_when_asked() {
    let rig = rig().await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Fail, Mode::Upi).unwrap();
    let body = json_of(rig.status("o-1", "").await).await;
    assert_eq!(body["state"], "FAILED");
    assert_eq!(body["errorCode"], "AUTHORIZATION_ERROR");
    assert_eq!(body["detailedErrorCode"], "ZM");
    assert!(body.get("errorContext").is_none());
    let body = json_of(rig.status("o-1", "?errorContext=true").await).await;
    assert_eq!(
        body["errorContext"],
        json!({
            "errorCode": "AUTHORIZATION_ERROR",
            "detailedErrorCode": "ZM",
            "source": "CUSTOMER",
            "stage": "AUTHENTICATION",
            "description": "Incorrect MPIN entered",
        })
    );
}

#[tokio::test]
async fn a_failed_attempt_is_not_a_failed_order() {
    let rig = rig().await;
    rig.order("o-1").await;
    let sandbox = rig.running.sandbox();
    sandbox.pay("o-1", Outcome::AttemptFailed, Mode::Card).unwrap();
    let body = json_of(rig.status("o-1", "").await).await;
    assert_eq!(body["state"], "PENDING");
    assert_eq!(body["paymentDetails"][0]["state"], "FAILED");
    sandbox.pay("o-1", Outcome::Success, Mode::Card).unwrap();
    for (query, states) in [
        ("?details=False", vec!["COMPLETED"]),
        ("?details=false&details=false", vec!["COMPLETED"]),
        ("?details=True", vec!["FAILED", "COMPLETED"]),
    ] {
        let body = json_of(rig.status("o-1", query).await).await;
        let got: Vec<&str> = body["paymentDetails"].as_array().unwrap().iter().map(|detail| detail["state"].as_str().unwrap()).collect();
        assert_eq!(got, states, "{query}");
        assert_eq!(body["state"], "COMPLETED");
    }
}

#[tokio::test]
async fn the_status_may_lag_behind_the_payment() {
    let rig = rig().await;
    rig.set_weather(json!({"status_lag_ms": 5000})).await;
    rig.order("o-1").await;
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    rig.webhooks(1).await;
    let body = json_of(rig.status("o-1", "").await).await;
    assert_eq!(body["state"], "PENDING");
    assert_eq!(body["paymentDetails"][0]["state"], "PENDING");
    rig.advance(5);
    assert_eq!(json_of(rig.status("o-1", "").await).await["state"], "COMPLETED");
}

#[tokio::test]
async fn an_order_that_nobody_pays_fails_when_its_time_is_over() {
    let rig = rig().await;
    rig.order("o-1").await;
    rig.advance(1199);
    assert!(rig.webhooks_after(std::time::Duration::from_millis(600)).await.is_empty());
    rig.advance(1);
    rig.webhooks(1).await;
    let body = json_of(rig.status("o-1", "").await).await;
    assert_eq!(body["state"], "FAILED");
    assert_eq!(body["detailedErrorCode"], "TXN_AUTO_FAILED");
    rig.running.sandbox().pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    assert_eq!(json_of(rig.status("o-1", "").await).await["state"], "COMPLETED");
}

#[tokio::test]
async fn the_status_endpoint_has_its_own_weather() {
    let rig = rig().await;
    rig.order("o-1").await;
    rig.set_weather(json!({"status": {"http_status": 429}})).await;
    let answer = rig.status("o-1", "").await;
    assert_eq!(answer.status(), 429);
    assert_eq!(json_of(answer).await["code"], "TOO_MANY_REQUESTS");
}

#[tokio::test]
async fn a_transaction_is_shown_with_its_order_and_without_the_other_attempts() {
    let rig = rig().await;
    rig.order("o-1").await;
    for outcome in [Outcome::AttemptFailed, Outcome::Success] {
        rig.running.sandbox().pay("o-1", outcome, Mode::Upi).unwrap();
    }
    let order = json_of(rig.status("o-1", "?details=true").await).await;
    let transaction = async |id: &str| {
        let path = format!("/apis/pg/checkout/v2/transaction/{id}/status");
        rig.get(&path).header("authorization", rig.token().await).send().await.unwrap()
    };
    for (n, state) in [(0, "FAILED"), (1, "COMPLETED")] {
        let id = order["paymentDetails"][n]["transactionId"].as_str().unwrap();
        let body = json_of(transaction(id).await).await;
        assert_eq!((&body["orderId"], &body["state"]), (&order["orderId"], &json!("COMPLETED")));
        assert_eq!(body["paymentDetails"], json!([order["paymentDetails"][n]]));
        assert_eq!(body["paymentDetails"][0]["state"], state);
    }
    let unknown = transaction("OM1").await;
    assert_eq!((unknown.status().as_u16(), json_of(unknown).await["code"].as_str()), (400, Some("INVALID_TRANSACTION_ID")));
}
