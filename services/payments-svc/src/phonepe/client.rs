//! Asks PhonePe, and says how sure the answer is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use domain::{Clock, ids::RefundId};
use reqwest::{
    RequestBuilder, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
};
use serde::de::DeserializeOwned;

use super::{
    ActOutcome, AutopayApi, Gateway, MandateAnswer, MerchantOrderId, NotifyRequest, PayOutcome, PayRequest, RefundAnswer, RefundOutcome,
    RefundRequest, StatusAnswer, Unavailable, token::Tokens, wire,
};
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
/// Answers that mean "I have never heard of this refund". No document has the code; these are made like those of an order.
const REFUND_NOT_FOUND: [&str; 3] = ["INVALID_MERCHANT_REFUND_ID", "REFUND_NOT_FOUND", "MERCHANT_REFUND_MAPPING_NOT_FOUND"];
/// Answers that mean "I have never heard of this mandate". No document has the code.
const MANDATE_NOT_FOUND: [&str; 2] = ["INVALID_MERCHANT_SUBSCRIPTION_ID", "SUBSCRIPTION_NOT_FOUND"];
/// Answers that mean "I have this order already", so that an earlier try of ours got through.
const DUPLICATE: [&str; 3] = ["INVALID_TRANSACTION_ID", "INVALID_MERCHANT_ORDER_ID", "ORDER_ALREADY_EXISTS"];
/// The same of a refund, whose order's id it may call invalid for another reason.
const DUPLICATE_REFUND: [&str; 3] = ["INVALID_TRANSACTION_ID", "INVALID_MERCHANT_REFUND_ID", "REFUND_ALREADY_EXISTS"];

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
        let base = config.payment_url.trim_end_matches('/').to_owned();
        Self { tokens: Tokens::new(http.clone(), config, clock, metrics.clone()), http, base, metrics }
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

    /// Asks a status endpoint; `None` when it has never heard of it.
    async fn status<T: DeserializeOwned>(&self, call: &str, url: &str, not_found: &[&str]) -> Result<Option<T>, Unavailable> {
        let started = Instant::now();
        let answer = match self.send(|| self.http.get(url).header(CONTENT_TYPE, "application/json").timeout(STATUS_LIMIT)).await {
            Ok(answer) => known(&answer, not_found),
            Err(error) => Err(error),
        };
        let label = match &answer {
            Ok(Some(_)) => "found",
            Ok(None) => "not_found",
            Err(_) => "unavailable",
        };
        self.observe(call, label, started);
        answer
    }

    /// Acts on a mandate or a debit. No answer of these is needed but whether it was taken; some have no body.
    async fn act(&self, call: &str, duplicate: &[&str], request: impl Fn() -> RequestBuilder + Send + Sync) -> ActOutcome {
        let started = Instant::now();
        let outcome = match self.send(request).await {
            Ok(answer) if answer.status.is_success() => ActOutcome::Accepted,
            Ok(answer) if is_refusal(&answer, duplicate) => ActOutcome::Refused { reason: answer.reason() },
            Ok(answer) => ActOutcome::Ambiguous { reason: answer.reason() },
            Err(error) => ActOutcome::Ambiguous { reason: error.reason },
        };
        self.observe(call, outcome.as_str(), started);
        outcome
    }

    fn observe(&self, call: &str, outcome: &str, started: Instant) {
        self.metrics.phonepe_request_duration_seconds.with_label_values(&[call, outcome]).observe(started.elapsed().as_secs_f64());
    }
}

/// Whether it is certain that nothing was done. Everything else that is no success is for the status to tell.
fn is_refusal(answer: &Answer, duplicate: &[&str]) -> bool {
    let status = answer.status.as_u16();
    (400..=499).contains(&status) && !matches!(status, 408 | 409 | 417 | 429) && !duplicate.contains(&answer.code().as_str())
}

fn pay_outcome(answer: &Answer) -> PayOutcome {
    if answer.status.is_success() {
        let accepted = serde_json::from_slice::<wire::PayAnswer>(&answer.body).ok().and_then(wire::PayAnswer::accepted);
        return accepted.map_or_else(|| PayOutcome::Ambiguous { reason: answer.reason() }, PayOutcome::Accepted);
    }
    let reason = answer.reason();
    if is_refusal(answer, &DUPLICATE) { PayOutcome::Refused { reason } } else { PayOutcome::Ambiguous { reason } }
}

fn refund_outcome(answer: &Answer) -> RefundOutcome {
    let reason = answer.reason();
    if answer.status.is_success() {
        return match serde_json::from_slice::<wire::RefundAccepted>(&answer.body) {
            Ok(wire::RefundAccepted { refund_id }) => RefundOutcome::Accepted { provider_refund_id: refund_id },
            Err(_) => RefundOutcome::Ambiguous { reason },
        };
    }
    if is_refusal(answer, &DUPLICATE_REFUND) { RefundOutcome::Refused { reason } } else { RefundOutcome::Ambiguous { reason } }
}

/// What a status endpoint knows; `None` when it has never heard of it.
fn known<T: DeserializeOwned>(answer: &Answer, not_found: &[&str]) -> Result<Option<T>, Unavailable> {
    if answer.status.is_success()
        && let Ok(status) = serde_json::from_slice::<T>(&answer.body)
    {
        return Ok(Some(status));
    }
    if answer.status.is_client_error() && not_found.contains(&answer.code().as_str()) {
        return Ok(None);
    }
    let limited = answer.status == StatusCode::TOO_MANY_REQUESTS;
    Err(Unavailable { reason: answer.reason(), retry_after: answer.retry_after.or(limited.then_some(RATE_LIMIT_PAUSE)) })
}

#[async_trait]
impl Gateway for Client {
    async fn pay(&self, request: &PayRequest) -> PayOutcome {
        let started = Instant::now();
        let (pay, setup) = (format!("{}/checkout/v2/pay", self.base), format!("{}/subscriptions/v2/setup", self.base));
        let in_app = request.mandate.as_ref().filter(|terms| terms.api == AutopayApi::Subscriptions);
        let post = || match in_app {
            Some(terms) => self.http.post(&setup).timeout(PAY_LIMIT).json(&wire::Setup::of(request, terms)),
            None => self.http.post(&pay).timeout(PAY_LIMIT).json(&wire::Pay::from(request)),
        };
        let outcome = match self.send(post).await {
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

    async fn order_status(&self, id: &MerchantOrderId, autopay: Option<AutopayApi>) -> Result<StatusAnswer, Unavailable> {
        let path = autopay.unwrap_or(AutopayApi::Checkout).order_path();
        let url = format!("{}/{path}/{id}/status?details=true&errorContext=false", self.base);
        let known = self.status::<wire::Status>("status", &url, &NOT_FOUND).await?;
        Ok(known.map_or(StatusAnswer::NotFound, |status| StatusAnswer::Found(status.into())))
    }

    async fn notify(&self, request: &NotifyRequest) -> ActOutcome {
        let (url, body) = (format!("{}/{}/notify", self.base, request.api.path()), wire::Notify::of(request));
        self.act("notify", &DUPLICATE, || self.http.post(&url).timeout(PAY_LIMIT).json(&body)).await
    }

    async fn redeem(&self, api: AutopayApi, id: &MerchantOrderId) -> ActOutcome {
        let (url, body) = (format!("{}/{}/redeem", self.base, api.path()), wire::Redeem { merchant_order_id: id.as_str() });
        self.act("redeem", &DUPLICATE, || self.http.post(&url).timeout(PAY_LIMIT).json(&body)).await
    }

    async fn mandate_status(&self, api: AutopayApi, merchant_subscription_id: &str) -> Result<MandateAnswer, Unavailable> {
        let url = format!("{}/{}/{merchant_subscription_id}/status", self.base, api.path());
        let known = self.status::<wire::Mandate>("mandate_status", &url, &MANDATE_NOT_FOUND).await?;
        Ok(known.map_or(MandateAnswer::NotFound, MandateAnswer::from))
    }

    async fn cancel_mandate(&self, api: AutopayApi, merchant_subscription_id: &str) -> ActOutcome {
        let url = format!("{}/{}/{merchant_subscription_id}/cancel", self.base, api.path());
        self.act("cancel_mandate", &[], || self.http.post(&url).timeout(STATUS_LIMIT)).await
    }

    async fn refund(&self, request: &RefundRequest) -> RefundOutcome {
        let started = Instant::now();
        let (url, body) = (format!("{}/payments/v2/refund", self.base), wire::Refund::from(request));
        let outcome = match self.send(|| self.http.post(&url).timeout(PAY_LIMIT).json(&body)).await {
            Ok(answer) => refund_outcome(&answer),
            Err(error) => RefundOutcome::Ambiguous { reason: error.reason },
        };
        let label = match &outcome {
            RefundOutcome::Accepted { .. } => "accepted",
            RefundOutcome::Refused { .. } => "refused",
            RefundOutcome::Ambiguous { .. } => "ambiguous",
        };
        self.observe("refund", label, started);
        outcome
    }

    async fn refund_status(&self, id: RefundId) -> Result<RefundAnswer, Unavailable> {
        let url = format!("{}/payments/v2/refund/{id}/status", self.base);
        let known = self.status::<wire::RefundState>("refund_status", &url, &REFUND_NOT_FOUND).await?;
        Ok(known.map_or(RefundAnswer::NotFound, |status| RefundAnswer::Found(status.into())))
    }

    async fn check_credentials(&self) -> Result<(), Unavailable> {
        self.tokens.fetch().await.map(|_| ())
    }
}

#[cfg(test)]
mod tests;
