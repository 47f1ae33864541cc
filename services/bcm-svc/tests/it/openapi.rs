//! The API document.

use bcm_svc::BcmService;
use serde_json::Value;

fn document() -> Value {
    serde_json::to_value(service_kit::http::openapi::<BcmService>()).unwrap()
}

#[test]
fn the_document_is_the_frozen_one() {
    let (users, _) = testkit::operators::api_parts(document(), "/api/admin/context", &[]);
    insta::assert_json_snapshot!("openapi", users);
}

#[test]
fn every_operation_needs_a_token_and_says_what_happens_without() {
    let document = document();
    let operations: Vec<(String, &Value)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods =
                item.as_object().unwrap().iter().filter(|(method, _)| ["get", "post", "put", "delete"].contains(&method.as_str()));
            methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect();
    assert_eq!(operations.len(), 28, "nineteen for members, one for everybody, eight for operators");
    for (name, operation) in operations.into_iter().filter(|(name, _)| name != "get /api/context/keys") {
        assert!(operation["security"][0].get("bearer").is_some(), "{name}");
        let refused = if name.contains("/api/admin/") { "403" } else { "404" };
        for status in ["401", refused, "503"] {
            assert!(operation["responses"].get(status).is_some(), "{name} lacks {status}");
        }
    }
}
