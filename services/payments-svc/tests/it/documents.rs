//! The API's document.

use payments_svc::App;

#[test]
fn the_openapi_document_is_the_one_that_was_agreed() {
    insta::assert_snapshot!("openapi", service_kit::http::openapi::<App>().to_pretty_json().unwrap());
}
