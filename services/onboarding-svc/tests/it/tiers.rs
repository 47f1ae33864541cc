use std::time::Duration;

use serde_json::json;

use crate::rig::{ACME, Rig, eventually};

const NO_REDIS: (&str, &str) = ("REDIS_URL", "redis://127.0.0.1:1/0");

fn epoch(revision: &serde_json::Value) -> i64 {
    revision.as_str().unwrap().split_once('.').unwrap().0.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_on_disk_within_two_seconds() {
    let rig = Rig::unlocked().await;
    let saved = rig.save("company", r#""0""#, &json!({"company_name": "Acme"})).await.expect(200);
    assert_eq!(saved.body["durable"], false);
    assert_eq!(saved.header("preference-applied"), "");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let rows = "select count(*) from onboarding.draft where slug = 'company' and answer ->> 'company_name' = 'Acme'";
    assert_eq!(rig.database.number(rows).await, 1);
    assert_eq!(rig.events().await, ["unlocked", "progressed"]);
    // The same again writes nothing new.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(rig.events().await, ["unlocked", "progressed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_prefers_it_is_on_disk_when_it_is_answered() {
    let rig = Rig::unlocked().await;
    let saved =
        rig.save_at(&rig.running.url, "company", r#""0""#, &json!({"company_name": "Acme"}), &[("Prefer", "respond-async, durable")]).await;
    let saved = saved.expect(200);
    assert_eq!((saved.header("preference-applied"), &saved.body["durable"]), ("durable", &json!(true)));
    assert_eq!(rig.database.number("select count(*) from onboarding.draft where slug = 'company'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_redis_loses_everything_the_epoch_rises_and_nothing_durable_is_lost() {
    let rig = Rig::unlocked().await;
    let durable =
        rig.save_at(&rig.running.url, "company", r#""0""#, &json!({"company_name": "Durable"}), &[("Prefer", "durable")]).await.expect(200);
    let last = rig.save("company", &durable.etag(), &json!({"company_name": "Last second"})).await.expect(200);
    rig.flush_redis().await;
    let refused = rig.save("company", &last.etag(), &json!({"company_name": "From the browser"})).await.expect(412);
    assert_eq!(refused.body["current"]["answer"]["company_name"], "Durable");
    assert_eq!(refused.body["yours"]["company_name"], "From the browser");
    assert!(epoch(&refused.body["current"]["revision"]) > epoch(&last.body["revision"]));
    let kept = rig.save("company", &refused.etag(), &json!({"company_name": "From the browser"})).await.expect(200);
    assert!(kept.header("server-timing").contains("redis"));
    // A step that nobody touched is saved for the first time in any epoch.
    rig.save("problem", r#""0""#, &json!({"severity": 3})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_a_cold_session_all_learn_the_revision_that_an_edit_meets() {
    let rig = Rig::unlocked().await;
    rig.save_at(&rig.running.url, "company", r#""0""#, &json!({"company_name": "Acme"}), &[("Prefer", "durable")]).await.expect(200);
    let replica = rig.replica(&[]);
    rig.flush_redis().await;
    let read = |base: String| {
        let rig = &rig;
        async move {
            rig.send(&base, reqwest::Method::GET, "/api/onboarding/steps/company", &rig.person.token, &[], None).await.expect(200).etag()
        }
    };
    let (own, other) = (rig.running.url.clone(), replica.url.clone());
    let (a, b, c, d) = tokio::join!(read(own.clone()), read(other.clone()), read(own), read(other));
    assert!(a == b && b == c && c == d, "{a} {b} {c} {d}");
    rig.save("company", &a, &json!({"company_name": "Acme again"})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_everything_works_on_the_rows_and_says_so() {
    let rig = Rig::unlocked().await;
    let alone = rig.replica(&[NO_REDIS]);
    let saved = rig.save_at(&alone.url, "company", r#""0""#, &json!({"company_name": "Acme"}), &[]).await.expect(200);
    assert!(saved.header("server-timing").contains("postgres"));
    assert_eq!((saved.header("preference-applied"), &saved.body["durable"]), ("durable", &json!(true)));
    rig.save_at(&alone.url, "company", r#""0""#, &json!({}), &[]).await.expect(412);
    let answers: serde_json::Value = serde_json::from_str(ACME).unwrap();
    let second = rig.save_at(&alone.url, "company", &saved.etag(), &answers["company"], &[]).await.expect(200);
    let path = "/api/onboarding/steps/company/complete";
    let done =
        rig.send(&alone.url, reqwest::Method::POST, path, &rig.person.token, &[("If-Match", &second.etag())], None).await.expect(200);
    assert_eq!(done.body["steps_done"], 1);
    let resume = rig.send(&alone.url, reqwest::Method::GET, "/api/onboarding?answers=true", &rig.person.token, &[], None).await.expect(200);
    assert!(resume.header("server-timing").contains("postgres"));
    assert_eq!(resume.step("company")["revision"], done.body["revision"]);
    assert_eq!(resume.step("company")["answer"]["company_name"], answers["company"]["company_name"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_past_redis_fences_what_redis_still_holds() {
    let rig = Rig::unlocked().await;
    let durable =
        rig.save_at(&rig.running.url, "company", r#""0""#, &json!({"company_name": "First"}), &[("Prefer", "durable")]).await.expect(200);
    let alone = rig.replica(&[NO_REDIS]);
    let past = rig.save_at(&alone.url, "company", &durable.etag(), &json!({"company_name": "Past Redis"}), &[]).await.expect(200);
    assert!(epoch(&past.body["revision"]) > epoch(&durable.body["revision"]));
    // Whoever still meets the old hash is not acknowledged as durable, and cannot overwrite the row.
    let old = rig.save("company", &durable.etag(), &json!({"company_name": "Into the old hash"})).await;
    assert!(old.status == 412 || old.body["durable"] == false, "{}", old.body);
    eventually("the rows win", async || {
        let step = rig.get("/api/onboarding/steps/company").await;
        step.body["answer"]["company_name"] == "Past Redis"
    })
    .await;
    assert_eq!(rig.database.number("select count(*) from onboarding.draft where answer ->> 'company_name' = 'Past Redis'").await, 1);
}
