//! What every endpoint under `/auth/v1` reads from a request.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{AUTHORIZATION, USER_AGENT},
    },
    web,
};
use domain::ErrorCode;
use serde::de::DeserializeOwned;
use service_kit::{
    Kit,
    auth::{AuthError, Claims},
    http::{Problem, RawBody, RequestId, client_address},
};

use super::error::Refusal;
use crate::{
    AuthService,
    provider::{Origin, Provider},
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

/// The embedded provider, unless another one is used.
pub(super) fn provider(app: &AuthService) -> Result<&Provider, Refusal> {
    let absent = || Refusal::new(StatusCode::NOT_FOUND, "feature_disabled", "The embedded identity provider is switched off");
    app.provider.as_ref().ok_or_else(absent)
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

/// The claims of the user's access token. Public endpoints never look: clients send an API key in the same place.
pub(super) async fn identify(request: &HttpRequest, kit: &Kit) -> Result<Claims, Refusal> {
    let value = request.headers().get(AUTHORIZATION).ok_or(AuthError::Missing)?;
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(AuthError::Missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(AuthError::Missing.into());
    }
    let claims = kit.verifier.verify(token.as_bytes()).await?;
    // A project's public API key is a token as well, but of nobody.
    if claims.role() == "authenticated" { Ok(claims) } else { Err(AuthError::Invalid.into()) }
}

/// Renders a refusal in the shape that the client understands.
pub(super) fn answer(request: &HttpRequest, result: Result<HttpResponse, Refusal>) -> HttpResponse {
    result.unwrap_or_else(|refusal| refusal.answer(request))
}

/// The service, for work that outlives the request.
pub(super) fn shared(app: &web::Data<AuthService>) -> std::sync::Arc<AuthService> {
    app.clone().into_inner()
}
