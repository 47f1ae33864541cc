//! `POST /auth/v1/admin/generate_link`, for servers with a secret key.

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::form_urlencoded::Serializer;
use utoipa::ToSchema;

use super::{
    body::{self, Body},
    error::Refusal,
    wire::{SupabaseError, UserBody},
};
use crate::{
    AuthService,
    provider::{
        generate_link::{self, Wish},
        password::NewPassword,
    },
};

/// Which link.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct GenerateLinkBody {
    /// `signup`, `invite`, `magiclink`, `recovery`, `email_change_current` or `email_change_new`.
    #[serde(rename = "type")]
    kind: Option<String>,
    email: Option<String>,
    /// For `signup`.
    password: Option<String>,
    /// For a change of address.
    new_email: Option<String>,
    /// A new user's own metadata.
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
    /// Where the link leads; allowed places only.
    redirect_to: Option<String>,
}

/// The user, and what a mail of ours would have said.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GeneratedBody {
    #[serde(flatten)]
    user: UserBody,
    /// The link.
    action_link: String,
    /// Six digits.
    email_otp: String,
    /// The link's token.
    hashed_token: String,
    /// The `type` to bring either with.
    verification_type: &'static str,
    redirect_to: String,
}

/// Make the link that a mail of ours would have, for a mail of your own.
#[utoipa::path(
    tag = "supabase-auth-admin",
    request_body = GenerateLinkBody,
    responses(
        (status = 200, description = "The user and the link", body = GeneratedBody),
        (status = 400, description = "`bad_json`, `validation_failed`", body = SupabaseError),
        (status = 401, description = "`no_authorization`", body = SupabaseError),
        (status = 403, description = "`bad_jwt`, `not_admin`", body = SupabaseError),
        (status = 404, description = "`user_not_found`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 422, description = "`email_exists`, `weak_password`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    ),
    security(("bearer" = []))
)]
#[post("/auth/v1/admin/generate_link")]
pub(super) async fn make_link(app: web::Data<AuthService>, request: HttpRequest, body: Body) -> HttpResponse {
    body::answer(&request, carry_out(&app, &request, body).await)
}

async fn carry_out(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let by = body::server(request, &app.kit).await?;
    let body: GenerateLinkBody = body::parse(body)?;
    let email = body::email(body.email.as_deref())?;
    let new_email = || body::email(body.new_email.as_deref());
    let wish = match body.kind.as_deref() {
        Some("signup") => {
            Wish::SignUp(NewPassword::parse(body.password.as_deref().unwrap_or_default(), provider.config.password_min_length)?)
        }
        Some("invite") => Wish::Invite,
        Some("magiclink") => Wish::MagicLink,
        Some("recovery") => Wish::Recovery,
        Some("email_change_current") => Wish::EmailChangeCurrent(new_email()?),
        Some("email_change_new") => Wish::EmailChangeNew(new_email()?),
        _ => return Err(Refusal::bad_request("validation_failed", "Invalid email action link type requested")),
    };
    let redirect_to = match body.redirect_to.filter(|wish| !wish.is_empty()) {
        Some(wish) => provider.redirects.choose(Some(&wish)),
        None => body::redirect_to(request, provider),
    };
    let data = body.data.unwrap_or_default();
    let generated =
        body::complete(app, |app| async move { generate_link::generate_link(&app.kit, app.embedded()?, &email, wish, data, &by).await })
            .await?;
    let query = Serializer::new(String::new())
        .append_pair("token", &generated.token)
        .append_pair("type", generated.link_type)
        .append_pair("redirect_to", &redirect_to)
        .finish();
    let answer = GeneratedBody {
        user: generated.user.into(),
        action_link: format!("{}/verify?{query}", provider.issuer),
        email_otp: generated.code,
        hashed_token: generated.token,
        verification_type: generated.kind,
        redirect_to,
    };
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(answer))
}
