//! Refusals, in `PhonePe`'s shapes, and the weather that makes them.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};
use serde_json::json;

use crate::{
    state::Sandbox,
    weather::{ApiWeather, PayWeather},
};

/// A refusal of the payment host.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> HttpResponse {
    HttpResponse::build(status_code(status)).json(json!({"success": false, "code": code, "message": message, "data": {}}))
}

/// The one answer to everything that is wrong with a request. Why is only in the log: `PhonePe` does not tell either.
pub(crate) fn bad_request(why: &str) -> HttpResponse {
    tracing::warn!(why, "refused a request");
    refusal(400, "BAD_REQUEST", "Please check the inputs you have provided.")
}

/// The answer about an order that was never made, or not by this API.
pub(crate) fn unknown_order() -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"code": "INVALID_MERCHANT_ORDER_ID", "message": "No entry found for given merchant order id"}))
}

/// The answer to a missing, unknown, revoked or expired token.
fn unauthorised() -> HttpResponse {
    refusal(401, "AUTHORIZATION_FAILED", "Authorization failed [message = Please check the authorization token and try again]")
}

/// The answer that the weather puts in the endpoint's place.
pub(crate) fn spoiled(weather: &ApiWeather) -> Option<HttpResponse> {
    if weather.html_body {
        let status = status_code(weather.http_status.unwrap_or(502));
        return Some(HttpResponse::build(status).content_type("text/html").body(format!("<html><body><h1>{status}</h1></body></html>\n")));
    }
    let status = weather.http_status?;
    Some(match status {
        400 => bad_request("the weather"),
        401 => unauthorised(),
        403 => refusal(403, "FORBIDDEN", "Unauthorized"),
        429 => refusal(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again."),
        500 => refusal(
            500,
            "INTERNAL_SERVER_ERROR",
            "There is an error trying to process your transaction at the moment. Please try again in a while.",
        ),
        other => HttpResponse::build(status_code(other)).finish(),
    })
}

/// The answer to whoever may not change anything, or does not because of the weather.
pub(crate) fn barred(sandbox: &Sandbox, request: &HttpRequest, weather: &PayWeather) -> Option<HttpResponse> {
    if !weather.after_commit
        && let Some(answer) = spoiled(&ApiWeather::from(weather))
    {
        return Some(answer);
    }
    (!is_authorised(sandbox, request)).then(unauthorised)
}

/// As [`barred`], for a request that has a body.
pub(crate) fn barred_json(sandbox: &Sandbox, request: &HttpRequest, weather: &PayWeather) -> Option<HttpResponse> {
    barred(sandbox, request, weather).or_else(|| (!is_json(request)).then(|| bad_request("the content type is not application/json")))
}

/// The answer to whoever may not ask for a status, or gets none because of the weather.
pub(crate) fn barred_status(sandbox: &Sandbox, request: &HttpRequest) -> Option<HttpResponse> {
    spoiled(&sandbox.weather().status).or_else(|| (!is_authorised(sandbox, request)).then(unauthorised))
}

/// Whether the request carries a token that is known and alive.
fn is_authorised(sandbox: &Sandbox, request: &HttpRequest) -> bool {
    request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("O-Bearer "))
        .and_then(|token| sandbox.state().tokens.get(token).copied())
        .is_some_and(|expires_at| sandbox.now() < expires_at)
}

fn is_json(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"))
}

pub(crate) fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
