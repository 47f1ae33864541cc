use sandbox::{MandateState, Mode, Outcome, UserAct};
use serde_json::{Value, json};

use crate::rig::{Rig, START_MS, code_of, json_of, rig};

/// One of the two APIs, by its paths and the names that differ.
#[derive(Clone, Copy)]
pub struct Api {
    pub orders: &'static str,
    pub mandates: &'static str,
    pub redemption: &'static str,
}

pub const CHECKOUT: Api =
    Api { orders: "checkout/v2", mandates: "checkout/v2/subscriptions", redemption: "SUBSCRIPTION_CHECKOUT_REDEMPTION" };
pub const SUBSCRIPTIONS: Api = Api { orders: "subscriptions/v2", mandates: "subscriptions/v2", redemption: "SUBSCRIPTION_REDEMPTION" };
pub const MANDATE_EXPIRES_MS: i64 = 1_999_999_999_000;

/// A setup on the hosted page.
pub fn page_setup(order: &str, mandate: &str) -> Value {
    json!({"merchantOrderId": order, "amount": 29_900, "expireAfter": 1200, "paymentFlow": {
        "type": "SUBSCRIPTION_CHECKOUT_SETUP", "message": "Monthly plan",
        "merchantUrls": {"redirectUrl": "https://shop.example/sub/return", "cancelRedirectUrl": "https://shop.example/sub/cancel"},
        "subscriptionDetails": {"subscriptionType": "RECURRING", "merchantSubscriptionId": mandate, "authWorkflowType": "TRANSACTION",
            "amountType": "VARIABLE", "maxAmount": 50_000, "frequency": "MONTHLY", "productType": "UPI_MANDATE",
            "expireAt": MANDATE_EXPIRES_MS}}})
}

/// A setup in the customer's app.
pub fn app_setup(order: &str, mandate: &str) -> Value {
    json!({"merchantOrderId": order, "amount": 200, "expireAt": null, "paymentFlow": {
        "type": "SUBSCRIPTION_SETUP", "merchantSubscriptionId": mandate, "authWorkflowType": "PENNY_DROP", "amountType": "VARIABLE",
        "maxAmount": 50_000, "frequency": "MONTHLY", "expireAt": MANDATE_EXPIRES_MS,
        "paymentMode": {"type": "UPI_INTENT", "targetApp": "com.phonepe.app"}}, "deviceContext": {"deviceOS": "ANDROID"}})
}

impl Rig {
    /// Asks for a mandate that the customer has not approved yet.
    pub async fn set_up(&self, api: Api, order: &str, mandate: &str) -> Value {
        let answer = if api.orders == CHECKOUT.orders {
            self.pay(&page_setup(order, mandate)).await
        } else {
            self.call("subscriptions/v2/setup", &app_setup(order, mandate)).await
        };
        assert_eq!(answer.status(), 200);
        json_of(answer).await
    }

    /// A mandate that is approved.
    pub async fn mandate(&self, api: Api, mandate: &str) {
        let order = format!("setup-{mandate}");
        self.set_up(api, &order, mandate).await;
        self.running.sandbox().pay(&order, Outcome::Success, Mode::Upi).unwrap();
        assert_eq!(self.mandate_state(mandate), MandateState::Active);
    }

    pub fn mandate_state(&self, mandate: &str) -> MandateState {
        self.running.sandbox().mandate(mandate).unwrap().state
    }

    pub async fn mandate_status(&self, api: Api, mandate: &str) -> Value {
        json_of(self.ask(&format!("{}/{mandate}/status", api.mandates)).await).await
    }

    /// Without a body, as the SDK does it.
    pub async fn cancel(&self, api: Api, mandate: &str) -> reqwest::Response {
        let path = format!("/apis/pg/{}/{mandate}/cancel", api.mandates);
        self.post(&path).header("authorization", self.token().await).send().await.unwrap()
    }
}

#[tokio::test]
async fn a_setup_on_the_page_answers_like_a_payment_and_one_in_the_app_with_an_intent() {
    let rig = rig().await;
    let page = rig.set_up(CHECKOUT, "o-1", "sub-1").await;
    assert_eq!((&page["state"], &page["expireAt"]), (&json!("PENDING"), &json!(START_MS + 1_200_000)));
    let text = rig.client.get(page["redirectUrl"].as_str().unwrap()).send().await.unwrap().text().await.unwrap();
    for part in ["sub-1", "₹500.00", "SUBSCRIPTION_CHECKOUT_SETUP", "https://shop.example/sub/return"] {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains("Credit card"));
    let app = rig.set_up(SUBSCRIPTIONS, "o-2", "sub-2").await;
    assert_eq!((&app["state"], &app["expireAt"]), (&json!("PENDING"), &json!(START_MS + 600_000)));
    assert!(app["intentUrl"].as_str().unwrap().starts_with("upi://mandate?"));
    let mut collect = app_setup("o-3", "sub-3");
    collect["paymentFlow"]["paymentMode"] = json!({"type": "UPI_COLLECT", "details": {"type": "VPA", "vpa": "x@ybl"}, "message": null});
    let collect = json_of(rig.call("subscriptions/v2/setup", &collect).await).await;
    assert_eq!((&collect["state"], collect.get("intentUrl")), (&json!("PENDING"), None));
    for mandate in ["sub-1", "sub-2", "sub-3"] {
        assert_eq!(rig.mandate_state(mandate), MandateState::ActivationInProgress);
    }
}

#[tokio::test]
async fn a_paid_setup_activates_its_mandate_and_is_told_with_the_mandate_nested() {
    let rig = rig().await;
    for (api, order, mandate, event, flow) in [
        (CHECKOUT, "o-1", "sub-1", "checkout.order.completed", "SUBSCRIPTION_CHECKOUT_SETUP"),
        (SUBSCRIPTIONS, "o-2", "sub-2", "subscription.setup.order.completed", "SUBSCRIPTION_SETUP"),
    ] {
        rig.set_up(api, order, mandate).await;
        let paid = rig.control(&format!("/control/orders/{order}/pay"), &json!({"outcome": "success", "mode": "card"})).await;
        assert_eq!(paid.status(), 200);
        let told = rig.told(event).await;
        let payload = &told["payload"];
        assert_eq!(told["type"], event.to_uppercase().replace('.', "_"));
        assert_eq!((&payload["merchantOrderId"], &payload["state"]), (&json!(order), &json!("COMPLETED")));
        assert_eq!(payload["merchantSubscriptionId"], Value::Null);
        let subscription_id = payload["paymentFlow"]["subscriptionId"].clone();
        assert!(subscription_id.as_str().unwrap().starts_with("OMS"));
        let status = json_of(rig.ask(&format!("{}/order/{order}/status", api.orders)).await).await;
        assert_eq!((&status["state"], &status["merchantOrderId"]), (&json!("COMPLETED"), &json!(order)));
        // A mandate is paid by UPI, whatever the script says.
        assert_eq!(status["paymentDetails"][0]["paymentMode"], "UPI_INTENT");
        assert_eq!(status["paymentFlow"], payload["paymentFlow"]);
        assert_eq!((&status["paymentFlow"]["type"], &status["paymentFlow"]["merchantSubscriptionId"]), (&json!(flow), &json!(mandate)));
        let auth = if api.orders == CHECKOUT.orders { "TRANSACTION" } else { "PENNY_DROP" };
        assert_eq!(
            rig.mandate_status(api, mandate).await,
            json!({"merchantSubscriptionId": mandate, "subscriptionId": subscription_id, "state": "ACTIVE", "authWorkflowType": auth,
                "amountType": "VARIABLE", "maxAmount": 50_000, "frequency": "MONTHLY", "expireAt": MANDATE_EXPIRES_MS,
                "pauseStartDate": null, "pauseEndDate": null})
        );
    }
}

#[tokio::test]
async fn a_setup_that_fails_or_expires_fails_its_mandate_and_a_late_payment_activates_it() {
    let rig = rig().await;
    for (api, order, mandate) in [(CHECKOUT, "o-1", "sub-1"), (SUBSCRIPTIONS, "o-2", "sub-2")] {
        rig.set_up(api, order, mandate).await;
        rig.running.sandbox().pay(order, Outcome::Fail, Mode::Upi).unwrap();
        assert_eq!(rig.mandate_status(api, mandate).await["state"], "FAILED");
    }
    assert_eq!(rig.told("subscription.setup.order.failed").await["payload"]["paymentFlow"]["merchantSubscriptionId"], "sub-2");
    rig.set_up(CHECKOUT, "o-3", "sub-3").await;
    rig.advance(1200);
    rig.running.sandbox().catch_up();
    assert_eq!(rig.mandate_state("sub-3"), MandateState::Failed);
    rig.running.sandbox().pay("o-3", Outcome::Success, Mode::Upi).unwrap();
    assert_eq!(rig.mandate_state("sub-3"), MandateState::Active);
}

#[tokio::test]
async fn the_weather_approves_new_mandates() {
    let rig = rig().await;
    rig.set_weather(json!({"auto_pay": "success"})).await;
    rig.set_up(CHECKOUT, "o-1", "sub-1").await;
    rig.set_weather(json!({"auto_pay": "fail"})).await;
    rig.set_up(SUBSCRIPTIONS, "o-2", "sub-2").await;
    assert_eq!((rig.mandate_state("sub-1"), rig.mandate_state("sub-2")), (MandateState::Active, MandateState::Failed));
}

#[tokio::test]
async fn the_customer_pauses_unpauses_and_revokes_and_each_is_told_with_the_mandate_at_the_root() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    let act = async |act: &str| rig.control("/control/mandates/sub-1", &json!({ "act": act })).await;
    assert_eq!(act("unpause").await.status(), 409);
    for (name, event, state) in [
        ("pause", "subscription.paused", "PAUSED"),
        ("unpause", "subscription.unpaused", "ACTIVE"),
        ("revoke", "subscription.revoked", "REVOKED"),
    ] {
        assert_eq!(json_of(act(name).await).await["state"], state);
        let told = rig.told(event).await;
        let status = rig.mandate_status(CHECKOUT, "sub-1").await;
        assert_eq!(told, json!({"event": event, "type": event.to_uppercase().replace('.', "_"), "payload": status}));
        assert_eq!((&status["state"], &status["merchantSubscriptionId"]), (&json!(state), &json!("sub-1")));
        assert_eq!(status["pauseStartDate"], if state == "PAUSED" { json!(START_MS) } else { Value::Null });
    }
    assert_eq!(act("pause").await.status(), 409);
    assert_eq!(act("delete").await.status(), 400);
    assert_eq!(rig.control("/control/mandates/sub-2", &json!({"act": "pause"})).await.status(), 404);
    assert_eq!(json_of(rig.get("/control/mandates").send().await.unwrap()).await[0]["state"], "REVOKED");
}

#[tokio::test]
async fn the_merchant_cancels_without_a_body_even_while_the_mandate_is_paused() {
    let rig = rig().await;
    for (api, mandate) in [(CHECKOUT, "sub-1"), (SUBSCRIPTIONS, "sub-2")] {
        rig.mandate(api, mandate).await;
        rig.running.sandbox().act(mandate, UserAct::Pause).unwrap();
        let answer = rig.cancel(api, mandate).await;
        assert_eq!(answer.status(), 204);
        assert_eq!(answer.text().await.unwrap(), "");
        assert_eq!(rig.mandate_status(api, mandate).await["state"], "CANCELLED");
        assert_eq!(code_of(rig.cancel(api, mandate).await).await, (400, "INVALID_SUBSCRIPTION_STATE".to_owned()));
    }
    assert_eq!(rig.told("subscription.cancelled").await["payload"]["state"], "CANCELLED");
    rig.set_up(CHECKOUT, "o-3", "sub-3").await;
    assert_eq!(rig.cancel(CHECKOUT, "sub-3").await.status(), 400);
    assert_eq!(code_of(rig.cancel(CHECKOUT, "nobody").await).await, (400, "INVALID_MERCHANT_SUBSCRIPTION_ID".to_owned()));
}

#[tokio::test]
async fn the_two_apis_do_not_know_each_others_mandates_and_orders() {
    let rig = rig().await;
    for (api, other, mandate) in [(CHECKOUT, SUBSCRIPTIONS, "sub-1"), (SUBSCRIPTIONS, CHECKOUT, "sub-2")] {
        rig.mandate(api, mandate).await;
        let unknown = (400, "INVALID_MERCHANT_SUBSCRIPTION_ID".to_owned());
        assert_eq!(code_of(rig.ask(&format!("{}/{mandate}/status", other.mandates)).await).await, unknown);
        assert_eq!(code_of(rig.cancel(other, mandate).await).await, unknown);
        assert_eq!(code_of(rig.notify(other, &format!("n-{mandate}"), mandate).await).await, unknown);
        let order = format!("order/setup-{mandate}/status");
        assert_eq!(rig.ask(&format!("{}/{order}", api.orders)).await.status(), 200);
        assert_eq!(code_of(rig.ask(&format!("{}/{order}", other.orders)).await).await, (400, "INVALID_MERCHANT_ORDER_ID".to_owned()));
        assert_eq!(rig.notify(api, &format!("n-{mandate}"), mandate).await.status(), 200);
        rig.running.sandbox().advance_clock(crate::debit::DAY);
        assert_eq!(code_of(rig.redeem(other, &format!("n-{mandate}")).await).await, (400, "INVALID_MERCHANT_ORDER_ID".to_owned()));
        assert_eq!(rig.redeem(api, &format!("n-{mandate}")).await.status(), 200);
    }
}

#[tokio::test]
async fn a_status_that_lags_shows_mandates_in_between() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    rig.set_weather(json!({"status_lag_ms": 5000})).await;
    let sandbox = rig.running.sandbox();
    for (act, before, after) in [
        (UserAct::Pause, "PAUSE_IN_PROGRESS", "PAUSED"),
        (UserAct::Unpause, "UNPAUSE_IN_PROGRESS", "ACTIVE"),
        (UserAct::Revoke, "REVOKE_IN_PROGRESS", "REVOKED"),
    ] {
        sandbox.act("sub-1", act).unwrap();
        assert_eq!(rig.mandate_status(CHECKOUT, "sub-1").await["state"], before);
        rig.advance(5);
        assert_eq!(rig.mandate_status(CHECKOUT, "sub-1").await["state"], after);
    }
}

#[tokio::test]
async fn the_page_has_a_button_for_whatever_customer_and_bank_can_do() {
    let rig = rig().await;
    rig.set_weather(json!({"auto_notify": "none", "auto_redeem": "none"})).await;
    rig.mandate(SUBSCRIPTIONS, "sub-1").await;
    rig.notify(SUBSCRIPTIONS, "n-1", "sub-1").await;
    let page = async || rig.get("/").send().await.unwrap().text().await.unwrap();
    let press = async |path: &str, name: &str, value: &str| {
        let answer = rig.post(path).form(&[(name, value)]).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (303, "/"));
    };
    let text = page().await;
    for part in ["Pause the mandate sub-1", "Revoke the mandate sub-1", "Notify the debit n-1"] {
        assert!(text.contains(part), "{part}");
    }
    press("/control/redemptions/n-1", "step", "notify").await;
    rig.running.sandbox().advance_clock(crate::debit::DAY);
    rig.redeem(SUBSCRIPTIONS, "n-1").await;
    let text = page().await;
    for part in ["Succeed the debit n-1", "Fail this try the debit n-1", "Fail the debit n-1"] {
        assert!(text.contains(part), "{part}");
    }
    press("/control/redemptions/n-1", "step", "succeed").await;
    press("/control/mandates/sub-1", "act", "pause").await;
    let text = page().await;
    assert!(text.contains("Unpause the mandate sub-1") && !text.contains("Succeed the debit n-1"));
}
