//! `GET /api/context/stats`.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde::Serialize;
use service_kit::{
    auth::Member,
    db,
    http::{Problem, ProblemBody},
};
use utoipa::ToSchema;

use crate::{
    BcmService,
    manifest::ReadError,
    store::{access, stats as counts},
    tiers::Reader,
};

/// The days of which reads are counted.
const DAYS: i64 = 7;

/// A workspace's manifest in numbers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stats)]
pub struct StatsBody {
    /// The versions that are kept.
    versions: u64,
    /// The bytes of their contents.
    bytes: u64,
    /// The versions by why they were made: `onboarding`, `edit`, `rebuild`, `rollback`.
    by_reason: BTreeMap<String, u64>,
    /// When the oldest one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_at: Option<DateTime<Utc>>,
    /// When the newest one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<DateTime<Utc>>,
    /// Tokens of the version for consumers.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_count: Option<u32>,
    /// The most that it may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_budget: Option<u32>,
    /// Reads of the last seven days by what was asked for (`manifest`, `version`, `export`, `prompt` …), as far as a sample
    /// tells.
    reads: BTreeMap<String, u64>,
}

/// The manifest in numbers.
#[utoipa::path(
    tag = "manifest",
    params(("X-Workspace-Id" = Option<String>, Header, description = "The workspace")),
    responses(
        (status = 200, description = "Counts; zeros when there is no manifest", body = StatsBody),
        (status = 400, description = "A malformed header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/stats")]
pub async fn stats(app: web::Data<BcmService>, member: Member) -> Result<HttpResponse, Problem> {
    let reader = Reader::member(&member);
    let since = app.kit.clock.now() - TimeDelta::days(DAYS);
    let mut connection = app.kit.db.get().await?;
    let counted = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            reader.assume_role(connection).await?;
            let versions = counts::versions(connection, member.workspace).await?;
            // The access log is the service's own.
            db::act_as_service(connection).await?;
            Ok::<_, diesel::result::Error>((versions, access::by_kind(connection, member.workspace, since).await?))
        })
        .await;
    let (versions, reads) = counted.map_err(ReadError::from)?;
    drop(connection);
    let meta = match app.tiers.current(&reader).await {
        Ok(found) => Some(found.document.record.meta.clone()),
        Err(ReadError::Missing) => None,
        Err(error) => return Err(error.into()),
    };
    let body = StatsBody {
        versions: versions.iter().map(counts::Versions::count).sum(),
        bytes: versions.iter().map(counts::Versions::bytes).sum(),
        first_at: versions.iter().map(|row| row.first_at).min(),
        last_at: versions.iter().map(|row| row.last_at).max(),
        by_reason: versions.iter().map(|row| (row.reason.clone(), row.count())).collect(),
        token_count: meta.as_ref().map(|meta| meta.token_count),
        token_budget: meta.as_ref().map(|meta| meta.token_budget),
        reads: reads.into_iter().map(|reads| (reads.kind, reads.count)).collect(),
    };
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "private, no-store")).json(body))
}
