//! Mandates: approved with the first payment, debited each month, paused, revoked and ended.

use std::time::Duration;

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use sandbox::{AutoNotify, AutoRedeem, MandateState, Outcome, PayWeather, SandboxConfig, UserAct, Weather, WebhookWeather};
use serde_json::{Value, json};

use crate::rig::Rig;

impl Rig {
    async fn initiate_autopay(&self, plan: &str, cycle: &str) -> (StatusCode, Value) {
        let body = json!({ "plan": plan, "cycle": cycle, "autopay": true });
        self.call(Method::POST, "initiate", &self.payer.token, Some(body)).await
    }

    /// A subscription whose mandate is active; what `PhonePe` knows that by.
    pub async fn subscribed(&self) -> String {
        let (status, order) = self.initiate_autopay("ascent", "monthly").await;
        assert_eq!((status, &order["autopay"]), (StatusCode::CREATED, &json!(true)), "{order}");
        let id = order["order_id"].as_str().unwrap().to_owned();
        self.end(&id, Outcome::Success);
        self.make_check_due(&id).await;
        self.wait_for_state(&id, "completed").await;
        self.wait_for_count(1, "select count(*) from payments.subscription where mandate_id is not null").await;
        let [mandate] = self.outside().mandates().try_into().unwrap();
        mandate.merchant_subscription_id
    }

    /// The period ends in thirty hours: the debit is planned, and its payer notified.
    pub async fn notified(&self) -> String {
        self.ends_in(TimeDelta::hours(30)).await;
        self.work_until("select count(*) from payments.debit where state = 'notified'").await;
        self.database.text("select order_id::text as value from payments.debit where state = 'notified'").await.unwrap()
    }

    /// Works on all that is open until `query` counts one. The service's own worker may be at it too.
    async fn work_until(&self, query: &str) {
        for _ in 0..100 {
            self.make_autopay_due().await;
            if self.database.number(query).await >= 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("worked in vain for {query}");
    }

    /// A day later, here and there.
    async fn a_day_later(&self) {
        self.outside().advance_clock(Duration::from_secs(25 * 3600));
        self.sql("update payments.debit set valid_after = now() - interval '1 minute', next_step_at = now() where state = 'notified'")
            .await;
        payments_svc::autopay::work_due(&self.app()).await.unwrap();
    }

    pub async fn make_autopay_due(&self) {
        self.sql("update payments.debit set next_step_at = now() where next_step_at is not null and valid_after is null").await;
        self.sql("update payments.mandate set next_check_at = now() where next_check_at is not null").await;
        payments_svc::autopay::work_due(&self.app()).await.unwrap();
    }

    async fn plan_of(&self) -> Value {
        self.get("subscription").await.1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_payment_approves_a_mandate_that_pays_the_next_month() {
    let rig = Rig::start().await;
    let mandate = rig.subscribed().await;
    assert_eq!(rig.outside().mandate(&mandate).unwrap().state, MandateState::Active);
    assert_eq!(rig.plan_of().await["autopay"], json!(true));
    let order = rig.notified().await;
    assert_eq!(rig.events("payments.subscription.past_due.v1").await, 0);
    rig.a_day_later().await;
    rig.make_check_due(&order).await;
    rig.wait_for_state(&order, "completed").await;
    let ahead = rig.plan_of().await;
    assert_eq!(ahead["next"], json!({ "plan": "ascent", "cycle": "monthly", "paid": true }));
    rig.ends_in(TimeDelta::hours(-1)).await;
    let next = rig.plan_of().await;
    assert_eq!((&next["status"], next.get("next")), (&json!("active"), None));
    assert_eq!(rig.events("payments.subscription.renewed.v1").await, 1);
    assert_eq!(rig.database.number("select count(*) from payments.invoice").await, 2);
    // Nobody who pays by mandate is reminded to pay.
    let reminders = "select count(*) from payments.mail_outbox where purpose_key like 'subscription-%'";
    assert_eq!(rig.database.number(reminders).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_cannot_be_paid_by_mandate_and_a_plan_without_one_is_another_order() {
    let rig = Rig::start().await;
    let (status, problem) = rig.initiate_autopay("ascent", "yearly").await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("PAY-0018")));
    assert_eq!(rig.initiate_autopay("ascent", "monthly").await.0, StatusCode::CREATED);
    assert_eq!(rig.initiate_autopay("ascent", "monthly").await.0, StatusCode::OK);
    let (status, problem) = rig.initiate("ascent", "monthly").await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("PAY-0002")));
    assert_eq!(rig.database.number("select count(*) from payments.mandate").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_suspends_and_its_end_resumes() {
    let rig = Rig::start().await;
    let mandate = rig.subscribed().await;
    rig.outside().act(&mandate, UserAct::Pause).unwrap();
    rig.wait_for_count(1, "select count(*) from payments.subscription where status = 'paused'").await;
    assert_eq!(rig.plan_of().await["entitled"], json!(false));
    rig.outside().act(&mandate, UserAct::Unpause).unwrap();
    rig.wait_for_count(1, "select count(*) from payments.subscription where status = 'active'").await;
    assert_eq!((rig.events("payments.subscription.paused.v1").await, rig.events("payments.subscription.resumed.v1").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_pause_between_notice_and_debit_the_payer_is_told_anew() {
    let rig = Rig::start().await;
    let mandate = rig.subscribed().await;
    let first = rig.notified().await;
    rig.outside().act(&mandate, UserAct::Pause).unwrap();
    rig.wait_for_count(1, "select count(*) from payments.subscription where status = 'paused'").await;
    rig.a_day_later().await;
    rig.wait_for_count(1, "select count(*) from payments.debit where state = 'failed' and failure_code = 'paused'").await;
    rig.outside().act(&mandate, UserAct::Unpause).unwrap();
    rig.wait_for_count(1, "select count(*) from payments.subscription where status = 'active'").await;
    let second = rig.notified().await;
    assert_ne!(first, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_mandate_pays_no_more_and_its_payer_is_reminded_again() {
    let rig = Rig::start().await;
    let mandate = rig.subscribed().await;
    rig.outside().act(&mandate, UserAct::Revoke).unwrap();
    rig.wait_for_count(1, "select count(*) from payments.mandate where state = 'revoked'").await;
    let plan = rig.plan_of().await;
    assert_eq!((&plan["status"], &plan["autopay"]), (&json!("active"), &json!(false)));
    rig.ends_in(TimeDelta::days(2)).await;
    assert_eq!(rig.database.number("select count(*) from payments.debit").await, 0);
    let reminders = "select count(*) from payments.mail_outbox where purpose_key like 'subscription-renewal-due/%'";
    assert_eq!(rig.database.number(reminders).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_the_plan_ends_the_mandate_and_every_webhook_may_be_lost() {
    let rig = Rig::start().await;
    let webhook = WebhookWeather { lost: true, ..WebhookWeather::default() };
    rig.outside().set_weather(Weather { webhook, ..Weather::default() });
    let mandate = rig.subscribed().await;
    let cancel = json!({ "at": "period_end" });
    assert_eq!(rig.call(Method::POST, "subscription/cancel", &rig.payer.token, Some(cancel)).await.0, StatusCode::OK);
    rig.wait_for_count(1, "select count(*) from payments.mandate where state = 'canceled'").await;
    assert_eq!(rig.outside().mandate(&mandate).unwrap().state, MandateState::Cancelled);
    assert_eq!(rig.plan_of().await["status"], json!("canceled"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_notice_is_no_open_debit_and_another_is_tried() {
    let rig = Rig::start().await;
    rig.subscribed().await;
    let notify = PayWeather { http_status: Some(400), ..PayWeather::default() };
    rig.outside().set_weather(Weather { notify, ..Weather::default() });
    rig.ends_in(TimeDelta::hours(30)).await;
    rig.work_until("select count(*) from payments.debit where state = 'failed'").await;
    assert!(rig.database.number("select count(*) from payments.orders where kind = 'debit' and state = 'failed'").await >= 1);
    rig.outside().set_weather(Weather::default());
    rig.notified().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_makes_no_second_debit() {
    let rig = Rig::start().await;
    rig.subscribed().await;
    let notify = PayWeather { http_status: Some(500), after_commit: true, ..PayWeather::default() };
    rig.outside().set_weather(Weather { notify, ..Weather::default() });
    let order = rig.notified().await;
    let redeem = PayWeather { http_status: Some(500), after_commit: true, ..PayWeather::default() };
    rig.outside().set_weather(Weather { redeem, ..Weather::default() });
    rig.a_day_later().await;
    rig.make_check_due(&order).await;
    rig.wait_for_state(&order, "completed").await;
    assert_eq!(rig.outside().orders().iter().filter(|order| order.is_debit).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_that_fails_leaves_the_period_due_and_its_payer_told() {
    let rig = Rig::start().await;
    rig.subscribed().await;
    rig.outside().set_weather(Weather { auto_redeem: AutoRedeem::Fail, ..Weather::default() });
    let order = rig.notified().await;
    rig.a_day_later().await;
    rig.make_check_due(&order).await;
    rig.wait_for_state(&order, "failed").await;
    rig.ends_in(TimeDelta::hours(-1)).await;
    assert_eq!(rig.plan_of().await["status"], json!("past_due"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payer_who_was_not_told_is_not_debited() {
    let rig = Rig::start().await;
    rig.subscribed().await;
    rig.outside().set_weather(Weather { auto_notify: AutoNotify::Fail, ..Weather::default() });
    rig.ends_in(TimeDelta::hours(30)).await;
    rig.work_until("select count(*) from payments.debit where state = 'failed'").await;
    assert_eq!(rig.events("payments.payment.confirmed.v1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_api_works_alike() {
    let changes = [("GROUNDWORK__PAYMENTS__PHONEPE__AUTOPAY_API", "subscriptions")];
    let rig = Rig::start_with(SandboxConfig::default(), &changes).await;
    rig.subscribed().await;
    let order = rig.notified().await;
    rig.a_day_later().await;
    rig.make_check_due(&order).await;
    rig.wait_for_state(&order, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_make_one_debit_of_a_period() {
    let rig = Rig::start().await;
    rig.subscribed().await;
    let replicas: Vec<_> = (0..4).map(|_| rig.app()).collect();
    let all_work = async || {
        let work = replicas.iter().map(|app| payments_svc::autopay::work_due(app));
        for done in futures_util::future::join_all(work).await {
            done.unwrap();
        }
    };
    rig.ends_in(TimeDelta::hours(30)).await;
    all_work().await;
    rig.work_until("select count(*) from payments.debit where state = 'notified'").await;
    let order = rig.database.text("select order_id::text as value from payments.debit").await.unwrap();
    rig.a_day_later().await;
    all_work().await;
    rig.make_check_due(&order).await;
    rig.wait_for_state(&order, "completed").await;
    assert_eq!(rig.outside().orders().iter().filter(|order| order.is_debit).count(), 1);
    assert_eq!(rig.database.number("select count(*) from payments.debit").await, 1);
    assert_eq!(rig.events("payments.payment.confirmed.v1").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_by_hand_after_the_notice_is_not_debited_too() {
    let rig = Rig::start().await;
    rig.subscribed().await;
    rig.notified().await;
    let (status, order) = rig.initiate("ascent", "monthly").await;
    assert_eq!(status, StatusCode::CREATED, "{order}");
    let by_hand = order["order_id"].as_str().unwrap().to_owned();
    rig.end(&by_hand, Outcome::Success);
    rig.make_check_due(&by_hand).await;
    rig.wait_for_state(&by_hand, "completed").await;
    rig.a_day_later().await;
    rig.wait_for_count(1, "select count(*) from payments.debit where state = 'failed' and failure_code = 'no_longer_due'").await;
    assert_eq!(rig.events("payments.payment.confirmed.v1").await, 2);
    assert_eq!(rig.database.number("select count(*) from payments.refund").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_chooses_another_plan_after_the_notice_is_told_of_its_price_first() {
    let rig = Rig::start().await;
    rig.subscribed().await;
    rig.notified().await;
    let choice = json!({ "plan": "soar", "cycle": "monthly" });
    let (status, answer) = rig.call(Method::POST, "subscription/plan", &rig.payer.token, Some(choice)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    rig.a_day_later().await;
    rig.wait_for_count(1, "select count(*) from payments.debit where state = 'failed' and failure_code = 'no_longer_due'").await;
    rig.work_until("select count(*) from payments.debit where state = 'notified'").await;
    let told = "select count(*) from payments.orders o join payments.debit d on d.order_id = o.id where d.state = 'notified' and o.amount = 1000000";
    assert_eq!(rig.database.number(told).await, 1);
}
