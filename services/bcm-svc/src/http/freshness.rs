//! `GET /api/context/freshness`.

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use utoipa::ToSchema;

use crate::{BcmService, manifest::ReadError, tiers::Reader};

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
    /// Younger than seven days.
    Fresh,
    /// Younger than fourteen days.
    Stale,
    /// Older.
    Expired,
}

/// The age of the current version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Freshness)]
pub struct FreshnessBody {
    /// What the age means.
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
    let mut body = FreshnessBody {
        state: State::Missing,
        version: None,
        generated_at: None,
        age_s: None,
        stale_after_s: STALE_AFTER.num_seconds(),
        expired_after_s: EXPIRED_AFTER.num_seconds(),
    };
    match app.tiers.current(&Reader::member(&member)).await {
        Ok(found) => {
            let record = &found.document.record;
            let age = (app.kit.clock.now() - record.generated_at).max(TimeDelta::zero());
            body.state = state(age);
            body.version = Some(record.version.to_string());
            body.generated_at = Some(record.generated_at);
            body.age_s = Some(age.num_seconds());
        }
        Err(ReadError::Missing) => {}
        Err(error) => return Err(error.into()),
    }
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
