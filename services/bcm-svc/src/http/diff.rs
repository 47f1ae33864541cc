//! `GET /api/context/diff`.

use actix_web::{HttpRequest, HttpResponse, get, web};
use domain::manifest::{Change, Content, Difference, change, differences};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::{Derived, IMMUTABLE, REVALIDATE, derived},
    limits::{RENDER, take},
    selector,
};
use crate::{
    BcmService,
    manifest::ReadError,
    tiers::{Found, Reader, View},
};

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// The older one, by sequence or semantic version; by default the one before `to`, and nothing before the first.
    from: Option<String>,
    /// The newer one; by default the newest there is.
    to: Option<String>,
}

/// A version in a comparison.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ComparedVersion)]
pub struct VersionBody {
    /// Its place among the versions.
    sequence: u64,
    /// Its semantic version.
    version: String,
    /// The checksum of its content.
    checksum: String,
}

impl From<&Found> for VersionBody {
    fn from(found: &Found) -> Self {
        let record = &found.document.record;
        Self { sequence: record.sequence, version: record.version.to_string(), checksum: record.checksum.to_string() }
    }
}

/// What changed from one version to another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Diff)]
pub struct DiffBody {
    /// The version that is compared with; absent before the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<VersionBody>,
    /// The version that is compared.
    to: VersionBody,
    /// `none`, `patch`, `minor` or `major`: what the difference is worth.
    change: &'static str,
    /// In the words of the business: `section`, `kind` (`added`, `removed`, `changed`, `reordered`), `what` (`icp`, `company name`),
    /// `of` (the member of a list that it belongs to), `pointer`, `before` and `after`. Members of lists are matched by name.
    #[schema(value_type = Vec<Object>)]
    differences: Vec<Difference>,
    /// The same as a JSON Patch (RFC 6902) from the one content to the other.
    #[schema(value_type = Vec<Object>)]
    patch: json_patch::Patch,
}

/// What changed between two versions: for people by section, for programs as a JSON Patch.
#[utoipa::path(
    tag = "manifest",
    params(Query, ("X-Workspace-Id" = Option<String>, Header, description = "The workspace"), ("If-None-Match" = Option<String>, Header, description = "Entity tags that the caller has")),
    responses(
        (status = 200, description = "The differences", body = DiffBody),
        (status = 304, description = "The caller has it"),
        (status = 400, description = "A malformed parameter or header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No manifest yet (BCM-0001), no such version (BCM-0002), or not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many comparisons", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/diff")]
pub async fn diff(
    request: HttpRequest,
    app: web::Data<BcmService>,
    member: Member,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let reader = Reader::member(&member);
    take(&app, &member, RENDER).await?;
    let to = match query.to.as_deref() {
        Some(to) => app.tiers.select(&reader, &selector(to)?).await?,
        None => app.tiers.latest(&reader).await?,
    };
    let before = to.document.record.sequence - 1;
    let from = match query.from.as_deref() {
        Some(from) => Some(app.tiers.select(&reader, &selector(from)?).await?),
        None if before == 0 => None,
        None => Some(app.tiers.version(&reader, before).await?),
    };
    app.access_log.note(&app, &member, &to, "diff");
    let what = Derived {
        name: format!("diff-{}-{}", from.as_ref().map_or(0, |from| from.document.record.sequence), to.document.record.sequence),
        content_type: "application/json",
        cache_control: if query.to.is_some() { IMMUTABLE } else { REVALIDATE },
        headers: Vec::new(),
    };
    derived(&request, &to, what, async { serde_json::to_vec(&compare(from.as_ref(), &to)?).map_err(Problem::internal) }).await
}

fn compare(from: Option<&Found>, to: &Found) -> Result<DiffBody, Problem> {
    let tree = |found: &Found| -> Result<Value, Problem> {
        let plain = found.document.plain(View::Content).map_err(ReadError::from)?;
        serde_json::from_slice(&plain.bytes).map_err(Problem::internal)
    };
    let (old_tree, new_tree) = (from.map_or_else(|| Ok(json!({})), tree)?, tree(to)?);
    let patch = json_patch::diff(&old_tree, &new_tree);
    let content = |tree| serde_json::from_value::<Content>(tree).map_err(Problem::internal);
    let (old, new) = (content(old_tree)?, content(new_tree)?);
    Ok(DiffBody {
        change: change(&old, &new).map_or("none", Change::as_str),
        differences: differences(&old, &new).map_err(Problem::internal)?,
        patch,
        from: from.map(VersionBody::from),
        to: to.into(),
    })
}
