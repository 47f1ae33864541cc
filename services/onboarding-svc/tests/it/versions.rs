use domain::step::SCHEMA_VERSION;
use reqwest::Method;
use serde_json::json;

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_version_is_told_the_version_in_force() {
    let rig = Rig::unlocked().await;
    let older = [("X-Schema-Version", "2025.01")];
    let refused = rig.save_at(&rig.running.url, "company", r#""0""#, &json!({"company_name": "Acme"}), &older).await.expect(409);
    assert_eq!((refused.code(), &refused.body["schema_version"]), ("ONB-0013", &json!(SCHEMA_VERSION)));
    assert_eq!(refused.body["href"], "/api/onboarding/steps");
    let path = "/api/onboarding/steps/evidence/complete";
    let body = json!({"answer": {}});
    let headers = [("If-Match", r#""0""#), ("X-Schema-Version", "2025.01")];
    let refused = rig.send(&rig.running.url, Method::POST, path, &rig.person.token, &headers, Some(&body)).await.expect(409);
    assert_eq!(refused.body["schema_version"], SCHEMA_VERSION);
    let present = [("X-Schema-Version", SCHEMA_VERSION)];
    rig.save_at(&rig.running.url, "company", r#""0""#, &json!({"company_name": "Acme"}), &present).await.expect(200);
    assert_eq!(rig.get("/api/onboarding").await.body["schema_version"], SCHEMA_VERSION);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_follow_a_version_of_the_future_are_refused_by_its_name() {
    let rig = Rig::unlocked().await;
    rig.sql("update onboarding.onboarding set schema_version = '2031.01'").await;
    let replica = rig.replica(&[]);
    for (method, path, body) in [
        (Method::GET, "/api/onboarding", None),
        (Method::GET, "/api/onboarding/steps/company", None),
        (Method::PUT, "/api/onboarding/steps/company/draft", Some(json!({"answer": {}}))),
        (Method::POST, "/api/onboarding/steps/facts/skip", None),
        (Method::POST, "/api/onboarding/finalize", None),
    ] {
        let headers = [("If-Match", r#""0""#)];
        let refused = rig.send(&replica.url, method, path, &rig.person.token, &headers, body.as_ref()).await.expect(409);
        assert_eq!((refused.code(), &refused.body["schema_version"]), ("ONB-0013", &json!("2031.01")), "{path}");
    }
}
