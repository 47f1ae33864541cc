use domain::canonical::Checksum;
use serde_json::{Value, json};
use testkit::person;

use crate::rig::{ACME, Rig, eventually};

const FINALIZE: &str = "/api/onboarding/finalize";

#[tokio::test(flavor = "multi_thread")]
async fn complete_answers_become_a_numbered_context_and_its_manifest_completes_the_onboarding() {
    let rig = Rig::unlocked().await;
    rig.complete_all(ACME).await;
    let resume = rig.get("/api/onboarding").await;
    assert_eq!((&resume.body["percent"], &resume.body["next_step"]), (&json!(100), &Value::Null));
    let key = [("Idempotency-Key", "finalize-once")];
    let accepted = rig.post(FINALIZE, &key, Some(&json!({}))).await.expect(202);
    assert_eq!(accepted.body["context_number"], 1);
    let sha256 = accepted.body["sha256"].as_str().unwrap().to_owned();
    let status_url = accepted.body["status_url"].as_str().unwrap().to_owned();
    assert_eq!(accepted.header("location"), status_url);

    let event = rig.last_event("finalized").await;
    assert_eq!((&event["context_number"], &event["context_sha256"]), (&json!(1), &json!(sha256)));
    let canonical = domain::canonical::value_to_bytes(&event["context"]).unwrap();
    assert_eq!(Checksum::of(&canonical).to_string(), sha256);
    assert_eq!(event["context"]["sections"].as_object().unwrap().len(), 23);
    let stored = rig.get("/api/onboarding/contexts/1").await.expect(200);
    assert_eq!(stored.bytes, canonical);
    assert_eq!(stored.etag(), format!("\"{sha256}\""));

    // Repeats, with the key and without, are the same and tell nothing more.
    for headers in [&key[..], &[]] {
        let again = rig.post(FINALIZE, headers, None).await.expect(202);
        assert_eq!(again.body, accepted.body);
    }
    assert_eq!(rig.events().await.iter().filter(|event| *event == "finalized").count(), 1);
    assert_eq!(rig.get(&status_url).await.expect(200).body["status"], "finalizing");
    assert_eq!(rig.get("/api/onboarding").await.body["status"], "finalizing");
    let refused = rig.save("company", &rig.get("/api/onboarding/steps/company").await.etag(), &json!({})).await.expect(409);
    assert_eq!(refused.code(), "ONB-0008");

    // News of another context changes nothing.
    rig.deliver(&rig.generated(7), 1).await;
    assert_eq!(rig.get(&status_url).await.body["status"], "finalizing");
    rig.deliver(&rig.generated(1), 2).await;
    rig.deliver(&rig.generated(1), 2).await;
    assert_eq!(rig.get(&status_url).await.body["status"], "completed");
    assert_eq!(rig.get("/api/onboarding").await.body["status"], "completed");
    assert_eq!(rig.events().await.last().unwrap(), "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_onboarding_is_reopened_by_an_edit_and_unchanged_answers_close_it_again() {
    let rig = Rig::unlocked().await;
    rig.complete_all(ACME).await;
    rig.post(FINALIZE, &[], None).await.expect(202);
    rig.deliver(&rig.generated(1), 1).await;
    // Unchanged: the same number, and nothing is told.
    let before = rig.events().await;
    assert_eq!(rig.post(FINALIZE, &[], None).await.expect(202).body["context_number"], 1);
    assert_eq!(rig.events().await, before);

    let answers: Value = serde_json::from_str(ACME).unwrap();
    let complete = "/api/onboarding/steps/company/complete";
    let change = async |answer: &Value| {
        let revision = rig.get("/api/onboarding/steps/company").await.expect(200).etag();
        rig.post(complete, &[("If-Match", &revision)], Some(&json!({"answer": answer}))).await.expect(200)
    };
    let mut other = answers["company"].clone();
    other["company_name"] = json!("Acme Renamed");
    assert_eq!(change(&other).await.body["status"], "reopened");
    assert_eq!(rig.events().await.last().unwrap(), "reopened");
    change(&answers["company"]).await;
    assert_eq!(rig.post(FINALIZE, &[], None).await.expect(202).body["context_number"], 1);
    assert_eq!(rig.get("/api/onboarding").await.body["status"], "completed");

    change(&other).await;
    let second = rig.post(FINALIZE, &[], None).await.expect(202);
    assert_eq!(second.body["context_number"], 2);
    assert_eq!(rig.get("/api/onboarding/finalize/1").await.expect(200).body["status"], "superseded");
    assert_eq!(rig.get("/api/onboarding/finalize/2").await.expect(200).body["status"], "finalizing");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_steps_and_fields_are_all_listed() {
    let rig = Rig::unlocked().await;
    rig.complete_all(ACME).await;
    // A step that was never answered, one that was begun, one that was changed and not completed again.
    rig.sql("delete from onboarding.draft where slug in ('pricing', 'goals')").await;
    rig.flush_redis().await;
    let revision = rig.get("/api/onboarding/steps/company").await.etag();
    let answers: Value = serde_json::from_str(ACME).unwrap();
    rig.save("company", &revision, &answers["company"]).await.expect(200);
    rig.save("goals", r#""0""#, &json!({"short_term_goals": [{"metric": "MRR"}]})).await.expect(200);
    let refused = rig.post(FINALIZE, &[], None).await.expect(422);
    assert_eq!(refused.code(), "ONB-0007");
    let slugs: Vec<_> = refused.body["steps"].as_array().unwrap().iter().map(|step| step["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs, ["company", "pricing", "goals"]);
    assert_eq!(refused.body["steps"][1]["href"], "/api/onboarding/steps/pricing");
    let pointers = refused.pointers();
    for expected in ["/company", "/pricing/pricing_strategy", "/goals/short_term_goals/0/title"] {
        assert!(pointers.contains(&expected), "{expected} is not in {pointers:?}");
    }
    assert_eq!(rig.database.number("select count(*) from onboarding.business_context").await, 0);
    assert!(!rig.events().await.contains(&"finalized".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_manifest_gives_the_onboarding_back_with_the_reason_and_may_be_tried_again() {
    let rig = Rig::unlocked().await;
    rig.complete_all(ACME).await;
    rig.post(FINALIZE, &[], None).await.expect(202);
    rig.deliver(&rig.failed(1, "The answers are too short."), 1).await;
    let resume = rig.get("/api/onboarding").await;
    assert_eq!((&resume.body["status"], &resume.body["failure_reason"]), (&json!("in_progress"), &json!("The answers are too short.")));
    let status = rig.get("/api/onboarding/finalize/1").await.expect(200);
    assert_eq!((&status.body["status"], &status.body["reason"]), (&json!("failed"), &json!("The answers are too short.")));
    assert_eq!(rig.post(FINALIZE, &[], None).await.expect(202).body["context_number"], 1);
    assert_eq!(rig.get("/api/onboarding").await.body["failure_reason"], Value::Null);
    assert_eq!(rig.events().await.iter().filter(|event| *event == "finalized").count(), 2);
    assert_eq!(rig.database.number("select count(*) from onboarding.business_context").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalize_that_is_stuck_is_asked_for_again_and_seen() {
    let rig = Rig::unlocked().await;
    rig.complete_all(ACME).await;
    rig.post(FINALIZE, &[], None).await.expect(202);
    rig.sql("update onboarding.outbox set published_at = now()").await;
    rig.sql(
        "update onboarding.onboarding set finalize_emitted_at = now() - interval '3 minutes', finalized_at = now() - interval '3 minutes'",
    )
    .await;
    // A replica looks as soon as it starts.
    let replica = rig.replica(&[]);
    eventually("it is told again", async || rig.events().await.iter().filter(|event| *event == "finalized").count() == 2).await;
    let metrics = rig.send(&replica.internal_url, reqwest::Method::GET, "/metrics", "", &[], None).await.expect(200);
    let metrics = String::from_utf8(metrics.bytes).unwrap();
    let age = metrics.lines().find_map(|line| line.strip_prefix("onboarding_finalize_oldest_age_seconds ")).unwrap();
    assert!(age.parse::<f64>().unwrap() > 170.0, "{age}");
    assert!(metrics.contains("onboarding_finalize_repeated_total 1"));
    // Once in two minutes is enough.
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(rig.events().await.iter().filter(|event| *event == "finalized").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_save_in_redis_is_part_of_what_is_finalized() {
    let rig = Rig::unlocked().await;
    rig.complete_all(ACME).await;
    let revision = rig.get("/api/onboarding/steps/evidence").await.etag();
    rig.save("evidence", &revision, &json!({"evidence": [{"title": "Changed a moment ago"}]})).await.expect(200);
    rig.post(FINALIZE, &[], None).await.expect(202);
    // The optional step is a draft again, so its old answer is not handed on.
    let event = rig.last_event("finalized").await;
    assert!(event["context"]["sections"].get("evidence").is_none());
    assert_eq!(rig.database.number("select count(*) from onboarding.draft where slug = 'evidence' and state = 'draft'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_edit_and_only_owner_and_admin_finalize() {
    let rig = Rig::unlocked().await;
    rig.complete_all(ACME).await;
    let (member, admin) = (person(&rig.database).await, person(&rig.database).await);
    rig.add(&member, "member").await;
    rig.add(&admin, "admin").await;
    let workspace = rig.person.workspace.to_string();
    let headers = [("X-Workspace-Id", workspace.as_str())];
    let finalize = async |token: &str| rig.send(&rig.running.url, reqwest::Method::POST, FINALIZE, token, &headers, None).await;
    assert_eq!(finalize(&member.token).await.expect(403).code(), "GW-0005");
    let skip = "/api/onboarding/steps/facts/skip";
    rig.send(&rig.running.url, reqwest::Method::POST, skip, &member.token, &headers, None).await.expect(200);
    finalize(&admin.token).await.expect(202);
    let event = rig.last_event("finalized").await;
    assert_eq!(event["finalized_by"], json!(admin.user));
    assert_eq!(event["context"]["completion"]["skipped"], json!(["facts"]));
}
