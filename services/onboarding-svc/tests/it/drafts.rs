use domain::step::SCHEMA_VERSION;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::person;

use crate::rig::{ACME, Rig, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn the_definition_is_public_and_is_not_sent_twice() {
    let rig = Rig::locked().await;
    let first = rig.send(&rig.running.url, Method::GET, "/api/onboarding/steps", "", &[], None).await.expect(200);
    assert_eq!(first.body["schema_version"], SCHEMA_VERSION);
    assert_eq!(first.body["steps"].as_array().unwrap().len(), 23);
    let weak = format!("W/{}", first.etag());
    for known in [first.etag(), weak] {
        let again = rig.send(&rig.running.url, Method::GET, "/api/onboarding/steps", "", &[("If-None-Match", &known)], None).await;
        assert_eq!((again.expect(304)).bytes, b"");
    }
    rig.send(&rig.running.url, Method::GET, "/api/onboarding/steps", "", &[("If-None-Match", r#""other""#)], None).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_draft_is_saved_and_resumed() {
    let rig = Rig::unlocked().await;
    let saved = rig.save("company", r#""0""#, &json!({"company_name": "  Acme ", "industry": "technology"})).await.expect(200);
    assert_eq!(saved.body["state"], "draft");
    assert_eq!(saved.etag(), format!("\"{}\"", saved.body["revision"].as_str().unwrap()));
    assert!(saved.header("server-timing").contains("redis"), "{:?}", saved.headers);
    let resume = rig.get("/api/onboarding?answers=true").await.expect(200);
    assert!(resume.header("server-timing").contains("redis"));
    assert_eq!(resume.body["status"], "in_progress");
    assert_eq!(resume.step("company")["answer"], json!({"company_name": "Acme", "industry": "technology"}));
    assert_eq!(resume.step("company")["revision"], saved.body["revision"]);
    assert_eq!(resume.step("pricing")["state"], "pending");
    assert_eq!(resume.step("pricing")["revision"], "0");
    assert!(resume.body["expires_at"].is_string());
    assert!(rig.get("/api/onboarding").await.step("company").get("answer").is_none());
    let step = rig.get("/api/onboarding/steps/company").await.expect(200);
    assert_eq!(step.etag(), saved.etag());
    assert_eq!(step.body["answer"]["company_name"], "Acme");
    assert_eq!(step.body["updated_by"], json!(rig.person.user));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_names_the_revision_it_is_made_on() {
    let rig = Rig::unlocked().await;
    let path = "/api/onboarding/steps/company/draft";
    let body = json!({"answer": {"company_name": "Acme"}});
    let without = rig.send(&rig.running.url, Method::PUT, path, &rig.person.token, &[], Some(&body)).await.expect(428);
    assert_eq!(without.code(), "ONB-0011");
    for bad in ["0", "*", r#""1""#, r#""x.y""#] {
        rig.save("company", bad, &json!({})).await.expect(400);
    }
    let first = rig.save("company", r#""0""#, &json!({"company_name": "First"})).await.expect(200);
    let second = rig.save("company", &first.etag(), &json!({"company_name": "Second"})).await.expect(200);
    assert_ne!(first.etag(), second.etag());
    for stale in [first.etag(), r#""0""#.to_owned()] {
        let refused = rig.save("company", &stale, &json!({"company_name": "Third"})).await.expect(412);
        assert_eq!(refused.code(), "ONB-0005");
        assert_eq!(refused.body["current"]["answer"]["company_name"], "Second");
        assert_eq!(refused.body["current"]["revision"], second.body["revision"]);
        assert_eq!(refused.body["yours"]["company_name"], "Third");
        assert_eq!(refused.etag(), second.etag());
    }
    let weakened = format!("W/{}", second.etag());
    rig.save("company", &weakened, &json!({"company_name": "Third"})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_editors_the_revision_decides() {
    let rig = Rig::unlocked().await;
    let other = person(&rig.database).await;
    rig.add(&other, "member").await;
    let replica = rig.replica(&[]);
    let workspace = rig.person.workspace.to_string();
    let start = rig.save("company", r#""0""#, &json!({"company_name": "Acme"})).await.expect(200).etag();
    let mine_answer = json!({"company_name": "Mine"});
    let mine = rig.save("company", &start, &mine_answer);
    let theirs_body = json!({"answer": {"company_name": "Theirs"}});
    let headers = [("If-Match", start.as_str()), ("X-Workspace-Id", workspace.as_str())];
    let theirs = rig.send(&replica.url, Method::PUT, "/api/onboarding/steps/company/draft", &other.token, &headers, Some(&theirs_body));
    let (mine, theirs) = tokio::join!(mine, theirs);
    let mut statuses = [mine.status, theirs.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "{} {}", mine.body, theirs.body);
    let (winner, loser) = if mine.status == 200 { (&mine, &theirs) } else { (&theirs, &mine) };
    assert_eq!(loser.body["current"]["revision"], winner.body["revision"]);
    // Another step is nobody else's business.
    rig.save("problem", r#""0""#, &json!({"severity": 5})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_draft_is_told_by_pointer() {
    let rig = Rig::unlocked().await;
    let wrong = json!({"company_name": 7, "industry": "alchemy", "employee_count": 0, "nickname": "A"});
    let refused = rig.save("company", r#""0""#, &wrong).await.expect(422);
    assert_eq!(refused.code(), "ONB-0004");
    let mut pointers = refused.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/answer/company_name", "/answer/employee_count", "/answer/industry", "/answer/nickname"]);
    rig.save("company", r#""0""#, &json!("text")).await.expect(422);
    let unknown = rig.save("vision", r#""0""#, &json!({})).await.expect(404);
    assert_eq!(unknown.code(), "ONB-0003");
    let path = "/api/onboarding/steps/company/draft";
    let more = rig
        .send(&rig.running.url, Method::PUT, path, &rig.person.token, &[("If-Match", r#""0""#)], Some(&json!({"answer": {}, "x": 1})))
        .await;
    more.expect(422);
    assert_eq!(rig.get("/api/onboarding").await.step("company")["state"], "pending");
}

/// Facts with 2-byte letters: within every limit of the step, and more than an answer may have.
fn large_facts(count: usize) -> Value {
    let text = "é".repeat(198);
    let facts: Vec<_> = (0..count).map(|n| json!({"category": format!("{n}{text}"), "label": text, "value": text})).collect();
    json!({ "facts": facts })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_large_is_refused_with_both_sizes() {
    let rig = Rig::unlocked().await;
    let refused = rig.save("facts", r#""0""#, &large_facts(40)).await.expect(413);
    assert_eq!(refused.code(), "ONB-0009");
    assert_eq!(refused.body["limit_bytes"], 32 * 1024);
    assert!(refused.body["size_bytes"].as_u64().unwrap() > 32 * 1024);
    rig.save("facts", r#""0""#, &large_facts(20)).await.expect(200);
}

/// Flags: letters of eight bytes each, which no normalisation changes.
fn wide(graphemes: usize) -> String {
    "\u{1F1EE}\u{1F1F3}".repeat(graphemes)
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_too_large_together_are_refused_in_both_tiers() {
    let rig = Rig::unlocked().await;
    let without_redis = rig.replica(&[("REDIS_URL", "redis://127.0.0.1:1/0")]);
    let items = |count: usize, texts: usize| -> Vec<String> { (0..count).map(|n| format!("{n}{}", wide(texts))).collect() };
    // Between 19 and 29 KiB each.
    let fill = [
        ("solution", json!({"solution": wide(1000), "features": items(12, 197)})),
        (
            "facts",
            json!({"facts": (0..5).map(|n| json!({"category": format!("{n}{}", wide(199)), "label": wide(200), "value": wide(200)})).collect::<Vec<_>>()}),
        ),
        ("evidence", json!({"evidence": (0..3).map(|n| json!({"title": n.to_string(), "note": wide(1000)})).collect::<Vec<_>>()})),
        ("soundbites", json!({"soundbites": (0..12).map(|n| json!({"text": format!("{n}{}", wide(298))})).collect::<Vec<_>>()})),
        ("guardrails", json!({"dos": items(10, 190), "donts": items(8, 190)})),
        (
            "integrity",
            json!({"contradictions": (0..6).map(|n| json!({"statement": format!("{n}{}", wide(199)), "conflicts_with": wide(200), "resolution": wide(200)})).collect::<Vec<_>>()}),
        ),
        ("channels", json!({"channels": (0..12).map(|n| json!({"name": format!("{n}{}", wide(198))})).collect::<Vec<_>>()})),
    ];
    for (slug, answer) in &fill {
        rig.save(slug, r#""0""#, answer).await.expect(200);
    }
    let one_more = json!({"differentiators": items(8, 198), "value_proposition": wide(500), "core_promise": wide(200)});
    let refused = rig.save("value-proposition", r#""0""#, &one_more).await.expect(413);
    assert_eq!((refused.code(), &refused.body["limit_bytes"]), ("ONB-0010", &json!(180 * 1024)));
    eventually("the rows have all of it", async || rig.database.number("select count(*) from onboarding.draft").await == 7).await;
    let refused = rig.save_at(&without_redis.url, "value-proposition", r#""0""#, &one_more, &[]).await.expect(413);
    assert_eq!(refused.code(), "ONB-0010");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_saves_are_told_when_to_come_back() {
    let rig = Rig::unlocked().await;
    let mut revision = r#""0""#.to_owned();
    let mut limited = None;
    for _ in 0..400 {
        let saved = rig.save("company", &revision, &json!({})).await;
        if saved.status == 429 {
            limited = Some(saved);
            break;
        }
        revision = saved.expect(200).etag();
    }
    let limited = limited.expect("four hundred saves in a row were all accepted");
    assert!(limited.header("retry-after").parse::<u64>().unwrap() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn completing_checks_everything_and_is_durable() {
    let rig = Rig::unlocked().await;
    let complete = "/api/onboarding/steps/company/complete";
    let nothing = rig.post(complete, &[], None).await.expect(422);
    assert!(nothing.pointers().contains(&"/answer/company_name"));
    let draft = rig.save("company", r#""0""#, &json!({"company_name": "Acme"})).await.expect(200);
    let refused = rig.post(complete, &[], Some(&json!({}))).await.expect(422);
    assert!(!refused.pointers().contains(&"/answer/company_name") && refused.pointers().contains(&"/answer/industry"));
    let answers: Value = serde_json::from_str(ACME).unwrap();
    rig.post(complete, &[], Some(&json!({"answer": answers["company"]}))).await.expect(428);
    rig.post(complete, &[("If-Match", r#""0""#)], Some(&json!({"answer": answers["company"]}))).await.expect(412);
    let done = rig.post(complete, &[("If-Match", &draft.etag())], Some(&json!({"answer": answers["company"]}))).await.expect(200);
    assert_eq!(done.body["state"], "complete");
    assert_eq!(done.header("preference-applied"), "durable");
    assert_eq!((&done.body["steps_done"], &done.body["percent"]), (&json!(1), &json!(4)));
    assert_eq!((&done.body["status"], &done.body["next_step"]), (&json!("in_progress"), &json!("value-proposition")));
    assert_eq!(rig.database.number("select count(*) from onboarding.draft where slug = 'company' and state = 'complete'").await, 1);
    let told = rig.last_event("progressed").await;
    assert_eq!((&told["steps_done"], &told["status"], &told["next_step"]), (&json!(1), &json!("in_progress"), &json!("value-proposition")));
    // Once more is the same.
    let again = rig.post(complete, &[], None).await.expect(200);
    assert_eq!(again.etag(), done.etag());
    // An edit afterwards has to be completed again; one that breaks the rules is marked.
    let invalid = rig.save("company", &done.etag(), &json!({"company_name": "Acme"})).await.expect(200);
    assert_eq!(invalid.body["state"], "invalid");
    let valid = rig.save("company", &invalid.etag(), &answers["company"]).await.expect(200);
    assert_eq!(valid.body["state"], "draft");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_optional_steps_are_skipped() {
    let rig = Rig::unlocked().await;
    assert_eq!(rig.post("/api/onboarding/steps/company/skip", &[], None).await.expect(409).code(), "ONB-0006");
    let skipped = rig.post("/api/onboarding/steps/evidence/skip", &[], None).await.expect(200);
    assert_eq!((&skipped.body["state"], &skipped.body["steps_done"]), (&json!("skipped"), &json!(1)));
    assert_eq!(
        rig.database.number("select count(*) from onboarding.draft where slug = 'evidence' and state = 'skipped' and answer is null").await,
        1
    );
    let back = rig.save("evidence", &skipped.etag(), &json!({"evidence": [{"title": "Case study"}]})).await.expect(200);
    assert_eq!(back.body["state"], "draft");
    rig.post("/api/onboarding/steps/evidence/skip", &[("If-Match", &skipped.etag())], None).await.expect(412);
}
