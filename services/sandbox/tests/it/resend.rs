use std::time::{Duration, Instant};

use reqwest::Response;
use sandbox::{ResendWebhook, SandboxConfig};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::header_exists};

use crate::rig::{Rig, json_of, rig};

fn mail() -> Value {
    json!({
        "from": "Groundwork <pay@groundwork.example>",
        "to": ["owner@shop.example"],
        "subject": "Payment received",
        "html": "<p>Thank you</p>",
        "text": "Thank you: https://shop.example/invoice",
    })
}

async fn send(rig: &Rig, body: &Value, key: Option<&str>) -> Response {
    let mut request = rig.post("/resend/emails").bearer_auth("re_sandbox").json(body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_mail_is_accepted_and_kept() {
    let rig = rig().await;
    let answer = send(&rig, &mail(), Some("payment-confirmation/1")).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("ratelimit-limit"));
    let body = json_of(answer).await;
    assert_eq!(body.as_object().unwrap().len(), 1);
    let mails = json_of(rig.get("/control/mails").send().await.unwrap()).await;
    assert_eq!(mails[0]["id"], body["id"]);
    assert_eq!(mails[0]["to"], json!(["owner@shop.example"]));
    assert_eq!(mails[0]["idempotency_key"], "payment-confirmation/1");
}

#[tokio::test]
async fn an_attached_file_is_kept_and_shown_as_it_came() {
    let rig = rig().await;
    let mut with_file = mail();
    with_file["attachments"] = json!([{ "filename": "GW-1.pdf", "content_type": "application/pdf", "content": "JVBERg==" }]);
    let id = json_of(send(&rig, &with_file, None).await).await["id"].as_str().unwrap().to_owned();
    let mails = json_of(rig.get("/control/mails").send().await.unwrap()).await;
    assert_eq!(mails[0]["attachments"], json!([{ "filename": "GW-1.pdf", "content_type": "application/pdf", "size": 4 }]));
    let page = rig.get(&format!("/resend/inbox/{id}")).send().await.unwrap().text().await.unwrap();
    assert!(page.contains(&format!("/resend/inbox/{id}/attachments/0")), "{page}");
    let file = rig.get(&format!("/resend/inbox/{id}/attachments/0")).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "application/pdf");
    assert_eq!(file.bytes().await.unwrap(), "%PDF");
    assert_eq!(rig.get(&format!("/resend/inbox/{id}/attachments/1")).send().await.unwrap().status(), 404);
    for wrong in [json!({}), json!([{ "filename": "a.pdf" }]), json!([{ "filename": "a.pdf", "content": "%" }]), json!([{ "content": "" }])]
    {
        with_file["attachments"] = wrong;
        assert_eq!(send(&rig, &with_file, None).await.status(), 422);
    }
}

#[tokio::test]
async fn the_same_key_and_body_is_sent_once() {
    let rig = rig().await;
    let first = json_of(send(&rig, &mail(), Some("k")).await).await;
    let second = json_of(send(&rig, &mail(), Some("k")).await).await;
    assert_eq!(first, second);
    assert_eq!(rig.running.sandbox().mails().len(), 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_a_conflict() {
    let rig = rig().await;
    send(&rig, &mail(), Some("k")).await;
    let mut other = mail();
    other["subject"] = json!("Another");
    let answer = send(&rig, &other, Some("k")).await;
    assert_eq!(answer.status(), 409);
    let body = json_of(answer).await;
    assert_eq!(body["statusCode"], 409);
    assert_eq!(body["name"], "invalid_idempotent_request");
    assert_eq!(rig.running.sandbox().mails().len(), 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let rig = rig().await;
    send(&rig, &mail(), Some("k")).await;
    rig.advance(24 * 3600);
    send(&rig, &mail(), Some("k")).await;
    assert_eq!(rig.running.sandbox().mails().len(), 2);
}

#[tokio::test]
async fn keys_of_the_api_are_checked() {
    let rig = rig().await;
    let without = rig.post("/resend/emails").json(&mail()).send().await.unwrap();
    assert_eq!(without.status(), 401);
    assert_eq!(json_of(without).await["name"], "missing_api_key");
    let wrong = rig.post("/resend/emails").bearer_auth("re_wrong").json(&mail());
    let wrong = wrong.send().await.unwrap();
    assert_eq!(wrong.status(), 403);
    assert_eq!(json_of(wrong).await["name"], "invalid_api_key");
    for key in [String::new(), "k".repeat(257)] {
        let answer = send(&rig, &mail(), Some(&key)).await;
        assert_eq!(answer.status(), 400);
        assert_eq!(json_of(answer).await["name"], "invalid_idempotency_key");
    }
    assert_eq!(send(&rig, &mail(), Some(&"k".repeat(256))).await.status(), 200);
}

#[tokio::test]
async fn the_shape_is_checked() {
    let rig = rig().await;
    for (field, value, name) in [
        ("from", Value::Null, "missing_required_field"),
        ("from", json!("nobody"), "validation_error"),
        ("to", Value::Null, "missing_required_field"),
        ("to", json!([]), "missing_required_field"),
        ("to", json!(["a@b"]), "validation_error"),
        ("to", json!(vec!["a@b.example"; 51]), "validation_error"),
        ("subject", json!(""), "missing_required_field"),
        ("subject", json!(7), "validation_error"),
        ("html", json!({}), "validation_error"),
        ("headers", json!({"x": 1}), "validation_error"),
        ("tags", json!([{"name": "a b", "value": "c"}]), "validation_error"),
        ("replyTo", json!("a@b.example"), "validation_error"),
    ] {
        let mut body = mail();
        body[field] = value.clone();
        let answer = send(&rig, &body, Some("k")).await;
        assert_eq!(answer.status(), 422, "{field} {value}");
        let error = json_of(answer).await;
        assert_eq!(error["statusCode"], 422);
        assert_eq!(error["name"], name, "{field} {value}");
        assert!(error["message"].is_string());
    }
    let mut body = mail();
    body["html"] = Value::Null;
    body["text"] = Value::Null;
    assert_eq!(send(&rig, &body, None).await.status(), 422);
    // A refused mail does not use up its key.
    assert_eq!(send(&rig, &mail(), Some("k")).await.status(), 200);
}

#[tokio::test]
async fn the_weather_can_refuse_mails() {
    let rig = rig().await;
    rig.set_weather(json!({"resend": {"http_status": 429, "retry_after_s": 7}})).await;
    let answer = send(&rig, &mail(), None).await;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "7");
    assert_eq!(json_of(answer).await["name"], "rate_limit_exceeded");
    assert!(rig.running.sandbox().mails().is_empty());
}

#[tokio::test]
async fn the_inbox_shows_a_mail_and_shuts_its_html_in() {
    let rig = rig().await;
    let sent = json_of(send(&rig, &mail(), None).await).await;
    let id = sent["id"].as_str().unwrap();
    let text = async |path: String| rig.get(&path).send().await.unwrap().text().await.unwrap();
    assert!(text("/resend/inbox".into()).await.contains(&format!("/resend/inbox/{id}")));
    let view = text(format!("/resend/inbox/{id}")).await;
    assert!(view.contains("href=\"https://shop.example/invoice\""));
    assert!(view.contains("<iframe") && view.contains("sandbox="));
    let part = rig.get(&format!("/resend/inbox/{id}/html")).send().await.unwrap();
    let policy = part.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
    assert!(!policy.contains("allow-scripts"));
    assert!(part.text().await.unwrap().contains("<p>Thank you</p>"));
    let front = rig.get("/resend").send().await.unwrap();
    assert_eq!(front.headers()["location"], "/resend/inbox");
    assert_eq!(rig.get("/resend/inbox/nothing").send().await.unwrap().status(), 404);
}

/// The svix headers and bodies of what an endpoint got, in order.
async fn told(endpoint: &MockServer, count: usize) -> Vec<(String, Value)> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let got = endpoint.received_requests().await.unwrap();
        if got.len() >= count {
            let body = |request: &Request| serde_json::from_slice(&request.body).unwrap();
            return got.iter().map(|request| (request.headers["svix-id"].to_str().unwrap().to_owned(), body(request))).collect();
        }
        assert!(Instant::now() < deadline, "{} of {count} webhooks came", got.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_became_of_a_mail_is_told_to_every_endpoint_once_and_signed() {
    let (first, second) = (MockServer::start().await, MockServer::start().await);
    for endpoint in [&first, &second] {
        Mock::given(header_exists("svix-signature"))
            .and(header_exists("svix-timestamp"))
            .respond_with(ResponseTemplate::new(200))
            .mount(endpoint)
            .await;
    }
    let resend_webhook = ResendWebhook {
        urls: [&first, &second].map(|endpoint| endpoint.uri().parse().unwrap()).into(),
        secret: Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()),
    };
    let mut rig = rig().await;
    rig.running = sandbox::start(SandboxConfig { resend_webhook, ..SandboxConfig::default() }).unwrap();
    let id = json_of(send(&rig, &mail(), Some("k")).await).await["id"].clone();
    send(&rig, &mail(), Some("k")).await;
    let mut bounced = mail();
    bounced["to"] = json!("bounced+shop@resend.dev");
    for endpoint in [&first, &second] {
        told(endpoint, 2).await;
    }
    send(&rig, &bounced, None).await;
    let told = (told(&first, 4).await, told(&second, 4).await);
    assert_eq!(told.0, told.1, "one id for one event");
    let events: Vec<_> = told.0.iter().map(|(_, body)| body["type"].as_str().unwrap()).collect();
    assert_eq!(events, ["email.sent", "email.delivered", "email.sent", "email.bounced"]);
    assert_eq!((&told.0[0].1["data"]["email_id"], &told.0[0].1["data"]["to"]), (&id, &json!(["owner@shop.example"])));
    assert_eq!(told.0[3].1["data"]["bounce"]["type"], "Permanent");
}
