//! Parts of the protocol that this provider does not have. Clients learn so by a code.

use actix_web::{HttpRequest, HttpResponse};

use super::error::{self, Refusal};

/// What a path under `/auth/v1` would begin with, and how it is refused.
const FEATURES: [(&str, &str, &str); 6] = [
    ("sso", "saml_provider_disabled", DISABLED),
    ("saml", "saml_provider_disabled", DISABLED),
    ("oauth", "feature_disabled", DISABLED),
    ("passkeys", "passkey_disabled", DISABLED),
    ("scim", "feature_disabled", DISABLED),
    // An account has one way to sign in.
    ("user/identities", "manual_linking_disabled", "Manual linking is disabled"),
];
const DISABLED: &str = "This feature is disabled";

/// `/auth/v1/authorize`: no other provider is connected.
pub(super) async fn other_providers(request: HttpRequest) -> HttpResponse {
    Refusal::bad_request("validation_failed", "Unsupported provider: provider is not enabled").answer(&request)
}

/// Whatever no operation under `/auth/v1` takes.
pub(super) async fn feature(request: HttpRequest) -> HttpResponse {
    let path = request.match_info().query("rest");
    let begins = |beginning: &str| path.strip_prefix(beginning).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match FEATURES.into_iter().find(|(beginning, ..)| begins(beginning)) {
        Some((_, code, message)) => Refusal::not_found(code, message).answer(&request),
        None => error::nothing_here(&request),
    }
}
