//! The OpenAPI document.

use auth_svc::AuthService;

/// A change of the API is a change of this file: look at the difference before accepting it.
#[test]
fn the_api_is_the_one_that_was_agreed() {
    let (users, _) = testkit::operators::api_parts(service_kit::http::openapi::<AuthService>(), "/api/admin/auth", &[]);
    insta::assert_json_snapshot!("openapi", users);
}
