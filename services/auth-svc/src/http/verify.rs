//! `/auth/v1/verify`: `POST` for what a person typed in or a page brings, `GET` for the link itself.

use actix_web::{HttpRequest, HttpResponse, get, head, http::header::LOCATION, post, web};
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded::Serializer;
use utoipa::{IntoParams, ToSchema};

use super::{
    body::{self, Body},
    error::Refusal,
    session_cookie::SessionCookie,
    throttle,
    wire::{self, SessionBody, SupabaseError},
};
use crate::{
    AuthService,
    provider::{
        one_time::purposes_of,
        session::Issued,
        verify::{self, Handover, Proof, Verified},
    },
};

/// What is brought: `token_hash` of a link, or `email` and the `token` that was typed in.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct VerifyBody {
    /// `signup`, `invite`, `recovery`, `magiclink`, `email_change` or `email`.
    #[serde(rename = "type")]
    kind: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    /// Six digits.
    token: Option<String>,
    token_hash: Option<String>,
}

/// A link.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LinkQuery {
    /// The link's token.
    token: Option<String>,
    /// The same under another name.
    token_hash: Option<String>,
    /// `signup`, `invite`, `recovery`, `magiclink` or `email_change`.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    kind: Option<String>,
    /// Where to lead afterwards; allowed places only.
    #[serde(rename = "redirect_to")]
    #[param(rename = "redirect_to")]
    _redirect_to: Option<String>,
}

/// Bring a proof that was mailed. A code bears five wrong tries and ten minutes.
#[utoipa::path(
    tag = "supabase-auth",
    request_body = VerifyBody,
    responses(
        (status = 200, description = "A session; or `{msg, code}` when the other address has to agree to a change as well", body = SessionBody),
        (status = 400, description = "`bad_json`, `validation_failed`", body = SupabaseError),
        (status = 403, description = "`otp_expired`, `user_banned`", body = SupabaseError),
        (status = 422, description = "`email_exists`", body = SupabaseError),
        (status = 408, description = "`request_timeout`", body = SupabaseError),
        (status = 413, description = "`request_entity_too_large`", body = SupabaseError),
        (status = 415, description = "`unsupported_media_type`: a content coding", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`, `over_email_send_rate_limit`", body = SupabaseError),
        (status = 500, description = "`unexpected_failure`", body = SupabaseError),
        (status = 503, description = "Try again", body = SupabaseError),
    )
)]
#[post("/auth/v1/verify")]
pub(super) async fn bring_proof(app: web::Data<AuthService>, request: HttpRequest, body: Body) -> HttpResponse {
    body::answer(&request, carry_out(&app, &request, body).await)
}

async fn carry_out(app: &web::Data<AuthService>, request: &HttpRequest, body: Body) -> Result<HttpResponse, Refusal> {
    let provider = body::provider(app)?;
    let body: VerifyBody = body::parse(body)?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let invalid = |message: &str| Refusal::bad_request("validation_failed", message);
    let purposes = purposes_of(body.kind.as_deref().unwrap_or_default());
    if purposes.is_empty() {
        return Err(invalid("Verify requires a verification type"));
    }
    let by_link = body.token_hash.as_deref().is_some_and(|hash| !hash.is_empty());
    let proof = match (given(body.token), given(body.token_hash), given(body.email), given(body.phone)) {
        (None, Some(hash), None, None) => Proof::Link(hash),
        (Some(code), None, Some(email), None) => Proof::Code { email: body::email(Some(&email))?, code },
        (_, Some(_), _, _) => return Err(invalid("Only the token_hash and type should be provided")),
        (Some(_), None, ..) => return Err(invalid("Only an email address or phone number should be provided on verify")),
        (None, None, ..) => return Err(invalid("Verify requires a token or a token hash")),
    };
    let origin = body::origin(request, &app.kit);
    let decision = throttle::take(&app.kit, &[(app.config.rate.proofs_per_address(), throttle::address(&origin))]).await?;
    let verified =
        body::complete(
            app,
            |app| async move { verify::verify(&app.kit, app.embedded()?, purposes, &proof, Handover::Here, &origin).await },
        );
    match verified.await {
        Ok(Verified::SignedIn(issued)) => Ok(wire::session(*issued, SessionCookie::wanted(request, provider), decision)),
        Ok(Verified::HalfOfTheChange) => Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(json!({
            "msg": "Confirmation link accepted. Please proceed to confirm link sent to the other email", "code": "200",
        }))),
        Ok(Verified::Code(_)) => Err(Refusal::internal("a proof that was brought here was handed over")),
        Err(refusal) if by_link && refusal.said().0 == "otp_expired" => Err(link_is_dead()),
        Err(refusal) => Err(refusal),
    }
}

fn link_is_dead() -> Refusal {
    Refusal::forbidden("otp_expired", "Email link is invalid or has expired")
}

/// Follow the link of a mail. Leads to `redirect_to` with the session in the fragment, or with a code for the client that
/// waits for the sign-in (PKCE); with an error in the fragment when the link is dead.
#[utoipa::path(
    tag = "supabase-auth",
    params(LinkQuery),
    responses(
        (status = 303, description = "On to where the link leads"),
        (status = 404, description = "`feature_disabled`", body = SupabaseError),
        (status = 429, description = "`over_request_rate_limit`", body = SupabaseError),
    )
)]
#[get("/auth/v1/verify")]
pub(super) async fn follow_link(
    app: web::Data<AuthService>,
    request: HttpRequest,
    query: Result<web::Query<LinkQuery>, actix_web::Error>,
) -> HttpResponse {
    let query = query.map(web::Query::into_inner).unwrap_or_default();
    body::answer(&request, follow(&app, &request, query).await)
}

/// Whatever looks at links before people do has no effect.
#[utoipa::path(
    tag = "supabase-auth",
    responses((status = 200, description = "Nothing happens"), (status = 429, description = "By the gateway"))
)]
#[head("/auth/v1/verify")]
pub(super) async fn look_at_link() -> HttpResponse {
    HttpResponse::Ok().finish()
}

async fn follow(app: &web::Data<AuthService>, request: &HttpRequest, query: LinkQuery) -> Result<HttpResponse, Refusal> {
    let redirect_to = body::redirect_to(request, body::provider(app)?);
    let kind = query.kind.unwrap_or_default();
    let origin = body::origin(request, &app.kit);
    throttle::take(&app.kit, &[(app.config.rate.proofs_per_address(), throttle::address(&origin))]).await?;
    let link = query.token.or(query.token_hash).unwrap_or_default();
    let waited_for = link.starts_with("pkce_");
    let purposes = purposes_of(&kind);
    let verified = body::complete(app, |app| async move {
        verify::verify(&app.kit, app.embedded()?, purposes, &Proof::Link(link), Handover::ToTheWaitingClient, &origin).await
    });
    let location = match verified.await {
        Ok(Verified::SignedIn(issued)) => with_fragment(&redirect_to, &session_members(&issued, &kind)),
        Ok(Verified::Code(code)) => with_query(&redirect_to, &[("code", code.as_str())]),
        Ok(Verified::HalfOfTheChange) => {
            let message = "Confirmation link accepted. Please proceed to confirm link sent to the other email";
            with_fragment(&redirect_to, &[("message", message.to_owned())])
        }
        Err(refusal) => {
            let (code, message) = refusal.said();
            let (code, message) = if code == "otp_expired" { (code, "Email link is invalid or has expired") } else { (code, message) };
            let kind = if code == "unexpected_failure" { "server_error" } else { "access_denied" };
            let said = [("error", kind), ("error_code", code), ("error_description", message)];
            let target = if waited_for { with_query(&redirect_to, &said) } else { redirect_to };
            let said = said.into_iter().chain([("sb", "")]);
            with_fragment(&target, &said.map(|(name, value)| (name, value.to_owned())).collect::<Vec<_>>())
        }
    };
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).insert_header(("Cache-Control", "no-store")).finish())
}

fn session_members(issued: &Issued, kind: &str) -> [(&'static str, String); 7] {
    [
        ("access_token", issued.access.token.clone()),
        ("expires_at", issued.access.expires_at.to_string()),
        ("expires_in", issued.access.expires_in_s.to_string()),
        ("refresh_token", issued.refresh_token.clone()),
        ("token_type", "bearer".to_owned()),
        ("type", kind.to_owned()),
        ("sb", String::new()),
    ]
}

/// What a server on the way must not see travels behind the #.
fn with_fragment(target: &str, members: &[(&str, String)]) -> String {
    let place = target.split_once('#').map_or(target, |(place, _)| place);
    let members = Serializer::new(String::new()).extend_pairs(members).finish();
    format!("{place}#{members}")
}

fn with_query(target: &str, members: &[(&str, &str)]) -> String {
    let (place, fragment) = target.split_once('#').map_or((target, None), |(place, fragment)| (place, Some(fragment)));
    let members = Serializer::new(String::new()).extend_pairs(members).finish();
    let separator = if place.contains('?') { '&' } else { '?' };
    let fragment = fragment.map_or_else(String::new, |fragment| format!("#{fragment}"));
    format!("{place}{separator}{members}{fragment}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_added_to_the_place_that_was_asked_for() {
        assert_eq!(with_query("https://a.b/c?d=1#e", &[("code", "x y")]), "https://a.b/c?d=1&code=x+y#e");
        assert_eq!(with_query("https://a.b", &[("code", "x")]), "https://a.b?code=x");
        assert_eq!(with_fragment("https://a.b/c#old", &[("type", "signup".to_owned())]), "https://a.b/c#type=signup");
    }
}
