//! The rules that join several fields of a complete answer.

use serde_json::{Map, Value};

use super::{FieldError, FieldErrorCode};
use crate::step::Step;

/// `normal` is the normal form, `given` the answer as it was sent: pointers lead into the latter.
pub(super) fn check(step: &Step, normal: &Map<String, Value>, given: &Value, errors: &mut Vec<FieldError>) {
    match step.slug.as_str() {
        "integrity" => critical_contradictions_are_resolved(given, errors),
        "market-size" => market_sizes_are_in_order(normal, errors),
        "review" => review_is_confirmed(normal, errors),
        _ => {}
    }
}

fn critical_contradictions_are_resolved(given: &Value, errors: &mut Vec<FieldError>) {
    let items = given.get("contradictions").and_then(Value::as_array);
    for (index, item) in items.into_iter().flatten().enumerate() {
        let member = |name| item.get(name).and_then(Value::as_str).unwrap_or_default().trim();
        if member("severity") == "critical" && super::text::is_blank(member("resolution")) {
            errors.push(FieldError {
                pointer: format!("/contradictions/{index}/resolution"),
                code: FieldErrorCode::ResolutionRequired,
                message: "A critical contradiction needs a resolution.".to_owned(),
            });
        }
    }
}

fn market_sizes_are_in_order(normal: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    let amount = |name| normal.get(name).and_then(Value::as_i64);
    let pairs = [
        ("tam", "sam", "This must be at most the total market."),
        ("sam", "som", "This must be at most the market you can serve."),
        ("tam", "som", "This must be at most the total market."),
    ];
    for (larger, smaller, message) in pairs {
        // Without the middle one the outer two are compared; with it they follow from the other pairs.
        if (larger, smaller) == ("tam", "som") && amount("sam").is_some() {
            continue;
        }
        if let (Some(upper), Some(lower)) = (amount(larger), amount(smaller))
            && lower > upper
        {
            errors.push(FieldError { pointer: format!("/{smaller}"), code: FieldErrorCode::OutOfOrder, message: message.to_owned() });
        }
    }
}

fn review_is_confirmed(normal: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    if normal.get("confirmed") == Some(&Value::Bool(false)) {
        errors.push(FieldError {
            pointer: "/confirmed".to_owned(),
            code: FieldErrorCode::NotConfirmed,
            message: "Please confirm that everything is right.".to_owned(),
        });
    }
}
