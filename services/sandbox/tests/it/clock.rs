use std::time::Duration;

use sandbox::{MandateState, OrderState};
use serde_json::json;

use crate::{
    autopay::{CHECKOUT, MANDATE_EXPIRES_MS},
    rig::{START_MS, json_of, rig},
};

#[tokio::test]
async fn a_script_moves_the_clock_and_what_is_due_happens_at_once() {
    let rig = rig().await;
    rig.order("o-1").await;
    let token = rig.token().await;
    let moved = rig.control("/control/clock", &json!({"advance_s": 1200})).await;
    assert_eq!(json_of(moved).await, json!({"now": "2025-11-24T16:20:00Z", "moved_ms": 1_200_000}));
    assert_eq!(rig.running.sandbox().order("o-1").unwrap().state, OrderState::Failed);
    assert_eq!(rig.control("/control/clock", &json!({"now": "2025-12-24T00:00:00Z"})).await.status(), 200);
    let shown = json_of(rig.get("/control/clock").send().await.unwrap()).await;
    assert_eq!(shown["now"], "2025-12-24T00:00:00Z");
    // Tokens go by it, too, and new ones have its date.
    let old = rig.get("/apis/pg/checkout/v2/order/o-1/status").header("authorization", token).send().await.unwrap();
    assert_eq!(old.status(), 401);
    let token = json_of(rig.token_answer(&crate::rig::CREDENTIALS).await).await;
    assert_eq!(token["issued_at"], 1_766_534_400);
}

#[tokio::test]
async fn json_is_understood_whatever_type_it_claims_to_have() {
    let rig = rig().await;
    // As curl's -d has it.
    let curl = rig.post("/control/clock").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(curl.body(r#"{"advance_s": 60}"#).send().await.unwrap().status(), 200);
    assert_eq!(rig.running.sandbox().now().timestamp_millis(), START_MS + 60_000);
}

#[tokio::test]
async fn time_goes_forwards_only_until_everything_is_forgotten() {
    let rig = rig().await;
    for wrong in [
        json!({"now": "2025-11-24T15:59:59Z"}),
        json!({"advance_s": -1}),
        json!({}),
        json!({"advance_s": 1, "now": "2026-01-01T00:00:00Z"}),
    ] {
        assert_eq!(rig.control("/control/clock", &wrong).await.status(), 400, "{wrong}");
    }
    rig.running.sandbox().advance_clock(Duration::from_secs(60));
    rig.running.sandbox().reset();
    assert_eq!(rig.running.sandbox().now().timestamp_millis(), START_MS);
}

#[tokio::test]
async fn people_move_the_clock_on_the_page() {
    let rig = rig().await;
    let page = rig.get("/").send().await.unwrap().text().await.unwrap();
    for part in ["24 Nov 2025 16:00:00 UTC", "Advance 24 hours", "value=86400"] {
        assert!(page.contains(part), "{part}");
    }
    let answer = rig.post("/control/clock").form(&[("advance_s", "86400")]).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (303, "/"));
    assert!(rig.get("/").send().await.unwrap().text().await.unwrap().contains("25 Nov 2025 16:00:00 UTC"));
}

#[tokio::test]
async fn a_mandate_ends_with_its_time() {
    let rig = rig().await;
    rig.mandate(CHECKOUT, "sub-1").await;
    let sandbox = rig.running.sandbox();
    let almost_life = Duration::from_millis(u64::try_from(MANDATE_EXPIRES_MS - START_MS - 1000).unwrap());
    sandbox.advance_clock(almost_life);
    assert_eq!(rig.mandate_state("sub-1"), MandateState::Active);
    sandbox.advance_clock(Duration::from_secs(1));
    assert_eq!(rig.mandate_status(CHECKOUT, "sub-1").await["state"], "EXPIRED");
    assert_eq!(rig.notify(CHECKOUT, "n-1", "sub-1").await.status(), 400);
}

#[tokio::test]
async fn an_order_that_expired_is_paid_late_if_the_weather_says_so() {
    let rig = rig().await;
    rig.set_weather(json!({"late_success_ms": 60_000})).await;
    rig.order("o-1").await;
    let sandbox = rig.running.sandbox();
    let state = || sandbox.order("o-1").unwrap().state;
    sandbox.advance_clock(Duration::from_secs(1200));
    assert_eq!(state(), OrderState::Failed);
    sandbox.advance_clock(Duration::from_secs(59));
    assert_eq!(state(), OrderState::Failed);
    sandbox.advance_clock(Duration::from_secs(1));
    assert_eq!(state(), OrderState::Completed);
    assert_eq!(rig.events(2).await, ["checkout.order.failed", "checkout.order.completed"]);
}
