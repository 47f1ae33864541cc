//! `POST /api/context/rebuild` and the job it starts.

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use domain::{
    ErrorCode,
    ids::{JobId, UserId},
    role::Role,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::{
    auth::Member,
    http::{FieldError, JsonBody, Problem, ProblemBody, RequestId},
    idempotency::{KeyedRequest, OptionalIdempotencyKey},
};
use utoipa::ToSchema;

use super::{
    error,
    limits::{REVISE, take},
};
use crate::{
    BcmService,
    rebuild::{
        request::{Rebuild, request as ask},
        status::status as read,
    },
    store::job::Job,
    tiers::Reader,
};

/// The most characters of a reason.
const REASON_CHARS: usize = 200;

/// A wish to have the manifest made again from the newest answers.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rebuild)]
pub struct RebuildBody {
    /// Sets aside the rule of one rebuild an hour.
    #[serde(default)]
    force: bool,
    /// Why, at most 200 characters.
    #[serde(default)]
    #[schema(max_length = 200)]
    reason: String,
}

/// A rebuild.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RebuildJob)]
pub struct JobBody {
    /// Its id.
    #[schema(value_type = String, format = Uuid)]
    id: JobId,
    /// `queued`, `running`, `succeeded` or `failed`.
    state: String,
    /// Why it was asked for.
    reason: String,
    /// Whether it was forced.
    forced: bool,
    /// Who asked for it.
    #[schema(value_type = String, format = Uuid)]
    requested_by: UserId,
    /// When.
    created_at: DateTime<Utc>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<DateTime<Utc>>,
    /// What came of it: `outcome` (`new`, `unchanged`, `failed`) with `version`, `sequence` and `checksum`, or `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        Self {
            id: job.id(),
            requested_by: job.requested_by(),
            state: job.state,
            reason: job.reason,
            forced: job.forced,
            created_at: job.created_at,
            finished_at: job.finished_at,
            result: job.result,
        }
    }
}

/// Asks for a rebuild: owners and admins, at most once an hour unless forced. While one is open, that one is answered.
#[utoipa::path(
    tag = "rebuild",
    request_body = RebuildBody,
    params(("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same job")),
    responses(
        (status = 202, description = "The job; Location says where its progress is", body = JobBody),
        (status = 400, description = "Malformed JSON, header or key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "No active subscription (BCM-0004)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither owner nor admin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "No finalized answers (BCM-0006), or the key's first request still runs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid, or the key came with another body", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Within an hour of the last one (BCM-0003; `available_at` says when), or too many requests", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[post("/api/context/rebuild")]
pub async fn start(
    request: HttpRequest,
    app: web::Data<BcmService>,
    member: Member,
    key: OptionalIdempotencyKey,
    body: JsonBody<RebuildBody>,
) -> Result<HttpResponse, Problem> {
    member.require(Role::Admin)?;
    // With force nothing else would keep somebody from having it made again without end.
    take(&app, &member, REVISE).await?;
    let reason = body.reason.trim().to_owned();
    if reason.chars().count() > REASON_CHARS || reason.chars().any(char::is_control) {
        let message = format!("at most {REASON_CHARS} characters, none of them a control character");
        let field = FieldError { pointer: "/reason".into(), code: "invalid".into(), message };
        return Err(Problem::new(ErrorCode::ValidationFailed).errors(vec![field]));
    }
    let route = format!("POST /api/context/rebuild {}", member.workspace);
    let asked = Rebuild {
        workspace: member.workspace,
        user: member.user(),
        force: body.force,
        reason,
        key: key.0.map(|key| KeyedRequest::new(member.user(), &route, key, &body.bytes)),
        request_id: RequestId::of(&request),
    };
    let (now, work) = (app.kit.clock.now(), app.clone().into_inner());
    let job = app.kit.lifecycle.detached(async move { ask(&work, asked).await }).await?;
    let job = JobBody::from(job.map_err(|error| error::of_request(error, now))?);
    Ok(HttpResponse::Accepted()
        .insert_header(("Location", format!("/api/context/rebuild/{}", job.id)))
        .insert_header(("Cache-Control", "private, no-store"))
        .json(job))
}

/// How a rebuild is doing.
#[utoipa::path(
    tag = "rebuild",
    params(("job" = String, Path, description = "The job's id"), ("X-Workspace-Id" = Option<String>, Header, description = "The workspace")),
    responses(
        (status = 200, description = "The job", body = JobBody),
        (status = 400, description = "A malformed header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such job (BCM-0007), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/rebuild/{job}")]
pub async fn status(app: web::Data<BcmService>, member: Member, path: web::Path<String>) -> Result<HttpResponse, Problem> {
    let unknown = || Problem::new(ErrorCode::JobNotFound);
    let id = path.parse().map_err(|_| unknown())?;
    let job = read(&app, &Reader::member(&member), id).await?.ok_or_else(unknown)?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "private, no-store")).json(JobBody::from(job)))
}
