//! All answers at once: in from a file or another workspace, out as JSON or Markdown.

use actix_web::{
    HttpResponse, get,
    http::StatusCode,
    post,
    web::{Data, Query},
};
use chrono::{DateTime, Utc};
use domain::{ErrorCode, ids::WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service_kit::{
    auth::Member,
    http::{FieldError, JsonBody, Problem, ProblemBody, UniqueJson},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{editor, error::field, precondition, private, resume};
use crate::{
    OnboardingService,
    transfer::{
        SCHEMA,
        export::export,
        import::{ImportError, Manner, Source, Taken, import},
        workspace,
    },
};

/// How answers are taken over.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportQuery {
    /// Whether a step that has an answer gets the new one; otherwise it keeps its own.
    #[serde(default)]
    replace: bool,
    /// Whether steps whose answer is complete are completed.
    #[serde(default)]
    complete: bool,
    /// Whether to say only what would become of each step.
    #[serde(default)]
    dry_run: bool,
}

impl From<ImportQuery> for Manner {
    fn from(query: ImportQuery) -> Self {
        Self { replace: query.replace, complete: query.complete, dry_run: query.dry_run }
    }
}

/// Answers by step: an export, or any file with `answers`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportBody {
    /// The answers by slug.
    #[schema(value_type = Object)]
    answers: UniqueJson,
    /// The version of the steps that they follow; the one in force by default.
    #[serde(default)]
    schema_version: Option<String>,
    /// The name of the file's schema, as an export has it.
    #[serde(default)]
    schema: Option<String>,
    /// Where an export came from; not looked at.
    #[serde(default, rename = "workspace_id")]
    _workspace_id: Option<Uuid>,
    /// When an export was made; not looked at.
    #[serde(default, rename = "exported_at")]
    _exported_at: Option<DateTime<Utc>>,
    /// The states of an export's steps; not looked at.
    #[serde(default, rename = "states")]
    #[schema(value_type = Option<Object>)]
    _states: Option<Value>,
}

/// Where answers are taken over from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportWorkspaceBody {
    /// Another workspace that the user is a member of.
    workspace_id: Uuid,
    /// The number of one of its business contexts; its present answers by default.
    #[serde(default)]
    context_number: Option<u64>,
}

/// What became of each step.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Imported {
    /// Whether nothing was changed.
    dry_run: bool,
    /// The steps that had an answer, in order.
    steps: Vec<ImportedStep>,
}

/// What became of a step.
#[derive(Debug, Serialize, ToSchema)]
struct ImportedStep {
    /// The step.
    slug: String,
    /// `imported`, `completed`, `kept` (it had an answer), or `unchanged` (it had this one).
    outcome: String,
    /// Its revision, which the next edit names.
    revision: String,
}

/// How to write the answers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    /// `json`, which can be imported again, or `markdown`.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Markdown,
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        let wrong =
            |pointer: String, code: &str, message: &str| vec![FieldError { pointer, code: code.to_owned(), message: message.to_owned() }];
        match error {
            ImportError::Invalid(errors) => {
                let errors = errors.iter().map(|(slug, error)| field(&format!("/answers/{slug}"), error)).collect();
                Self::new(ErrorCode::AnswerInvalid).errors(errors)
            }
            ImportError::UnknownSteps(names) => {
                let pointer = |name: &String| format!("/answers/{}", name.replace('~', "~0").replace('/', "~1"));
                let errors = names.iter().flat_map(|name| wrong(pointer(name), "unknown_step", "There is no such step.")).collect();
                Self::new(ErrorCode::AnswerInvalid).errors(errors)
            }
            ImportError::UnknownVersion => super::error::schema_changed(domain::step::SCHEMA_VERSION),
            ImportError::NoWorkspace => Self::new(ErrorCode::NotFound),
            ImportError::NoContext => Self::new(ErrorCode::ContextNotFound),
            ImportError::Itself => {
                Self::new(ErrorCode::ValidationFailed).errors(wrong("/workspace_id".to_owned(), "invalid", "This is the workspace itself."))
            }
            ImportError::Limited { retry_after_s } => Self::new(ErrorCode::RateLimited).retry_after(retry_after_s.max(1)),
            ImportError::Edit(error) => error.into(),
        }
    }
}

fn imported(taken: &[Taken], manner: Manner) -> HttpResponse {
    let steps = taken.iter().map(|one| ImportedStep {
        slug: one.slug.to_string(),
        outcome: one.outcome.as_str().to_owned(),
        revision: precondition::text(one.revision),
    });
    private(StatusCode::OK, None).json(Imported { dry_run: manner.dry_run, steps: steps.collect() })
}

/// Takes over answers from a file, such as an export. All of them are checked first: one that is wrong, and nothing is changed. Each
/// becomes a revision of its step that can be taken back.
#[utoipa::path(
    tag = "import",
    security(("bearer" = [])),
    params(ImportQuery, ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default.")),
    request_body = ImportBody,
    responses(
        (status = 200, description = "What became of each step.", body = Imported),
        (status = 400, description = "The body is not JSON, or a parameter is not valid.", body = ProblemBody),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 402, description = "Locked or suspended.", body = ProblemBody),
        (status = 404, description = "No such workspace.", body = ProblemBody),
        (status = 409, description = "The answers are being finalized, or follow an unknown version of the steps.", body = ProblemBody),
        (status = 413, description = "The body, an answer, or all answers together are too large.", body = ProblemBody),
        (status = 415, description = "Not JSON by its content type.", body = ProblemBody),
        (status = 422, description = "Steps or fields are not valid: all of them are listed.", body = ProblemBody),
        (status = 429, description = "Too many imports.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[post("/api/onboarding/import")]
pub(super) async fn import_answers(
    app: Data<OnboardingService>,
    member: Member,
    query: Query<ImportQuery>,
    body: JsonBody<ImportBody>,
) -> Result<HttpResponse, Problem> {
    let (app, editor, manner) = (app.into_inner(), editor(&member), Manner::from(*query));
    let ImportBody { answers: UniqueJson(answers), schema_version, schema, .. } = body.value;
    let refuse = |pointer: &str, message: &str| {
        let error = FieldError { pointer: pointer.to_owned(), code: "invalid".to_owned(), message: message.to_owned() };
        Err(Problem::new(ErrorCode::ValidationFailed).errors(vec![error]))
    };
    if schema.is_some_and(|schema| schema != SCHEMA) {
        return refuse("/schema", "This is no export of answers.");
    }
    let Value::Object(given) = answers else { return refuse("/answers", "This must be an object with an answer for each step.") };
    let version = schema_version.unwrap_or_else(|| app.versions.current().to_owned());
    let lifecycle = app.kit.lifecycle.clone();
    let taken = lifecycle.detached(async move { import(&app, &editor, Source::File, &version, given, manner).await }).await??;
    Ok(imported(&taken, manner))
}

/// Takes over the answers of another workspace of the user. The review stays out: everybody confirms their own.
#[utoipa::path(
    tag = "import",
    security(("bearer" = [])),
    params(ImportQuery, ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default.")),
    request_body = ImportWorkspaceBody,
    responses(
        (status = 200, description = "What became of each step.", body = Imported),
        (status = 400, description = "The body is not JSON, or a parameter is not valid.", body = ProblemBody),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 402, description = "Locked or suspended.", body = ProblemBody),
        (status = 404, description = "No such workspace or context, on either side.", body = ProblemBody),
        (status = 409, description = "The answers are being finalized, or follow an unknown version of the steps.", body = ProblemBody),
        (status = 413, description = "All answers together are too large.", body = ProblemBody),
        (status = 415, description = "Not JSON by its content type.", body = ProblemBody),
        (status = 422, description = "The workspace is the one that is imported into.", body = ProblemBody),
        (status = 429, description = "Too many imports.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[post("/api/onboarding/import/workspace")]
pub(super) async fn import_workspace(
    app: Data<OnboardingService>,
    member: Member,
    query: Query<ImportQuery>,
    body: JsonBody<ImportWorkspaceBody>,
) -> Result<HttpResponse, Problem> {
    let (app, editor, manner) = (app.into_inner(), editor(&member), Manner::from(*query));
    let (from, context) = (WorkspaceId::from_uuid(body.workspace_id), body.context_number);
    let lifecycle = app.kit.lifecycle.clone();
    let taken = lifecycle.detached(async move { workspace::import_workspace(&app, &editor, from, context, manner).await }).await??;
    Ok(imported(&taken, manner))
}

/// All answers, drafts too, as a file: JSON that can be imported again, or Markdown to be read and passed on.
#[utoipa::path(
    tag = "import",
    security(("bearer" = [])),
    params(ExportQuery, ("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default.")),
    responses(
        (status = 200, description = "The answers; as `text/markdown` when that was asked for.", body = Object, content_type = "application/json",
            headers(("Content-Disposition" = String, description = "A name for the file."))),
        (status = 400, description = "A parameter is not valid.", body = ProblemBody),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 404, description = "No such workspace.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[get("/api/onboarding/export")]
pub(super) async fn export_answers(
    app: Data<OnboardingService>,
    member: Member,
    query: Query<ExportQuery>,
) -> Result<HttpResponse, Problem> {
    let (app, editor) = (app.into_inner(), editor(&member));
    let workspace = editor.workspace;
    let lifecycle = app.kit.lifecycle.clone();
    // Reading may load Redis, which a client that hangs up must not cut.
    let exported = lifecycle.detached(async move { export(&app, &editor).await }).await??;
    let day = exported.at.format("%Y-%m-%d");
    let mut response = private(StatusCode::OK, None);
    let name = |ending: &str| ("Content-Disposition", format!(r#"attachment; filename="onboarding-{day}.{ending}""#));
    Ok(match query.format {
        Format::Markdown => response.insert_header(name("md")).content_type("text/markdown; charset=utf-8").body(exported.markdown()),
        Format::Json => {
            let states: serde_json::Map<String, Value> =
                exported.steps.iter().map(|(slug, step)| (slug.to_string(), resume::state(Some(step)).into())).collect();
            response.insert_header(name("json")).json(json!({
                "schema": SCHEMA, "schema_version": exported.schema_version, "workspace_id": workspace, "exported_at": exported.at,
                "states": states, "answers": exported.answers(),
            }))
        }
    })
}
