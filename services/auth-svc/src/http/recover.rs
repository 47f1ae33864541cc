//! `POST /auth/v1/recover`.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    body::{self, Body, ChallengeMembers},
    error::Refusal,
    throttle,
    wire::{self, SupabaseError},
};
use crate::{AuthService, provider::proof};

/// Whose password is lost.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct RecoverBody {
    email: Option<String>,
    #[serde(flatten)]
    challenge: ChallengeMembers,
}

/// Mail a link and a code that let the user set a new password. The answer is the same for an address without an account.
#[utoipa::path(
    tag = "supabase-auth",
    request_body = RecoverBody,
    params(("redirect_to" = Option<String>, Query, description = "Where the link leads; allowed places only")),
    responses(
        (status = 200, description = "Mailed, if there is such an account", body = Object),
        (status = 400, description = "`bad_json`, `validation_failed`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`, `over_email_send_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    )
)]
#[post("/auth/v1/recover")]
pub(super) async fn mail_recovery(app: web::Data<AuthService>, request: HttpRequest, body: Body) -> HttpResponse {
    body::answer(&request, carry_out(&app, &request, body).await)
}

async fn carry_out(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let body: RecoverBody = body::parse(body)?;
    let email = body::email(body.email.as_deref())?;
    let go_on = body::continuation(request, provider, &body.challenge)?;
    let origin = body::origin(request, &app.kit);
    let decision = throttle::take_mail(app, &origin, email.as_str(), "recovery").await?;
    body::complete(app, |app| async move { proof::recover(&app.kit, app.embedded()?, &email, &go_on, &origin).await }).await?;
    Ok(wire::nothing(decision))
}
