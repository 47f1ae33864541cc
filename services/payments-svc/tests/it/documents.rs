//! The API's document.

use payments_svc::App;

use crate::operators::OPERATIONS;

#[test]
fn the_openapi_document_is_the_one_that_was_agreed() {
    let document = service_kit::http::openapi::<App>();
    let (users, operators) = testkit::operators::api_parts(document, "/api/admin/payments", &OPERATIONS);
    insta::assert_json_snapshot!("operators", operators);
    insta::assert_json_snapshot!("openapi", users);
}
