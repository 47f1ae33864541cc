//! `GET /api/context/export`.

use actix_web::{HttpRequest, HttpResponse, get, http::StatusCode, web};
use domain::ErrorCode;
use serde::Deserialize;
use serde_json::{Value, json};
use service_kit::{
    audit,
    auth::{LastKnownMember, Member},
    db::DbError,
    http::{Problem, ProblemBody, RequestId},
};
use utoipa::IntoParams;

use super::{
    answer::{Derived, GZIP, IMMUTABLE, REVALIDATE, common, derived, not_modified, send},
    limits::{RENDER, take},
    manifest::{ContentBody, named},
    selector,
};
use crate::{
    BcmService,
    export::{Format, markdown, yaml},
    manifest::ReadError,
    signing::sign,
    tiers::{Found, Reader, View, compress},
};

/// What to export.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// `json`, which is the default, `markdown` or `yaml`.
    format: Option<String>,
    /// A sequence or a semantic version; by default the one for consumers.
    version: Option<String>,
    /// `live`, `latest` or a name that was given to a version, instead of `version`.
    alias: Option<String>,
    /// Whether the file is signed, which only JSON is: it then holds record and content, and verifies without a network.
    #[serde(default)]
    #[param(required = false)]
    signed: bool,
    /// Whether the file is compressed itself: its name ends in `.gz`.
    #[serde(default)]
    #[param(required = false)]
    gz: bool,
}

/// The content of a version as a file. As JSON it is exactly the bytes that `X-Checksum-SHA256` is of.
#[utoipa::path(
    tag = "manifest",
    params(Query, ("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("If-None-Match" = Option<String>, Header, description = "Entity tags that the caller has")),
    responses(
        (status = 200, description = "The file, with its name in Content-Disposition and the content's checksum in X-Checksum-SHA256", content(
            (ContentBody = "application/json"), (String = "text/markdown"), (String = "application/yaml"), (Vec<u8> = "application/gzip"))),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "No such format (BCM-0009), or a malformed parameter or header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No manifest yet (BCM-0001), no such version (BCM-0002), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many exports", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down, or exports cannot be signed (BCM-0012)", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/export")]
pub async fn export(
    request: HttpRequest,
    app: web::Data<BcmService>,
    LastKnownMember(member): LastKnownMember,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let format = query.format.as_deref().map_or(Ok(Format::default()), str::parse);
    let format: Format = format.map_err(|error| Problem::new(ErrorCode::ExportFormatUnknown).detail(error.to_string()))?;
    if query.signed && format != Format::Json {
        return Err(Problem::new(ErrorCode::MalformedRequest).detail("only format=json can be signed"));
    }
    let reader = Reader::member(&member);
    let (found, cache_control) = match (query.version.as_deref(), query.alias.as_deref()) {
        (Some(version), None) => (app.tiers.select(&reader, &selector(version)?).await?, IMMUTABLE),
        (None, alias) => (named(&app, &reader, alias, None).await?, REVALIDATE),
        (Some(_), Some(_)) => return Err(Problem::new(ErrorCode::MalformedRequest).detail("either version or alias, not both")),
    };
    app.access_log.note(&app, &member, &found, "export");
    let record = &found.document.record;
    let end = if query.gz { ".gz" } else { "" };
    let signed = if query.signed { "signed." } else { "" };
    let name = format!("business-context-manifest-{}.{signed}{}{end}", record.version, format.extension());
    let headers =
        vec![("Content-Disposition", format!(r#"attachment; filename="{name}""#)), ("X-Checksum-SHA256", record.checksum.to_string())];
    if format == Format::Json && !query.gz && !query.signed {
        let tag = found.document.tag(View::Content);
        let held = not_modified(&request, tag);
        let mut response = common(if held { StatusCode::NOT_MODIFIED } else { StatusCode::OK }, &found, tag, cache_control);
        for (name, value) in headers {
            response.insert_header((name, value));
        }
        if held {
            return Ok(response.finish());
        }
        return Ok(send(&request, response, &found, View::Content)?);
    }
    take(&app, &member, RENDER).await?;
    let content_type = if query.gz { GZIP } else { format.content_type() };
    let keyring = if query.signed { Some(app.signing.current().await?) } else { None };
    // The same key gives another signature each time, of the same things.
    let by = keyring.as_ref().map(|keyring| format!("-{}", keyring.active.kid)).unwrap_or_default();
    let what =
        Derived { name: format!("{signed}{}{end}-{}{by}", format.extension(), record.sequence), content_type, cache_control, headers };
    derived(&request, &found, what, async {
        let bytes = match &keyring {
            Some(keyring) => {
                note(&app, &member, &request, &found, &keyring.active.kid).await?;
                let content = found.document.plain(View::Content).map_err(ReadError::from)?;
                sign(&keyring.active, record, &content.bytes).map_err(Problem::internal)?
            }
            None => file(&found, format)?,
        };
        Ok(if query.gz { compress(&bytes) } else { bytes })
    })
    .await
}

/// A signature leaves the house under the workspace's name: the audit log says by whom.
async fn note(app: &BcmService, member: &Member, request: &HttpRequest, found: &Found, kid: &str) -> Result<(), Problem> {
    let record = &found.document.record;
    let request_id = RequestId::of(request);
    let resource = format!("manifest/{}", record.sequence);
    let entry = audit::Entry {
        workspace: Some(member.workspace),
        actor: Some(member.user()),
        action: "manifest.export_signed",
        resource: &resource,
        outcome: "done",
        request_id: request_id.as_deref(),
        detail: json!({ "checksum": record.checksum, "kid": kid }),
    };
    let mut connection = app.kit.db.get().await?;
    audit::record(&mut connection, app.kit.clock.now(), &entry).await.map_err(DbError::from)?;
    Ok(())
}

fn file(found: &Found, format: Format) -> Result<Vec<u8>, Problem> {
    let bytes = &found.document.plain(View::Content).map_err(ReadError::from)?.bytes;
    let content = || serde_json::from_slice::<Value>(bytes).map_err(Problem::internal);
    Ok(match format {
        Format::Json => bytes.to_vec(),
        Format::Markdown => markdown::write(&found.document.record, &content()?).into_bytes(),
        Format::Yaml => yaml::write(&content()?).map_err(Problem::internal)?.into_bytes(),
    })
}
