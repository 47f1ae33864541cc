//! `GET /api/context/history`.

use actix_web::{HttpResponse, get, web};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{ErrorCode, manifest::Record};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    BcmService,
    manifest::history::{Page, history as page},
    tiers::Reader,
};

const LIMIT: u32 = 20;
const LARGEST_LIMIT: u32 = 100;

/// Records of versions, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = History)]
pub struct HistoryBody {
    /// The records.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Record>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 100, by default 20.
    limit: Option<u32>,
}

fn write_cursor(before: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("before:{before}"))
}

fn read_cursor(text: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    std::str::from_utf8(&bytes).ok()?.strip_prefix("before:")?.parse().ok()
}

/// The records of all versions, the newest first.
#[utoipa::path(
    tag = "manifest",
    params(Query, ("X-Workspace-Id" = Option<String>, Header, description = "The workspace")),
    responses(
        (status = 200, description = "A page of records", body = HistoryBody),
        (status = 400, description = "A malformed cursor (GW-0029), limit or header", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid token", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Not a member", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
#[get("/api/context/history")]
pub async fn history(app: web::Data<BcmService>, member: Member, query: web::Query<Query>) -> Result<HttpResponse, Problem> {
    let before = match &query.cursor {
        Some(cursor) => Some(read_cursor(cursor).ok_or_else(|| Problem::new(ErrorCode::CursorInvalid))?),
        None => None,
    };
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=LARGEST_LIMIT).contains(&limit) {
        return Err(Problem::new(ErrorCode::MalformedRequest).detail(format!("limit is 1 to {LARGEST_LIMIT}")));
    }
    let Page { records, next } = page(&app, &Reader::member(&member), before, limit).await?;
    let body = HistoryBody { items: records, next_cursor: next.map(write_cursor) };
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "private, no-store")).json(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        assert_eq!(read_cursor(&write_cursor(42)), Some(42));
        for bad in ["", "42", "!", &URL_SAFE_NO_PAD.encode("before:"), &URL_SAFE_NO_PAD.encode("before:x")] {
            assert_eq!(read_cursor(bad), None, "{bad}");
        }
    }
}
