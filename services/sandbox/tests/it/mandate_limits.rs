use serde_json::{Value, json};

use crate::{
    autopay::{CHECKOUT, SUBSCRIPTIONS, app_setup, page_setup},
    rig::{START_MS, code_of, json_of, rig},
};

/// To the day, from the start on.
const YEARS_30_MS: i64 = 946_684_800_000;

/// The body with one field changed; the last name of the pointer need not be there.
fn with(mut body: Value, pointer: &str, value: &Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[name] = value.clone();
    body
}

#[tokio::test]
async fn limits_of_a_setup_on_the_page_are_held() {
    let rig = rig().await;
    let details = |name: &str| format!("/paymentFlow/subscriptionDetails/{name}");
    for (pointer, value) in [
        ("/merchantOrderId".to_owned(), json!("a b")),
        ("/amount".to_owned(), json!(99)),
        ("/amount".to_owned(), json!(50_001)),
        ("/expireAfter".to_owned(), json!(299)),
        ("/expireAfter".to_owned(), json!(3601)),
        ("/paymentFlow/type".to_owned(), json!("SUBSCRIPTION_CHECKOUT")),
        ("/paymentFlow/type".to_owned(), json!("SUBSCRIPTION_SETUP")),
        ("/paymentFlow/merchantUrls".to_owned(), json!({})),
        ("/paymentFlow/merchantUrls/cancelRedirectUrl".to_owned(), json!("nowhere")),
        ("/paymentFlow/subscriptionDetails".to_owned(), Value::Null),
        (details("merchantSubscriptionId"), json!("s".repeat(64))),
        (details("merchantSubscriptionId"), json!("s 1")),
        (details("subscriptionType"), Value::Null),
        (details("productType"), json!("CARD_MANDATE")),
        (details("authWorkflowType"), json!("PENNY_DROP")),
        (details("authWorkflowType"), json!("OTP")),
        (details("amountType"), json!("FIXED")),
        (details("amountType"), json!("ANY")),
        (details("maxAmount"), json!(1_500_001)),
        (details("maxAmount"), json!("50000")),
        (details("frequency"), json!("HOURLY")),
        (details("frequency"), Value::Null),
        (details("expireAt"), json!(START_MS)),
        (details("expireAt"), json!(START_MS + YEARS_30_MS + 1)),
    ] {
        let answer = rig.pay(&with(page_setup("o-1", "sub-1"), &pointer, &value)).await;
        assert_eq!(code_of(answer).await, (400, "BAD_REQUEST".to_owned()), "{pointer} {value}");
    }
    assert!(rig.running.sandbox().orders().is_empty() && rig.running.sandbox().mandates().is_empty());
}

#[tokio::test]
async fn the_limits_themselves_are_allowed() {
    let rig = rig().await;
    let mut frequencies =
        ["DAILY", "WEEKLY", "FORTNIGHTLY", "MONTHLY", "BIMONTHLY", "QUARTERLY", "HALFYEARLY", "YEARLY", "ON_DEMAND"].iter();
    for (n, (amount, auth, kind, max)) in [
        (100, "TRANSACTION", "VARIABLE", 1_500_000),
        (1_500_000, "TRANSACTION", "FIXED", 1_500_000),
        (200, "PENNY_DROP", "VARIABLE", 100),
        (200, "PENNY_DROP", "FIXED", 29_900),
    ]
    .into_iter()
    .cycle()
    .take(9)
    .enumerate()
    {
        let mut body = page_setup(&format!("o-{n}"), &format!("{n}{}", "s".repeat(62)));
        body["amount"] = json!(amount);
        let details = &mut body["paymentFlow"]["subscriptionDetails"];
        details["authWorkflowType"] = json!(auth);
        details["amountType"] = json!(kind);
        details["maxAmount"] = json!(max);
        details["frequency"] = json!(frequencies.next());
        details["expireAt"] = Value::Null;
        details["productType"] = Value::Null;
        assert_eq!(rig.pay(&body).await.status(), 200, "{body}");
    }
    assert_eq!(rig.running.sandbox().mandates()[0].expire_at.timestamp_millis(), START_MS + YEARS_30_MS);
}

#[tokio::test]
async fn limits_of_a_setup_in_the_app_are_held() {
    let rig = rig().await;
    for (pointer, value) in [
        ("/amount", json!(201)),
        ("/expireAt", json!(START_MS)),
        ("/expireAt", json!(START_MS + 900_001)),
        ("/expireAfter", json!(600)),
        ("/paymentFlow/type", json!("SUBSCRIPTION_CHECKOUT_SETUP")),
        ("/paymentFlow/merchantSubscriptionId", json!("")),
        ("/paymentFlow/maxAmount", json!(99)),
        ("/paymentFlow/frequency", json!("ALWAYS")),
        ("/paymentFlow/paymentMode", Value::Null),
        ("/paymentFlow/paymentMode", json!({"type": "CARD"})),
        ("/paymentFlow/paymentMode", json!({"type": "UPI_COLLECT", "details": {"type": "VPA", "vpa": "nobody"}})),
    ] {
        let answer = rig.call("subscriptions/v2/setup", &with(app_setup("o-1", "sub-1"), pointer, &value)).await;
        assert_eq!(code_of(answer).await, (400, "BAD_REQUEST".to_owned()), "{pointer} {value}");
    }
    assert!(rig.running.sandbox().mandates().is_empty());
    // The ₹15,000 are a limit of Standard Checkout; without expireAt the order lives ten minutes.
    let body = with(app_setup("o-1", "sub-1"), "/paymentFlow/maxAmount", &json!(10_000_000));
    assert_eq!(json_of(rig.call("subscriptions/v2/setup", &body).await).await["expireAt"], START_MS + 600_000);
}

#[tokio::test]
async fn an_id_of_a_mandate_or_an_order_of_any_kind_is_used_once() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    let used = (417, "INVALID_TRANSACTION_ID".to_owned());
    assert_eq!(code_of(rig.pay(&page_setup("o-2", "sub-1")).await).await, used);
    assert_eq!(code_of(rig.call("subscriptions/v2/setup", &app_setup("o-2", "sub-1")).await).await, used);
    assert_eq!(code_of(rig.pay(&page_setup("setup-sub-1", "sub-2")).await).await, used);
    assert_eq!(code_of(rig.notify(CHECKOUT, "setup-sub-1", "sub-1").await).await, used);
    assert_eq!(rig.notify(CHECKOUT, "n-1", "sub-1").await.status(), 200);
    assert_eq!(code_of(rig.notify(CHECKOUT, "n-1", "sub-1").await).await, used);
    assert_eq!(code_of(rig.pay(&crate::rig::request("n-1")).await).await, used);
    assert_eq!(rig.running.sandbox().mandates().len(), 1);
}

#[tokio::test]
async fn limits_of_a_notification_are_held() {
    let rig = rig().await;
    rig.mandate(SUBSCRIPTIONS, "sub-1").await;
    let body = json!({"merchantOrderId": "n-1", "amount": 50_000, "metaInfo": null, "deviceContext": null, "constraints": null,
        "expireAfter": null, "expireAt": null, "paymentFlow": {"type": "SUBSCRIPTION_REDEMPTION", "merchantSubscriptionId": "sub-1",
        "redemptionRetryStrategy": "STANDARD", "autoDebit": false}});
    for (pointer, value, code) in [
        ("/merchantOrderId", json!("n 1"), "BAD_REQUEST"),
        ("/amount", json!(99), "BAD_REQUEST"),
        ("/amount", json!(50_001), "INVALID_AMOUNT"),
        ("/expireAt", json!(START_MS), "BAD_REQUEST"),
        ("/paymentFlow/type", json!("SUBSCRIPTION_CHECKOUT_REDEMPTION"), "BAD_REQUEST"),
        ("/paymentFlow/redemptionRetryStrategy", json!("NEVER"), "BAD_REQUEST"),
        ("/paymentFlow/autoDebit", json!("yes"), "BAD_REQUEST"),
        (
            "/paymentFlow",
            json!({"type": "SUBSCRIPTION_REDEMPTION", "merchantSubscriptionId": "sub-1", "redemptionRetryStrategy": "CUSTOM",
            "autoDebit": true}),
            "BAD_REQUEST",
        ),
        ("/paymentFlow/merchantSubscriptionId", json!("nobody"), "INVALID_MERCHANT_SUBSCRIPTION_ID"),
    ] {
        let answer = rig.call("subscriptions/v2/notify", &with(body.clone(), pointer, &value)).await;
        assert_eq!(code_of(answer).await, (400, code.to_owned()), "{pointer} {value}");
    }
    assert_eq!(rig.call("subscriptions/v2/notify", &body).await.status(), 200);
    for wrong in [json!({}), json!({"merchantOrderId": "nobody"}), json!({"merchantOrderId": "setup-sub-1"})] {
        assert_eq!(rig.call("subscriptions/v2/redeem", &wrong).await.status(), 400, "{wrong}");
    }
    let stranger = rig.post("/apis/pg/subscriptions/v2/notify").json(&body).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
}

#[tokio::test]
async fn a_fixed_mandate_is_debited_by_its_amount_only() {
    let rig = rig().await;
    rig.set_weather(json!({"auto_pay": "success"})).await;
    let fixed = with(page_setup("o-1", "sub-1"), "/paymentFlow/subscriptionDetails/amountType", &json!("FIXED"));
    assert_eq!(rig.pay(&with(fixed, "/amount", &json!(50_000))).await.status(), 200);
    let notify = |order: &str, amount: i64| {
        json!({"merchantOrderId": order, "amount": amount, "paymentFlow": {"type": "SUBSCRIPTION_CHECKOUT_REDEMPTION",
            "merchantSubscriptionId": "sub-1"}})
    };
    for (amount, status) in [(49_999, 400), (50_001, 400), (50_000, 200)] {
        assert_eq!(rig.call("checkout/v2/subscriptions/notify", &notify("n-1", amount)).await.status(), status, "{amount}");
    }
}
