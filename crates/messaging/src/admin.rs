//! What every service offers to its operators by HTTP, under `/api/admin/…`: dead letters and outbox.
//!
//! Each request is bounded: in what it shows, in how much it moves, and in time, below the gateway's own limit. An act
//! that could not do all says how much remains; the same request goes on.

mod dead_letters;
mod outbox;

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse};
use domain::ErrorCode;
use serde::Serialize;
use service_kit::{
    Kit,
    audit::Author,
    auth::Operator,
    http::{FieldError, Problem, ProblemBody, RequestId},
    metrics::Metrics,
    rate_limit::Limit,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use utoipa::IntoResponses;
use utoipa_actix_web::{scope, service_config::ServiceConfig};

/// An act ends after this long; the gateway waits 35 s for an answer.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// Requests of one operator to one service's admin API.
const LIMIT: Limit = Limit { name: "admin", burst: 60, per_s: 60 };
/// Longest reason.
const MAX_WHY: usize = 500;

/// Registers the routes under `prefix`, for example `/api/admin/payments`.
pub fn routes(routes: &mut ServiceConfig<'_>, prefix: &'static str) {
    routes.service(scope::scope(prefix).configure(|routes| {
        routes
            .service(dead_letters::list_dead_letters)
            .service(dead_letters::replay_dead_letters)
            .service(dead_letters::drop_dead_letters)
            .service(dead_letters::show_dead_letter)
            .service(outbox::list_outbox)
            .service(outbox::republish_outbox)
            .service(outbox::unpark_outbox)
            .service(outbox::show_outbox_event);
    }));
}

/// Lets the series of the routes' limit exist before anybody is refused, so that the first increase reads as one.
pub fn expect(metrics: &Metrics) {
    metrics.rate_limited_total.with_label_values(&[LIMIT.name]);
}

async fn admit(kit: &Kit, operator: &Operator) -> Result<(), Problem> {
    kit.limits.take(LIMIT, &operator.user().to_string()).await.or_refuse().map(|_| ())
}

/// The author of an act whose reason must be given, unless nothing is done.
fn author(request: &HttpRequest, operator: &Operator, why: Option<&str>, needed: bool) -> Result<Author, Problem> {
    let why = why.unwrap_or_default().trim();
    if (needed && why.is_empty()) || why.chars().count() > MAX_WHY {
        return Err(invalid("/why", &format!("say why, in at most {MAX_WHY} characters: it is kept in the audit log")));
    }
    Ok(Author::signed_in(operator.user(), RequestId::of(request), why))
}

/// A token that ends an act at the time limit, or when the process drains.
fn stop_in_time(kit: &Kit) -> CancellationToken {
    let stop = kit.lifecycle.draining().child_token();
    let timer = stop.clone();
    kit.lifecycle.spawn(async move {
        let _ = timer.run_until_cancelled(sleep(TIME_LIMIT)).await;
        timer.cancel();
    });
    stop
}

fn private(body: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header(("Cache-Control", "private, no-store")).json(body)
}

fn bounded(value: Option<usize>, default: usize, most: usize, pointer: &str) -> Result<usize, Problem> {
    match value.unwrap_or(default) {
        value if (1..=most).contains(&value) => Ok(value),
        _ => Err(invalid(pointer, &format!("1 to {most}"))),
    }
}

fn invalid(pointer: &str, message: &str) -> Problem {
    let error = FieldError { pointer: pointer.to_owned(), code: "invalid".to_owned(), message: message.to_owned() };
    Problem::new(ErrorCode::ValidationFailed).errors(vec![error])
}

/// How the admin API refuses.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its schema is used")]
enum Refusals {
    /// A malformed parameter, header or body.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// No valid token.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// Not an operator (GW-0005), or no second factor (GW-0028).
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// A value that cannot be, with a pointer to it.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemBody),
    /// Too many requests.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(ProblemBody),
    /// A dependency is down.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}
