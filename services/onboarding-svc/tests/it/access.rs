use reqwest::Method;
use serde_json::{Value, json};
use service_kit::http;
use testkit::person;

use crate::rig::Rig;

/// Every operation of the workspaces (those of operators have a test of their own) with a path that could exist.
fn operations() -> Vec<(Method, String)> {
    let document = serde_json::to_value(http::openapi::<onboarding_svc::OnboardingService>()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| !path.starts_with("/api/admin/")) {
        for (method, operation) in methods.as_object().unwrap() {
            if operation.get("security").is_some_and(|security| security != &json!([])) {
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                operations.push((method, path.replace("{slug}", "company").replace("{number}", "1").replace("{other}", "2")));
            }
        }
    }
    operations
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_a_token_and_nobody_of_another_workspace_reaches_an_operation() {
    let rig = Rig::unlocked().await;
    let stranger = person(&rig.database).await;
    let workspace = rig.person.workspace.to_string();
    let operations = operations();
    assert_eq!(operations.len(), 17, "{operations:?}");
    for (method, path) in operations {
        let body = (method != Method::GET).then(|| json!({"answer": {}}));
        let headers = [("X-Workspace-Id", workspace.as_str()), ("If-Match", r#""0""#)];
        let send = async |token: &str| rig.send(&rig.running.url, method.clone(), &path, token, &headers, body.as_ref()).await;
        assert_eq!(send("").await.status, 401, "{method} {path} without a token");
        assert_eq!(send("not.a.token").await.status, 401, "{method} {path} with a bad token");
        let hidden = send(&stranger.token).await;
        assert_eq!((hidden.status, hidden.code()), (404, "GW-0002"), "{method} {path} of another workspace");
    }
    assert_eq!(rig.database.number("select count(*) from onboarding.draft").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_onboarding_takes_no_edit() {
    let rig = Rig::locked().await;
    assert_eq!(rig.save("company", r#""0""#, &json!({})).await.expect(402).code(), "ONB-0001");
    for path in ["steps/company/complete", "steps/evidence/skip", "finalize"] {
        let refused = rig.post(&format!("/api/onboarding/{path}"), &[], None).await.expect(402);
        assert_eq!(refused.code(), "ONB-0001", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_answered_with_a_reason_and_never_with_a_server_error() {
    let rig = Rig::unlocked().await;
    let client = service_kit::http_client(std::time::Duration::from_secs(10)).unwrap();
    let put = |body: Vec<u8>, kind: &'static str| {
        client
            .put(format!("{}/api/onboarding/steps/company/draft", rig.running.url))
            .bearer_auth(&rig.person.token)
            .header("If-Match", r#""0""#)
            .header("Content-Type", kind)
            .body(body)
            .send()
    };
    let json = "application/json";
    assert_eq!(put(b"{".to_vec(), json).await.unwrap().status(), 400);
    assert_eq!(put(vec![0xff, 0xfe], json).await.unwrap().status(), 400);
    assert_eq!(put(b"[]".to_vec(), json).await.unwrap().status(), 422);
    assert_eq!(put(b"{}".to_vec(), json).await.unwrap().status(), 422);
    assert_eq!(put(br#"{"answer":{}}"#.to_vec(), "text/plain").await.unwrap().status(), 415);
    assert_eq!(put(vec![b' '; 300_000], json).await.unwrap().status(), 413);
    let control = json!({"answer": {"company_name": "a\u{0}b"}}).to_string().into_bytes();
    assert_eq!(put(control, json).await.unwrap().status(), 422);
    let number = br#"{"answer":{"employee_count":1e400}}"#.to_vec();
    assert!(put(number, json).await.unwrap().status().is_client_error());
    let deep = format!("{{\"answer\":{}{}}}", "[".repeat(200), "]".repeat(200)).into_bytes();
    assert_eq!(put(deep, json).await.unwrap().status(), 400);

    for path in ["steps/nothing", "finalize/0", "finalize/x", "finalize/99999999999", "contexts/1", "contexts/-1"] {
        let missing = rig.get(&format!("/api/onboarding/{path}")).await.expect(404);
        assert!(missing.code().starts_with("ONB-"), "{path}: {}", missing.body);
    }
    rig.get("/api/onboarding?answers=perhaps").await.expect(400);
    let bad_workspace = [("X-Workspace-Id", "mine")];
    rig.send(&rig.running.url, Method::GET, "/api/onboarding", &rig.person.token, &bad_workspace, None).await.expect(400);
    rig.post("/api/onboarding/finalize", &[("Idempotency-Key", "")], None).await.expect(400);
    rig.post("/api/onboarding/finalize", &[], Some(&Value::from(7))).await.expect(422);
    rig.post("/api/onboarding/steps/company/complete", &[], Some(&json!({"reply": 1}))).await.expect(422);
}
