//! `GET /api/context/export`.

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, web};
use domain::ErrorCode;
use serde::Deserialize;
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use utoipa::IntoParams;

use super::{
    answer::{IMMUTABLE, REVALIDATE, common, send},
    manifest::ContentBody,
    selector,
};
use crate::{
    BcmService,
    tiers::{Reader, View},
};

/// What to export.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// `json`, which is the default.
    format: Option<String>,
    /// A sequence or a semantic version; by default the current one.
    version: Option<String>,
}

/// The content of a version as a file: exactly the bytes that `X-Checksum-SHA256` is of.
#[utoipa::path(
    tag = "manifest",
    params(Query, ("X-Workspace-Id" = Option<String>, Header, description = "The workspace")),
    responses(
        (status = 200, description = "The file, with its name in Content-Disposition and its checksum in X-Checksum-SHA256", body = ContentBody, content_type = "application/json"),
        (status = 400, description = "No such format (BCM-0009), or a malformed parameter or header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No manifest yet (BCM-0001), no such version (BCM-0002), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/export")]
pub async fn export(
    request: HttpRequest,
    app: web::Data<BcmService>,
    member: Member,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    if query.format.as_deref().is_some_and(|format| format != "json") {
        return Err(Problem::new(ErrorCode::ExportFormatUnknown).detail("the formats are: json"));
    }
    let reader = Reader::member(&member);
    let (found, cache_control) = match query.version.as_deref() {
        Some(version) => (app.tiers.select(&reader, selector(version)?).await?, IMMUTABLE),
        None => (app.tiers.current(&reader).await?, REVALIDATE),
    };
    let record = &found.document.record;
    let mut response = common(StatusCode::OK, &found, View::Content, cache_control);
    response
        .insert_header(("Content-Disposition", format!(r#"attachment; filename="business-context-manifest-{}.json""#, record.version)))
        .insert_header(("X-Checksum-SHA256", record.checksum.to_string()));
    Ok(send(&request, response, &found, View::Content)?)
}
