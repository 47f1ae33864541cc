//! `POST /auth/v1/signup`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, post, web};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    body::{self, Body, ChallengeMembers},
    error::Refusal,
    session_cookie::SessionCookie,
    throttle,
    wire::{self, SessionBody, SupabaseError},
};
use crate::{
    AuthService,
    provider::sign_up::{self, SignUp, SignUpError, SignedUp},
};

/// A sign-up. Members that only other providers use are ignored, and null is as good as absent: clients send both.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SignUpBody {
    email: Option<String>,
    phone: Option<String>,
    /// At least 8 characters.
    password: Option<String>,
    /// Becomes the user's metadata; at most 4 KiB.
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
    #[serde(flatten)]
    challenge: ChallengeMembers,
}

/// Create an account with an address and a password. With confirmation by mail the answer is the user, without it a session.
///
/// With confirmation an address that has an account is answered like one that has none.
#[utoipa::path(
    tag = "supabase-auth",
    request_body = SignUpBody,
    responses(
        (status = 200, description = "The account is signed in (`SessionBody`), or waits for the mail (a user)", body = SessionBody),
        (status = 400, description = "`bad_json`, `validation_failed`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 422, description = "`weak_password`, `user_already_exists`", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`, `over_email_send_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    )
)]
#[post("/auth/v1/signup")]
pub(super) async fn create_account(app: web::Data<AuthService>, request: HttpRequest, body: Body) -> HttpResponse {
    body::answer(&request, carry_out(&app, &request, body).await)
}

async fn carry_out(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let body: SignUpBody = body::parse(body)?;
    let is_given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    match (is_given(&body.email), is_given(&body.phone)) {
        (true, true) => {
            let message = "Only an email address or phone number should be provided on signup.";
            return Err(Refusal::bad_request("validation_failed", message));
        }
        (false, true) => return Err(Refusal::bad_request("phone_provider_disabled", "Phone signups are disabled")),
        (false, false) => {
            let message = "Anonymous sign-ins are disabled";
            return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "anonymous_provider_disabled", message));
        }
        (true, false) => {}
    }
    let (email, password) = (body.email.unwrap_or_default(), body.password.unwrap_or_default());
    let account = SignUp::new(&email, &password, body.data.unwrap_or_default(), provider.config.password_min_length)?;
    let go_on = body::continuation(request, provider, &body.challenge)?;
    let origin = body::origin(request, &app.kit);
    let mut decision = throttle::take(&app.kit, &[(app.config.rate.sign_up_per_address(), throttle::address(&origin))]).await?;
    if provider.config.email_confirmation {
        decision = throttle::take_mail(app, &origin, &email, "sign-up").await?;
    }
    let signed_up = body::detached(app, |app| async move { sign_up::sign_up(&app.kit, app.embedded()?, account, &go_on, &origin).await });
    let signed_up = signed_up.await?;
    let outcome = match &signed_up {
        Ok(_) => "done",
        Err(SignUpError::UserExists) => "user_exists",
        Err(_) => "failed",
    };
    app.metrics.sign_ups_total.with_label_values(&[outcome]).inc();
    Ok(match signed_up? {
        SignedUp::In(issued) => wire::session(*issued, SessionCookie::wanted(request, provider), decision),
        SignedUp::Waiting(user) => wire::user(*user, decision),
    })
}
