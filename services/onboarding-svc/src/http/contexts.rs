//! The business contexts: listed, downloaded, compared.

use actix_web::{
    HttpResponse, get,
    http::StatusCode,
    web::{Data, Path, Query},
};
use chrono::{DateTime, Utc};
use domain::{
    ErrorCode,
    context::{Change, StepDifference},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    editor,
    finalize::{named, number},
    private,
};
use crate::{
    OnboardingService,
    finalize::{
        compare::{self, CompareError},
        lookup::{self, lookup},
    },
};

/// Contexts of a page.
const PAGE: u32 = 50;

/// Which contexts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct ContextsQuery {
    /// Only those with a smaller number.
    #[param(minimum = 1)]
    before: Option<u32>,
    /// At most this many, 1 to 50.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u32>,
}

/// Contexts, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Contexts {
    /// The contexts.
    items: Vec<ContextItem>,
    /// What `before` is for the next page; null on the last.
    next_before: Option<u64>,
}

/// A context without its answers.
#[derive(Debug, Serialize, ToSchema)]
struct ContextItem {
    /// Its number in the workspace.
    number: u64,
    /// `finalizing`, `completed`, `failed` or `superseded` by a later one.
    status: String,
    /// Why no manifest could be made.
    reason: Option<String>,
    /// SHA-256 of its RFC 8785 form.
    sha256: String,
    /// Bytes of that form.
    size_bytes: u64,
    /// The version of the steps that it follows.
    schema_version: String,
    /// Who finalized.
    finalized_by: Uuid,
    /// When.
    finalized_at: DateTime<Utc>,
    /// Where it is.
    href: String,
}

/// How two contexts differ.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ContextDiff {
    /// The number of the first.
    from: u64,
    /// The number of the second.
    to: u64,
    /// Whether the answers are the same.
    same: bool,
    /// The steps that differ, in order.
    steps: Vec<StepDiff>,
}

/// A step that differs.
#[derive(Debug, Serialize, ToSchema)]
struct StepDiff {
    /// The step.
    slug: String,
    /// Its title.
    title: String,
    /// `added`, `removed` or `changed`.
    change: String,
    /// What differs in it.
    fields: Vec<FieldDiff>,
}

/// A place that differs.
#[derive(Debug, Serialize, ToSchema)]
struct FieldDiff {
    /// A JSON pointer into the step's answer: the first one's where it was removed, the second one's otherwise.
    pointer: String,
    /// The labels that lead there.
    label: String,
    /// `added`, `removed`, `changed` or `reordered`.
    change: String,
    /// What it was.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// What it is.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

fn change(change: Change) -> String {
    json!(change).as_str().unwrap_or_default().to_owned()
}

impl From<StepDifference> for StepDiff {
    fn from(step: StepDifference) -> Self {
        let fields = step.fields.into_iter().map(|field| FieldDiff {
            pointer: field.pointer,
            label: field.label,
            change: change(field.change),
            before: field.before,
            after: field.after,
        });
        Self {
            slug: step.step.to_string(),
            title: step.step.step().title.to_owned(),
            change: change(step.change),
            fields: fields.collect(),
        }
    }
}

impl From<CompareError> for Problem {
    fn from(error: CompareError) -> Self {
        match error {
            CompareError::NotFound => Self::new(ErrorCode::ContextNotFound),
            CompareError::Unreadable(error) => Self::internal(error),
            CompareError::Db(error) => error.into(),
        }
    }
}

/// The contexts of the workspace, the newest first, without their answers.
#[utoipa::path(
    tag = "contexts",
    security(("bearer" = [])),
    params(ContextsQuery, ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default.")),
    responses(
        (status = 200, description = "The contexts.", body = Contexts),
        (status = 400, description = "A parameter is not valid.", body = ProblemBody),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 404, description = "No such workspace.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[get("/api/onboarding/contexts")]
pub(super) async fn business_contexts(
    app: Data<OnboardingService>,
    member: Member,
    query: Query<ContextsQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&limit) {
        return Err(Problem::new(ErrorCode::MalformedRequest).detail(format!("limit is 1 to {PAGE}")));
    }
    let (mut listed, more) = lookup::list(&app, &editor(&member), query.before, limit).await?;
    let next_before = listed.last().filter(|_| more).map(|(context, _)| context.number);
    let items = listed.drain(..).map(|(context, fate)| {
        let (status, reason) = named(&fate);
        ContextItem {
            number: context.number,
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            sha256: context.sha256.to_string(),
            size_bytes: context.size,
            schema_version: context.schema_version,
            finalized_by: context.finalized_by.as_uuid(),
            finalized_at: context.finalized_at,
            href: format!("/api/onboarding/contexts/{}", context.number),
        }
    });
    Ok(private(StatusCode::OK, None).json(Contexts { items: items.collect(), next_before }))
}

/// The canonical bytes of a business context; the `ETag` is their SHA-256.
#[utoipa::path(
    tag = "finalize",
    security(("bearer" = [])),
    params(
        ("number" = u64, Path, description = "The number of the context."),
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default."),
    ),
    responses(
        (status = 200, description = "The context.", body = Object, content_type = "application/json", headers(
            ("ETag" = String, description = "SHA-256 of the bytes."),
            ("Content-Disposition" = String, description = "A name for the file."),
        )),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 404, description = "No such context or workspace.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[get("/api/onboarding/contexts/{number}")]
pub(super) async fn business_context(app: Data<OnboardingService>, member: Member, path: Path<String>) -> Result<HttpResponse, Problem> {
    let found = lookup(&app, &editor(&member), number(&path)?).await?;
    let (_, context) = found.ok_or_else(|| Problem::new(ErrorCode::ContextNotFound))?;
    Ok(private(StatusCode::OK, None)
        .insert_header(("ETag", format!(r#""{}""#, context.sha256)))
        .insert_header(("Content-Disposition", format!(r#"attachment; filename="business-context-{}.json""#, context.number)))
        .content_type("application/json")
        .body(context.bytes))
}

/// What changed from one context to another, step by step and field by field; items of lists are known again wherever they stand.
#[utoipa::path(
    tag = "contexts",
    security(("bearer" = [])),
    params(
        ("number" = u64, Path, description = "The number of the first context."),
        ("other" = u64, Path, description = "The number of the second."),
        ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default."),
    ),
    responses(
        (status = 200, description = "The differences.", body = ContextDiff),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 404, description = "No such context or workspace.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[get("/api/onboarding/contexts/{number}/diff/{other}")]
pub(super) async fn context_diff(
    app: Data<OnboardingService>,
    member: Member,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (first, second) = path.into_inner();
    let (from, to) = (number(&first)?, number(&second)?);
    let steps = compare::compare(&app, &editor(&member), from, to).await?;
    Ok(private(StatusCode::OK, None).json(ContextDiff {
        from,
        to,
        same: steps.is_empty(),
        steps: steps.into_iter().map(StepDiff::from).collect(),
    }))
}
