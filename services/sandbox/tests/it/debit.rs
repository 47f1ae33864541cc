use std::time::Duration;

use sandbox::{ControlError, Mode, OrderState, Outcome, RedemptionStep, UserAct};
use serde_json::{Value, json};

use crate::{
    autopay::{Api, CHECKOUT, SUBSCRIPTIONS},
    rig::{Rig, START_MS, code_of, json_of, rig},
};

pub const DAY: Duration = Duration::from_secs(86_400);
const ALMOST_A_DAY: Duration = Duration::from_secs(86_399);
const DAY_MS: i64 = 86_400_000;

fn request(api: Api, order: &str, mandate: &str) -> Value {
    json!({"merchantOrderId": order, "amount": 29_900, "paymentFlow": {"type": api.redemption, "merchantSubscriptionId": mandate,
        "redemptionRetryStrategy": "STANDARD", "autoDebit": false}})
}

impl Rig {
    pub async fn notify(&self, api: Api, order: &str, mandate: &str) -> reqwest::Response {
        self.call(&format!("{}/notify", api.mandates), &request(api, order, mandate)).await
    }

    pub async fn redeem(&self, api: Api, order: &str) -> reqwest::Response {
        self.call(&format!("{}/redeem", api.mandates), &json!({"merchantOrderId": order})).await
    }

    async fn debit_status(&self, api: Api, order: &str) -> Value {
        json_of(self.ask(&format!("{}/order/{order}/status?details=true", api.orders)).await).await
    }

    fn debit_state(&self, order: &str) -> OrderState {
        self.running.sandbox().order(order).unwrap().state
    }
}

#[tokio::test]
async fn a_debit_is_notified_and_a_day_later_redeemed_under_the_same_id() {
    for api in [CHECKOUT, SUBSCRIPTIONS] {
        let rig = rig().await;
        rig.mandate(api, "sub-1").await;
        let notified = json_of(rig.notify(api, "n-1", "sub-1").await).await;
        assert_eq!(
            notified,
            json!({"orderId": notified["orderId"], "state": "NOTIFICATION_IN_PROGRESS", "expireAt": START_MS + 2 * DAY_MS})
        );
        let told = rig.told("subscription.notification.completed").await["payload"].clone();
        assert_eq!((&told["state"], &told["merchantOrderId"], &told["amount"]), (&json!("NOTIFIED"), &json!("n-1"), &json!(29_900)));
        assert_eq!(
            told["paymentFlow"],
            json!({"type": api.redemption, "merchantSubscriptionId": "sub-1", "redemptionRetryStrategy": "STANDARD", "autoDebit": false,
                "validAfter": START_MS + DAY_MS, "validUpto": START_MS + 2 * DAY_MS, "notifiedAt": START_MS})
        );
        let status = rig.debit_status(api, "n-1").await;
        assert_eq!(
            (&status["state"], &status["paymentFlow"], &status["paymentDetails"]),
            (&json!("NOTIFIED"), &told["paymentFlow"], &json!([]))
        );

        let sandbox = rig.running.sandbox();
        sandbox.advance_clock(ALMOST_A_DAY);
        assert_eq!(code_of(rig.redeem(api, "n-1").await).await, (400, "REDEMPTION_TOO_EARLY".to_owned()));
        sandbox.advance_clock(Duration::from_secs(1));
        let redeemed = json_of(rig.redeem(api, "n-1").await).await;
        assert_eq!(redeemed["state"], "PENDING");
        let status = rig.debit_status(api, "n-1").await;
        let detail = &status["paymentDetails"][0];
        assert_eq!((&status["state"], &status["orderId"]), (&json!("COMPLETED"), &notified["orderId"]));
        assert_eq!((&detail["transactionId"], &detail["paymentMode"]), (&redeemed["transactionId"], &json!("UPI_AUTO_PAY")));
        assert!(detail["rail"]["umn"].as_str().unwrap().ends_with("@ybl"));
        let transaction = format!("{}/transaction/{}/status", api.orders, redeemed["transactionId"].as_str().unwrap());
        assert_eq!(json_of(rig.ask(&transaction).await).await["paymentDetails"], json!([detail]));

        let attempt = rig.told("subscription.redemption.transaction.completed").await["payload"].clone();
        assert_eq!((&attempt["state"], &attempt["paymentDetails"][0]["state"]), (&json!("PENDING"), &json!("COMPLETED")));
        let order = rig.told("subscription.redemption.order.completed").await["payload"].clone();
        assert_eq!((&order["state"], &order["paymentDetails"]), (&json!("COMPLETED"), &json!([detail])));
        assert_eq!(code_of(rig.redeem(api, "n-1").await).await, (400, "INVALID_REDEMPTION_STATE".to_owned()));
    }
}

#[tokio::test]
async fn the_page_of_a_debit_says_who_decides_it() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    rig.notify(CHECKOUT, "n-1", "sub-1").await;
    let url = rig.running.sandbox().order("n-1").unwrap().pay_url;
    let text = rig.client.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("This is a debit of the mandate") && text.contains("subscription.notification.completed"));
    assert!(!text.contains("Succeed") && !text.contains("This order is over"));
    let answer = rig.client.post(&url).form(&[("outcome", "success")]).send().await.unwrap();
    assert_eq!(answer.status(), 409);
}

#[tokio::test]
async fn what_was_debited_can_be_refunded() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    rig.notify(CHECKOUT, "n-1", "sub-1").await;
    rig.running.sandbox().advance_clock(DAY);
    rig.redeem(CHECKOUT, "n-1").await;
    let refund = json!({"merchantRefundId": "r-1", "originalMerchantOrderId": "n-1", "amount": 29_900});
    assert_eq!(rig.call("payments/v2/refund", &refund).await.status(), 200);
    assert_eq!(json_of(rig.ask("payments/v2/refund/r-1/status").await).await["state"], "COMPLETED");
}

#[tokio::test]
async fn only_an_active_mandate_is_notified_and_redeemed() {
    let rig = rig().await;
    rig.set_up(CHECKOUT, "o-1", "sub-1").await;
    let wrong = (400, "INVALID_SUBSCRIPTION_STATE".to_owned());
    assert_eq!(code_of(rig.notify(CHECKOUT, "n-1", "sub-1").await).await, wrong);
    let sandbox = rig.running.sandbox();
    sandbox.pay("o-1", Outcome::Success, Mode::Upi).unwrap();
    assert_eq!(rig.notify(CHECKOUT, "n-1", "sub-1").await.status(), 200);
    sandbox.act("sub-1", UserAct::Pause).unwrap();
    assert_eq!(code_of(rig.notify(CHECKOUT, "n-2", "sub-1").await).await, wrong);
    sandbox.advance_clock(DAY);
    assert_eq!(code_of(rig.redeem(CHECKOUT, "n-1").await).await, wrong);
    sandbox.act("sub-1", UserAct::Revoke).unwrap();
    assert_eq!(code_of(rig.redeem(CHECKOUT, "n-1").await).await, wrong);
}

#[tokio::test]
async fn a_pause_voids_the_notification_for_good() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    rig.mandate(CHECKOUT, "sub-2").await;
    rig.notify(CHECKOUT, "n-1", "sub-1").await;
    rig.notify(CHECKOUT, "n-2", "sub-2").await;
    let sandbox = rig.running.sandbox();
    for act in [UserAct::Pause, UserAct::Unpause] {
        sandbox.act("sub-1", act).unwrap();
    }
    sandbox.advance_clock(DAY);
    assert_eq!(code_of(rig.redeem(CHECKOUT, "n-1").await).await, (400, "INVALID_REDEMPTION_STATE".to_owned()));
    assert_eq!(rig.redeem(CHECKOUT, "n-2").await.status(), 200);
    assert_eq!(rig.notify(CHECKOUT, "n-3", "sub-1").await.status(), 200);
    assert_eq!(code_of(rig.redeem(CHECKOUT, "n-3").await).await, (400, "REDEMPTION_TOO_EARLY".to_owned()));
    sandbox.advance_clock(DAY);
    assert_eq!(rig.redeem(CHECKOUT, "n-3").await.status(), 200);
}

#[tokio::test]
async fn a_debit_that_is_not_redeemed_fails_two_days_after_notify_whatever_was_asked() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    for (order, asked_ms, expires_ms) in
        [("n-1", START_MS + 30 * DAY_MS, START_MS + 2 * DAY_MS), ("n-2", START_MS + DAY_MS, START_MS + DAY_MS)]
    {
        let mut body = request(CHECKOUT, order, "sub-1");
        body["expireAt"] = json!(asked_ms);
        assert_eq!(json_of(rig.call("checkout/v2/subscriptions/notify", &body).await).await["expireAt"], expires_ms);
    }
    let sandbox = rig.running.sandbox();
    sandbox.advance_clock(DAY);
    assert_eq!((rig.debit_state("n-1"), rig.debit_state("n-2")), (OrderState::Notified, OrderState::Failed));
    sandbox.advance_clock(DAY);
    assert_eq!(rig.debit_state("n-1"), OrderState::Failed);
    let told = rig.told("subscription.redemption.order.failed").await["payload"].clone();
    assert_eq!(
        (&told["merchantOrderId"], &told["state"], &told["detailedErrorCode"]),
        (&json!("n-1"), &json!("FAILED"), &json!("TXN_AUTO_FAILED"))
    );
    assert_eq!(rig.redeem(CHECKOUT, "n-1").await.status(), 400);
}

#[tokio::test]
async fn with_auto_debit_the_money_is_taken_after_a_day_without_a_call() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    rig.mandate(CHECKOUT, "paused").await;
    for (order, mandate) in [("n-1", "sub-1"), ("n-2", "paused")] {
        let mut body = request(CHECKOUT, order, mandate);
        body["paymentFlow"]["autoDebit"] = json!(true);
        assert_eq!(rig.call("checkout/v2/subscriptions/notify", &body).await.status(), 200);
    }
    let sandbox = rig.running.sandbox();
    sandbox.act("paused", UserAct::Pause).unwrap();
    sandbox.advance_clock(ALMOST_A_DAY);
    assert_eq!(rig.debit_state("n-1"), OrderState::Notified);
    // Even if the clock jumps over the order's end.
    sandbox.advance_clock(DAY * 3);
    assert_eq!((rig.debit_state("n-1"), rig.debit_state("n-2")), (OrderState::Completed, OrderState::Failed));
    let mut body = request(CHECKOUT, "n-3", "sub-1");
    body["paymentFlow"]["autoDebit"] = json!(true);
    rig.call("checkout/v2/subscriptions/notify", &body).await;
    assert_eq!(code_of(rig.redeem(CHECKOUT, "n-3").await).await, (400, "INVALID_REDEMPTION_STATE".to_owned()));
}

#[tokio::test]
async fn notifications_and_debits_end_as_the_weather_or_a_script_says() {
    let rig = rig().await;
    rig.mandate(SUBSCRIPTIONS, "sub-1").await;
    let sandbox = rig.running.sandbox();
    rig.set_weather(json!({"auto_notify": "fail"})).await;
    rig.notify(SUBSCRIPTIONS, "n-1", "sub-1").await;
    let status = rig.debit_status(SUBSCRIPTIONS, "n-1").await;
    assert_eq!((&status["state"], &status["errorCode"]), (&json!("FAILED"), &json!("UPI_BACKBONE_ERROR")));
    assert_eq!(rig.told("subscription.notification.failed").await["payload"]["state"], "FAILED");

    rig.set_weather(json!({"auto_notify": "none", "auto_redeem": "none"})).await;
    rig.notify(SUBSCRIPTIONS, "n-2", "sub-1").await;
    assert_eq!(rig.debit_status(SUBSCRIPTIONS, "n-2").await["state"], "NOTIFICATION_IN_PROGRESS");
    sandbox.advance_clock(Duration::from_secs(3600));
    let step = async |step: &str| rig.control("/control/redemptions/n-2", &json!({ "step": step })).await.status();
    assert_eq!(step("succeed").await, 409);
    assert_eq!(step("notify").await, 200);
    // The day begins with the notification, not with the call for it.
    sandbox.advance_clock(ALMOST_A_DAY);
    assert_eq!(rig.redeem(SUBSCRIPTIONS, "n-2").await.status(), 400);
    sandbox.advance_clock(Duration::from_secs(1));
    assert_eq!(rig.redeem(SUBSCRIPTIONS, "n-2").await.status(), 200);
    assert_eq!(rig.debit_status(SUBSCRIPTIONS, "n-2").await["state"], "PENDING");
    assert_eq!(step("fail_attempt").await, 200);
    let attempt = rig.told("subscription.redemption.transaction.failed").await["payload"].clone();
    assert_eq!((&attempt["state"], &attempt["paymentDetails"][0]["errorCode"]), (&json!("PENDING"), &json!("INSUFFICIENT_BALANCE")));
    // PhonePe tries again by itself, not the merchant.
    assert_eq!(rig.redeem(SUBSCRIPTIONS, "n-2").await.status(), 400);
    assert_eq!(step("fail").await, 200);
    let status = rig.debit_status(SUBSCRIPTIONS, "n-2").await;
    assert_eq!((&status["state"], status["paymentDetails"].as_array().unwrap().len()), (&json!("FAILED"), 2));
    assert_eq!(rig.told("subscription.redemption.order.failed").await["payload"]["detailedErrorCode"], "Z9");
    assert_eq!(step("succeed").await, 409);
    assert_eq!(sandbox.redemption("setup-sub-1", RedemptionStep::Succeed).unwrap_err(), ControlError::UnknownRedemption);
    assert_eq!(sandbox.pay("n-2", Outcome::Success, Mode::Upi).unwrap_err(), ControlError::NotPayable);
}

#[tokio::test]
async fn a_merchant_who_tries_again_themselves_has_three_retries_off_peak_and_ninety_minutes_apart() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    rig.set_weather(json!({"auto_redeem": "fail_attempt"})).await;
    let sandbox = rig.running.sandbox();
    // 22:00 Indian time.
    sandbox.set_clock("2026-03-01T16:30:00Z".parse().unwrap()).unwrap();
    let mut body = request(CHECKOUT, "n-1", "sub-1");
    body["paymentFlow"]["redemptionRetryStrategy"] = json!("CUSTOM");
    assert_eq!(rig.call("checkout/v2/subscriptions/notify", &body).await.status(), 200);
    sandbox.advance_clock(DAY);
    assert_eq!(rig.redeem(CHECKOUT, "n-1").await.status(), 200);
    assert_eq!(rig.redeem(CHECKOUT, "n-1").await.status(), 400);
    for (minutes, status) in [(89, 400), (1, 200), (90, 200), (690, 400), (105, 200), (300, 400)] {
        sandbox.advance_clock(Duration::from_secs(minutes * 60));
        assert_eq!(rig.redeem(CHECKOUT, "n-1").await.status(), status, "after {minutes} minutes more");
    }
    assert_eq!(rig.debit_status(CHECKOUT, "n-1").await["paymentDetails"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn the_customer_may_pause_or_revoke_as_soon_as_they_are_notified() {
    let rig = rig().await;
    for (mandate, act, state) in [("sub-1", "pause", "PAUSED"), ("sub-2", "revoke", "REVOKED")] {
        rig.mandate(CHECKOUT, mandate).await;
        rig.set_weather(json!({ "after_notification": act })).await;
        rig.notify(CHECKOUT, &format!("n-{mandate}"), mandate).await;
        assert_eq!(rig.mandate_status(CHECKOUT, mandate).await["state"], state);
    }
}

#[tokio::test]
async fn an_answer_that_goes_wrong_may_hide_what_was_done() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    rig.set_weather(json!({"notify": {"http_status": 500}})).await;
    assert_eq!(rig.notify(CHECKOUT, "n-1", "sub-1").await.status(), 500);
    assert!(rig.running.sandbox().order("n-1").is_none());
    rig.set_weather(json!({"notify": {"http_status": 500, "after_commit": true}})).await;
    assert_eq!(rig.notify(CHECKOUT, "n-1", "sub-1").await.status(), 500);
    rig.running.sandbox().advance_clock(DAY);
    rig.set_weather(json!({"redeem": {"html_body": true, "after_commit": true}})).await;
    assert_eq!(rig.redeem(CHECKOUT, "n-1").await.status(), 502);
    assert_eq!(rig.debit_state("n-1"), OrderState::Completed);
    rig.set_weather(json!({"cancel": {"http_status": 429}})).await;
    assert_eq!(code_of(rig.cancel(CHECKOUT, "sub-1").await).await, (429, "TOO_MANY_REQUESTS".to_owned()));
    rig.set_weather(json!({"cancel": {"http_status": 500, "after_commit": true}})).await;
    assert_eq!(rig.cancel(CHECKOUT, "sub-1").await.status(), 500);
    assert_eq!(rig.mandate_status(CHECKOUT, "sub-1").await["state"], "CANCELLED");
}

#[tokio::test]
async fn the_status_of_a_debit_may_lag_behind() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    rig.set_weather(json!({"status_lag_ms": 5000})).await;
    rig.notify(CHECKOUT, "n-1", "sub-1").await;
    let status = rig.debit_status(CHECKOUT, "n-1").await;
    assert_eq!((&status["state"], &status["paymentFlow"]["validAfter"]), (&json!("NOTIFICATION_IN_PROGRESS"), &Value::Null));
    rig.running.sandbox().advance_clock(DAY);
    rig.redeem(CHECKOUT, "n-1").await;
    assert_eq!(rig.debit_status(CHECKOUT, "n-1").await["state"], "PENDING");
    rig.advance(5);
    assert_eq!(rig.debit_status(CHECKOUT, "n-1").await["state"], "COMPLETED");
}
