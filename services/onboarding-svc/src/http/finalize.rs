//! Finalizing, and what became of it.

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::StatusCode,
    post,
    web::{Data, Path},
};
use chrono::{DateTime, Utc};
use domain::{ErrorCode, role::Role};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody, RawBody, RequestId, parse_json},
    idempotency::{KeyedRequest, OptionalIdempotencyKey},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{editor, private};
use crate::{
    OnboardingService,
    finalize::{
        self as use_case,
        lookup::{Fate, StoredContext, fate, lookup},
    },
};

/// Nothing needs to be said to finalize.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FinalizeBody {}

/// A context that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FinalizeAccepted {
    /// Its number in the workspace.
    context_number: u64,
    /// SHA-256 of its RFC 8785 form.
    sha256: String,
    /// Where what becomes of it is told.
    status_url: String,
}

/// What became of a context.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FinalizeStatus {
    /// Its number in the workspace.
    context_number: u64,
    /// `finalizing`, `completed`, `failed` or `superseded` by a later one.
    status: String,
    /// Why no manifest could be made.
    reason: Option<String>,
    /// SHA-256 of its RFC 8785 form.
    sha256: String,
    /// Who finalized.
    finalized_by: Uuid,
    /// When.
    finalized_at: DateTime<Utc>,
}

/// Makes an immutable, numbered business context of the answers and hands it on. Needs owner or admin.
#[utoipa::path(
    tag = "finalize",
    security(("bearer" = [])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat with the same key answers the same context."),
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default."),
    ),
    request_body(content = Option<FinalizeBody>, content_type = "application/json"),
    responses(
        (status = 202, description = "Accepted; unchanged answers give the same context again.", body = FinalizeAccepted,
            headers(("Location" = String, description = "Where what becomes of it is told."))),
        (status = 400, description = "The body is not JSON, or the key is not valid.", body = ProblemBody),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 402, description = "Locked or suspended.", body = ProblemBody),
        (status = 403, description = "Only owner and admin finalize.", body = ProblemBody),
        (status = 404, description = "No such workspace.", body = ProblemBody),
        (status = 409, description = "A request with the same key is running.", body = ProblemBody),
        (status = 413, description = "The context is too large.", body = ProblemBody),
        (status = 422, description = "Steps are not complete: `steps` lists each with its fields and a link.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[post("/api/onboarding/finalize")]
pub(super) async fn finalize(
    app: Data<OnboardingService>,
    member: Member,
    key: OptionalIdempotencyKey,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    member.require(Role::Admin)?;
    if !body.0.is_empty() {
        parse_json::<FinalizeBody>(&body.0)?;
    }
    let (app, editor, request_id) = (app.into_inner(), editor(&member), RequestId::of(&request));
    let route = format!("POST /api/onboarding/finalize {}", editor.workspace);
    let keyed = key.0.map(|key| KeyedRequest::new(editor.user(), &route, key, b""));
    let lifecycle = app.kit.lifecycle.clone();
    let finalized =
        lifecycle.detached(async move { use_case::finalize(&app, &editor, keyed.as_ref(), request_id.as_deref()).await }).await??;
    let status_url = format!("/api/onboarding/finalize/{}", finalized.number);
    Ok(private(StatusCode::ACCEPTED, None).insert_header(("Location", status_url.as_str())).json(FinalizeAccepted {
        context_number: finalized.number,
        sha256: finalized.sha256.to_string(),
        status_url: status_url.clone(),
    }))
}

/// The name of what became of a context, and the reason of a failure.
pub(super) fn named(fate: &Fate) -> (&'static str, Option<&str>) {
    match fate {
        Fate::Finalizing => ("finalizing", None),
        Fate::Completed => ("completed", None),
        Fate::Failed(reason) => ("failed", Some(reason)),
        Fate::Superseded => ("superseded", None),
    }
}

impl FinalizeStatus {
    pub(super) fn of(context: &StoredContext, fate: &Fate) -> Self {
        let (status, reason) = named(fate);
        Self {
            context_number: context.number,
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            sha256: context.sha256.to_string(),
            finalized_by: context.finalized_by.as_uuid(),
            finalized_at: context.finalized_at,
        }
    }
}

pub(super) fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::new(ErrorCode::ContextNotFound))
}

/// What became of a finalized context.
#[utoipa::path(
    tag = "finalize",
    security(("bearer" = [])),
    params(
        ("number" = u64, Path, description = "The number of the context."),
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default."),
    ),
    responses(
        (status = 200, description = "What became of it.", body = FinalizeStatus),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 404, description = "No such context or workspace.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[get("/api/onboarding/finalize/{number}")]
pub(super) async fn finalize_status(app: Data<OnboardingService>, member: Member, path: Path<String>) -> Result<HttpResponse, Problem> {
    let found = lookup(&app, &editor(&member), number(&path)?).await?;
    let (onboarding, context) = found.ok_or_else(|| Problem::new(ErrorCode::ContextNotFound))?;
    Ok(private(StatusCode::OK, None).json(FinalizeStatus::of(&context, &fate(&onboarding, context.number))))
}
