//! `POST /api/payments/v2/webhook`: PhonePe's webhooks, taken as they come.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{AUTHORIZATION, HeaderName, HeaderValue},
    post, web,
};
use domain::ErrorCode;
use service_kit::{
    http::{Problem, ProblemBody, RawBody, client_address},
    rate_limit::Limit,
};

use crate::{
    app::App,
    payment::receipt,
    phonepe::{Hint, Proof},
};

/// No webhook of PhonePe is near this size.
const BODY_LIMIT: usize = 64 * 1024;
/// Of webhooks without our credentials: the provider sends all of its own from a few addresses.
const PER_ADDRESS: Limit = Limit { name: "webhook", burst: 50, per_s: 1 };

/// Not in any SDK of PhonePe; the names that independent integrators use, the newer one first.
const SIGNATURES: [HeaderName; 2] =
    [HeaderName::from_static("x-phonepe-checksum-signature"), HeaderName::from_static("phonepe-checksum-signature")];

fn proof(request: &HttpRequest) -> Proof<'_> {
    let header = |name: &HeaderName| request.headers().get(name).map(HeaderValue::as_bytes);
    Proof { authorization: header(&AUTHORIZATION), signature: SIGNATURES.iter().find_map(header) }
}

/// Takes a webhook. It is stored and acknowledged; what it says is then asked of the provider.
#[utoipa::path(
    tag = "webhooks",
    request_body(content = String, content_type = "application/json", description = "The provider's own form; taken byte for byte"),
    params(
        ("Authorization" = Option<String>, Header, description = "SHA-256 of `username:password`, lower-case hex"),
        ("X-PhonePe-Checksum-Signature" = Option<String>, Header, description = "HMAC-SHA256 of the body, lower-case hex; decides alone where a secret is set"),
    ),
    responses(
        (status = 200, description = "Stored, or known already"),
        (status = 400, description = "Not a JSON object", body = ProblemBody),
        (status = 401, description = "Wrong credentials", body = ProblemBody),
        (status = 413, description = "More than 64 KiB", body = ProblemBody),
        (status = 429, description = "Too many with wrong credentials from one address", body = ProblemBody),
        (status = 503, description = "The database does not answer; send it again", body = ProblemBody),
    )
)]
#[post("/api/payments/v2/webhook")]
pub(super) async fn receive_webhook(request: HttpRequest, app: web::Data<App>, body: RawBody) -> Result<HttpResponse, Problem> {
    let count = |outcome: &str| app.metrics.webhooks.with_label_values(&[outcome]).inc();
    if body.0.len() > BODY_LIMIT {
        count("refused");
        return Err(Problem::new(ErrorCode::WebhookTooLarge));
    }
    if !app.webhook_credentials.accept(proof(&request), &body.0) {
        count("unauthenticated");
        let address = client_address(&request, &app.kit.config.http).map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        app.kit.limits.take(PER_ADDRESS, &address).await.or_refuse()?;
        if let Some(hint) = Hint::read(&body.0) {
            let working = app.clone().into_inner();
            app.kit.lifecycle.detached(async move { receipt::note_unauthenticated(&working, &hint).await }).await??;
        }
        return Err(Problem::new(ErrorCode::WebhookUnauthenticated));
    }
    let Some(hint) = Hint::read(&body.0) else {
        count("refused");
        return Err(Problem::new(ErrorCode::WebhookInvalid));
    };
    let working = app.clone().into_inner();
    let first = app.kit.lifecycle.detached(async move { receipt::store(&working, &body.0, &hint).await }).await??;
    count(if first { "stored" } else { "repeated" });
    Ok(HttpResponse::Ok().finish())
}
