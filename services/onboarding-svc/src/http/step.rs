//! One step: read, save, complete, skip.

use actix_web::{
    HttpResponse, get,
    http::StatusCode,
    post, put,
    web::{Data, Path},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::{
    auth::Member,
    http::{JsonBody, Problem, ProblemBody, RawBody, UniqueJson, parse_json},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    editor,
    precondition::{self, DrawnFrom, IfMatch, PreferDurable},
    private, resume, slug,
};
use crate::{
    OnboardingService,
    drafts::Wanted,
    session::{
        EditError, Summary,
        complete::{self, Finished},
        edit::{self, Edit},
        read,
    },
};

/// A step as it is stored.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepAnswer {
    /// The step.
    slug: String,
    /// `pending`, `draft`, `complete`, `skipped` or `invalid`.
    state: String,
    /// What `If-Match` names, in quotes, to edit the step.
    revision: String,
    /// The answer in normal form; null when there is none.
    #[schema(value_type = Option<Object>)]
    answer: Option<Value>,
    /// Who edited it last.
    updated_by: Option<Uuid>,
    /// The last edit.
    updated_at: Option<DateTime<Utc>>,
}

/// An answer to be saved; required fields may be missing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DraftBody {
    /// The whole answer to the step.
    #[schema(value_type = Object)]
    answer: UniqueJson,
}

/// An answer to be saved and completed at once; without it the stored one is completed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompleteBody {
    /// The whole answer to the step.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    answer: Option<UniqueJson>,
}

/// A save that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SavedDraft {
    /// The step.
    slug: String,
    /// `draft`, or `invalid` when a completed step was changed into something that does not validate.
    state: String,
    /// The new revision.
    revision: String,
    /// When it was saved.
    saved_at: DateTime<Utc>,
    /// Whether it is on disk; if not, it will be within two seconds.
    durable: bool,
}

/// A step that was completed or skipped.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FinishedStep {
    /// The step.
    slug: String,
    /// `complete` or `skipped`.
    state: String,
    /// The new revision.
    revision: String,
    /// The onboarding's status.
    status: String,
    /// Steps completed or skipped.
    steps_done: usize,
    /// All steps.
    steps_total: usize,
    /// `steps_done` ÷ `steps_total`, 0 to 100.
    percent: u8,
    /// The slug of the first step that is not done.
    next_step: Option<String>,
}

/// One step with its answer; the `ETag` is what an edit names.
#[utoipa::path(
    tag = "steps",
    security(("bearer" = [])),
    params(
        ("slug" = String, Path, description = "The step."),
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default."),
    ),
    responses(
        (status = 200, description = "The step.", body = StepAnswer, headers(("ETag" = String, description = "The revision."))),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 404, description = "No such step or workspace.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[get("/api/onboarding/steps/{slug}")]
pub(super) async fn read_step(app: Data<OnboardingService>, member: Member, path: Path<String>) -> Result<HttpResponse, Problem> {
    let (app, editor, slug) = (app.into_inner(), editor(&member), slug(&path)?);
    let lifecycle = app.kit.lifecycle.clone();
    // Reading may load Redis, which a client that hangs up must not cut.
    let session = lifecycle.detached(async move { read::read(&app, &editor, Wanted::Step(slug)).await }).await??;
    let stored = session.steps.get(&slug);
    let revision = stored.map(|step| step.revision);
    Ok(private(StatusCode::OK, Some(session.tier)).insert_header(("ETag", precondition::etag(revision))).json(StepAnswer {
        slug: slug.to_string(),
        state: resume::state(stored),
        revision: precondition::text(revision),
        answer: stored.and_then(|step| step.answer.clone()),
        updated_by: stored.map(|step| step.updated_by.as_uuid()),
        updated_at: stored.map(|step| step.updated_at),
    }))
}

/// Autosave: types and limits are checked, required fields are not.
#[utoipa::path(
    tag = "steps",
    security(("bearer" = [])),
    params(
        ("slug" = String, Path, description = "The step."),
        ("If-Match" = String, Header, description = "The revision the save is made on, in quotes; \"0\" for the first."),
        ("X-Schema-Version" = Option<String>, Header, description = "The version of the steps that the form was drawn from."),
        ("Prefer" = Option<String>, Header, description = "`durable`: answer when the save is on disk."),
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default."),
    ),
    request_body = DraftBody,
    responses(
        (status = 200, description = "Saved.", body = SavedDraft, headers(
            ("ETag" = String, description = "The new revision."),
            ("Preference-Applied" = String, description = "`durable` when the save is on disk."),
        )),
        (status = 400, description = "The body is not JSON, or If-Match is not a revision.", body = ProblemBody),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 402, description = "Locked or suspended.", body = ProblemBody),
        (status = 404, description = "No such step or workspace.", body = ProblemBody),
        (status = 409, description = "The answers are being finalized, or the steps have another version: `schema_version`.", body = ProblemBody),
        (status = 412, description = "The step is at another revision: `current` and `yours` are the two answers.", body = ProblemBody),
        (status = 413, description = "The answer, or all answers together, are too large: `size_bytes` and `limit_bytes`.", body = ProblemBody),
        (status = 415, description = "Not JSON by its content type.", body = ProblemBody),
        (status = 422, description = "Fields are not valid.", body = ProblemBody),
        (status = 428, description = "If-Match is missing.", body = ProblemBody),
        (status = 429, description = "Too many saves.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[put("/api/onboarding/steps/{slug}/draft")]
pub(super) async fn save_draft(
    app: Data<OnboardingService>,
    member: Member,
    path: Path<String>,
    if_match: IfMatch,
    prefer: PreferDurable,
    drawn_from: DrawnFrom,
    body: JsonBody<DraftBody>,
) -> Result<HttpResponse, Problem> {
    let (app, editor, slug, expected) = (app.into_inner(), editor(&member), slug(&path)?, if_match.required()?);
    drawn_from.require(&app.versions)?;
    let draft = Edit::draft(slug, &body.value.answer.0, app.kit.clock.now())?;
    let lifecycle = app.kit.lifecycle.clone();
    let edited = lifecycle.detached(async move { edit::edit(&app, &editor, slug, expected, &draft, prefer.0).await }).await??;
    let mut response = private(StatusCode::OK, Some(edited.tier));
    response.insert_header(("ETag", precondition::etag(Some(edited.revision))));
    if edited.durable {
        response.insert_header(("Preference-Applied", "durable"));
    }
    Ok(response.json(SavedDraft {
        slug: slug.to_string(),
        state: edited.state.as_str().to_owned(),
        revision: edited.revision.to_string(),
        saved_at: edited.at,
        durable: edited.durable,
    }))
}

fn finished(path: &str, finished: &Finished) -> HttpResponse {
    let Finished { edited, status, summary } = finished;
    private(StatusCode::OK, Some(edited.tier))
        .insert_header(("ETag", precondition::etag(Some(edited.revision))))
        .insert_header(("Preference-Applied", "durable"))
        .json(FinishedStep {
            slug: path.to_owned(),
            state: edited.state.as_str().to_owned(),
            revision: edited.revision.to_string(),
            status: status.to_string(),
            steps_done: summary.done,
            steps_total: Summary::total(),
            percent: summary.percent(),
            next_step: summary.next.map(|slug| slug.to_string()),
        })
}

/// Validates the step fully: the answer that is stored, or the one that is sent.
#[utoipa::path(
    tag = "steps",
    security(("bearer" = [])),
    params(
        ("slug" = String, Path, description = "The step."),
        ("If-Match" = Option<String>, Header, description = "The revision that is completed, in quotes; needed with an answer."),
        ("X-Schema-Version" = Option<String>, Header, description = "The version of the steps that the form was drawn from."),
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default."),
    ),
    request_body(content = Option<CompleteBody>, content_type = "application/json"),
    responses(
        (status = 200, description = "Complete, and on disk.", body = FinishedStep, headers(("ETag" = String, description = "The new revision."))),
        (status = 400, description = "The body is not JSON, or If-Match is not a revision.", body = ProblemBody),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 402, description = "Locked or suspended.", body = ProblemBody),
        (status = 404, description = "No such step or workspace.", body = ProblemBody),
        (status = 409, description = "The answers are being finalized, or the steps have another version: `schema_version`.", body = ProblemBody),
        (status = 412, description = "The step is at another revision.", body = ProblemBody),
        (status = 413, description = "The answer, or all answers together, are too large.", body = ProblemBody),
        (status = 422, description = "Fields are missing or not valid.", body = ProblemBody),
        (status = 428, description = "An answer was sent without If-Match.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[post("/api/onboarding/steps/{slug}/complete")]
pub(super) async fn complete_step(
    app: Data<OnboardingService>,
    member: Member,
    path: Path<String>,
    if_match: IfMatch,
    drawn_from: DrawnFrom,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    let (app, editor, slug) = (app.into_inner(), editor(&member), slug(&path)?);
    drawn_from.require(&app.versions)?;
    let body = if body.0.is_empty() { CompleteBody::default() } else { parse_json::<CompleteBody>(&body.0)? };
    let expected = if body.answer.is_some() { if_match.required()? } else { if_match.or_any() };
    let lifecycle = app.kit.lifecycle.clone();
    let done = lifecycle
        .detached(async move {
            match body.answer {
                Some(UniqueJson(answer)) => complete::complete_with(&app, &editor, slug, expected, &answer).await,
                None => complete::complete_stored(&app, &editor, slug, expected).await,
            }
        })
        .await?
        .map_err(|error: EditError| Problem::from(error))?;
    Ok(finished(slug.as_str(), &done))
}

/// Leaves an optional step out.
#[utoipa::path(
    tag = "steps",
    security(("bearer" = [])),
    params(
        ("slug" = String, Path, description = "The step."),
        ("If-Match" = Option<String>, Header, description = "The revision that is skipped, in quotes."),
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default."),
    ),
    responses(
        (status = 200, description = "Skipped, and on disk.", body = FinishedStep, headers(("ETag" = String, description = "The new revision."))),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 402, description = "Locked or suspended.", body = ProblemBody),
        (status = 404, description = "No such step or workspace.", body = ProblemBody),
        (status = 409, description = "The step is not optional, or the answers are being finalized.", body = ProblemBody),
        (status = 412, description = "The step is at another revision.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[post("/api/onboarding/steps/{slug}/skip")]
pub(super) async fn skip_step(
    app: Data<OnboardingService>,
    member: Member,
    path: Path<String>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    let (app, editor, slug) = (app.into_inner(), editor(&member), slug(&path)?);
    let lifecycle = app.kit.lifecycle.clone();
    let done = lifecycle.detached(async move { complete::skip(&app, &editor, slug, if_match.or_any()).await }).await??;
    Ok(finished(slug.as_str(), &done))
}
