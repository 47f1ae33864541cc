//! Asks PhonePe, and says how sure the answer is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use domain::Clock;
use reqwest::{
    RequestBuilder, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
};

use super::{Gateway, MerchantOrderId, PayOutcome, PayRequest, StatusAnswer, Unavailable, token::Tokens, wire};
use crate::{config::PhonePeConfig, metrics::Metrics};

/// The payer's bank may be slow to answer; afterwards the outcome is ambiguous.
const PAY_LIMIT: Duration = Duration::from_secs(30);
const STATUS_LIMIT: Duration = Duration::from_secs(5);
/// PhonePe documents no `Retry-After`.
const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(5);
/// No answer of PhonePe is near this size.
const BODY_LIMIT: usize = 1024 * 1024;

/// Answers that mean "I have never heard of this order". The documents disagree on the code.
const NOT_FOUND: [&str; 3] = ["INVALID_MERCHANT_ORDER_ID", "ORDER_NOT_FOUND", "MERCHANT_ORDER_MAPPING_NOT_FOUND"];
/// Answers that mean "I have this order already", so that an earlier try of ours got through.
const DUPLICATE: [&str; 3] = ["INVALID_TRANSACTION_ID", "INVALID_MERCHANT_ORDER_ID", "ORDER_ALREADY_EXISTS"];

/// The client of PhonePe's API.
pub struct Client {
    http: reqwest::Client,
    base: String,
    tokens: Tokens,
    metrics: Metrics,
}

struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Answer {
    fn code(&self) -> String {
        serde_json::from_slice::<wire::Refusal>(&self.body).unwrap_or_default().code().to_owned()
    }

    fn reason(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.code()).trim_end().to_owned()
    }
}

impl Client {
    /// A client that connects to nothing yet.
    pub fn new(http: reqwest::Client, config: &PhonePeConfig, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        Self { tokens: Tokens::new(http.clone(), config, clock), http, base: config.payment_url.trim_end_matches('/').to_owned(), metrics }
    }

    /// Sends with a token. 401 means that the request was not processed: a new token and exactly one more try.
    async fn send(&self, request: impl Fn() -> RequestBuilder + Send + Sync) -> Result<Answer, Unavailable> {
        let token = self.tokens.get().await?;
        let answer = self.send_once(&request, token.header()).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let token = self.tokens.replace(&token).await?;
        self.send_once(&request, token.header()).await
    }

    async fn send_once(&self, request: &(impl Fn() -> RequestBuilder + Send + Sync), token: &str) -> Result<Answer, Unavailable> {
        let unavailable = |error: reqwest::Error| Unavailable { reason: error.without_url().to_string(), retry_after: None };
        let mut answer = request().header(AUTHORIZATION, token).send().await.map_err(unavailable)?;
        let status = answer.status();
        let retry_after =
            answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unavailable)? {
            if body.len() + chunk.len() > BODY_LIMIT {
                return Err(Unavailable { reason: "an answer without end".into(), retry_after: None });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, body })
    }

    fn observe(&self, call: &str, outcome: &str, started: Instant) {
        self.metrics.phonepe_request_duration_seconds.with_label_values(&[call, outcome]).observe(started.elapsed().as_secs_f64());
    }
}

/// Refused only when it is certain that no payment was opened; everything else is for the status to tell.
fn pay_outcome(answer: &Answer) -> PayOutcome {
    let ambiguous = || PayOutcome::Ambiguous { reason: answer.reason() };
    if answer.status.is_success() {
        let accepted = serde_json::from_slice::<wire::PayAnswer>(&answer.body).ok().and_then(wire::PayAnswer::accepted);
        return accepted.map_or_else(ambiguous, PayOutcome::Accepted);
    }
    let duplicate = matches!(answer.status.as_u16(), 409 | 417) || DUPLICATE.contains(&answer.code().as_str());
    match answer.status.as_u16() {
        _ if duplicate => ambiguous(),
        408 | 429 => ambiguous(),
        400..=499 => PayOutcome::Refused { reason: answer.reason() },
        _ => ambiguous(),
    }
}

fn status_answer(answer: &Answer) -> Result<StatusAnswer, Unavailable> {
    if answer.status.is_success()
        && let Ok(status) = serde_json::from_slice::<wire::Status>(&answer.body)
    {
        return Ok(StatusAnswer::Found(status.into()));
    }
    if answer.status.is_client_error() && NOT_FOUND.contains(&answer.code().as_str()) {
        return Ok(StatusAnswer::NotFound);
    }
    let limited = answer.status == StatusCode::TOO_MANY_REQUESTS;
    Err(Unavailable { reason: answer.reason(), retry_after: answer.retry_after.or(limited.then_some(RATE_LIMIT_PAUSE)) })
}

#[async_trait]
impl Gateway for Client {
    async fn pay(&self, request: &PayRequest) -> PayOutcome {
        let started = Instant::now();
        let (url, body) = (format!("{}/checkout/v2/pay", self.base), wire::Pay::from(request));
        let outcome = match self.send(|| self.http.post(&url).timeout(PAY_LIMIT).json(&body)).await {
            Ok(answer) => pay_outcome(&answer),
            Err(error) => PayOutcome::Ambiguous { reason: error.reason },
        };
        let label = match &outcome {
            PayOutcome::Accepted(_) => "accepted",
            PayOutcome::Refused { .. } => "refused",
            PayOutcome::Ambiguous { .. } => "ambiguous",
        };
        self.observe("pay", label, started);
        outcome
    }

    async fn order_status(&self, id: &MerchantOrderId) -> Result<StatusAnswer, Unavailable> {
        let started = Instant::now();
        let url = format!("{}/checkout/v2/order/{id}/status?details=true&errorContext=false", self.base);
        let answer = match self.send(|| self.http.get(&url).header(CONTENT_TYPE, "application/json").timeout(STATUS_LIMIT)).await {
            Ok(answer) => status_answer(&answer),
            Err(error) => Err(error),
        };
        let label = match &answer {
            Ok(StatusAnswer::Found(_)) => "found",
            Ok(StatusAnswer::NotFound) => "not_found",
            Err(_) => "unavailable",
        };
        self.observe("status", label, started);
        answer
    }

    async fn check_credentials(&self) -> Result<(), Unavailable> {
        self.tokens.fetch().await.map(|_| ())
    }
}

#[cfg(test)]
mod tests;
