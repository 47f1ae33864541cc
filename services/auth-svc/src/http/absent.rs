//! Parts of the protocol that this provider does not have. Clients learn so by a code.

use actix_web::{HttpRequest, HttpResponse};

use super::error::Refusal;

/// `/auth/v1/authorize`: no other provider is connected.
pub(super) async fn other_providers(request: HttpRequest) -> HttpResponse {
    Refusal::bad_request("validation_failed", "Unsupported provider: provider is not enabled").answer(&request)
}

/// `/auth/v1/user/identities/…`: an account has one way to sign in.
pub(super) async fn linking(request: HttpRequest) -> HttpResponse {
    Refusal::not_found("manual_linking_disabled", "Manual linking is disabled").answer(&request)
}

/// What a path under `/auth/v1` would begin, and the code that says that it is switched off.
pub(super) const FEATURES: [(&str, &str); 5] = [
    ("sso", "saml_provider_disabled"),
    ("saml", "saml_provider_disabled"),
    ("oauth", "feature_disabled"),
    ("passkeys", "passkey_disabled"),
    ("scim", "feature_disabled"),
];

/// One of them.
pub(super) fn feature(request: &HttpRequest, code: &'static str) -> HttpResponse {
    Refusal::not_found(code, "This feature is disabled").answer(request)
}
