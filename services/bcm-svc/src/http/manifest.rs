//! `GET /api/context/manifest` and its older versions.

use actix_web::{HttpRequest, HttpResponse, get, web};
use domain::manifest::{Content, Record};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::{IMMUTABLE, REVALIDATE, answer},
    selector,
};
use crate::{
    BcmService,
    tiers::{self, Reader},
};

/// A version. Its JSON Schema is `urn:groundwork:schema:manifest:1`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Manifest)]
pub struct ManifestBody {
    /// What is known about this version; not hashed.
    #[schema(value_type = Object)]
    record: Record,
    /// What is hashed, served and given to prompts.
    #[schema(value_type = Object)]
    content: Content,
}

/// The content alone, which is what `content` of a whole version is.
#[derive(ToSchema)]
#[schema(as = ManifestContent)]
#[expect(dead_code, reason = "only the document names it: the bytes are answered as they are stored")]
pub struct ContentBody {
    /// `manifest.1`, for example.
    schema_version: String,
    /// Who the company is; the other parts are those of the JSON Schema.
    #[schema(value_type = Object)]
    company: Value,
}

/// A version in the representation that `view` asks for.
#[derive(ToSchema)]
#[schema(as = ManifestView)]
#[expect(dead_code, reason = "only the document names it")]
#[serde(untagged)]
pub enum ViewBody {
    /// With `view=full`.
    Full(Box<ManifestBody>),
    /// With `view=content`.
    Content(ContentBody),
}

/// Which representation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// `{"record": …, "content": …}`.
    #[default]
    Full,
    /// The content alone: exactly the bytes that are hashed.
    Content,
}

impl From<View> for tiers::View {
    fn from(view: View) -> Self {
        match view {
            View::Full => Self::Whole,
            View::Content => Self::Content,
        }
    }
}

/// How a version is to be shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// `full` (the default) or `content`.
    #[serde(default)]
    #[param(inline, required = false)]
    view: View,
}

/// The current version.
#[utoipa::path(
    tag = "manifest",
    params(Query, ("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("If-None-Match" = Option<String>, Header, description = "Entity tags that the caller has")),
    responses(
        (status = 200, description = "The version, with a weak ETag, Last-Modified and Repr-Digest; gzip when accepted", body = ViewBody),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "A malformed parameter or header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No manifest yet (BCM-0001), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/manifest")]
pub async fn current(
    request: HttpRequest,
    app: web::Data<BcmService>,
    member: Member,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let found = app.tiers.current(&Reader::member(&member)).await?;
    Ok(answer(&request, &found, query.view.into(), REVALIDATE)?)
}

/// A version by its sequence (3) or semantic version (1.4.2). It never changes and may be kept for ever.
#[utoipa::path(
    tag = "manifest",
    params(Query, ("version" = String, Path, description = "A sequence or a semantic version"), ("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("If-None-Match" = Option<String>, Header, description = "Entity tags that the caller has")),
    responses(
        (status = 200, description = "The version, immutable", body = ViewBody),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "A malformed parameter or header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such version (BCM-0002), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/manifest/versions/{version}")]
pub async fn version(
    request: HttpRequest,
    app: web::Data<BcmService>,
    member: Member,
    path: web::Path<String>,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let found = app.tiers.select(&Reader::member(&member), selector(&path)?).await?;
    Ok(answer(&request, &found, query.view.into(), IMMUTABLE)?)
}
