//! Suggestions from a page.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CONTENT_TYPE},
    post,
    web::Data,
};
use domain::ErrorCode;
use serde::Serialize;
use serde_json::Value;
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody, RawBody},
};
use utoipa::ToSchema;

use super::{editor, precondition, private};
use crate::{
    OnboardingService,
    suggest::{self, SuggestError, Suggestion},
};

/// What a page suggests.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Suggestions {
    /// In the order of the form; of several for one field the first is the most likely.
    items: Vec<SuggestionItem>,
}

/// A value for one field. Nothing is stored: who accepts it saves it in the step's draft.
#[derive(Debug, Serialize, ToSchema)]
struct SuggestionItem {
    /// The step.
    slug: String,
    /// The name of the field.
    field: String,
    /// Its label.
    label: String,
    /// The value, as the field takes it.
    #[schema(value_type = Object)]
    value: Value,
    /// Where the page says it.
    found_in: String,
    /// What the field holds now.
    #[schema(value_type = Option<Object>)]
    current: Option<Value>,
    /// The step's revision, which a save names.
    revision: String,
}

impl From<Suggestion> for SuggestionItem {
    fn from(suggestion: Suggestion) -> Self {
        Self {
            slug: suggestion.slug.to_string(),
            field: suggestion.field.name.to_owned(),
            label: suggestion.field.label.to_owned(),
            value: suggestion.value,
            found_in: suggestion.found_in.to_owned(),
            current: suggestion.current,
            revision: precondition::text(suggestion.revision),
        }
    }
}

impl From<SuggestError> for Problem {
    fn from(error: SuggestError) -> Self {
        match error {
            SuggestError::Limited { retry_after_s } => Self::new(ErrorCode::RateLimited).retry_after(retry_after_s.max(1)),
            SuggestError::Edit(error) => error.into(),
        }
    }
}

fn is_html(request: &HttpRequest) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(essence.as_str(), "text/html" | "application/xhtml+xml")
}

/// Reads a page of the company's own, given as HTML, and suggests what it says in schema.org `Organization` (JSON-LD and microdata),
/// Open Graph and its description. Nothing is fetched and nothing is stored.
#[utoipa::path(
    tag = "import",
    security(("bearer" = [])),
    params(("X-Workspace-Id" = Option<Uuid>, Header, description = "The workspace; the member's oldest one by default.")),
    request_body(content = String, content_type = "text/html", description = "The page, in UTF-8."),
    responses(
        (status = 200, description = "What the page suggests.", body = Suggestions),
        (status = 400, description = "The page is not UTF-8.", body = ProblemBody),
        (status = 401, description = "No valid access token.", body = ProblemBody),
        (status = 402, description = "Locked or suspended.", body = ProblemBody),
        (status = 404, description = "No such workspace.", body = ProblemBody),
        (status = 409, description = "The answers are being finalized.", body = ProblemBody),
        (status = 413, description = "The page is larger than 256 KiB.", body = ProblemBody),
        (status = 415, description = "Not HTML by its content type.", body = ProblemBody),
        (status = 429, description = "Too many pages.", body = ProblemBody),
        (status = 503, description = "A dependency is down.", body = ProblemBody),
    )
)]
#[post("/api/onboarding/suggestions")]
pub(super) async fn suggest_from_page(
    app: Data<OnboardingService>,
    member: Member,
    request: HttpRequest,
    body: RawBody,
) -> Result<HttpResponse, Problem> {
    if !is_html(&request) {
        return Err(Problem::new(ErrorCode::UnsupportedMediaType).detail("send text/html"));
    }
    if std::str::from_utf8(&body.0).is_err() {
        return Err(Problem::new(ErrorCode::MalformedRequest).detail("the page is not UTF-8: save it as that"));
    }
    let (app, editor) = (app.into_inner(), editor(&member));
    let lifecycle = app.kit.lifecycle.clone();
    let found = lifecycle.detached(async move { suggest::suggest(&app, &editor, &body.0).await }).await??;
    Ok(private(StatusCode::OK, None).json(Suggestions { items: found.into_iter().map(SuggestionItem::from).collect() }))
}
