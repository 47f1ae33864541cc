//! `POST /auth/v1/invite`, for servers with a secret key.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    body::{self, Body, ChallengeMembers},
    error::Refusal,
    wire::{self, SupabaseError, UserBody},
};
use crate::{AuthService, provider::admin};

/// Who is to come.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct InviteBody {
    email: Option<String>,
    /// The new user's own metadata.
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
}

/// Make an account for somebody and mail them a link to it.
#[utoipa::path(
    tag = "supabase-auth-admin",
    request_body = InviteBody,
    params(("redirect_to" = Option<String>, Query, description = "Where the link leads; allowed places only")),
    responses(
        (status = 200, description = "The user", body = UserBody),
        (status = 400, description = "`bad_json`, `validation_failed`", body = SupabaseError),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `not_admin`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 422, description = "`email_exists`: a confirmed account", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[post("/auth/v1/invite")]
pub(super) async fn mail_invitation(app: web::Data<AuthService>, request: HttpRequest, body: Body) -> HttpResponse {
    body::answer(&request, carry_out(&app, &request, body).await)
}

async fn carry_out(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let by = body::server(request, &app.kit).await?;
    let body: InviteBody = body::parse(body)?;
    let email = body::email(body.email.as_deref())?;
    let (data, go_on) = (body.data.unwrap_or_default(), body::continuation(request, provider, &ChallengeMembers::default())?);
    let user = body::complete(app, |app| async move { admin::invite(&app.kit, app.embedded()?, &email, data, &go_on, &by).await }).await?;
    Ok(wire::user(user, None))
}
