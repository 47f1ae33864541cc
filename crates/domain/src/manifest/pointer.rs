//! Which JSON pointers can lead into a content.

use std::sync::LazyLock;

use schemars::schema_for;
use serde_json::Value;

use super::Content;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schema_for!(Content).to_value());

/// Whether the schema of the content has a place for this pointer, whatever a given content holds there. The content as a
/// whole, the empty pointer, is such a place.
#[must_use]
pub fn is_content_pointer(pointer: &str) -> bool {
    let mut segments = pointer.split('/');
    if segments.next() != Some("") {
        return false;
    }
    let mut at = Some(&*SCHEMA);
    for segment in segments {
        at = at.and_then(|schema| below(resolved(schema)?, segment));
    }
    at.is_some()
}

fn below<'a>(schema: &'a Value, segment: &str) -> Option<&'a Value> {
    if let Some(items) = schema.get("items") {
        let is_index = !segment.is_empty() && segment.len() <= 4 && segment.bytes().all(|byte| byte.is_ascii_digit());
        let one_spelling = segment == "0" || !segment.starts_with('0');
        return (is_index && one_spelling).then_some(items);
    }
    schema.get("properties")?.get(segment)
}

fn resolved(schema: &Value) -> Option<&Value> {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => SCHEMA.pointer(reference.strip_prefix('#')?),
        None => Some(schema),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_leads_where_the_schema_has_a_place() {
        for good in ["", "/company", "/company/name", "/icps/0", "/icps/2/pains/10/text", "/messaging/guardrails/banned_phrases/0"] {
            assert!(is_content_pointer(good), "{good}");
        }
        for bad in
            ["company", "/", "/nothing", "/company/name/x", "/icps/-", "/icps/01", "/icps/x", "/icps/99999", "/company/", "#/company"]
        {
            assert!(!is_content_pointer(bad), "{bad}");
        }
    }
}
