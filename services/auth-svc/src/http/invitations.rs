//! `/api/auth/workspace/invitations`, and accepting one.

use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use chrono::{DateTime, Utc};
use domain::{ErrorCode, role::Role};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::{Authenticated, Member},
    http::{FieldError, JsonBody, Problem, ProblemBody, RequestId},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    profile::WorkspaceBody,
    workspaces::{actor, complete},
};
use crate::{
    AuthService,
    provider::EmailAddress,
    store::invitation::Invitation,
    workspace::{self, Actor, Invited},
};

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InviteBody {
    email: String,
    /// `admin` or `member`.
    #[schema(value_type = String)]
    role: Role,
}

/// The token of an invitation's mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AcceptBody {
    token: String,
}

/// An invitation that nobody accepted yet.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvitationBody {
    id: Uuid,
    email: String,
    role: String,
    invited_by: Uuid,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<Invitation> for InvitationBody {
    fn from(invitation: Invitation) -> Self {
        let Invitation { id, email, role, invited_by, created_at, expires_at, .. } = invitation;
        Self { id, email, role, invited_by, created_at, expires_at }
    }
}

fn invalid(pointer: &str, message: &str) -> Problem {
    let error = FieldError { pointer: pointer.into(), code: "invalid".into(), message: message.into() };
    Problem::new(ErrorCode::ValidationFailed).errors(vec![error])
}

/// Invitations that nobody accepted yet, the newest first. For admins.
#[utoipa::path(
    tag = "workspace",
    params(("X-Workspace-Id" = Option<Uuid>, Header, description = "A workspace of the caller")),
    responses(
        (status = 200, description = "Invitations", body = Vec<InvitationBody>),
        (status = 400, description = "GW-0017, GW-0025", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "GW-0005", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[get("/api/auth/workspace/invitations")]
pub(super) async fn list_invitations(app: web::Data<AuthService>, request: HttpRequest, member: Member) -> Result<HttpResponse, Problem> {
    let invitations = workspace::invitations(&app, &actor(&member, &request), member.workspace).await?;
    let body: Vec<InvitationBody> = invitations.into_iter().map(Into::into).collect();
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(body))
}

/// Mail an invitation, good for seven days. One to the same address that is open is replaced. For admins.
#[utoipa::path(
    tag = "workspace",
    params(("X-Workspace-Id" = Option<Uuid>, Header, description = "A workspace of the caller")),
    request_body = InviteBody,
    responses(
        (status = 201, description = "The invitation", body = InvitationBody),
        (status = 400, description = "GW-0007, GW-0017, GW-0025", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "GW-0026", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "GW-0009", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "GW-0008", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "AUTH-0007", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "GW-0005", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "AUTH-0006", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "GW-0006", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "GW-0010", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[post("/api/auth/workspace/invitations")]
pub(super) async fn invite(
    app: web::Data<AuthService>,
    request: HttpRequest,
    member: Member,
    body: JsonBody<InviteBody>,
) -> Result<HttpResponse, Problem> {
    member.require(Role::Admin)?;
    let email = EmailAddress::parse(body.value.email.trim()).map_err(|error| invalid("/email", &error.to_string()))?;
    if body.value.role == Role::Owner {
        return Err(invalid("/role", "admin or member; a workspace is handed over to a member"));
    }
    app.kit.limits.take(app.config.rate.invitations_per_workspace(), &member.workspace.to_string()).await.or_refuse()?;
    let (invited, actor) = (Invited { email, role: body.value.role }, actor(&member, &request));
    let invitation = complete(&app, |app| async move { workspace::invite(&app, &actor, member.workspace, &invited).await }).await?;
    Ok(HttpResponse::Created().json(InvitationBody::from(invitation)))
}

/// Take an invitation back. For admins.
#[utoipa::path(
    tag = "workspace",
    params(("X-Workspace-Id" = Option<Uuid>, Header, description = "A workspace of the caller"), ("invitation_id" = Uuid, Path, description = "The invitation")),
    responses(
        (status = 204, description = "Done"),
        (status = 400, description = "GW-0017, GW-0021, GW-0025", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "GW-0005", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002, AUTH-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[delete("/api/auth/workspace/invitations/{invitation_id}")]
pub(super) async fn revoke_invitation(
    app: web::Data<AuthService>,
    request: HttpRequest,
    member: Member,
    id: web::Path<Uuid>,
) -> Result<HttpResponse, Problem> {
    let (id, actor) = (id.into_inner(), actor(&member, &request));
    complete(&app, |app| async move { workspace::revoke(&app, &actor, member.workspace, id).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Join a workspace by the token of an invitation that was mailed to the address of the caller.
#[utoipa::path(
    tag = "workspace",
    request_body = AcceptBody,
    responses(
        (status = 200, description = "The workspace", body = WorkspaceBody),
        (status = 400, description = "GW-0007", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "GW-0026", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "GW-0009", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "GW-0008", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "AUTH-0007", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "AUTH-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "AUTH-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "AUTH-0006, AUTH-0011", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "AUTH-0005", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "GW-0006", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "GW-0010", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[post("/api/auth/invitations/accept")]
pub(super) async fn accept_invitation(
    app: web::Data<AuthService>,
    request: HttpRequest,
    caller: Authenticated,
    body: JsonBody<AcceptBody>,
) -> Result<HttpResponse, Problem> {
    let actor = Actor { claims: caller.claims, request_id: RequestId::of(&request) };
    app.kit.limits.take(app.config.rate.proofs_per_address(), &actor.user().to_string()).await.or_refuse()?;
    let token = body.value.token;
    let joined = complete(&app, |app| async move { workspace::accept(&app, &actor, &token).await }).await?;
    Ok(HttpResponse::Ok().json(WorkspaceBody::from(joined)))
}
