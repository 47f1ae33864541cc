//! `GET /auth/v1/reauthenticate`.

use actix_web::{HttpRequest, HttpResponse, get, web};

use super::{
    body,
    error::{Refusal, session_not_found},
    throttle,
    wire::{self, SupabaseError},
};
use crate::{AuthService, provider::reauthenticate};

/// Mail a code to the signed-in user, which a change of the password can ask for.
#[utoipa::path(
    tag = "supabase-auth",
    responses(
        (status = 200, description = "Mailed", body = Object),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `session_not_found`, `user_not_found`", body = SupabaseError),
        (status = 422, description = "`email_not_confirmed`", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`, `over_email_send_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[get("/auth/v1/reauthenticate")]
pub(super) async fn mail_nonce(app: web::Data<AuthService>, request: HttpRequest) -> HttpResponse {
    body::answer(&request, carry_out(&app, &request).await)
}

async fn carry_out(app: &web::Data<AuthService>, request: &HttpRequest) -> Result<HttpResponse, Refusal> {
    body::provider(app)?;
    let claims = body::identify(request, &app.kit).await?;
    let (user, session) = (claims.user, claims.session_id().ok_or_else(session_not_found)?);
    let origin = body::origin(request, &app.kit);
    let decision = throttle::take_mail(app, &origin, &user.to_string(), "reauthentication").await?;
    body::complete(app, |app| async move { reauthenticate::reauthenticate(&app.kit, app.embedded()?, user, session, &origin).await })
        .await?;
    Ok(wire::nothing(decision))
}
