//! Answers that come and go as a whole, and suggestions from pages.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::person;

use crate::rig::{ACME, Answer, Rig};

const IMPORT: &str = "/api/onboarding/import";

fn acme() -> Value {
    serde_json::from_str(ACME).unwrap()
}

fn outcomes(answer: &Answer) -> Vec<(&str, &str)> {
    answer.body["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| (step["slug"].as_str().unwrap(), step["outcome"].as_str().unwrap()))
        .collect()
}

impl Rig {
    async fn import(&self, query: &str, body: &Value) -> Answer {
        self.post(&format!("{IMPORT}{query}"), &[], Some(body)).await
    }

    async fn page(&self, kind: &str, html: &str) -> Answer {
        let client = service_kit::http_client(std::time::Duration::from_secs(10)).unwrap();
        let request = client.post(format!("{}/api/onboarding/suggestions", self.running.url)).bearer_auth(&self.person.token);
        let answer = request.header("Content-Type", kind).body(html.to_owned()).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.unwrap().to_vec();
        Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null), bytes }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_all_answers_is_imported_completed_finalized_and_comes_out_again_as_it_went_in() {
    let rig = Rig::unlocked().await;
    let dry = rig.import("?complete=true&dry_run=true", &json!({"answers": acme()})).await.expect(200);
    assert_eq!((outcomes(&dry).len(), outcomes(&dry)[0], &dry.body["dry_run"]), (23, ("company", "completed"), &json!(true)));
    assert_eq!(rig.get("/api/onboarding").await.body["percent"], 0);
    let done = rig.import("?complete=true", &json!({"answers": acme()})).await.expect(200);
    assert!(outcomes(&done).iter().all(|(_, outcome)| *outcome == "completed"), "{}", done.body);
    rig.post("/api/onboarding/finalize", &[], None).await.expect(202);

    let exported = rig.get("/api/onboarding/export").await.expect(200);
    assert!(exported.header("content-disposition").starts_with(r#"attachment; filename="onboarding-2"#));
    assert_eq!((&exported.body["answers"]["goals"], &exported.body["states"]["goals"]), (&acme()["goals"], &json!("complete")));
    // The file itself can be imported, by somebody else.
    let other = Rig::unlocked().await;
    let again = other.import("", &exported.body).await.expect(200);
    assert!(outcomes(&again).iter().all(|(_, outcome)| *outcome == "imported"), "{}", again.body);
    let out = other.get("/api/onboarding/export?format=json").await.expect(200);
    assert_eq!(out.body["answers"], exported.body["answers"]);
    let audited = "select count(*) from onboarding.audit_log where action = 'onboarding.import' and detail ->> 'imported' = '23'";
    assert_eq!(other.database.number(audited).await, 1);

    let markdown = other.get("/api/onboarding/export?format=markdown").await.expect(200);
    assert!(markdown.header("content-type").starts_with("text/markdown"));
    let text = String::from_utf8(markdown.bytes).unwrap();
    assert!(text.starts_with("# Acme Instruments\n") && text.contains("### 23. Review"), "{text}");
    other.get("/api/onboarding/export?format=pdf").await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_leaves_what_is_there_unless_it_is_to_be_replaced_and_can_be_taken_back() {
    let rig = Rig::unlocked().await;
    rig.save("company", r#""0""#, &json!({"company_name": "Mine"})).await.expect(200);
    rig.post("/api/onboarding/steps/facts/skip", &[], None).await.expect(200);
    let body = json!({"answers": {"company": acme()["company"], "facts": acme()["facts"], "problem": {"severity": 7}, "goals": null}});
    let kept = rig.import("", &body).await.expect(200);
    assert_eq!(outcomes(&kept), [("company", "kept"), ("facts", "kept"), ("problem", "imported")]);
    assert_eq!(rig.get("/api/onboarding/steps/company").await.body["answer"]["company_name"], "Mine");
    let replaced = rig.import("?replace=true&complete=true", &body).await.expect(200);
    assert_eq!(outcomes(&replaced), [("company", "completed"), ("facts", "completed"), ("problem", "unchanged")]);
    assert_eq!(rig.get("/api/onboarding/steps/company").await.body["state"], "complete");
    let back = rig.post("/api/onboarding/steps/company/undo", &[], None).await.expect(200);
    assert_eq!(back.body["answer"]["company_name"], "Mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_answer_and_nothing_is_imported_and_all_that_is_wrong_is_told() {
    let rig = Rig::unlocked().await;
    let body = json!({"answers": {
        "company": {"company_name": 7, "colour": "red"}, "pricing": {"price_points": [{"name": "x", "currency": "XXQ"}]}, "goals": {},
    }});
    let refused = rig.import("", &body).await.expect(422);
    assert_eq!(refused.code(), "ONB-0004");
    let mut pointers = refused.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/answers/company/colour", "/answers/company/company_name", "/answers/pricing/price_points/0/currency"]);
    let refused = rig.import("", &json!({"answers": {"company": {}, "vision/2": {}}})).await.expect(422);
    assert_eq!(refused.pointers(), ["/answers/vision~12"]);
    for (body, status, pointer) in [
        (json!({"answers": []}), 422, "/answers"),
        (json!({"answers": {}, "schema": "urn:other"}), 422, "/schema"),
        (json!({"answers": {}, "more": 1}), 422, ""),
        (json!({}), 422, ""),
    ] {
        let refused = rig.import("", &body).await.expect(status);
        assert!(pointer.is_empty() || refused.pointers() == [pointer], "{}", refused.body);
    }
    let older = rig.import("", &json!({"answers": {"company": {}}, "schema_version": "2020.01"})).await.expect(409);
    assert_eq!((older.code(), &older.body["schema_version"]), ("ONB-0013", &json!("2026.11")));
    rig.import("?overwrite=true", &json!({"answers": {}})).await.expect(400);
    assert_eq!(rig.database.number("select count(*) from onboarding.draft").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_from_a_workspace_of_ones_own_and_from_no_other() {
    let rig = Rig::unlocked().await;
    let former = person(&rig.database).await;
    // The former workspace: some answers in Redis alone, and a context.
    let own = rig.person.workspace;
    rig.complete_all(ACME).await;
    rig.post("/api/onboarding/finalize", &[], None).await.expect(202);
    rig.deliver(&rig.generated(1), 1).await;
    let revision = rig.get("/api/onboarding/steps/company").await.etag();
    let mut company = acme()["company"].clone();
    company["company_name"] = json!("Acme of today");
    rig.save("company", &revision, &company).await.expect(200);
    rig.sql(&format!(
        "insert into onboarding.onboarding (workspace_id, unlocked_by, unlocked_at, announced_status) \
         values ('{}', gen_random_uuid(), now(), 'unlocked')",
        former.workspace
    ))
    .await;
    let into = former.workspace.to_string();
    let import = async |token: &str, body: Value| {
        let headers = [("X-Workspace-Id", into.as_str())];
        rig.send(&rig.running.url, Method::POST, &format!("{IMPORT}/workspace"), token, &headers, Some(&body)).await
    };
    let hidden = import(&former.token, json!({"workspace_id": own})).await.expect(404);
    assert_eq!(hidden.code(), "GW-0002", "not a member there");
    rig.sql(&format!("insert into identity.memberships (workspace_id, user_id, role) values ('{own}', '{}', 'member')", former.user)).await;
    import(&former.token, json!({"workspace_id": own, "context_number": 9})).await.expect(404);
    assert_eq!(import(&former.token, json!({"workspace_id": into})).await.expect(422).pointers(), ["/workspace_id"]);
    let taken = import(&former.token, json!({"workspace_id": own})).await.expect(200);
    assert_eq!(outcomes(&taken).len(), 22, "all but the review: {}", taken.body);
    let named = |answer: &Value, name: &str| answer["answer"]["company_name"] == name;
    let headers = [("X-Workspace-Id", into.as_str())];
    let read = async || rig.send(&rig.running.url, Method::GET, "/api/onboarding/steps/company", &former.token, &headers, None).await;
    assert!(named(&read().await.body, "Acme of today"));
    let path = format!("{IMPORT}/workspace?replace=true");
    let body = json!({"workspace_id": own, "context_number": 1});
    rig.send(&rig.running.url, Method::POST, &path, &former.token, &headers, Some(&body)).await.expect(200);
    assert!(named(&read().await.body, "Acme Instruments"), "as it was finalized");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_suggests_what_it_says_and_a_person_accepts_it_by_saving() {
    let rig = Rig::unlocked().await;
    rig.save("company", r#""0""#, &json!({"company_name": "Acme", "headquarters": "Delhi"})).await.expect(200);
    let html = r#"<html><head><meta property="og:site_name" content="Acme"><meta property="og:description" content="Anvils for people in a hurry.">
        <script type="application/ld+json">{"@type": "Organization", "name": "Acme Ltd", "foundingDate": "1999",
        "address": {"addressLocality": "Pune", "addressCountry": "India"}}</script></head></html>"#;
    let answer = rig.page("text/html; charset=utf-8", html).await.expect(200);
    let items = answer.body["items"].as_array().unwrap();
    let fields: Vec<_> =
        items.iter().map(|item| (item["field"].as_str().unwrap(), item["value"].clone(), item["current"].clone())).collect();
    assert_eq!(
        fields,
        [
            ("company_name", json!("Acme Ltd"), json!("Acme")),
            ("description", json!("Anvils for people in a hurry."), Value::Null),
            ("founded_year", json!(1999), Value::Null),
            ("headquarters", json!("Pune, India"), json!("Delhi")),
        ],
        "what the field holds already is not suggested"
    );
    assert_eq!((&items[1]["label"], &items[1]["found_in"]), (&json!("What the company does"), &json!("Open Graph description")));
    assert_eq!(rig.get("/api/onboarding/steps/company").await.body["answer"], json!({"company_name": "Acme", "headquarters": "Delhi"}));
    let accepted = json!({"company_name": "Acme", "headquarters": items[3]["value"], "founded_year": items[2]["value"]});
    let revision = format!("\"{}\"", items[0]["revision"].as_str().unwrap());
    rig.save("company", &revision, &accepted).await.expect(200);

    assert_eq!(rig.page("application/json", html).await.expect(415).code(), "GW-0008");
    assert_eq!(rig.page("text/html", "").await.expect(200).body, json!({"items": []}));
    rig.page("text/html", &" ".repeat(262_145)).await.expect(413);
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_and_pages_are_limited_and_need_an_open_onboarding() {
    let rig = Rig::locked().await;
    assert_eq!(rig.import("", &json!({"answers": {}})).await.expect(402).code(), "ONB-0001");
    assert_eq!(rig.page("text/html", "x").await.expect(402).code(), "ONB-0001");
    let rig = Rig::unlocked().await;
    // On a slow machine some of what was used up comes back meanwhile.
    let mut imports = rig.import("", &json!({"answers": {}})).await;
    for _ in 0..60 {
        if imports.status == 429 {
            break;
        }
        imports = rig.import("", &json!({"answers": {}})).await;
    }
    assert!(imports.expect(429).header("retry-after").parse::<u64>().unwrap() >= 1);
    let mut pages = rig.page("text/html", "x").await;
    for _ in 0..100 {
        if pages.status == 429 {
            break;
        }
        pages = rig.page("text/html", "x").await;
    }
    pages.expect(429);
}
