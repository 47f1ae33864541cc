//! `GET /api/context/freshness`.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use utoipa::ToSchema;

use crate::{
    BcmService,
    manifest::{ReadError, freshness::since},
    tiers::Reader,
};

/// From this age on a manifest is stale.
const STALE_AFTER: TimeDelta = TimeDelta::days(7);
/// From this age on it is expired.
const EXPIRED_AFTER: TimeDelta = TimeDelta::days(14);

/// How old the answers' manifest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FreshnessState)]
#[serde(rename_all = "snake_case")]
enum State {
    /// There is none.
    Missing,
    /// A rebuild waits or runs.
    Building,
    /// Younger than seven days.
    Fresh,
    /// Younger than fourteen days.
    Stale,
    /// Older.
    Expired,
    /// The last rebuild failed.
    Error,
}

/// The age of the newest version, and what happened since.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Freshness)]
pub struct FreshnessBody {
    /// What is happening to it, else what its age means.
    state: State,
    /// Semantic version of the current version.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    generated_at: Option<DateTime<Utc>>,
    /// Seconds since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<i64>,
    /// The age in seconds from which on it is stale.
    stale_after_s: i64,
    /// The age in seconds from which on it is expired.
    expired_after_s: i64,
    /// The steps whose finalized answers are others by now.
    changed: Vec<String>,
    /// Why the last rebuild failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What an age means: `fresh`, `stale` or `expired`.
pub fn age_state(age: TimeDelta) -> &'static str {
    match state(age) {
        State::Stale => "stale",
        State::Expired => "expired",
        _ => "fresh",
    }
}

fn state(age: TimeDelta) -> State {
    if age < STALE_AFTER {
        State::Fresh
    } else if age < EXPIRED_AFTER {
        State::Stale
    } else {
        State::Expired
    }
}

/// How fresh the manifest is, with the thresholds. A workspace without one is `missing`, not a 404.
#[utoipa::path(
    tag = "manifest",
    params(("X-Workspace-Id" = Option<String>, Header, description = "The workspace")),
    responses(
        (status = 200, description = "State, age and thresholds", body = FreshnessBody),
        (status = 400, description = "A malformed header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/freshness")]
pub async fn freshness(app: web::Data<BcmService>, member: Member) -> Result<HttpResponse, Problem> {
    let reader = Reader::member(&member);
    let current = match app.tiers.latest(&reader).await {
        Ok(found) => Some(found.document.record.clone()),
        Err(ReadError::Missing) => None,
        Err(error) => return Err(error.into()),
    };
    let since = since(&app, &reader, current.as_ref()).await?;
    let age = current.as_ref().map(|record| (app.kit.clock.now() - record.generated_at).max(TimeDelta::zero()));
    let body = FreshnessBody {
        state: match (since.building, &since.failed, age) {
            (true, _, _) => State::Building,
            (false, Some(_), _) => State::Error,
            (false, None, Some(age)) => state(age),
            (false, None, None) => State::Missing,
        },
        version: current.as_ref().map(|record| record.version.to_string()),
        generated_at: current.as_ref().map(|record| record.generated_at),
        age_s: age.map(|age| age.num_seconds()),
        stale_after_s: STALE_AFTER.num_seconds(),
        expired_after_s: EXPIRED_AFTER.num_seconds(),
        changed: since.changed,
        error: since.failed,
    };
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "private, no-store")).json(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_stale_at_seven_days_and_expired_at_fourteen() {
        let second = TimeDelta::seconds(1);
        assert_eq!(state(STALE_AFTER - second), State::Fresh);
        assert_eq!(state(STALE_AFTER), State::Stale);
        assert_eq!(state(EXPIRED_AFTER - second), State::Stale);
        assert_eq!(state(EXPIRED_AFTER), State::Expired);
    }
}
