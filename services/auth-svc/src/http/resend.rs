//! `POST /auth/v1/resend`.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    body::{self, Body, ChallengeMembers},
    error::Refusal,
    throttle,
    wire::{self, SupabaseError},
};
use crate::{
    AuthService,
    provider::proof::{self, Repeat},
};

/// Which mail did not arrive.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ResendBody {
    /// `signup` or `email_change`.
    #[serde(rename = "type")]
    kind: Option<String>,
    email: Option<String>,
    #[serde(flatten)]
    challenge: ChallengeMembers,
}

/// Send a mail once more, with another link and code. The answer is the same for an address that waits for none.
#[utoipa::path(
    tag = "supabase-auth",
    request_body = ResendBody,
    params(("redirect_to" = Option<String>, Query, description = "Where the link leads; allowed places only")),
    responses(
        (status = 200, description = "Mailed, if there is something to confirm", body = Object),
        (status = 400, description = "`bad_json`, `validation_failed`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`, `over_email_send_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    )
)]
#[post("/auth/v1/resend")]
pub(super) async fn mail_again(app: web::Data<AuthService>, request: HttpRequest, body: Body) -> HttpResponse {
    body::answer(&request, carry_out(&app, &request, body).await)
}

async fn carry_out(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let body: ResendBody = body::parse(body)?;
    let (repeat, kind) = match body.kind.as_deref() {
        Some("signup") => (Repeat::SignUp, "sign-up"),
        Some("email_change") => (Repeat::EmailChange, "email-change"),
        Some("sms" | "phone_change") => return Err(Refusal::bad_request("phone_provider_disabled", "Phone logins are disabled")),
        _ => return Err(Refusal::bad_request("validation_failed", "Missing one of these types: signup, email_change, sms, phone_change")),
    };
    let email = body::email(body.email.as_deref())?;
    let go_on = body::continuation(request, provider, &body.challenge)?;
    let origin = body::origin(request, &app.kit);
    let decision = throttle::take_mail(app, &origin, email.as_str(), kind).await?;
    body::complete(app, |app| async move { proof::resend(&app.kit, app.embedded()?, &email, repeat, &go_on, &origin).await }).await?;
    Ok(wire::nothing(decision))
}
