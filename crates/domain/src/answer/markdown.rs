//! Answers as a document for people to read and pass on.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value;

use crate::step::{Definition, Field, Kind, Slug};

/// The answers as Markdown, in the order and with the labels of the form. Steps without an answer are named as such.
#[must_use]
pub fn markdown(title: &str, answers: &BTreeMap<Slug, Value>) -> String {
    let definition = Definition::current();
    let mut page = format!("# {}\n", plain(title));
    for phase in definition.phases {
        // Writing to a string does not fail.
        let _ = write!(page, "\n## {}\n", phase.title);
        for step in definition.steps.iter().filter(|step| step.phase == phase.number) {
            let _ = write!(page, "\n### {}. {}\n\n", step.number, step.title);
            match answers.get(&step.slug) {
                Some(answer) if answer.as_object().is_some_and(|members| !members.is_empty()) => fields(&mut page, step.fields, answer, ""),
                _ => page.push_str("No answer.\n"),
            }
        }
    }
    page
}

fn fields(page: &mut String, fields: &[Field], answer: &Value, indent: &str) {
    for field in fields {
        let Some(value) = answer.get(field.name) else { continue };
        match (field.kind, value.as_array()) {
            (Kind::ObjectList { fields: inner, .. }, Some(items)) => {
                let _ = writeln!(page, "{indent}- **{}**", field.label);
                for (number, item) in (1..).zip(items) {
                    let _ = writeln!(page, "{indent}  {number}.");
                    self::fields(page, inner, item, &format!("{indent}     "));
                }
            }
            (_, Some(items)) => {
                let _ = writeln!(page, "{indent}- **{}**", field.label);
                for item in items {
                    let _ = writeln!(page, "{indent}  - {}", scalar(&field.kind, item, indent));
                }
            }
            (kind, None) => {
                let _ = writeln!(page, "{indent}- **{}**: {}", field.label, scalar(&kind, value, indent));
            }
        }
    }
}

/// A value in one item of a list; the lines of a long text stay in it.
fn scalar(kind: &Kind, value: &Value, indent: &str) -> String {
    match (kind, value) {
        (Kind::Enum { options }, Value::String(chosen)) => {
            let label = options.iter().find(|option| option.value == chosen).map_or(chosen.as_str(), |option| option.label);
            plain(label)
        }
        (Kind::Url { .. }, Value::String(url)) => format!("<{}>", url.replace(['<', '>'], "")),
        (Kind::Boolean { .. }, Value::Bool(yes)) => if *yes { "Yes" } else { "No" }.to_owned(),
        (Kind::Money { .. }, Value::Object(members)) => {
            let (amount, currency) = (members.get("amount_minor"), members.get("currency").and_then(Value::as_str));
            format!("{} {} in minor units", amount.map(ToString::to_string).unwrap_or_default(), currency.unwrap_or_default())
        }
        (_, Value::String(text)) => text.lines().map(plain).collect::<Vec<_>>().join(&format!("  \n{indent}  ")),
        (_, other) => other.to_string(),
    }
}

/// A text that shows as it is: whatever Markdown would make something of is escaped.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let trimmed = text.trim_start();
    let begins_item = trimmed.starts_with(['-', '+', '=', '#'])
        || trimmed.split_once(['.', ')']).is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    for (index, c) in trimmed.char_indices() {
        let at_start = index == 0 && begins_item && !c.is_ascii_digit();
        let ends_number = begins_item
            && matches!(c, '.' | ')')
            && trimmed.get(..index).is_some_and(|head| head.bytes().all(|byte| byte.is_ascii_digit()));
        if at_start || ends_number || matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '!' | '$') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_read_in_the_order_of_the_form_with_its_labels() {
        let fixture: Value = serde_json::from_str(include_str!("../../tests/fixtures/answers/acme.json")).unwrap();
        let answers = fixture.as_object().unwrap().iter().map(|(slug, answer)| (slug.parse().unwrap(), answer.clone())).collect();
        insta::assert_snapshot!("acme", markdown("Acme", &answers));
    }

    #[test]
    fn nothing_that_was_answered_becomes_markup_and_steps_without_an_answer_are_named() {
        let answers = BTreeMap::from([(
            "company".parse().unwrap(),
            json!({"company_name": "# <script>*x*", "website": "https://a.example/<b>", "description": "1. one\n- two [link](javascript:x)"}),
        )]);
        let page = markdown("*Acme*", &answers);
        assert!(page.starts_with("# \\*Acme\\*\n"), "{page}");
        assert!(page.contains("- **Company name**: \\# \\<script\\>\\*x\\*\n- **Website**: <https://a.example/b>\n"), "{page}");
        assert!(page.contains("1\\. one  \n  \\- two \\[link\\](javascript:x)\n"), "{page}");
        assert_eq!(page.matches("No answer.\n").count(), 22);
    }
}
