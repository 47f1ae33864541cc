//! Answers and webhooks with what no client has seen yet.

use serde_json::{Value, json};

use crate::weather::Novelty;

impl Novelty {
    /// An answer of a status endpoint, or a webhook's payload, as it is with these novelties.
    pub(crate) fn applied(&self, mut body: Value) -> Value {
        if self.enum_values {
            rename_kinds(&mut body);
        }
        if let Some(state) = &self.state
            && let Some(root) = body.as_object_mut()
        {
            root.insert("state".into(), json!(state));
        }
        if self.extra_fields {
            add_fields(&mut body);
        }
        body
    }
}

/// `paymentMode`, and `type` of `rail` and `instrument`, at any depth.
fn rename_kinds(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(rename_kinds),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match name.as_str() {
                    "paymentMode" => *value = json!("NEW_PAYMENT_MODE"),
                    "rail" | "instrument" => {
                        if let Some(kind) = value.get_mut("type") {
                            *kind = json!("NEW_KIND");
                        }
                    }
                    _ => rename_kinds(value),
                }
            }
        }
        _ => {}
    }
}

fn add_fields(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(add_fields),
        Value::Object(fields) => {
            fields.values_mut().for_each(add_fields);
            fields.insert("newField".into(), json!({"since": "tomorrow", "values": [1, null]}));
        }
        _ => {}
    }
}
