//! The last revisions of a step, and taking edits back.

use actix_web::{
    HttpResponse, get,
    http::StatusCode,
    post,
    web::{Data, Path},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody, RawBody, parse_json},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    editor,
    precondition::{self, IfMatch},
    private, slug,
};
use crate::{OnboardingService, session::undo};

/// The last revisions of a step.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Revisions {
    /// The step.
    slug: String,
    /// The newest first; at most the present one, the twenty before it, and those that only brought another one back.
    items: Vec<RevisionItem>,
}

/// One revision.
#[derive(Debug, Serialize, ToSchema)]
struct RevisionItem {
    /// Its number in the step.
    number: i64,
    /// `draft`, `complete`, `skipped` or `invalid`, as it was then.
    state: String,
    /// The answer; null when there was none.
    #[schema(value_type = Option<Object>)]
    answer: Option<Value>,
    /// Who made it.
    updated_by: Uuid,
    /// When.
    updated_at: DateTime<Utc>,
    /// The number of the revision whose answer it brought back.
    restores: Option<i64>,
}

/// Which revision to go back to; without a number the one before the present answer.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UndoBody {
    /// The number of a revision.
    #[serde(default)]
    to: Option<i64>,
}

/// An edit that was taken back.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Undone {
    /// The step.
    slug: String,
    /// `draft`, or `invalid` when a completed step went back to something that does not validate.
    state: String,
    /// The new revision.
    revision: String,
    /// The answer that was brought back.
    #[schema(value_type = Object)]
    answer: Value,
    /// When.
    saved_at: DateTime<Utc>,
}

/// The present answer of a step and the twenty before it, with who gave them and when.
#[utoipa::path(
    tag = "steps",
    security(("bearer" = [])),
    params(
        ("slug" = String, Path, description = "The step."),
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default."),
    ),
    responses(
        (status = 200, description = "The revisions, the newest first.", body = Revisions),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 404, description = "No such step or workspace.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[get("/api/onboarding/steps/{slug}/revisions")]
pub(super) async fn step_revisions(app: Data<OnboardingService>, member: Member, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (app, editor, slug) = (app.into_inner(), editor(&member), slug(&path)?);
    let lifecycle = app.kit.lifecycle.clone();
    // Reading may write behind, which a client that hangs up must not cut.
    let history = lifecycle.detached(async move { undo::history(&app, &editor, slug).await }).await??;
    let items = history.into_iter().map(|revised| RevisionItem {
        number: revised.step.revision.n,
        state: revised.step.state.as_str().to_owned(),
        answer: revised.step.answer,
        updated_by: revised.step.updated_by.as_uuid(),
        updated_at: revised.step.updated_at,
        restores: revised.restores,
    });
    Ok(private(StatusCode::OK, None).json(Revisions { slug: slug.to_string(), items: items.collect() }))
}

/// Takes the last edit of a step back, and once more the one before it; or goes back to a revision of one's choice. It becomes a new
/// revision, so that it can be taken back too.
#[utoipa::path(
    tag = "steps",
    security(("bearer" = [])),
    params(
        ("slug" = String, Path, description = "The step."),
        ("If-Match" = Option<String>, Header, description = "The revision that is taken back, in quotes."),
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default."),
    ),
    request_body(content = Option<UndoBody>, content_type = "application/json"),
    responses(
        (status = 200, description = "Taken back, and on disk.", body = Undone, headers(("ETag" = String, description = "The new revision."))),
        (status = 400, description = "The body is not JSON, or If-Match is not a revision.", body = ProblemBody),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 402, description = "Locked or suspended.", body = ProblemBody),
        (status = 404, description = "No such step or workspace.", body = ProblemBody),
        (status = 409, description = "There is nothing to go back to, or the answers are being finalized.", body = ProblemBody),
        (status = 412, description = "The step is at another revision.", body = ProblemBody),
        (status = 422, description = "The body does not have the expected shape.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[post("/api/onboarding/steps/{slug}/undo")]
pub(super) async fn undo_step(
    app: Data<OnboardingService>,
    member: Member,
    path: Path<String>,
    if_match: IfMatch,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let (app, editor, slug) = (app.into_inner(), editor(&member), slug(&path)?);
    let body = if body.0.is_empty() { UndoBody::default() } else { parse_json::<UndoBody>(&body.0)? };
    let lifecycle = app.kit.lifecycle.clone();
    let (edited, answer) = lifecycle.detached(async move { undo::undo(&app, &editor, slug, if_match.or_any(), body.to).await }).await??;
    Ok(private(StatusCode::OK, Some(edited.tier))
        .insert_header(("ETag", precondition::etag(Some(edited.revision))))
        .insert_header(("Preference-Applied", "durable"))
        .json(Undone {
            slug: slug.to_string(),
            state: edited.state.as_str().to_owned(),
            revision: edited.revision.to_string(),
            answer,
            saved_at: edited.at,
        }))
}
