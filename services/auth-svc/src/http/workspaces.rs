//! `/api/auth/workspaces` and `/api/auth/workspace`: making workspaces, naming and handing over the present one.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, get, patch, post, put, web};
use domain::{ErrorCode, ids::UserId};
use serde::Deserialize;
use service_kit::{
    auth::{Authenticated, Member},
    http::{FieldError, JsonBody, Problem, ProblemBody, RequestId},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::profile::WorkspaceBody;
use crate::{
    AuthService,
    workspace::{self, Actor, Name, WorkspaceError},
};

/// What a workspace is called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NameBody {
    /// 1 to 120 characters.
    name: String,
}

/// Who is to own the workspace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnerBody {
    /// A member.
    user_id: Uuid,
}

/// Who acts in a workspace.
pub(super) fn actor(member: &Member, request: &HttpRequest) -> Actor {
    Actor { claims: member.claims.clone(), request_id: RequestId::of(request) }
}

fn caller(caller: Authenticated, request: &HttpRequest) -> Actor {
    Actor { claims: caller.claims, request_id: RequestId::of(request) }
}

/// Runs a change to its end, even when the client goes away.
pub(super) async fn complete<T, F>(app: &web::Data<AuthService>, work: impl FnOnce(Arc<AuthService>) -> F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: Future<Output = Result<T, WorkspaceError>> + Send + 'static,
{
    Ok(app.kit.lifecycle.detached(work(app.clone().into_inner())).await??)
}

fn name(body: &NameBody) -> Result<Name, Problem> {
    Name::parse(&body.name).map_err(|error| {
        let error = FieldError { pointer: "/name".into(), code: "invalid".into(), message: error.to_string() };
        Problem::new(ErrorCode::ValidationFailed).errors(vec![error])
    })
}

/// The workspaces of the caller, the oldest first.
#[utoipa::path(
    tag = "workspace",
    responses(
        (status = 200, description = "Workspaces", body = Vec<WorkspaceBody>),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[get("/api/auth/workspaces")]
pub(super) async fn list_workspaces(
    app: web::Data<AuthService>,
    request: HttpRequest,
    signed_in: Authenticated,
) -> Result<HttpResponse, Problem> {
    let workspaces = workspace::workspaces(&app, &caller(signed_in, &request)).await?;
    let body: Vec<WorkspaceBody> = workspaces.into_iter().map(Into::into).collect();
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(body))
}

/// Make one more workspace, which the caller owns.
#[utoipa::path(
    tag = "workspace",
    request_body = NameBody,
    responses(
        (status = 201, description = "The workspace", body = WorkspaceBody),
        (status = 400, description = "GW-0007", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "GW-0026", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "GW-0009", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "GW-0008", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "AUTH-0011", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "GW-0006", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "GW-0010", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[post("/api/auth/workspaces")]
pub(super) async fn make_workspace(
    app: web::Data<AuthService>,
    request: HttpRequest,
    signed_in: Authenticated,
    body: JsonBody<NameBody>,
) -> Result<HttpResponse, Problem> {
    let (name, actor) = (name(&body.value)?, caller(signed_in, &request));
    app.kit.limits.take(app.config.rate.workspaces_per_user(), &actor.user().to_string()).await.or_refuse()?;
    let created = complete(&app, |app| async move { workspace::create(&app, &actor, &name).await }).await?;
    Ok(HttpResponse::Created().json(WorkspaceBody::from(created)))
}

/// Give the workspace another name. For admins.
#[utoipa::path(
    tag = "workspace",
    params(("X-Workspace-Id" = Option<Uuid>, Header, description = "A workspace of the caller")),
    request_body = NameBody,
    responses(
        (status = 200, description = "The workspace", body = WorkspaceBody),
        (status = 400, description = "GW-0007, GW-0017, GW-0025", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "GW-0026", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "GW-0009", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "GW-0008", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "GW-0005", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "GW-0006", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[patch("/api/auth/workspace")]
pub(super) async fn rename_workspace(
    app: web::Data<AuthService>,
    request: HttpRequest,
    member: Member,
    body: JsonBody<NameBody>,
) -> Result<HttpResponse, Problem> {
    let (name, actor) = (name(&body.value)?, actor(&member, &request));
    let renamed = complete(&app, |app| async move { workspace::rename(&app, &actor, member.workspace, &name).await }).await?;
    Ok(HttpResponse::Ok().json(WorkspaceBody::from(renamed)))
}

/// Hand the workspace over to a member. The caller, an owner, becomes an admin.
#[utoipa::path(
    tag = "workspace",
    params(("X-Workspace-Id" = Option<Uuid>, Header, description = "A workspace of the caller")),
    request_body = OwnerBody,
    responses(
        (status = 204, description = "Done"),
        (status = 400, description = "GW-0007, GW-0017, GW-0025", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "GW-0026", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "GW-0009", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "GW-0008", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "GW-0004", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "GW-0005", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "GW-0002, AUTH-0008", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "GW-0006", body = ProblemBody, content_type = "application/problem+json"),
        (status = 500, description = "GW-0001", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "GW-0011", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("bearer" = []))
)]
#[put("/api/auth/workspace/owner")]
pub(super) async fn hand_over(
    app: web::Data<AuthService>,
    request: HttpRequest,
    member: Member,
    body: JsonBody<OwnerBody>,
) -> Result<HttpResponse, Problem> {
    let (to, actor) = (UserId::from_uuid(body.value.user_id), actor(&member, &request));
    complete(&app, |app| async move { workspace::transfer(&app, &actor, member.workspace, to).await }).await?;
    Ok(HttpResponse::NoContent().finish())
}
