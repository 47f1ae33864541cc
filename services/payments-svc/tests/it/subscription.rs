//! A subscription in time: periods end, payers are reminded, cancel, come back and choose another plan.

use std::time::Duration;

use chrono::TimeDelta;
use payments_svc::subscription::lapse;
use reqwest::{Method, StatusCode};
use sandbox::Outcome;
use serde_json::{Value, json};
use testkit::person;

use crate::rig::Rig;

impl Rig {
    async fn subscription(&self) -> Value {
        let (status, body) = self.get("subscription").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    async fn act(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, &format!("subscription/{path}"), &self.payer.token, Some(body)).await
    }

    /// Makes the subscription look as if it ended in `left`, which may be past, and does what is due.
    pub async fn ends_in(&self, left: TimeDelta) {
        let by = format!("(coalesce(grace_end, period_end) - now() - make_interval(secs => {}))", left.num_seconds());
        self.sql(&format!(
            "update payments.subscription set period_start = period_start - {by}, period_end = period_end - {by}, \
             grace_end = grace_end - {by}, due_at = due_at - {by}"
        ))
        .await;
        self.do_what_is_due().await;
    }

    /// Workers of the service may hold a row that is due: it is left to them, and done when they are.
    async fn do_what_is_due(&self) {
        let due = "select count(*) from payments.subscription where status <> 'expired' and coalesce(due_at, period_end) <= now()";
        for _ in 0..100 {
            lapse::work_due(&self.app()).await.unwrap();
            if self.database.number(due).await == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("a subscription stays due");
    }

    async fn mails(&self, purpose: &str) -> i64 {
        self.database.number(&format!("select count(*) from payments.mail_outbox where purpose_key like '{purpose}/%'")).await
    }

    async fn pays(&self, plan: &str, cycle: &str) -> String {
        let (status, order) = self.initiate(plan, cycle).await;
        assert_eq!(status, StatusCode::CREATED, "{order}");
        let id = order["order_id"].as_str().unwrap().to_owned();
        self.end(&id, Outcome::Success);
        self.wait_for_state(&id, "completed").await;
        id
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_period_is_reminded_of_runs_into_its_grace_and_ends() {
    let rig = Rig::start().await;
    rig.paid().await;
    let begun = rig.subscription().await;
    assert_eq!((&begun["status"], &begun["entitled"], &begun["payable"]), (&json!("active"), &json!(true), &json!(false)));
    rig.ends_in(TimeDelta::days(2)).await;
    rig.do_what_is_due().await;
    assert_eq!((rig.mails("subscription-renewal-due").await, rig.subscription().await["payable"] == true), (1, true));
    rig.ends_in(TimeDelta::days(-1)).await;
    let late = rig.subscription().await;
    assert_eq!((&late["status"], &late["entitled"]), (&json!("past_due"), &json!(true)));
    assert_eq!((rig.mails("subscription-past-due").await, rig.events("payments.subscription.past_due.v1").await), (1, 1));
    rig.ends_in(TimeDelta::hours(12)).await;
    assert_eq!(rig.mails("subscription-past-due-again").await, 1);
    rig.ends_in(TimeDelta::hours(-1)).await;
    let over = rig.subscription().await;
    assert_eq!((&over["status"], &over["entitled"]), (&json!("expired"), &json!(false)));
    assert_eq!((rig.mails("subscription-ended").await, rig.events("payments.subscription.expired.v1").await), (1, 1));
    rig.wait_for_metric(r#"payments_subscriptions{state="expired"} 1"#).await;
    rig.pays("glide", "monthly").await;
    let again = rig.subscription().await;
    assert_eq!((&again["status"], &again["plan"]), (&json!("active"), &json!("glide")));
    assert_eq!(rig.events("payments.subscription.activated.v1").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_period_is_paid_ahead_with_another_plan_and_begins_when_the_present_one_ends() {
    let rig = Rig::start().await;
    rig.paid().await;
    assert_eq!(rig.initiate("soar", "yearly").await.0, StatusCode::CONFLICT);
    rig.ends_in(TimeDelta::days(3)).await;
    let present = rig.subscription().await;
    let order = rig.pays("soar", "yearly").await;
    let ahead = rig.subscription().await;
    assert_eq!((&ahead["plan"], &ahead["period_end"]), (&json!("ascent"), &present["period_end"]));
    assert_eq!(ahead["next"], json!({ "plan": "soar", "cycle": "yearly", "paid": true }));
    assert_eq!(rig.initiate("soar", "yearly").await.0, StatusCode::CONFLICT);
    assert_eq!(rig.events("payments.subscription.renewed.v1").await, 0);
    let paid_for = format!(
        "select count(*) from payments.invoice where order_id = '{order}' and content->>'period_start' = '{}'",
        present["period_end"].as_str().unwrap()
    );
    assert_eq!(rig.database.number(&paid_for).await, 1);
    rig.ends_in(TimeDelta::hours(-1)).await;
    let next = rig.subscription().await;
    assert_eq!(
        (&next["plan"], &next["cycle"], &next["status"], next.get("next")),
        (&json!("soar"), &json!("yearly"), &json!("active"), None)
    );
    assert_eq!((rig.events("payments.subscription.renewed.v1").await, rig.events("payments.subscription.past_due.v1").await), (1, 0));
    let moved = format!("select count(*) from payments.subscription where order_id = '{order}' and next_order_id is null");
    assert_eq!(rig.database.number(&moved).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_told_taken_back_and_in_the_end_comes_into_force() {
    let rig = Rig::start().await;
    assert_eq!(rig.get("subscription").await.0, StatusCode::NOT_FOUND);
    assert_eq!(rig.act("cancel", json!({ "at": "now" })).await.0, StatusCode::NOT_FOUND);
    rig.paid().await;
    assert_eq!(rig.act("cancel", json!({ "at": "tomorrow" })).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(rig.act("keep", json!({})).await.0, StatusCode::CONFLICT);
    let (status, canceled) = rig.act("cancel", json!({ "at": "period_end" })).await;
    assert_eq!((status, &canceled["status"], &canceled["entitled"]), (StatusCode::OK, &json!("canceled"), &json!(true)));
    let (status, problem) = rig.act("cancel", json!({ "at": "period_end" })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("PAY-0016")));
    assert_eq!((rig.mails("subscription-canceled").await, rig.events("payments.subscription.canceled.v1").await), (1, 1));
    let (status, kept) = rig.act("keep", json!({})).await;
    assert_eq!((status, &kept["status"]), (StatusCode::OK, &json!("active")));
    assert_eq!(rig.events("payments.subscription.resumed.v1").await, 1);
    rig.act("cancel", json!({ "at": "period_end" })).await;
    rig.ends_in(TimeDelta::hours(-1)).await;
    assert_eq!(rig.subscription().await["status"], json!("expired"));
    assert_eq!((rig.mails("subscription-renewal-due").await, rig.events("payments.subscription.past_due.v1").await), (0, 0));
    let audited =
        "select count(*) from payments.audit_log where action in ('subscription.cancel', 'subscription.keep') and actor_id is not null";
    assert_eq!(rig.database.number(audited).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_now_loses_access_now_and_who_pays_again_gets_a_period() {
    let rig = Rig::start().await;
    rig.paid().await;
    let (_, canceled) = rig.act("cancel", json!({ "at": "now" })).await;
    assert_eq!((&canceled["status"], &canceled["entitled"], &canceled["payable"]), (&json!("canceled"), &json!(false), &json!(true)));
    rig.do_what_is_due().await;
    assert_eq!(rig.subscription().await["status"], json!("expired"));
    rig.pays("ascent", "monthly").await;
    assert_eq!(rig.subscription().await["entitled"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_plan_costs_nothing_until_its_period_and_only_owners_and_admins_choose() {
    let rig = Rig::start().await;
    rig.paid().await;
    let (status, chosen) = rig.act("plan", json!({ "plan": "glide", "cycle": "yearly" })).await;
    assert_eq!((status, &chosen["plan"]), (StatusCode::OK, &json!("ascent")));
    assert_eq!(chosen["next"], json!({ "plan": "glide", "cycle": "yearly", "paid": false }));
    let (_, back) = rig.act("plan", json!({ "plan": "ascent", "cycle": "monthly" })).await;
    assert_eq!(back.get("next"), None);
    assert_eq!(rig.act("plan", json!({ "plan": "huge", "cycle": "yearly" })).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let stranger = person(&rig.database).await;
    assert_eq!(rig.call(Method::GET, "subscription", &stranger.token, None).await.0, StatusCode::NOT_FOUND);
    rig.sql(&format!("update identity.memberships set role = 'member' where user_id = '{}'", rig.payer.user)).await;
    assert_eq!(rig.act("plan", json!({ "plan": "glide", "cycle": "monthly" })).await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.get("subscription").await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_is_offered_by_setting_once_and_ends_by_itself() {
    let rig = Rig::start().await;
    let (status, problem) = rig.act("trial", json!({ "plan": "glide" })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("PAY-0019")));
    let rig = Rig::start_with(sandbox::SandboxConfig::default(), &[("GROUNDWORK__PAYMENTS__TRIAL_DAYS", "14")]).await;
    let (status, trial) = rig.act("trial", json!({ "plan": "glide" })).await;
    assert_eq!((status, &trial["status"], &trial["entitled"]), (StatusCode::CREATED, &json!("trialing"), &json!(true)));
    assert_eq!(rig.act("trial", json!({ "plan": "glide" })).await.0, StatusCode::CONFLICT);
    assert_eq!(rig.events("payments.subscription.trial_started.v1").await, 1);
    rig.ends_in(TimeDelta::days(2)).await;
    assert_eq!(rig.mails("subscription-trial-ending").await, 1);
    rig.ends_in(TimeDelta::hours(-1)).await;
    assert_eq!(rig.subscription().await["status"], json!("expired"));
    assert_eq!(rig.act("trial", json!({ "plan": "glide" })).await.0, StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_replicas_end_a_period_once() {
    let rig = Rig::start().await;
    rig.paid().await;
    rig.sql(
        "update payments.subscription set period_start = now() - interval '32 days', period_end = now() - interval '1 day', due_at = now()",
    )
    .await;
    let app = rig.app();
    futures_util::future::join_all((0..8).map(|_| lapse::work_due(&app))).await;
    rig.wait_for_count(1, "select count(*) from payments.subscription where status = 'past_due'").await;
    assert_eq!((rig.events("payments.subscription.past_due.v1").await, rig.mails("subscription-past-due").await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn giving_the_next_periods_payment_back_leaves_the_present_one() {
    let rig = Rig::start().await;
    rig.paid().await;
    rig.ends_in(TimeDelta::days(3)).await;
    let ahead = rig.pays("glide", "monthly").await;
    let refund = rig.give_back(&ahead, None).await.unwrap();
    rig.wait_for_refund(&refund, "completed").await;
    let present = rig.subscription().await;
    assert_eq!((&present["status"], &present["plan"], present.get("next")), (&json!("active"), &json!("ascent"), None));
    assert_eq!(rig.events("payments.subscription.expired.v1").await, 0);
}
