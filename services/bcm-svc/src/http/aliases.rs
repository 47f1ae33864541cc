//! `/api/context/aliases`: names for versions, the head's own and those that members give.

use actix_web::{
    HttpRequest, HttpResponse, delete, get,
    http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH},
    put, web,
};
use chrono::{DateTime, Utc};
use domain::{ErrorCode, ids::UserId, role::Role};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::Member,
    http::{FieldError, JsonBody, Problem, ProblemBody},
};
use utoipa::ToSchema;

use super::{
    error,
    limits::{REVISE, take},
    revise::{VersionName, actor},
};
use crate::{
    BcmService,
    manifest::selector::Alias,
    revise::alias::{self, Expected, Names},
    store::alias::AliasRow,
    tiers::Reader,
};

/// A name and its version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alias)]
pub struct AliasBody {
    /// The name.
    alias: String,
    /// The version's place among the versions.
    sequence: u64,
    /// The semantic version.
    version: String,
    /// The checksum of its content.
    checksum: String,
    /// Rises with every change: what `If-Match` names. The head's own names have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<i32>,
    /// Who set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    updated_by: Option<UserId>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<DateTime<Utc>>,
}

impl AliasBody {
    fn of_head(alias: &str, sequence: u64, (version, checksum): (String, String)) -> Self {
        Self { alias: alias.to_owned(), sequence, version, checksum, revision: None, updated_by: None, updated_at: None }
    }
}

impl From<AliasRow> for AliasBody {
    fn from(row: AliasRow) -> Self {
        Self {
            sequence: row.sequence(),
            updated_by: Some(row.updated_by()),
            alias: row.alias,
            version: row.version,
            checksum: row.checksum,
            revision: Some(row.revision),
            updated_at: Some(row.updated_at),
        }
    }
}

/// What the names of a workspace stand for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Aliases)]
pub struct NamesBody {
    /// Whether consumers are kept on a version.
    pinned: bool,
    /// `latest` and `live` first, then the names that members gave, in alphabetical order.
    items: Vec<AliasBody>,
}

impl From<Names> for NamesBody {
    fn from(names: Names) -> Self {
        let head = names.head;
        let of_head =
            [AliasBody::of_head(Alias::LATEST, head.latest, names.latest), AliasBody::of_head(Alias::LIVE, head.live(), names.live)];
        Self { pinned: head.pinned.is_some(), items: of_head.into_iter().chain(names.aliases.into_iter().map(AliasBody::from)).collect() }
    }
}

/// What a name is to stand for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetAlias)]
pub struct SetBody {
    /// The version.
    version: VersionName,
}

/// The names as an answer.
pub async fn names_of(app: &BcmService, member: &Member) -> Result<HttpResponse, Problem> {
    let names = alias::names(app, &Reader::member(member)).await?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "private, no-store")).json(NamesBody::from(names)))
}

fn name(text: &str) -> Result<Alias, Problem> {
    text.parse().map_err(|error: crate::manifest::selector::InvalidAlias| {
        let field = FieldError { pointer: "/alias".into(), code: "invalid".into(), message: error.to_string() };
        Problem::new(ErrorCode::ValidationFailed).errors(vec![field])
    })
}

/// What the request's preconditions say. Entity tags of names are their revisions.
fn expected(request: &HttpRequest) -> Result<Expected, Problem> {
    let text = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or_default().trim().to_owned());
    let malformed = |detail: &str| Err(Problem::new(ErrorCode::MalformedRequest).detail(detail));
    match (text(IF_MATCH).as_deref(), text(IF_NONE_MATCH).as_deref()) {
        (None, None) => Ok(Expected::Anything),
        (None, Some("*")) => Ok(Expected::Absent),
        (Some("*"), None) => Ok(Expected::Revision(None)),
        (Some(tag), None) => match tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(str::parse) {
            Some(Ok(revision)) => Ok(Expected::Revision(Some(revision))),
            _ => malformed(r#"If-Match is * or the revision of the alias in quotes, as "3""#),
        },
        (None, Some(_)) => malformed("If-None-Match can only be *"),
        (Some(_), Some(_)) => malformed("either If-Match or If-None-Match, not both"),
    }
}

/// What every name stands for.
#[utoipa::path(
    tag = "revisions",
    params(("X-Workspace-Id" = Option<String>, Header, description = "The workspace")),
    responses(
        (status = 200, description = "The names", body = NamesBody),
        (status = 400, description = "A malformed header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No manifest yet (BCM-0001), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/aliases")]
pub async fn list(app: web::Data<BcmService>, member: Member) -> Result<HttpResponse, Problem> {
    names_of(&app, &member).await
}

/// Gives a version a name, or a name another version: owners and admins. With `If-Match` only if nobody changed it
/// meanwhile, with `If-None-Match: *` only if it is new.
#[utoipa::path(
    tag = "revisions",
    request_body = SetBody,
    params(("alias" = String, Path, description = "A letter a to z, then letters, digits and hyphens, 40 at most"), ("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("If-Match" = Option<String>, Header, description = "The revision that is replaced"), ("If-None-Match" = Option<String>, Header, description = "`*`")),
    responses(
        (status = 200, description = "The name, with its revision as ETag", body = AliasBody),
        (status = 400, description = "Malformed JSON or header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "No active subscription (BCM-0004)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither owner nor admin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No manifest yet (BCM-0001), no such version (BCM-0002), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The workspace has as many names as it may", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "Somebody changed it meanwhile", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A field or the name is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many changes", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[put("/api/context/aliases/{alias}")]
pub async fn set(
    request: HttpRequest,
    app: web::Data<BcmService>,
    member: Member,
    path: web::Path<String>,
    body: JsonBody<SetBody>,
) -> Result<HttpResponse, Problem> {
    member.require(Role::Admin)?;
    let (name, to, expected) = (name(&path)?, body.version.selector()?, expected(&request)?);
    take(&app, &member, REVISE).await?;
    let (work, actor) = (app.clone().into_inner(), actor(&request, &member));
    let done = app.kit.lifecycle.detached(async move { alias::set(&work, actor, name, to, expected).await }).await?;
    let row = done.map_err(error::of_revision)?;
    Ok(HttpResponse::Ok()
        .insert_header(("ETag", format!(r#""{}""#, row.revision)))
        .insert_header(("Cache-Control", "private, no-store"))
        .json(AliasBody::from(row)))
}

/// Removes a name; the version stays: owners and admins.
#[utoipa::path(
    tag = "revisions",
    params(("alias" = String, Path, description = "The name"), ("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("If-Match" = Option<String>, Header, description = "The revision that is removed")),
    responses(
        (status = 204, description = "It is not there any more"),
        (status = 400, description = "A malformed header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "No active subscription (BCM-0004)", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Neither owner nor admin", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "Somebody changed it meanwhile", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The name is not valid", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many changes", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[delete("/api/context/aliases/{alias}")]
pub async fn remove(
    request: HttpRequest,
    app: web::Data<BcmService>,
    member: Member,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    member.require(Role::Admin)?;
    let (name, expected) = (name(&path)?, expected(&request)?);
    take(&app, &member, REVISE).await?;
    let (work, actor) = (app.clone().into_inner(), actor(&request, &member));
    app.kit.lifecycle.detached(async move { alias::remove(&work, actor, name, expected).await }).await?.map_err(error::of_revision)?;
    Ok(HttpResponse::NoContent().insert_header(("Cache-Control", "private, no-store")).finish())
}
