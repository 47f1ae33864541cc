//! `GET /api/context/manifest` and its older versions.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use domain::{
    ErrorCode,
    ids::JobId,
    manifest::{Content, Record},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::{
    auth::{LastKnownMember, Member},
    http::{Problem, ProblemBody},
};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::{Derived, IMMUTABLE, REVALIDATE, answer, derived},
    limits::{RENDER, take},
    parts::{self, Parts},
    selector,
};
use crate::{
    BcmService,
    manifest::{
        ReadError,
        provenance::provenance,
        selector::{Alias, Selector},
    },
    rebuild,
    store::job::Job,
    tiers::{self, Found, Reader},
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
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShownQuery {
    /// `full` (the default) or `content`.
    #[serde(default)]
    #[param(inline, required = false)]
    view: View,
    /// JSON pointers into the content, with commas between them, at most 50: these alone instead of the whole content.
    fields: Option<String>,
    /// With the origin of each leaf.
    #[serde(default)]
    #[param(required = false)]
    provenance: bool,
}

/// Which version, and how it is to be shown.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// `full` (the default) or `content`.
    #[serde(default)]
    #[param(inline, required = false)]
    view: View,
    /// JSON pointers into the content, with commas between them, at most 50: these alone instead of the whole content.
    fields: Option<String>,
    /// With the origin of each leaf.
    #[serde(default)]
    #[param(required = false)]
    provenance: bool,
    /// `live` (the default: the pinned version, else the newest), `latest`, or a name that was given to a version.
    alias: Option<String>,
    /// The version that was the newest at this moment (RFC 3339), instead of an alias.
    #[param(value_type = Option<String>, format = DateTime)]
    as_of: Option<DateTime<Utc>>,
}

impl Query {
    fn shown(&self) -> ShownQuery {
        ShownQuery { view: self.view, fields: self.fields.clone(), provenance: self.provenance }
    }
}

/// The version for consumers: the pinned one, else the newest.
#[utoipa::path(
    tag = "manifest",
    params(Query, ("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("If-None-Match" = Option<String>, Header, description = "Entity tags that the caller has")),
    responses(
        (status = 200, description = "The version, with a weak ETag, Last-Modified and Repr-Digest; gzip when accepted", body = ViewBody),
        (status = 202, description = "There is none yet, and it is being made", body = BuildingBody),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "A malformed parameter or header, or no pointer into the content (BCM-0008)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No manifest yet (BCM-0001), no such alias or moment (BCM-0002), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests for parts of it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/manifest")]
pub async fn current(
    request: HttpRequest,
    app: web::Data<BcmService>,
    LastKnownMember(member): LastKnownMember,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    if query.alias.is_some() && query.as_of.is_some() {
        return Err(Problem::new(ErrorCode::MalformedRequest).detail("either alias or as_of, not both"));
    }
    let reader = Reader::member(&member);
    let found = match named(&app, &reader, query.alias.as_deref(), query.as_of).await {
        Err(ReadError::Missing) => match rebuild::status::open(&app, &reader).await? {
            Some(job) => return Ok(HttpResponse::Accepted().insert_header(("Cache-Control", "no-store")).json(BuildingBody::of(&job))),
            None => return Err(ReadError::Missing.into()),
        },
        found => found?,
    };
    app.access_log.note(&app, &member, &found, "manifest");
    show(&request, &app, &member, &found, &query.shown(), REVALIDATE).await
}

/// There is no manifest yet, and one is being made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ManifestBuilding)]
pub struct BuildingBody {
    /// `building`.
    state: &'static str,
    /// The job that makes it.
    #[schema(value_type = String, format = Uuid)]
    job: JobId,
}

impl BuildingBody {
    fn of(job: &Job) -> Self {
        Self { state: "building", job: job.id() }
    }
}

/// The version that an alias or a moment names; the one for consumers without either.
pub async fn named(app: &BcmService, reader: &Reader, alias: Option<&str>, as_of: Option<DateTime<Utc>>) -> Result<Found, ReadError> {
    match (alias, as_of) {
        (None | Some(Alias::LIVE), None) => app.tiers.current(reader).await,
        (Some(Alias::LATEST), None) => app.tiers.latest(reader).await,
        (Some(name), None) => {
            let name = name.parse().map_err(|_| ReadError::VersionNotFound)?;
            app.tiers.select(reader, &Selector::Alias(name)).await
        }
        (None, Some(moment)) => app.tiers.select(reader, &Selector::AsOf(moment)).await,
        (Some(_), Some(_)) => Err(ReadError::VersionNotFound),
    }
}

/// A version by its sequence (3) or semantic version (1.4.2). It never changes and may be kept for ever.
#[utoipa::path(
    tag = "manifest",
    params(ShownQuery, ("version" = String, Path, description = "A sequence or a semantic version"), ("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("If-None-Match" = Option<String>, Header, description = "Entity tags that the caller has")),
    responses(
        (status = 200, description = "The version, immutable", body = ViewBody),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "A malformed parameter or header, or no pointer into the content (BCM-0008)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such version (BCM-0002), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests for parts of it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/manifest/versions/{version}")]
pub async fn version(
    request: HttpRequest,
    app: web::Data<BcmService>,
    LastKnownMember(member): LastKnownMember,
    path: web::Path<String>,
    query: web::Query<ShownQuery>,
) -> Result<HttpResponse, Problem> {
    let found = app.tiers.select(&Reader::member(&member), &selector(&path)?).await?;
    app.access_log.note(&app, &member, &found, "version");
    show(&request, &app, &member, &found, &query, IMMUTABLE).await
}

/// The newest version of the workspace whose content has this checksum.
#[utoipa::path(
    tag = "manifest",
    params(ShownQuery, ("checksum" = String, Path, description = "64 lower-case hexadecimal digits"), ("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("If-None-Match" = Option<String>, Header, description = "Entity tags that the caller has")),
    responses(
        (status = 200, description = "The version", body = ViewBody),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "A malformed parameter or header, or no pointer into the content (BCM-0008)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such version in this workspace (BCM-0002), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests for parts of it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/manifest/checksums/{checksum}")]
pub async fn by_checksum(
    request: HttpRequest,
    app: web::Data<BcmService>,
    LastKnownMember(member): LastKnownMember,
    path: web::Path<String>,
    query: web::Query<ShownQuery>,
) -> Result<HttpResponse, Problem> {
    let checksum = path.parse().map_err(|_| Problem::new(ErrorCode::ManifestVersionNotFound))?;
    let found = app.tiers.select(&Reader::member(&member), &Selector::Checksum(checksum)).await?;
    app.access_log.note(&app, &member, &found, "checksum");
    show(&request, &app, &member, &found, &query, REVALIDATE).await
}

/// Shows a version whole, as it lies in its tier, or in parts.
async fn show(
    request: &HttpRequest,
    app: &BcmService,
    member: &Member,
    found: &Found,
    shown: &ShownQuery,
    cache_control: &'static str,
) -> Result<HttpResponse, Problem> {
    if shown.fields.is_none() && !shown.provenance {
        return Ok(answer(request, found, shown.view.into(), cache_control)?);
    }
    if shown.view == View::Content {
        let detail = "view=content is exactly the bytes that are hashed; fields and provenance go with view=full";
        return Err(Problem::new(ErrorCode::MalformedRequest).detail(detail));
    }
    take(app, member, RENDER).await?;
    let parts = shown.fields.as_deref().map(Parts::parse).transpose()?;
    let name = parts.as_ref().map_or_else(|| "all".to_owned(), Parts::name);
    let what = Derived {
        name: format!("parts-{name}-{}.record-{}", u8::from(shown.provenance), found.document.record.sequence),
        content_type: "application/json",
        cache_control,
        headers: Vec::new(),
    };
    derived(request, found, what, async {
        let origins =
            if shown.provenance { Some(provenance(app, &Reader::member(member), found.document.record.sequence).await?) } else { None };
        parts::body(found, parts.as_ref(), origins)
    })
    .await
}
