use domain::{event::Event, ids::EventId, subscription::SubscriptionState};
use serde_json::json;

use crate::rig::{Rig, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_payment_unlocks_once_however_often_and_in_whatever_order_it_is_told() {
    let rig = Rig::locked().await;
    assert_eq!(rig.get("/api/onboarding").await.expect(200).body["status"], "locked");
    let (id, first) = (EventId::generate(), rig.confirmed());
    // Before the workspace is known here, three times, once under another event id; then a second payment.
    rig.deliver_as(id, &first, 1).await;
    rig.deliver_as(id, &first, 1).await;
    rig.deliver(&first, 1).await;
    rig.deliver(&rig.provisioned(), 1).await;
    rig.deliver(&rig.confirmed(), 1).await;
    assert_eq!(rig.events().await, ["unlocked"]);
    assert_eq!(rig.database.number("select count(*) from onboarding.unlock").await, 1);
    let unlocked_by_first = format!("select count(*) from onboarding.unlock where event_id = '{id}' and source = 'payment'");
    assert_eq!(rig.database.number(&unlocked_by_first).await, 1);
    let resume = rig.get("/api/onboarding").await.expect(200);
    assert_eq!(resume.body["status"], "unlocked");
    assert_eq!(resume.body["steps"].as_array().unwrap().len(), 23);
    assert_eq!((&resume.body["percent"], &resume.body["next_step"]), (&json!(0), &json!("company")));
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_delivered_at_the_same_moment_unlock_once() {
    let rig = Rig::locked().await;
    let (first, second, third) = (rig.confirmed(), rig.confirmed(), rig.confirmed());
    tokio::join!(rig.deliver(&first, 1), rig.deliver(&second, 1), rig.deliver(&third, 1), rig.deliver(&first, 1));
    assert_eq!(rig.events().await, ["unlocked"]);
    assert_eq!(rig.database.number("select count(*) from onboarding.unlock").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_unlocks_and_a_lapsed_subscription_suspends_until_it_is_active_again() {
    let rig = Rig::locked().await;
    rig.deliver(&Event::SubscriptionTrialStarted(rig.subscription(SubscriptionState::Trialing)), 1).await;
    assert_eq!(rig.get("/api/onboarding").await.body["status"], "unlocked");
    rig.deliver(&Event::SubscriptionExpired(rig.subscription(SubscriptionState::Expired)), 3).await;
    // Late news of an older state.
    rig.deliver(&Event::SubscriptionResumed(rig.subscription(SubscriptionState::Active)), 2).await;
    assert_eq!(rig.events().await, ["unlocked", "suspended"]);
    eventually("saves are refused", async || {
        let refused = rig.save("company", r#""0""#, &json!({})).await;
        refused.status == 402 && refused.code() == "ONB-0002"
    })
    .await;
    rig.deliver(&Event::SubscriptionActivated(rig.subscription(SubscriptionState::Active)), 4).await;
    assert_eq!(rig.events().await, ["unlocked", "suspended", "resumed"]);
    let revision = rig.get("/api/onboarding/steps/company").await.expect(200).etag();
    rig.save("company", &revision, &json!({})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_lapses_by_time_alone_is_told() {
    let rig = Rig::unlocked().await;
    let mut canceled = rig.subscription(SubscriptionState::Canceled);
    canceled.period_end = canceled.period_start + chrono::TimeDelta::days(2);
    rig.deliver(&Event::SubscriptionCanceled(canceled), 1).await;
    assert_eq!(rig.events().await, ["unlocked"]);
    rig.sql("update onboarding.onboarding set subscription_period_end = now() - interval '1 second'").await;
    // A replica looks as soon as it starts.
    let _replica = rig.replica(&[]);
    eventually("it is suspended", async || rig.events().await == ["unlocked", "suspended"]).await;
}
