//! What every service offers to its operators by HTTP, under `/api/admin/…`: dead letters and outbox.
//!
//! Each request is bounded: in what it shows, in how much it moves, and in time, below the gateway's own limit; and two of
//! them are at work at once in a process, because they scan queues and need connections that users need as well. An act
//! that could not do all says how much remains; the same request goes on.

mod dead_letters;
mod outbox;

use std::{pin::pin, time::Duration};

use actix_web::{HttpRequest, HttpResponse};
use domain::ErrorCode;
use serde::Serialize;
use service_kit::{
    Kit,
    audit::Author,
    auth::Operator,
    http::{FieldError, Problem, ProblemBody, Registration, RequestId},
    metrics::Metrics,
    rate_limit::Limit,
};
use tokio::{
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use utoipa::IntoResponses;
use utoipa_actix_web::scope;

/// After this long a request ends with the event in hand.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// After this long more it is dropped, which loses no more than a crash: nothing. The gateway waits 35 s for an answer.
const GRACE: Duration = Duration::from_secs(5);
/// Requests that are at work at once in this process.
static AT_WORK: Semaphore = Semaphore::const_new(2);
/// What a request that finds them at work is told, in seconds.
const RETRY_AFTER_S: u64 = 5;
/// Requests of one operator to one service's admin API.
const LIMIT: Limit = Limit { name: "admin", burst: 60, per_s: 60 };
/// Longest reason.
const MAX_WHY: usize = 500;

/// Registers the routes under `prefix`, for example `/api/admin/payments`.
pub fn routes(routes: &mut impl Registration, prefix: &'static str) {
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

/// Answers with what `work` gives. It goes on when the client hangs up, and gets a token that ends it at the time limit or
/// when the process drains. Services use it for operations of their own.
///
/// # Errors
/// When the operator asks too often, others are at work, or the work fails.
pub async fn answer<T, F>(kit: &Kit, operator: &Operator, work: impl FnOnce(Kit, CancellationToken) -> F) -> Result<HttpResponse, Problem>
where
    T: Serialize + Send + 'static,
    F: Future<Output = Result<T, Problem>> + Send + 'static,
{
    kit.limits.take(LIMIT, &operator.user().to_string()).await.or_refuse()?;
    let place = AT_WORK.try_acquire().map_err(|_| {
        Problem::new(ErrorCode::RateLimited).retry_after(RETRY_AFTER_S).detail("other requests of operators are at work: wait for them")
    })?;
    let stop = kit.lifecycle.draining().child_token();
    let work = Box::pin(work(kit.clone(), stop.clone()));
    let body = kit.lifecycle.detached(async move {
        let _place = place;
        in_time(TIME_LIMIT, GRACE, &stop, work).await
    });
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "private, no-store")).json(body.await??))
}

/// What `work` gives. It is told to stop after `limit`, and dropped after `grace` more.
async fn in_time<T, F>(limit: Duration, grace: Duration, stop: &CancellationToken, work: F) -> Result<T, Problem>
where
    F: Future<Output = Result<T, Problem>>,
{
    let mut work = pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = sleep(limit) => stop.cancel(),
    }
    timeout(grace, work).await.unwrap_or_else(|late| Err(Problem::unavailable(late)))
}

/// The author of an act whose reason must be given, unless nothing is done.
///
/// # Errors
/// When the reason is missing or too long.
pub fn author(request: &HttpRequest, operator: &Operator, why: Option<&str>, needed: bool) -> Result<Author, Problem> {
    let why = why.unwrap_or_default().trim();
    if (needed && why.is_empty()) || why.chars().count() > MAX_WHY {
        return Err(invalid("/why", &format!("say why, in at most {MAX_WHY} characters: it is kept in the audit log")));
    }
    Ok(Author::signed_in(operator.user(), RequestId::of(request), why))
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
#[derive(Debug, IntoResponses)]
pub enum Refusals {
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
    /// Too many requests, or others are at work.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(ProblemBody),
    /// A dependency is down.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_told_to_stop_at_its_limit_and_dropped_after_its_grace() {
        let (moment, stop) = (Duration::from_millis(20), CancellationToken::new());
        let heeds = async {
            stop.cancelled().await;
            Ok(7)
        };
        assert_eq!(in_time(moment, Duration::from_secs(60), &stop, heeds).await.unwrap(), 7);
        let hangs = std::future::pending::<Result<(), Problem>>();
        assert_eq!(in_time(moment, moment, &stop, hangs).await.unwrap_err().code(), ErrorCode::DependencyUnavailable);
    }
}
