//! What users write about themselves, and the deployment about them. Both travel in every access token.

use serde_json::{Map, Value};

/// A header has a limit.
const MAX_BYTES: usize = 4096;
/// PostgreSQL parses JSON recursively; nobody needs more.
const MAX_DEPTH: usize = 16;
/// Members of a user's own metadata that we write.
pub const OURS_OF_USERS: &[&str] = &["sub", "email", "email_verified", "phone_verified"];
/// Members of a deployment's metadata about a user that we write; operators are made by command only.
pub const OURS_OF_APPS: &[&str] = &["provider", "providers", "groundwork_role"];

/// Metadata that is too large, too deep or has a NUL character, which PostgreSQL cannot store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the metadata cannot be stored")]
pub struct InvalidMetadata;

/// What is stored when `changes` are written over `present`: a null takes a member away (Supabase Auth's rule), and `ours`
/// stay as they are.
///
/// # Errors
/// [`InvalidMetadata`].
pub fn merge(present: &Value, changes: Map<String, Value>, ours: &[&str]) -> Result<Value, InvalidMetadata> {
    let mut merged = present.as_object().cloned().unwrap_or_default();
    for (name, value) in changes {
        if ours.contains(&name.as_str()) {
            continue;
        }
        if value.is_null() {
            merged.shift_remove(&name);
        } else {
            merged.insert(name, value);
        }
    }
    let merged = Value::Object(merged);
    let storable = is_storable(&merged, MAX_DEPTH) && merged.to_string().len() <= MAX_BYTES;
    storable.then_some(merged).ok_or(InvalidMetadata)
}

fn is_storable(value: &Value, depth: usize) -> bool {
    let Some(below) = depth.checked_sub(1) else { return false };
    match value {
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => items.iter().all(|item| is_storable(item, below)),
        Value::Object(members) => members.iter().all(|(name, item)| !name.contains('\0') && is_storable(item, below)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn write(present: &Value, changes: &Value) -> Result<Value, InvalidMetadata> {
        merge(present, changes.as_object().unwrap().clone(), OURS_OF_USERS)
    }

    #[test]
    fn a_change_is_merged_and_a_null_takes_away() {
        let present = json!({"email": "a@b.c", "name": "Ann", "team": "red"});
        let written = write(&present, &json!({"name": "Anna", "team": null, "email": "x@y.z", "age": 30})).unwrap();
        assert_eq!(written, json!({"email": "a@b.c", "name": "Anna", "age": 30}));
    }

    #[test]
    fn metadata_that_postgresql_or_a_header_cannot_hold_is_refused() {
        let deep = (0..40).fold(json!(1), |inner, _| json!({ "a": inner }));
        for data in [json!({"name": "a\0b"}), json!({"a\0": 1}), json!({"list": ["\0"]}), json!({"bio": "x".repeat(5000)}), deep] {
            assert_eq!(write(&json!({}), &data), Err(InvalidMetadata), "{data}");
        }
        assert!(write(&json!({}), &json!({"name": "Ann"})).is_ok());
    }
}
