//! `POST /api/context/rollback`, `POST` and `DELETE /api/context/pin`.

use actix_web::{HttpRequest, HttpResponse, delete, http::header::LOCATION, post, web};
use domain::{manifest::Record, role::Role};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::Member,
    http::{JsonBody, Problem, ProblemBody, RequestId},
    idempotency::{KeyedRequest, OptionalIdempotencyKey},
};
use utoipa::ToSchema;

use super::{
    aliases::{NamesBody, names_of},
    error,
    limits::{REVISE, take},
    selector,
};
use crate::{
    BcmService,
    manifest::selector::Selector,
    revise::{
        Actor, pin as pinning,
        rollback::{Rollback, rollback as go_back},
    },
};

/// A version, by sequence (3) or semantic version ("1.4.2").
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = VersionName)]
pub enum VersionName {
    /// Its place among the versions.
    Sequence(u64),
    /// Either as text.
    Text(String),
}

impl VersionName {
    /// What it names.
    pub fn selector(&self) -> Result<Selector, Problem> {
        match self {
            Self::Sequence(sequence) => selector(&sequence.to_string()),
            Self::Text(text) => selector(text),
        }
    }
}

/// The version to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rollback)]
pub struct RollbackBody {
    /// The version whose content is to be current again.
    to: VersionName,
}

/// A version that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MadeVersion)]
pub struct MadeBody {
    /// What is known about it.
    #[schema(value_type = Object)]
    record: Record,
}

/// The version to keep consumers on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Pin)]
pub struct PinBody {
    /// The version.
    version: VersionName,
}

/// The member as one who changes what others read.
pub fn actor(request: &HttpRequest, member: &Member) -> Actor {
    Actor { workspace: member.workspace, user: member.user(), request_id: RequestId::of(request) }
}

/// Makes a new version with the content of an older one: owners and admins. The older one stays where it is.
#[utoipa::path(
    tag = "revisions",
    request_body = RollbackBody,
    params(("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same version")),
    responses(
        (status = 201, description = "The new version; Location says where it is", body = MadeBody),
        (status = 400, description = "Malformed JSON, header or key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "No active subscription (BCM-0004)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither owner nor admin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No manifest yet (BCM-0001), no such version (BCM-0002), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Its content is the current one (BCM-0011), or the key's first request still runs", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid, or the key came with another body", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many changes", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[post("/api/context/rollback")]
pub async fn rollback(
    request: HttpRequest,
    app: web::Data<BcmService>,
    member: Member,
    key: OptionalIdempotencyKey,
    body: JsonBody<RollbackBody>,
) -> Result<HttpResponse, Problem> {
    member.require(Role::Admin)?;
    take(&app, &member, REVISE).await?;
    let route = format!("POST /api/context/rollback {}", member.workspace);
    let asked = Rollback {
        actor: actor(&request, &member),
        to: body.to.selector()?,
        key: key.0.map(|key| KeyedRequest::new(member.user(), &route, key, &body.bytes)),
    };
    let work = app.clone().into_inner();
    let record = app.kit.lifecycle.detached(async move { go_back(&work, asked).await }).await?.map_err(error::of_revision)?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/context/manifest/versions/{}", record.sequence)))
        .insert_header(("Cache-Control", "private, no-store"))
        .json(MadeBody { record }))
}

/// Keeps consumers on a version while newer ones are made: owners and admins. Another pin takes its place.
#[utoipa::path(
    tag = "revisions",
    request_body = PinBody,
    params(("X-Workspace-Id" = Option<String>, Header, description = "The workspace")),
    responses(
        (status = 200, description = "What is read now", body = NamesBody),
        (status = 400, description = "Malformed JSON or header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "No active subscription (BCM-0004)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither owner nor admin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No manifest yet (BCM-0001), no such version (BCM-0002), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many changes", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[post("/api/context/pin")]
pub async fn pin(
    request: HttpRequest,
    app: web::Data<BcmService>,
    member: Member,
    body: JsonBody<PinBody>,
) -> Result<HttpResponse, Problem> {
    member.require(Role::Admin)?;
    let to = body.version.selector()?;
    move_pin(&request, &app, &member, Some(to)).await
}

/// Lets consumers follow the newest version again: owners and admins.
#[utoipa::path(
    tag = "revisions",
    params(("X-Workspace-Id" = Option<String>, Header, description = "The workspace")),
    responses(
        (status = 200, description = "What is read now", body = NamesBody),
        (status = 400, description = "A malformed header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "No active subscription (BCM-0004)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither owner nor admin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No manifest yet (BCM-0001), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many changes", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[delete("/api/context/pin")]
pub async fn unpin(request: HttpRequest, app: web::Data<BcmService>, member: Member) -> Result<HttpResponse, Problem> {
    member.require(Role::Admin)?;
    move_pin(&request, &app, &member, None).await
}

async fn move_pin(
    request: &HttpRequest,
    app: &web::Data<BcmService>,
    member: &Member,
    to: Option<Selector>,
) -> Result<HttpResponse, Problem> {
    take(app, member, REVISE).await?;
    let (work, actor) = (app.clone().into_inner(), actor(request, member));
    app.kit.lifecycle.detached(async move { pinning::pin(&work, actor, to).await }).await?.map_err(error::of_revision)?;
    names_of(app, member).await
}
