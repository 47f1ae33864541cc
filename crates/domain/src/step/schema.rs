//! The JSON Schema of a complete answer, generated from the definition.
//!
//! JSON Schema counts code points, the server grapheme clusters: the schema carries the loose bound of
//! 8 bytes for each grapheme as `maxLength` and the strict one as `x-max-graphemes`. The server decides.

use serde_json::{Map, Value, json};

use super::{CURRENCIES, Field, Kind, Step};
use crate::answer::BYTES_PER_GRAPHEME;

impl Step {
    /// The JSON Schema (2020-12) of a complete answer to this step.
    #[must_use]
    pub fn json_schema(&self) -> Value {
        let mut schema = object_schema(self.fields);
        if let Some(members) = schema.as_object_mut() {
            members.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
            members.insert("$id".into(), format!("urn:groundwork:schema:answer:{}:1", self.slug).into());
            members.insert("title".into(), self.title.into());
            members.insert("description".into(), self.help.into());
        }
        schema
    }
}

fn object_schema(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|field| (field.name.to_owned(), field_schema(field))).collect();
    let required: Vec<_> = fields.iter().filter(|f| f.required).map(|f| f.name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn field_schema(field: &Field) -> Value {
    let mut schema = kind_schema(&field.kind);
    if let Some(members) = schema.as_object_mut() {
        members.insert("title".into(), field.label.into());
        if !field.help.is_empty() {
            members.insert("description".into(), field.help.into());
        }
    }
    schema
}

fn kind_schema(kind: &Kind) -> Value {
    match *kind {
        Kind::Text { max, .. } | Kind::LongText { max, .. } => text_schema(max),
        Kind::Url { max_bytes } => json!({"type": "string", "format": "uri", "maxLength": max_bytes}),
        Kind::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Year { min, years_ahead } => {
            json!({"type": "integer", "minimum": min, "x-years-ahead": years_ahead})
        }
        Kind::Number { min, max } => json!({"type": "number", "minimum": min, "maximum": max}),
        Kind::Amount { max } => json!({"type": "integer", "minimum": 0, "maximum": max}),
        Kind::Money { max } => json!({
            "type": "object",
            "properties": {
                "amount_minor": {"type": "integer", "minimum": 0, "maximum": max},
                "currency": {"type": "string", "enum": CURRENCIES},
            },
            "required": ["amount_minor", "currency"],
            "additionalProperties": false,
        }),
        Kind::Currency => json!({"type": "string", "enum": CURRENCIES}),
        Kind::Boolean { must_be_true: true } => json!({"type": "boolean", "const": true}),
        Kind::Boolean { must_be_true: false } => json!({"type": "boolean"}),
        Kind::Enum { options } => {
            let values: Vec<_> = options.iter().map(|option| option.value).collect();
            json!({"type": "string", "enum": values})
        }
        Kind::Date => json!({"type": "string", "format": "date"}),
        Kind::TextList { min_items, max_items, max } => json!({
            "type": "array",
            "minItems": min_items,
            "maxItems": max_items,
            "items": text_schema(max),
        }),
        Kind::ObjectList { min_items, max_items, fields, .. } => json!({
            "type": "array",
            "minItems": min_items,
            "maxItems": max_items,
            "items": object_schema(fields),
        }),
    }
}

fn text_schema(max: usize) -> Value {
    json!({
        "type": "string",
        "maxLength": max * BYTES_PER_GRAPHEME,
        "x-max-graphemes": max,
    })
}
