//! The API's document.

use payments_svc::App;

#[test]
fn the_openapi_document_is_the_one_that_was_agreed() {
    let (users, _) = testkit::operators::api_parts(service_kit::http::openapi::<App>(), "/api/admin/payments");
    insta::assert_json_snapshot!("openapi", users);
}
