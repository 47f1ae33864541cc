use reqwest::Method;
use serde_json::{Value, json};
use testkit::person;

use crate::rig::{ACME, Rig};

const UNDO: &str = "/api/onboarding/steps/company/undo";

async fn company_name(rig: &Rig) -> Value {
    rig.get("/api/onboarding/steps/company").await.expect(200).body["answer"]["company_name"].clone()
}

/// Saves the company under one name after another, quickly; answers the last `ETag`.
async fn named(rig: &Rig, base: &str, names: impl Iterator<Item = u32>) -> String {
    let mut revision = rig.get("/api/onboarding/steps/company").await.etag();
    for name in names {
        let answer = json!({"company_name": format!("Name {name}")});
        revision = rig.save_at(base, "company", &revision, &answer, &[]).await.expect(200).etag();
    }
    revision
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_twenty_revisions_of_a_step_are_taken_back_one_by_one() {
    let rig = Rig::unlocked().await;
    named(&rig, &rig.running.url, 1..=25).await;
    for expected in (5..=24).rev() {
        let undone = rig.post(UNDO, &[], None).await.expect(200);
        assert_eq!(undone.body["answer"]["company_name"], format!("Name {expected}"));
        assert_eq!(undone.header("preference-applied"), "durable");
        assert_eq!(company_name(&rig).await, format!("Name {expected}"));
    }
    assert_eq!(rig.post(UNDO, &[], None).await.expect(409).code(), "ONB-0014");
    // Nothing was lost by it: what was taken back can be chosen still.
    let listed = rig.get("/api/onboarding/steps/company/revisions").await.expect(200);
    let last = listed.body["items"].as_array().unwrap().iter().find(|item| item["answer"]["company_name"] == "Name 25").unwrap().clone();
    let again = rig.post(UNDO, &[], Some(&json!({"to": last["number"]}))).await.expect(200);
    assert_eq!(again.body["answer"]["company_name"], "Name 25");
    assert_eq!(rig.post(UNDO, &[], Some(&json!({"to": 1_000_000}))).await.expect(409).code(), "ONB-0014");
    let kept = rig.database.number("select count(*) from onboarding.draft_revision where restores is null").await;
    assert_eq!(kept, 21, "the present one and twenty before it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_after_taking_back_is_taken_back_to_what_was_seen_before_it() {
    let rig = Rig::unlocked().await;
    let revision = named(&rig, &rig.running.url, 1..=3).await;
    let undone = rig.post(UNDO, &[("If-Match", &revision)], None).await.expect(200);
    assert_eq!(undone.body["answer"]["company_name"], "Name 2");
    rig.post(UNDO, &[("If-Match", &revision)], None).await.expect(412);
    rig.save("company", &undone.etag(), &json!({"company_name": "Name 9"})).await.expect(200);
    assert_eq!(rig.post(UNDO, &[], None).await.expect(200).body["answer"]["company_name"], "Name 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn revisions_tell_who_gave_what_and_survive_a_redis_that_loses_everything() {
    let rig = Rig::unlocked().await;
    let other = person(&rig.database).await;
    rig.add(&other, "member").await;
    let mut revision = "\"0\"".to_owned();
    for name in ["Name 1", "Name 2"] {
        let saved = rig.save_at(&rig.running.url, "company", &revision, &json!({"company_name": name}), &[("Prefer", "durable")]).await;
        revision = saved.expect(200).etag();
    }
    let workspace = rig.person.workspace.to_string();
    let headers = [("If-Match", revision.as_str()), ("X-Workspace-Id", workspace.as_str()), ("Prefer", "durable")];
    let body = json!({"answer": {"company_name": "Theirs"}});
    let path = "/api/onboarding/steps/company/draft";
    rig.send(&rig.running.url, Method::PUT, path, &other.token, &headers, Some(&body)).await.expect(200);
    rig.flush_redis().await;
    let listed = rig.get("/api/onboarding/steps/company/revisions").await.expect(200);
    let items = listed.body["items"].as_array().unwrap();
    let names: Vec<_> = items.iter().map(|item| item["answer"]["company_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Theirs", "Name 2", "Name 1"]);
    assert_eq!((&items[0]["updated_by"], &items[1]["updated_by"]), (&json!(other.user), &json!(rig.person.user)));
    assert_eq!(rig.post(UNDO, &[], None).await.expect(200).body["answer"]["company_name"], "Name 2");
    assert_eq!(rig.get("/api/onboarding/steps/problem/revisions").await.expect(200).body["items"], json!([]));
    assert_eq!(rig.post("/api/onboarding/steps/problem/undo", &[], None).await.expect(409).code(), "ONB-0014");
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_are_taken_back_without_redis_and_a_completed_step_has_to_be_completed_again() {
    let rig = Rig::unlocked().await;
    let alone = rig.replica(&[("REDIS_URL", "redis://127.0.0.1:1/0")]);
    let answers: Value = serde_json::from_str(ACME).unwrap();
    let first = rig.save_at(&alone.url, "company", r#""0""#, &json!({"company_name": "Acme"}), &[]).await.expect(200);
    let complete = "/api/onboarding/steps/company/complete";
    let body = json!({"answer": answers["company"]});
    let headers = [("If-Match", first.header("etag"))];
    rig.send(&alone.url, Method::POST, complete, &rig.person.token, &headers, Some(&body)).await.expect(200);
    let undone = rig.send(&alone.url, Method::POST, UNDO, &rig.person.token, &[], None).await.expect(200);
    assert_eq!((&undone.body["answer"], &undone.body["state"]), (&json!({"company_name": "Acme"}), &json!("invalid")));
    let back = rig.send(&alone.url, Method::POST, UNDO, &rig.person.token, &[], Some(&json!({"to": 2}))).await.expect(200);
    assert_eq!(back.body["state"], "draft");
    rig.send(&alone.url, Method::POST, complete, &rig.person.token, &[], None).await.expect(200);
}
