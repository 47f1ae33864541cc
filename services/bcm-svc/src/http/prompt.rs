//! `GET /api/context/prompt`: the manifest for a language model.

use actix_web::{HttpRequest, HttpResponse, get, web};
use domain::{
    ErrorCode,
    manifest::{Content, Outline, Purpose, RENDERING, outline},
    reduce::{Encoding, Policy},
};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::LastKnownMember,
    http::{Problem, ProblemBody},
};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::{Derived, REVALIDATE, derived},
    freshness::age_state,
    limits::{RENDER, take},
    manifest::named,
    selector,
};
use crate::{
    BcmService,
    manifest::ReadError,
    tiers::{Found, Reader, View},
};

/// How the text is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PromptFormat {
    /// The text alone.
    #[default]
    Text,
    /// The text with what is known about it.
    Json,
}

/// What the text is for and how long it may be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// The most tokens of the text, markers included: 100 to 16000, by default 1200.
    budget: Option<u32>,
    /// `cl100k` (the default) or `o200k`. Models of other makers count up to a fifth more: ask for less.
    encoding: Option<String>,
    /// `general` (the default), `copywriting`, `campaign`, `sales` or `strategy`: what is kept when not everything fits.
    purpose: Option<String>,
    /// A sequence or a semantic version; by default the one for consumers.
    version: Option<String>,
    /// `live`, `latest` or a name that was given to a version, instead of `version`.
    alias: Option<String>,
    /// `text` (the default) or `json`.
    #[serde(default)]
    #[param(inline, required = false)]
    format: PromptFormat,
}

/// The text with what is known about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Prompt)]
pub struct PromptBody {
    /// The text, markers included.
    text: String,
    /// Its tokens.
    tokens: u32,
    /// The most that were asked for.
    budget: u32,
    /// What they are counted in.
    encoding: &'static str,
    /// What it is for.
    purpose: &'static str,
    /// What did not fit, by pointer into the content.
    omitted: Vec<String>,
    /// The version of the rendering.
    rendering: &'static str,
    /// The semantic version that it was made of.
    version: String,
    /// Its place among the versions.
    sequence: u64,
    /// The checksum of its content.
    checksum: String,
    /// `fresh`, `stale` or `expired`, by its age.
    freshness: &'static str,
}

/// The manifest as text for the prompt of a language model, within a number of tokens. What users wrote stands between
/// markers that it cannot imitate, in lines that it cannot end. The same version and request give the same text.
#[utoipa::path(
    tag = "manifest",
    params(Query, ("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("If-None-Match" = Option<String>, Header, description = "Entity tags that the caller has")),
    responses(
        (status = 200, description = "The text, with X-Checksum-SHA256, Manifest-Version and Manifest-Freshness", content(
            (String = "text/plain"), (PromptBody = "application/json"))),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "A malformed parameter or header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No manifest yet (BCM-0001), no such version (BCM-0002), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The budget is out of range (BCM-0010)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many prompts", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/prompt")]
pub async fn prompt(
    request: HttpRequest,
    app: web::Data<BcmService>,
    LastKnownMember(member): LastKnownMember,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let malformed = |detail: String| Problem::new(ErrorCode::MalformedRequest).detail(detail);
    let purpose = query.purpose.as_deref().map_or(Ok(Purpose::default()), str::parse);
    let purpose: Purpose = purpose.map_err(|error| malformed(error.to_string()))?;
    let encoding = query.encoding.as_deref().map_or(Ok(Encoding::Cl100k), str::parse);
    let encoding: Encoding = encoding.map_err(|_| malformed("the encodings are: cl100k, o200k".to_owned()))?;
    let policy = Policy::new(query.budget.unwrap_or_else(|| Policy::default().budget()), encoding).map_err(|_| {
        let detail = format!("a budget is {} to {} tokens", Policy::MIN_BUDGET, Policy::MAX_BUDGET);
        Problem::new(ErrorCode::TokenBudgetInvalid).detail(detail)
    })?;
    let reader = Reader::member(&member);
    take(&app, &member, RENDER).await?;
    let found = match (query.version.as_deref(), query.alias.as_deref()) {
        (Some(version), None) => app.tiers.select(&reader, &selector(version)?).await?,
        (None, alias) => named(&app, &reader, alias, None).await?,
        (Some(_), Some(_)) => return Err(malformed("either version or alias, not both".to_owned())),
    };
    app.access_log.note(&app, &member, &found, "prompt");
    let record = &found.document.record;
    let freshness = age_state(app.kit.clock.now() - record.generated_at);
    // The freshness is said in headers and body, so that another one is another representation.
    let json = query.format == PromptFormat::Json;
    let kind = if json { "json" } else { "text" };
    let name = format!("prompt-{RENDERING}-{kind}-{policy}-{}-{freshness}-{}", purpose.as_str(), record.sequence);
    let what = Derived {
        name: name.replace('/', "-"),
        content_type: if json { "application/json" } else { "text/plain; charset=utf-8" },
        cache_control: REVALIDATE,
        headers: vec![
            ("X-Checksum-SHA256", record.checksum.to_string()),
            ("Manifest-Version", record.version.to_string()),
            ("Manifest-Freshness", freshness.to_owned()),
        ],
    };
    derived(&request, &found, what, async {
        let outline = written(&found, policy, purpose).await?;
        if !json {
            return Ok(outline.text.into_bytes());
        }
        let body = PromptBody {
            text: outline.text,
            tokens: outline.tokens,
            budget: policy.budget(),
            encoding: encoding.as_str(),
            purpose: purpose.as_str(),
            omitted: outline.omitted,
            rendering: RENDERING,
            version: record.version.to_string(),
            sequence: record.sequence,
            checksum: record.checksum.to_string(),
            freshness,
        };
        serde_json::to_vec(&body).map_err(Problem::internal)
    })
    .await
}

/// Counting tokens takes milliseconds of pure computing, which the threads that answer requests do not do.
async fn written(found: &Found, policy: Policy, purpose: Purpose) -> Result<Outline, Problem> {
    let bytes = found.document.plain(View::Content).map_err(ReadError::from)?.bytes.clone();
    let content: Content = serde_json::from_slice(&bytes).map_err(Problem::internal)?;
    let checksum = found.document.record.checksum;
    let outlined = tokio::task::spawn_blocking(move || outline(&content, &checksum, policy, purpose)).await;
    outlined.map_err(Problem::internal)?.map_err(Problem::internal)
}
