//! Contexts become versions.

use diesel_async::SimpleAsyncConnection;
use domain::{event::Event, ids::EventId, subscription::SubscriptionState};
use reqwest::Method;
use serde_json::json;

use crate::rig::{Rig, acme, edition, eventually, finalized};

#[tokio::test(flavor = "multi_thread")]
async fn one_event_delivered_many_times_to_two_replicas_gives_one_version() {
    let rig = Rig::new().await;
    let second = rig.another_replica(true, &[]);
    let who = rig.person().await;
    let (event, id) = (finalized(&who, 1, &acme()), EventId::generate());
    tokio::join!(rig.publish(id, &event, 1), rig.publish(id, &event, 1), rig.publish(id, &event, 1), rig.publish(id, &event, 1));
    let consumed = async || {
        let mut all = 0.0;
        for replica in [&rig.replica, &second] {
            for outcome in ["done", "duplicate"] {
                let name = format!(r#"messaging_consumed_total{{outcome="{outcome}",queue="bcm-svc.onboarding.v1"}}"#);
                all += replica.metric(&name).await;
            }
        }
        all
    };
    eventually("all four are dealt with", async || consumed().await >= 4.0).await;
    assert_eq!(rig.versions(&who).await, 1);
    assert_eq!(rig.events("bcm.manifest.generated.v1").await, 1);
    let cause = format!("select count(*) from bcm.business_context_manifests where cause_id = '{id}'");
    assert_eq!(rig.database.number(&cause).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn contexts_that_arrive_together_get_numbers_without_gap_or_double() {
    let rig = Rig::new().await;
    let _second = rig.another_replica(true, &[]);
    let who = rig.person().await;
    let mut ids = Vec::new();
    for number in 1..=6 {
        let id = EventId::generate();
        rig.publish(id, &finalized(&who, number, &edition(number)), 1).await;
        ids.push(id);
    }
    for id in ids {
        rig.effect_of(id).await;
    }
    // An older context that is overtaken gives no version, so there may be fewer; the last one is always there.
    let versions = rig.versions(&who).await;
    let last = format!("select max(sequence) from bcm.business_context_manifests where workspace_id = '{}'", who.workspace);
    assert_eq!(rig.database.number(&last).await, versions);
    let current = rig.json(&who, "manifest").await;
    assert_eq!(current["record"]["source"]["context_number"], 6);
    assert_eq!(current["record"]["sequence"], versions);
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_writers_at_once_leave_no_gap_and_give_no_number_twice() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.finalize(&who, 2, &edition(2)).await;
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    let settings = [("GROUNDWORK__DATABASE__POOL_SIZE", "16"), ("GROUNDWORK__LIMITS__PROFILE", "load")];
    let replicas = [rig.another_replica(false, &settings), rig.another_replica(true, &settings)];
    let back = |n: usize| rig.ask(Method::POST, &replicas[n % 2], &who, "rollback").json(&json!({"to": n / 2 % 2 + 1})).send();
    let finalizing = async {
        for number in 3..=6 {
            rig.finalize(&who, number, &edition(number)).await;
        }
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all((0..32).map(back)), finalizing);
    let statuses: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
    assert!(statuses.iter().all(|status| [201, 409, 503].contains(status)), "{statuses:?}");
    let made = i64::try_from(statuses.iter().filter(|status| **status == 201).count()).unwrap();
    assert!(made >= 2, "{statuses:?}");
    let number = async |what: &str| rig.database.number(&format!("select {what} from bcm.business_context_manifests")).await;
    assert_eq!(number("count(*)").await, 2 + made + 4);
    assert_eq!(number("max(sequence)::bigint").await, number("count(distinct sequence)").await);
    assert_eq!(number("count(distinct version)").await, number("count(*)").await);
    let back = "select count(*) from (select created_at < lag(created_at) over (order by sequence) as back \
                from bcm.business_context_manifests) version where back";
    assert_eq!(rig.database.number(back).await, 0, "a moment names the version that was the newest then");
    assert_eq!(rig.database.number("select sequence::bigint from bcm.manifest_head").await, number("max(sequence)::bigint").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_version_says_what_kind_of_change_it_is() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    let mut answers = acme();
    rig.finalize(&who, 1, &answers).await;
    let first = rig.current(&who, "1.0.0").await;
    assert_eq!((&first["record"]["reason"], &first["record"]["sequence"]), (&json!("onboarding"), &json!(1)));

    answers["messaging"]["one_liner"] = json!("Acme tells factories which machine stops next, and what to do about it.");
    rig.finalize(&who, 2, &answers).await;
    assert_eq!(rig.current(&who, "1.0.1").await["record"]["reason"], "edit");

    answers["brand"]["tone"] = json!(["Clear", "Respectful", "Without noise"]);
    rig.finalize(&who, 3, &answers).await;
    rig.current(&who, "1.1.0").await;

    answers["company"]["company_name"] = json!("Acme Sensing");
    rig.finalize(&who, 4, &answers).await;
    let last = rig.current(&who, "2.0.0").await;
    assert_eq!(last["content"]["company"]["name"], "Acme Sensing");
    assert_eq!(last["record"]["sequence"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_answers_again_make_no_version_and_are_answered() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.finalize(&who, 2, &acme()).await;
    assert_eq!(rig.versions(&who).await, 1);
    assert_eq!(rig.current(&who, "1.0.0").await["record"]["source"]["context_number"], 1);
    let told = "select count(*) from bcm.outbox where event_type = 'bcm.manifest.generated.v1' \
                and convert_from(payload, 'UTF8')::jsonb @> '{\"context_number\": 2, \"sequence\": 1, \"version\": \"1.0.0\"}'";
    assert_eq!(rig.database.number(told).await, 1, "onboarding waits for the answer to its second context");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_context_that_comes_late_is_kept_and_does_not_become_current() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    let mut older = acme();
    older["company"]["company_name"] = json!("Acme Before");
    rig.finalize(&who, 2, &acme()).await;
    rig.finalize(&who, 1, &older).await;
    assert_eq!(rig.versions(&who).await, 1);
    assert_eq!(rig.current(&who, "1.0.0").await["content"]["company"]["name"], "Acme Instruments");
    let kept = format!("select count(*) from bcm.source_context where workspace_id = '{}'", who.workspace);
    assert_eq!(rig.database.number(&kept).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_is_not_what_was_hashed_makes_no_version_and_the_user_is_told_why() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    let Event::OnboardingFinalized(genuine) = finalized(&who, 1, &acme()) else { panic!("another event") };
    let mut tampered = genuine.clone();
    tampered.context["sections"]["company"]["company_name"] = json!("Evil");
    let mut mislabelled = genuine.clone();
    mislabelled.context_number = 7;
    let mut shapeless = genuine.clone();
    shapeless.context = json!({"not": "a context"});
    shapeless.context_sha256 = domain::canonical::Checksum::of(br#"{"not":"a context"}"#).to_string();
    for bad in [tampered, mislabelled, shapeless] {
        let id = EventId::generate();
        rig.publish(id, &Event::OnboardingFinalized(bad), 1).await;
        rig.effect_of(id).await;
    }
    assert_eq!(rig.versions(&who).await, 0);
    assert_eq!(rig.events("bcm.manifest.generation_failed.v1").await, 3);
    let told = "select count(*) from bcm.outbox where convert_from(payload, 'UTF8')::jsonb ->> 'reason' like '%inalize again.'";
    assert_eq!(rig.database.number(told).await, 3);
    assert_eq!(rig.waiting("bcm-svc.onboarding.v1.dead").await, 0);
    let id = EventId::generate();
    rig.publish(id, &Event::OnboardingFinalized(genuine), 1).await;
    rig.effect_of(id).await;
    rig.current(&who, "1.0.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_itself_can_neither_change_nor_remove_a_version() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let mut service = rig.service().await;
    for sql in [
        "update bcm.business_context_manifests set checksum = checksum",
        "delete from bcm.business_context_manifests",
        "truncate bcm.business_context_manifests cascade",
        "update bcm.source_context set bytes = bytes",
        "delete from bcm.source_context",
    ] {
        let refused = service.batch_execute(sql).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{sql}: {refused}");
    }
    assert_eq!(rig.versions(&who).await, 1);
}
