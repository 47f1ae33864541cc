//! `/api/auth/workspace/members`.

use actix_web::{HttpRequest, HttpResponse, delete, get, patch, web};
use chrono::{DateTime, Utc};
use domain::{ids::UserId, role::Role};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::Member,
    http::{JsonBody, Problem, ProblemBody},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::workspaces::{actor, complete};
use crate::{AuthService, store, workspace};

/// A member.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberBody {
    user_id: Uuid,
    /// `owner`, `admin` or `member`.
    role: String,
    /// May be empty.
    name: String,
    email: Option<String>,
    joined_at: DateTime<Utc>,
}

/// A role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleBody {
    /// `owner`, `admin` or `member`.
    #[schema(value_type = String)]
    role: Role,
}

impl From<store::member::Member> for MemberBody {
    fn from(member: store::member::Member) -> Self {
        let store::member::Member { user_id, role, name, email, joined_at } = member;
        Self { user_id, role, name, email, joined_at }
    }
}

/// The members of the workspace, the oldest first.
#[utoipa::path(
    tag = "workspace",
    params(("X-Workspace-Id" = Option<Uuid>, Header, description = "A workspace of the caller")),
    responses(
        (status = 200, description = "Members", body = Vec<MemberBody>),
        (status = 400, description = "GW-0017, GW-0025", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[get("/api/auth/workspace/members")]
pub(super) async fn list_members(app: web::Data<AuthService>, request: HttpRequest, member: Member) -> Result<HttpResponse, Problem> {
    let members = workspace::members(&app, &actor(&member, &request), member.workspace).await?;
    let body: Vec<MemberBody> = members.into_iter().map(Into::into).collect();
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(body))
}

/// Give a member another role. For owners.
#[utoipa::path(
    tag = "workspace",
    params(("X-Workspace-Id" = Option<Uuid>, Header, description = "A workspace of the caller"), ("user_id" = Uuid, Path, description = "The member")),
    request_body = RoleBody,
    responses(
        (status = 204, description = "Done"),
        (status = 400, description = "GW-0007, GW-0017, GW-0021, GW-0025", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "GW-0026", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "GW-0009", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "GW-0008", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "GW-0005", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002, AUTH-0008", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "AUTH-0003", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "GW-0006", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[patch("/api/auth/workspace/members/{user_id}")]
pub(super) async fn change_role(
    app: web::Data<AuthService>,
    request: HttpRequest,
    member: Member,
    user: web::Path<Uuid>,
    body: JsonBody<RoleBody>,
) -> Result<HttpResponse, Problem> {
    let (user, role, actor) = (UserId::from_uuid(user.into_inner()), body.value.role, actor(&member, &request));
    complete(&app, |app| async move { workspace::change_role(&app, &actor, member.workspace, user, role).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Take a member away, or leave. Owners remove anybody, admins members; a workspace keeps an owner.
#[utoipa::path(
    tag = "workspace",
    params(("X-Workspace-Id" = Option<Uuid>, Header, description = "A workspace of the caller"), ("user_id" = Uuid, Path, description = "The member")),
    responses(
        (status = 204, description = "Done"),
        (status = 400, description = "GW-0017, GW-0021, GW-0025", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "GW-0005", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002, AUTH-0008", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "AUTH-0003", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[delete("/api/auth/workspace/members/{user_id}")]
pub(super) async fn remove_member(
    app: web::Data<AuthService>,
    request: HttpRequest,
    member: Member,
    user: web::Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let (user, actor) = (UserId::from_uuid(user.into_inner()), actor(&member, &request));
    complete(&app, |app| async move { workspace::remove(&app, &actor, member.workspace, user).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}
