//! `/api/auth/workspace/audit`: the audit log of identity about a workspace.

use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, Utc};
use domain::ErrorCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service_kit::{
    auth::Member,
    http::{Problem, ProblemBody},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::workspaces::actor;
use crate::{AuthService, store::audit::Entry, workspace};

const MOST: u16 = 1000;

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 1000, which is what is given unless it is said.
    limit: Option<u16>,
}

/// A page of the log, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditBody {
    items: Vec<EntryBody>,
    /// Absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<Uuid>,
}

/// Who did what to what.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EntryBody {
    id: Uuid,
    occurred_at: DateTime<Utc>,
    /// A user; absent for the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_id: Option<Uuid>,
    /// For example `member.remove`.
    action: String,
    /// For example `user/0199…`.
    resource: String,
    /// `done`, `refused` or `intended`.
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[schema(value_type = Object)]
    detail: Value,
    /// The place in the workspace's chain; absent for some seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i64>,
    /// Of this entry and the one before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

impl From<Entry> for EntryBody {
    fn from(entry: Entry) -> Self {
        let Entry { id, occurred_at, actor_id, action, resource, outcome, request_id, detail, seal_no, hash } = entry;
        Self { id, occurred_at, actor_id, action, resource, outcome, request_id, detail, number: seal_no, hash }
    }
}

/// Export the audit log. For owners, with a plan that includes it.
#[utoipa::path(
    tag = "workspace",
    params(AuditQuery, ("X-Workspace-Id" = Option<Uuid>, Header, description = "A workspace of the caller")),
    responses(
        (status = 200, description = "A page of it", body = AuditBody),
        (status = 400, description = "GW-0017, GW-0021, GW-0025, GW-0029", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "AUTH-0013", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "GW-0005", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[get("/api/auth/workspace/audit")]
pub(super) async fn export_audit(
    app: web::Data<AuthService>,
    request: HttpRequest,
    member: Member,
    query: web::Query<AuditQuery>,
) -> Result<HttpResponse, Problem> {
    let after = match query.cursor.as_deref() {
        Some(cursor) => Uuid::parse_str(cursor).map_err(|_| Problem::new(ErrorCode::CursorInvalid))?,
        None => Uuid::nil(),
    };
    let most = query.limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&most) {
        return Err(Problem::new(ErrorCode::MalformedRequest).detail(format!("limit is 1 to {MOST}")));
    }
    let entries = workspace::audit(&app, &actor(&member, &request), member.workspace, after, most.into()).await?;
    // A full page may be the last one: then the next one is empty.
    let next_cursor = entries.last().map(|entry| entry.id).filter(|_| entries.len() == usize::from(most));
    let body = AuditBody { items: entries.into_iter().map(EntryBody::from).collect(), next_cursor };
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(body))
}
