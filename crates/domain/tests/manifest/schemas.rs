//! The committed JSON Schemas are those of the types; `UPDATE_SCHEMAS=1` rewrites them.

use std::path::Path;

use domain::{context::BusinessContext, manifest::Manifest};
use schemars::{JsonSchema, schema_for};

fn held<T: JsonSchema>(file: &str, id: &str) -> serde_json::Value {
    let schema = schema_for!(T).to_value();
    assert_eq!(schema["$id"], id);
    assert!(jsonschema::meta::is_valid(&schema));
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/schemas").join(file);
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert_eq!(committed, text, "{file} is not that of the type; run with UPDATE_SCHEMAS=1");
    schema
}

#[test]
fn the_manifest_schema_is_that_of_the_type() {
    held::<Manifest>("manifest.1.json", "urn:groundwork:schema:manifest:1");
}

#[test]
fn the_business_context_schema_is_that_of_the_type() {
    held::<BusinessContext>("business-context.1.json", "urn:groundwork:schema:business-context:1");
}
