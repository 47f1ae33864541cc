use serde_json::{Value, json};
use testkit::person;

use crate::rig::{ACME, Rig};

const FINALIZE: &str = "/api/onboarding/finalize";

impl Rig {
    /// Completes one step anew and finalizes; the manifest of the context before is there.
    async fn finalize_with(&self, slug: &str, answer: &Value, former: u64) {
        self.deliver(&self.generated(former), i64::try_from(former).unwrap()).await;
        let revision = self.get(&format!("/api/onboarding/steps/{slug}")).await.expect(200).etag();
        let path = format!("/api/onboarding/steps/{slug}/complete");
        self.post(&path, &[("If-Match", &revision)], Some(&json!({"answer": answer}))).await.expect(200);
        self.post(FINALIZE, &[], None).await.expect(202);
    }

    /// An event stream that has begun.
    async fn stream(&self, number: u64) -> reqwest::Response {
        let client = service_kit::http_client(std::time::Duration::from_secs(20)).unwrap();
        let url = format!("{}/api/onboarding/finalize/{number}/events", self.running.url);
        let stream = client.get(url).bearer_auth(&self.person.token).send().await.unwrap();
        assert_eq!((stream.status().as_u16(), stream.headers()["content-type"].to_str().unwrap()), (200, "text/event-stream"));
        stream
    }
}

async fn rest(mut stream: reqwest::Response) -> String {
    let mut rest = String::new();
    while let Some(chunk) = stream.chunk().await.unwrap() {
        rest.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    rest
}

#[tokio::test(flavor = "multi_thread")]
async fn contexts_are_listed_downloaded_and_compared() {
    let rig = Rig::unlocked().await;
    assert_eq!(rig.get("/api/onboarding/contexts").await.expect(200).body, json!({"items": [], "next_before": null}));
    let answers: Value = serde_json::from_str(ACME).unwrap();
    rig.complete_all(ACME).await;
    rig.post(FINALIZE, &[], None).await.expect(202);
    let mut company = answers["company"].clone();
    company["company_name"] = json!("Acme Renamed");
    rig.finalize_with("company", &company, 1).await;
    company["employee_count"] = json!(77);
    rig.finalize_with("company", &company, 2).await;

    let listed = rig.get("/api/onboarding/contexts?limit=2").await.expect(200);
    let items = listed.body["items"].as_array().unwrap();
    let numbers: Vec<_> = items.iter().map(|item| (item["number"].as_u64().unwrap(), item["status"].as_str().unwrap())).collect();
    assert_eq!((numbers, &listed.body["next_before"]), (vec![(3, "finalizing"), (2, "superseded")], &json!(2)));
    let second = rig.get("/api/onboarding/contexts?limit=2&before=2").await.expect(200);
    assert_eq!((&second.body["items"][0]["number"], &second.body["next_before"]), (&json!(1), &Value::Null));
    let download = rig.get(items[0]["href"].as_str().unwrap()).await.expect(200);
    assert_eq!(download.header("content-disposition"), r#"attachment; filename="business-context-3.json""#);
    assert_eq!(json!(download.bytes.len()), items[0]["size_bytes"]);
    assert_eq!(download.etag(), format!("\"{}\"", items[0]["sha256"].as_str().unwrap()));
    rig.get("/api/onboarding/contexts?limit=51").await.expect(400);
    rig.get("/api/onboarding/contexts?after=1").await.expect(400);

    let diff = rig.get("/api/onboarding/contexts/1/diff/3").await.expect(200).body;
    assert_eq!((&diff["same"], diff["steps"].as_array().unwrap().len(), &diff["steps"][0]["slug"]), (&json!(false), 1, &json!("company")));
    let fields = diff["steps"][0]["fields"].as_array().unwrap();
    let name = fields.iter().find(|field| field["pointer"] == "/company_name").unwrap();
    assert_eq!((&name["before"], &name["after"]), (&answers["company"]["company_name"], &json!("Acme Renamed")));
    assert_eq!(name["label"], "Company name");
    assert!(fields.iter().any(|field| field["pointer"] == "/employee_count" && field["after"] == 77));
    let back = rig.get("/api/onboarding/contexts/3/diff/1").await.expect(200).body;
    let name = back["steps"][0]["fields"].as_array().unwrap().iter().find(|field| field["pointer"] == "/company_name").unwrap().clone();
    assert_eq!((&name["before"], &name["after"]), (&json!("Acme Renamed"), &answers["company"]["company_name"]));
    assert_eq!(rig.get("/api/onboarding/contexts/2/diff/2").await.expect(200).body["same"], true);
    assert_eq!(rig.get("/api/onboarding/contexts/2/diff/9").await.expect(404).code(), "ONB-0012");
    assert_eq!(rig.get("/api/onboarding/contexts/x/diff/1").await.expect(404).code(), "ONB-0012");
    let stranger = person(&rig.database).await;
    let theirs = rig.send(&rig.running.url, reqwest::Method::GET, "/api/onboarding/contexts", &stranger.token, &[], None).await;
    assert_eq!(theirs.expect(200).body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_stream_tells_what_became_of_a_context_and_ends() {
    let rig = Rig::unlocked().await;
    rig.complete_all(ACME).await;
    rig.post(FINALIZE, &[], None).await.expect(202);
    let mut stream = rig.stream(1).await;
    let first = String::from_utf8(stream.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.contains("event: finalize") && first.contains(r#""status":"finalizing""#), "{first}");
    rig.deliver(&rig.failed(1, "the answers are too short"), 1).await;
    let told = rest(stream).await;
    assert!(told.contains(r#""status":"failed""#) && told.contains("the answers are too short"), "{told}");
    // Tried again, while somebody else's stream of the process knows the failure still.
    rig.post(FINALIZE, &[], None).await.expect(202);
    let stream = rig.stream(1).await;
    rig.deliver(&rig.generated(1), 2).await;
    let told = rest(stream).await;
    assert!(told.trim_end().ends_with('}') && told.contains(r#""status":"completed""#), "{told}");
    let told = rest(rig.stream(1).await).await;
    assert_eq!(told.matches("event: finalize").count(), 1, "it has ended before: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_a_context_that_was_just_made_is_not_ended_by_what_others_know() {
    let rig = Rig::unlocked().await;
    rig.complete_all(ACME).await;
    rig.post(FINALIZE, &[], None).await.expect(202);
    let older = rig.stream(1).await;
    let answers: Value = serde_json::from_str(ACME).unwrap();
    let mut company = answers["company"].clone();
    company["company_name"] = json!("Acme Renamed");
    rig.finalize_with("company", &company, 1).await;
    let newer = rig.stream(2).await;
    rig.deliver(&rig.generated(2), 2).await;
    let told = rest(newer).await;
    assert!(told.contains(r#""status":"completed""#) && !told.contains("superseded"), "{told}");
    rest(older).await;
}
