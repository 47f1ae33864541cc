//! The resume answer: everything a page needs to go on, on any device.

use actix_web::{
    HttpResponse, get,
    http::StatusCode,
    web::{Data, Query},
};
use chrono::{DateTime, Utc};
use domain::step::{Definition, Step};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{editor, precondition, private};
use crate::{
    OnboardingService,
    drafts::Wanted,
    session::{
        StoredStep, Summary,
        read::{self, Session},
    },
};

/// What to leave out.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct ResumeQuery {
    /// Whether the steps carry their answers.
    #[serde(default)]
    answers: bool,
}

/// Where a workspace's onboarding stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Resume {
    /// The workspace.
    workspace_id: Uuid,
    /// `locked`, `unlocked`, `in_progress`, `finalizing`, `completed`, `reopened`, `suspended` or `archived`.
    status: String,
    /// The version of the step definition.
    schema_version: String,
    /// All steps, in order.
    steps: Vec<ResumeStep>,
    /// Steps completed or skipped.
    steps_done: usize,
    /// All steps.
    steps_total: usize,
    /// `steps_done` ÷ `steps_total`, 0 to 100.
    percent: u8,
    /// The slug of the first step that is not done.
    next_step: Option<String>,
    /// When the session counts as abandoned; none while nothing can be edited.
    expires_at: Option<DateTime<Utc>>,
    /// The number of the latest business context.
    context_number: Option<u64>,
    /// Why no manifest could be made of it.
    failure_reason: Option<String>,
}

/// One step of the resume answer.
#[derive(Debug, Serialize, ToSchema)]
struct ResumeStep {
    /// The name in routes.
    slug: String,
    /// 1 to 23.
    number: u8,
    /// A short title.
    title: String,
    /// The number of its phase.
    phase: u8,
    /// Whether it may be skipped.
    optional: bool,
    /// `pending`, `draft`, `complete`, `skipped` or `invalid`.
    state: String,
    /// What `If-Match` names, in quotes, to edit the step: `0`, or `<epoch>.<n>`.
    revision: String,
    /// The last edit.
    updated_at: Option<DateTime<Utc>>,
    /// The answer, when it was asked for and there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    answer: Option<Value>,
}

/// The state of a step that may be untouched.
pub(super) fn state(step: Option<&StoredStep>) -> String {
    step.map_or("pending", |step| step.state.as_str()).to_owned()
}

fn step(step: &Step, stored: Option<&StoredStep>, answers: bool) -> ResumeStep {
    ResumeStep {
        slug: step.slug.to_string(),
        number: step.number,
        title: step.title.to_owned(),
        phase: step.phase,
        optional: step.optional,
        state: state(stored),
        revision: precondition::text(stored.map(|stored| stored.revision)),
        updated_at: stored.map(|stored| stored.updated_at),
        answer: stored.filter(|_| answers).and_then(|stored| stored.answer.clone()),
    }
}

fn body(session: &Session, answers: bool) -> Resume {
    let summary = session.summary();
    Resume {
        workspace_id: session.onboarding.workspace.as_uuid(),
        status: session.status.to_string(),
        schema_version: session.onboarding.schema_version.clone(),
        steps: Definition::current()
            .steps
            .iter()
            .map(|definition| step(definition, session.steps.get(&definition.slug), answers))
            .collect(),
        steps_done: summary.done,
        steps_total: Summary::total(),
        percent: summary.percent(),
        next_step: summary.next.map(|slug| slug.to_string()),
        expires_at: session.expires_at,
        context_number: session.onboarding.context_number,
        failure_reason: session.onboarding.failure_reason.clone(),
    }
}

/// Status, steps with state and revision, next step, percent and expiry, in one request.
#[utoipa::path(
    tag = "onboarding",
    security(("bearer" = [])),
    params(ResumeQuery, ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default.")),
    responses(
        (status = 200, description = "Where the onboarding stands.", body = Resume),
        (status = 400, description = "A parameter is not valid, or there is no workspace.", body = ProblemBody),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 404, description = "No such workspace.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[get("/api/onboarding")]
pub(super) async fn resume(app: Data<OnboardingService>, member: Member, query: Query<ResumeQuery>) -> Result<HttpResponse, Problem> {
    let (app, editor, answers) = (app.into_inner(), editor(&member), query.answers);
    let wanted = if answers { Wanted::Answers } else { Wanted::States };
    let lifecycle = app.kit.lifecycle.clone();
    // Reading may load Redis, which a client that hangs up must not cut.
    let session = lifecycle.detached(async move { read::read(&app, &editor, wanted).await }).await??;
    Ok(private(StatusCode::OK, Some(session.tier)).json(body(&session, answers)))
}
