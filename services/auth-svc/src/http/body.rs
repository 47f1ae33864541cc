//! What every endpoint under `/auth/v1` reads from a request.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{AUTHORIZATION, USER_AGENT},
    },
    web,
};
use domain::ErrorCode;
use serde::{Deserialize, de::DeserializeOwned};
use service_kit::{
    Kit,
    auth::{AuthError, Claims},
    http::{Problem, RawBody, RequestId, client_address},
};
use utoipa::ToSchema;

use super::error::Refusal;
use crate::{
    AuthService,
    provider::{
        EmailAddress, Origin, Provider,
        admin::By,
        pkce::{Challenge, InvalidChallenge},
        proof::Continuation,
        service_role,
    },
};

/// The user agent is kept for people to recognise a session by.
const USER_AGENT_MAX_CHARS: usize = 256;

/// The body of a request under `/auth/v1`, or why it could not be read.
pub(super) type Body = Result<RawBody, Problem>;

/// Reads JSON, whatever the content type says: clients of every kind send their own.
pub(super) fn parse<T: DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    let body = body.map_err(|problem| match problem.code() {
        ErrorCode::RequestTimeout => {
            Refusal::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The request body took too long to arrive")
        }
        ErrorCode::PayloadTooLarge => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "request_entity_too_large", "Request body is too large"),
        ErrorCode::UnsupportedMediaType => {
            let message = "Send the request body without a content coding";
            Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message).header("Accept-Encoding", "identity")
        }
        _ => Refusal::bad_request("bad_json", "The request body could not be read"),
    })?;
    serde_json::from_slice(&body.0)
        .map_err(|error| Refusal::bad_request("bad_json", format!("Could not parse request body as JSON: {error}")))
}

/// The same where a client may have nothing to say.
pub(super) fn parse_if_any<T: DeserializeOwned + Default>(body: Body) -> Result<T, Refusal> {
    if body.as_ref().is_ok_and(|body| body.0.is_empty()) { Ok(T::default()) } else { parse(body) }
}

/// The embedded provider, unless another one is used.
pub(super) fn provider(app: &AuthService) -> Result<&Provider, Refusal> {
    app.embedded().map_err(Refusal::from)
}

/// Where the request came from.
pub(super) fn origin(request: &HttpRequest, kit: &Kit) -> Origin {
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
    Origin {
        request_id: RequestId::of(request),
        ip: client_address(request, &kit.config.http),
        user_agent: user_agent.map(|text| text.chars().take(USER_AGENT_MAX_CHARS).collect()),
    }
}

/// The text after `Bearer`.
fn bearer(request: &HttpRequest) -> Result<&str, AuthError> {
    let value = request.headers().get(AUTHORIZATION).ok_or(AuthError::Missing)?;
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(AuthError::Missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() { Err(AuthError::Missing) } else { Ok(token) }
}

/// The server that manages accounts, by its secret key.
pub(super) async fn server(request: &HttpRequest, kit: &Kit) -> Result<By, Refusal> {
    let server = service_role::require(kit, bearer(request)?).await?;
    Ok(By { server, origin: origin(request, kit) })
}

/// The claims of the user's access token. Public endpoints never look: clients send an API key in the same place.
pub(super) async fn identify(request: &HttpRequest, kit: &Kit) -> Result<Claims, Refusal> {
    let claims = kit.verifier.verify(bearer(request)?.as_bytes()).await?;
    // A project's public API key is a token as well, but of nobody.
    if claims.role() == "authenticated" { Ok(claims) } else { Err(AuthError::Invalid.into()) }
}

/// Renders a refusal in the shape that the client understands.
pub(super) fn answer(request: &HttpRequest, result: Result<HttpResponse, Refusal>) -> HttpResponse {
    result.unwrap_or_else(|refusal| refusal.answer(request))
}

/// Runs a use case to its end, even when the client goes away; its own failure is left to the caller.
pub(super) async fn detached<T, F>(app: &web::Data<AuthService>, work: impl FnOnce(Arc<AuthService>) -> F) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    Ok(app.kit.lifecycle.detached(work(app.clone().into_inner())).await?)
}

/// The same for a use case whose failure is the answer.
pub(super) async fn complete<T, E, F>(app: &web::Data<AuthService>, work: impl FnOnce(Arc<AuthService>) -> F) -> Result<T, Refusal>
where
    T: Send + 'static,
    E: Into<Refusal> + Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    detached(app, work).await?.map_err(Into::into)
}

/// An address, as a client wrote it.
pub(super) fn email(text: Option<&str>) -> Result<EmailAddress, Refusal> {
    let invalid = |_| Refusal::bad_request("validation_failed", "Unable to validate email address: invalid format");
    EmailAddress::parse(text.unwrap_or_default()).map_err(invalid)
}

/// A proof key, as clients send it: both members, or null.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct ChallengeMembers {
    /// 43 to 128 characters (RFC 7636).
    code_challenge: Option<String>,
    /// `s256` or `plain`.
    code_challenge_method: Option<String>,
}

/// How the person who gets a mail goes on. Where to is a wish, by query, header or the page that the request came from.
pub(super) fn continuation(request: &HttpRequest, provider: &Provider, challenge: &ChallengeMembers) -> Result<Continuation, Refusal> {
    let half = "PKCE flow requires code_challenge_method and code_challenge";
    let challenge = Challenge::parse(challenge.code_challenge.as_deref(), challenge.code_challenge_method.as_deref()).map_err(|error| {
        Refusal::bad_request("validation_failed", if error == InvalidChallenge::Half { half.to_owned() } else { error.to_string() })
    })?;
    Ok(Continuation { redirect_to: redirect_to(request, provider), challenge })
}

/// Where a request wishes to be led, as far as that is allowed.
pub(super) fn redirect_to(request: &HttpRequest, provider: &Provider) -> String {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut query = url::form_urlencoded::parse(request.query_string().as_bytes());
    let asked = query.find(|(name, _)| name == "redirect_to").map(|(_, wish)| wish.into_owned());
    let wish = asked.filter(|wish| !wish.is_empty()).or_else(|| header("redirect_to")).or_else(|| header("referer"));
    provider.redirects.choose(wish.as_deref())
}
