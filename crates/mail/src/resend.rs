//! Resend's API: one POST per mail, with the purpose as its idempotency key.

use std::time::Duration;

use async_trait::async_trait;
use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{StatusCode, header::RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::transport::{ATTEMPT_LIMIT, OPERATOR_PAUSE, Outgoing, SendError, Transport};

/// Sends through Resend, or whatever speaks its protocol at `url`.
pub struct Resend {
    http: reqwest::Client,
    endpoint: String,
    key: SecretString,
    from: String,
}

#[derive(Serialize)]
struct Request<'a> {
    from: &'a str,
    to: [&'a str; 1],
    subject: &'a str,
    html: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attachments: Option<[Attached<'a>; 1]>,
}

#[derive(Serialize)]
struct Attached<'a> {
    filename: &'a str,
    content_type: &'static str,
    /// Base64.
    content: String,
}

#[derive(Deserialize)]
struct Accepted {
    id: String,
}

/// `name` tells the cause; `message` may repeat addresses and is therefore not read.
#[derive(Deserialize, Default)]
struct Refused {
    #[serde(default)]
    name: String,
}

impl Resend {
    /// Sends as `from` to `{url}/emails` with the given API key.
    pub fn new(http: reqwest::Client, url: &str, key: SecretString, from: String) -> Self {
        Self { http, endpoint: format!("{}/emails", url.trim_end_matches('/')), key, from }
    }
}

#[async_trait]
impl Transport for Resend {
    async fn send(&self, mail: &Outgoing) -> Result<String, SendError> {
        let attachments = mail.attachment.as_ref().map(|file| {
            [Attached { filename: &file.file_name, content_type: file.content_type, content: BASE64_STANDARD.encode(&file.bytes) }]
        });
        let body =
            Request { from: &self.from, to: [&mail.recipient], subject: &mail.subject, html: &mail.html, text: &mail.text, attachments };
        let transient = |error: reqwest::Error| SendError::Transient { reason: error.without_url().to_string(), retry_after: None };
        let answer = self
            .http
            .post(&self.endpoint)
            .timeout(ATTEMPT_LIMIT)
            .bearer_auth(self.key.expose_secret())
            .header("Idempotency-Key", &mail.purpose_key)
            .json(&body)
            .send()
            .await
            .map_err(transient)?;
        let status = answer.status();
        let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
        let bytes = answer.bytes().await.map_err(transient)?;
        if status.is_success() {
            return match serde_json::from_slice::<Accepted>(&bytes) {
                Ok(accepted) => Ok(accepted.id),
                Err(_) => Err(SendError::Transient { reason: format!("{status} without an id"), retry_after: None }),
            };
        }
        let name = serde_json::from_slice::<Refused>(&bytes).unwrap_or_default().name;
        Err(classify(status, &name, wait))
    }
}

/// What a refusal means for the mail. Names that are not known here are judged by their status.
fn classify(status: StatusCode, name: &str, wait: Option<Duration>) -> SendError {
    let reason = if name.is_empty() { status.as_u16().to_string() } else { format!("{} {name}", status.as_u16()) };
    let later = |retry_after| SendError::Transient { reason: reason.clone(), retry_after };
    match (status.as_u16(), name) {
        (429, "daily_quota_exceeded" | "monthly_quota_exceeded") | (401 | 403, _) => later(Some(wait.unwrap_or(OPERATOR_PAUSE))),
        (429, _) => later(Some(wait.unwrap_or(Duration::from_secs(1)))),
        (409, "concurrent_idempotent_requests") => later(None),
        // 409 invalid_idempotent_request: another body went out under this purpose, so the purpose is served.
        (400..=499, _) if status != StatusCode::REQUEST_TIMEOUT && name != "resource_locked" => SendError::Permanent(reason),
        _ => later(wait),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{body_json, body_partial_json, header, method, path},
    };

    use super::*;
    use crate::transport::Attachment;

    fn mail() -> Outgoing {
        Outgoing {
            purpose_key: "payment-confirmation/1".into(),
            recipient: "asha@example.test".into(),
            subject: "Paid".into(),
            html: "<p>Paid</p>".into(),
            text: "Paid".into(),
            attachment: None,
        }
    }

    fn resend(server: &MockServer) -> Resend {
        let http = service_kit::http_client(Duration::from_secs(2)).unwrap();
        Resend::new(http, &server.uri(), "re_test".to_owned().into(), "Groundwork <billing@example.test>".into())
    }

    async fn answered(template: ResponseTemplate) -> Result<String, SendError> {
        let server = MockServer::start().await;
        Mock::given(method("POST")).and(path("/emails")).respond_with(template).mount(&server).await;
        resend(&server).send(&mail()).await
    }

    #[tokio::test]
    async fn a_mail_goes_out_in_resends_own_form_with_its_purpose_as_the_key() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/emails"))
            .and(header("authorization", "Bearer re_test"))
            .and(header("idempotency-key", "payment-confirmation/1"))
            .and(body_json(json!({
                "from": "Groundwork <billing@example.test>", "to": ["asha@example.test"], "subject": "Paid",
                "html": "<p>Paid</p>", "text": "Paid",
            })))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": "49a3999c"})))
            .expect(1)
            .mount(&server)
            .await;
        assert_eq!(resend(&server).send(&mail()).await, Ok("49a3999c".to_owned()));
    }

    #[tokio::test]
    async fn a_file_goes_out_in_base64_under_its_name() {
        let server = MockServer::start().await;
        let attachments = json!({"attachments": [{"filename": "GW-1.pdf", "content_type": "application/pdf", "content": "JVBERg=="}]});
        Mock::given(method("POST"))
            .and(path("/emails"))
            .and(body_partial_json(attachments))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": "49a3999c"})))
            .expect(1)
            .mount(&server)
            .await;
        let attachment = Attachment { file_name: "GW-1.pdf".into(), content_type: "application/pdf", bytes: b"%PDF".to_vec() };
        resend(&server).send(&Outgoing { attachment: Some(attachment), ..mail() }).await.unwrap();
    }

    #[tokio::test]
    async fn a_rate_limit_is_waited_out_as_long_as_the_provider_asks() {
        let answer = ResponseTemplate::new(429).insert_header("retry-after", "7").set_body_json(json!({"name": "rate_limit_exceeded"}));
        let expected = SendError::Transient { reason: "429 rate_limit_exceeded".into(), retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(answered(answer).await, Err(expected));
    }

    #[tokio::test]
    async fn a_mail_that_the_provider_finds_invalid_is_given_up_without_repeating_its_message() {
        let body = json!({"statusCode": 422, "name": "validation_error", "message": "Invalid `to`: asha@example.test"});
        assert_eq!(
            answered(ResponseTemplate::new(422).set_body_json(body)).await,
            Err(SendError::Permanent("422 validation_error".into()))
        );
    }

    #[tokio::test]
    async fn outages_and_answers_that_are_not_json_are_tried_again() {
        for answer in [
            ResponseTemplate::new(500),
            ResponseTemplate::new(502).set_body_string("<html>"),
            ResponseTemplate::new(200).set_body_string("ok"),
        ] {
            assert!(matches!(answered(answer).await, Err(SendError::Transient { .. })));
        }
    }

    #[test]
    fn a_wrong_key_waits_for_an_operator_and_loses_no_mail() {
        assert!(matches!(
            classify(StatusCode::FORBIDDEN, "invalid_api_key", None),
            SendError::Transient { retry_after: Some(OPERATOR_PAUSE), .. }
        ));
    }
}
