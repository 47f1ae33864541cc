//! `POST /emails`.

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER},
    },
    web::{Bytes, Data},
};
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::mail::{Mail, Refusal};
use crate::state::Sandbox;

/// A key is remembered for this time.
const KEY_LIFETIME: TimeDelta = TimeDelta::hours(24);
const KEY_LENGTH_MAX: usize = 256;

/// What was sent under an idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct SentOnce {
    fingerprint: [u8; 32],
    id: Uuid,
    at: DateTime<Utc>,
}

pub(crate) async fn send(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let weather = sandbox.weather().resend;
    if let Some(status) = weather.http_status {
        return spoiled(status, weather.retry_after_s);
    }
    match accept(&sandbox, request.headers(), &body) {
        Ok(id) => with_limits(&mut HttpResponse::Ok()).json(json!({"id": id})),
        Err(refusal) => refuse(&refusal),
    }
}

/// Takes a mail, once for each idempotency key.
fn accept(sandbox: &Sandbox, headers: &HeaderMap, body: &[u8]) -> Result<Uuid, Refusal> {
    authorise(sandbox, headers)?;
    let key = idempotency_key(headers)?;
    let fields: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| Refusal::new(400, "validation_error", "The request body is not a JSON object."))?;
    let at = sandbox.now();
    let fingerprint: [u8; 32] = Sha256::digest(body).into();
    let mut state = sandbox.state();
    let sent = key.as_ref().and_then(|key| state.mail_keys.get(key)).filter(|sent| at - sent.at < KEY_LIFETIME);
    match sent {
        Some(sent) if sent.fingerprint == fingerprint => return Ok(sent.id),
        Some(_) => {
            return Err(Refusal::new(
                409,
                "invalid_idempotent_request",
                "This idempotency key has been used on a request that has a different payload.",
            ));
        }
        None => {}
    }
    let mail = Mail::parse(&fields, key.clone(), at)?;
    let id = mail.id;
    if let Some(key) = key {
        let sent = SentOnce { fingerprint, id, at };
        state.mail_keys.insert(key, sent);
    }
    state.keep_mail(mail.clone());
    drop(state);
    sandbox.tell_of_mail(&mail);
    Ok(id)
}

fn authorise(sandbox: &Sandbox, headers: &HeaderMap) -> Result<(), Refusal> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match header.and_then(|value| value.strip_prefix("Bearer ")) {
        None => Err(Refusal::new(401, "missing_api_key", "Missing API key in the authorization header.")),
        Some(key) if key == sandbox.config().resend_api_key.expose_secret() => Ok(()),
        Some(_) => Err(Refusal::new(403, "invalid_api_key", "API key is invalid")),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(header) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match header.to_str() {
        Ok(key) if (1..=KEY_LENGTH_MAX).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Refusal::new(400, "invalid_idempotency_key", "The idempotency key must be between 1 and 256 characters.")),
    }
}

fn spoiled(status: u16, retry_after_s: Option<u32>) -> HttpResponse {
    let (name, message) = match status {
        403 => ("invalid_api_key", "API key is invalid"),
        429 => ("rate_limit_exceeded", "Too many requests. You can only make 2 requests per second."),
        400 | 422 => ("validation_error", "The request is not valid."),
        _ => ("application_error", "An unexpected error occurred."),
    };
    let mut answer = refuse(&Refusal::new(status, name, message));
    if let Some(seconds) = retry_after_s {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

fn refuse(refusal: &Refusal) -> HttpResponse {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_limits(&mut HttpResponse::build(status)).json(json!({
        "statusCode": refusal.status,
        "name": refusal.name,
        "message": refusal.message,
    }))
}

/// The headers of Resend's rate limit. The sandbox itself only limits when the weather says so.
fn with_limits(answer: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    answer.insert_header(("ratelimit-limit", "2")).insert_header(("ratelimit-remaining", "1")).insert_header(("ratelimit-reset", "1"))
}

impl Refusal {
    fn new(status: u16, name: &'static str, message: &str) -> Self {
        Self { status, name, message: message.to_owned() }
    }
}
