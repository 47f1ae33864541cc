use serde_json::json;

use crate::rig::{Rig, json_of, rig};

async fn page_of(rig: &Rig, id: &str) -> String {
    rig.order(id).await["redirectUrl"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_pay_page_shows_the_amount_the_order_and_what_will_be_sent() {
    let rig = rig().await;
    let page = page_of(&rig, "o-1").await;
    let text = rig.client.get(&page).send().await.unwrap().text().await.unwrap();
    for part in [
        "₹499.00",
        "o-1",
        "Succeed",
        "Fail",
        "Leave pending",
        "Close",
        "checkout.order.completed",
        "checkout.order.failed",
        "http://shop.example/pay/return?o=1",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[tokio::test]
async fn every_choice_goes_back_to_the_shop_and_has_its_effect() {
    let rig = rig().await;
    for (outcome, state, attempts) in
        [("success", "COMPLETED", 1), ("fail", "FAILED", 1), ("pending", "PENDING", 1), ("close", "PENDING", 0)]
    {
        let page = page_of(&rig, outcome).await;
        let answer = rig.client.post(&page).form(&[("mode", "card"), ("outcome", outcome)]).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        assert_eq!(answer.headers()["location"], "http://shop.example/pay/return?o=1");
        let status = json_of(rig.status(outcome, "").await).await;
        assert_eq!(status["state"], state);
        assert_eq!(status["paymentDetails"].as_array().unwrap().len(), attempts, "{outcome}");
    }
    rig.webhooks(2).await;
}

#[tokio::test]
async fn a_failed_attempt_stays_at_the_page() {
    let rig = rig().await;
    let page = page_of(&rig, "o-1").await;
    let form = [("mode", "upi"), ("outcome", "attempt_failed")];
    let answer = rig.client.post(&page).form(&form).send().await.unwrap();
    assert_eq!(answer.headers()["location"], page.as_str());
}

#[tokio::test]
async fn an_order_that_is_over_cannot_be_decided_again_at_the_page() {
    let rig = rig().await;
    let page = page_of(&rig, "o-1").await;
    let pay = async |outcome: &str| {
        let form = [("mode", "upi"), ("outcome", outcome)];
        rig.client.post(&page).form(&form).send().await.unwrap()
    };
    pay("fail").await;
    let answer = pay("success").await;
    assert_eq!(answer.status(), 409);
    assert!(answer.text().await.unwrap().contains("This order is over."));
    assert_eq!(json_of(rig.status("o-1", "").await).await["state"], "FAILED");
    let unknown = rig.get("/pay/unknown").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn the_dashboard_shows_orders_webhooks_mails_and_weather_and_escapes_them() {
    let rig = rig().await;
    rig.order("o-1").await;
    rig.control("/control/orders/o-1/pay", &json!({"outcome": "success"})).await;
    rig.log(1).await;
    let mail = json!({"from": "a@b.example", "to": "c@d.example", "subject": "<script>", "text": "x"});
    let sent = rig.post("/resend/emails").bearer_auth("re_sandbox").json(&mail).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let text = rig.get("/").send().await.unwrap().text().await.unwrap();
    for part in ["o-1", "COMPLETED", "checkout.order.completed", "&lt;script&gt;", "status_lag_ms"] {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains("<script>"));
}

#[tokio::test]
async fn the_dashboards_form_sets_the_weather_knob_by_knob() {
    let rig = rig().await;
    let set = async |form: &[(&str, &str)]| rig.post("/control/weather").form(form).send().await.unwrap();
    let answer = set(&[("auto_pay", "success"), ("webhook.lost", "on"), ("webhook.delay_ms", ""), ("pay.http_status", " 429 ")]).await;
    assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (303, "/"));
    let weather = json_of(rig.get("/control/weather").send().await.unwrap()).await;
    assert_eq!(
        (&weather["auto_pay"], &weather["webhook"]["lost"], &weather["pay"]["http_status"]),
        (&json!("success"), &json!(true), &json!(429))
    );
    let text = rig.get("/").send().await.unwrap().text().await.unwrap();
    for part in ["name=webhook.lost value=on checked", "name=pay.http_status value=\"429\"", "<option value=success selected>"] {
        assert!(text.contains(part), "{part}");
    }
    assert_eq!(set(&[("webhook.delay_ms", "soon")]).await.status(), 400);
    assert_eq!(set(&[]).await.status(), 303);
    assert_eq!(rig.running.sandbox().weather(), sandbox::Weather::default());
}

#[tokio::test]
async fn the_pay_page_says_what_the_weather_makes_of_the_webhook() {
    let rig = rig().await;
    rig.set_weather(json!({"webhook": {"duplicate": 2, "tamper_amount": 100}, "novelty": {"event": "checkout.order.held"}})).await;
    let page = page_of(&rig, "o-1").await;
    let text = rig.client.get(&page).send().await.unwrap().text().await.unwrap();
    for part in ["it is sent 2 times more, it claims ₹1.00", "checkout.order.held"] {
        assert!(text.contains(part), "{part}");
    }
}
