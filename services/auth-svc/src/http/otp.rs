//! `POST /auth/v1/otp` and its old name `POST /auth/v1/magiclink`.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    body::{self, Body, ChallengeMembers},
    error::Refusal,
    throttle,
    wire::{self, SupabaseError},
};
use crate::{AuthService, provider::proof};

/// Who wants to sign in without a password.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct OtpBody {
    email: Option<String>,
    phone: Option<String>,
    /// Whether an account is made for an address that has none; so it is unless this says no.
    create_user: Option<bool>,
    /// Becomes a new user's metadata; at most 4 KiB.
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
    #[serde(flatten)]
    challenge: ChallengeMembers,
}

/// Mail a link and a code that sign in. The answer is the same for an address without an account.
#[utoipa::path(
    tag = "supabase-auth",
    request_body = OtpBody,
    params(("redirect_to" = Option<String>, Query, description = "Where the link leads; allowed places only")),
    responses(
        (status = 200, description = "Mailed, if there is such an account or one may be made", body = Object),
        (status = 400, description = "`bad_json`, `validation_failed`, `phone_provider_disabled`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`, `over_email_send_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    )
)]
#[post("/auth/v1/otp")]
pub(super) async fn mail_code(app: web::Data<AuthService>, request: HttpRequest, body: Body) -> HttpResponse {
    body::answer(&request, carry_out(&app, &request, body).await)
}

/// The same under its old name.
#[utoipa::path(
    tag = "supabase-auth",
    request_body = OtpBody,
    responses(
        (status = 200, description = "Mailed, if there is such an account or one may be made", body = Object),
        (status = 400, description = "`bad_json`, `validation_failed`, `phone_provider_disabled`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`, `over_email_send_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    )
)]
#[post("/auth/v1/magiclink")]
pub(super) async fn mail_link(app: web::Data<AuthService>, request: HttpRequest, body: Body) -> HttpResponse {
    body::answer(&request, carry_out(&app, &request, body).await)
}

async fn carry_out(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let body: OtpBody = body::parse(body)?;
    let is_given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    match (is_given(&body.email), is_given(&body.phone)) {
        (true, true) => {
            return Err(Refusal::bad_request("validation_failed", "Only an email address or phone number should be provided"));
        }
        (false, true) => return Err(Refusal::bad_request("phone_provider_disabled", "Unsupported phone provider")),
        (false, false) => return Err(Refusal::bad_request("validation_failed", "One of email or phone must be set")),
        (true, false) => {}
    }
    let email = body::email(body.email.as_deref())?;
    let go_on = body::continuation(request, provider, &body.challenge)?;
    let origin = body::origin(request, &app.kit);
    let decision = throttle::take_mail(app, &origin, email.as_str(), "magic-link").await?;
    let create = body.create_user.unwrap_or(true).then(|| body.data.unwrap_or_default());
    let sent =
        body::complete(app, |app| async move { proof::magic_link(&app.kit, app.embedded()?, &email, create, &go_on, &origin).await });
    sent.await?;
    Ok(wire::nothing(decision))
}
