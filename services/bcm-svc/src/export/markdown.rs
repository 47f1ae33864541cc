//! A content as Markdown, for people. Text of users is text: nothing in it is taken for markup.

use domain::manifest::Record;
use serde_json::Value;

/// The content with a heading for each section.
pub fn write(record: &Record, content: &Value) -> String {
    let name = content.pointer("/company/name").and_then(Value::as_str).unwrap_or("Business context");
    let mut lines = vec![
        format!("# {}", escaped(name)),
        String::new(),
        format!(
            "Business context manifest {} of {}, checksum `{}`.",
            record.version,
            record.generated_at.format("%Y-%m-%d"),
            record.checksum
        ),
    ];
    let sections = content.as_object().into_iter().flatten().filter(|(key, _)| *key != "schema_version");
    for (key, section) in sections {
        lines.extend([String::new(), format!("## {}", title(key)), String::new()]);
        nested(&mut lines, section, 0);
    }
    lines.push(String::new());
    lines.join("\n")
}

fn nested(lines: &mut Vec<String>, value: &Value, depth: usize) {
    match value.as_array() {
        Some(items) => items.iter().for_each(|item| list_item(lines, item, depth)),
        None => members(lines, value, depth),
    }
}

fn members(lines: &mut Vec<String>, value: &Value, depth: usize) {
    for (key, member) in value.as_object().into_iter().flatten() {
        let indent = "  ".repeat(depth);
        if let Some(text) = shown(member) {
            lines.push(format!("{indent}- **{}:** {text}", title(key)));
        } else {
            lines.push(format!("{indent}- **{}:**", title(key)));
            nested(lines, member, depth + 1);
        }
    }
}

/// An item: a text, or an object whose first member names it.
fn list_item(lines: &mut Vec<String>, item: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let Some(object) = item.as_object() else {
        lines.push(format!("{indent}- {}", shown(item).unwrap_or_default()));
        return;
    };
    let named = ["name", "title", "text", "label", "value", "axis", "statement"].into_iter().find(|key| object.contains_key(*key));
    let name = named.and_then(|key| shown(object.get(key)?)).unwrap_or_else(|| "–".to_owned());
    lines.push(format!("{indent}- **{name}**"));
    let rest: serde_json::Map<_, _> =
        object.iter().filter(|(key, _)| Some(key.as_str()) != named).map(|(key, member)| (key.clone(), member.clone())).collect();
    members(lines, &Value::Object(rest), depth + 1);
}

fn shown(leaf: &Value) -> Option<String> {
    match leaf {
        Value::String(text) => Some(escaped(text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `employee_count` as `Employee count`.
fn title(key: &str) -> String {
    match key {
        "icps" => return "Customer profiles".to_owned(),
        "kpis" => return "KPIs".to_owned(),
        "tam" | "sam" | "som" => return key.to_uppercase(),
        _ => {}
    }
    let words = key.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The text in one line, with everything escaped that Markdown, or a table or page made of it, gives a meaning.
fn escaped(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut escaped = String::with_capacity(line.len() + 8);
    for (index, character) in line.char_indices() {
        let begins = index == 0 && matches!(character, '-' | '+' | '=' | '#' | '@');
        // A number with a dot begins an item of a list.
        let numbers = matches!(character, '.' | ')')
            && line.get(..index).is_some_and(|before| !before.is_empty() && before.bytes().all(|b| b.is_ascii_digit()));
        let always = matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '!' | '$' | '{' | '}' | '#');
        if begins || numbers || always {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_users_write_is_markup() {
        for (text, expected) in [
            ("a | b", r"a \| b"),
            ("# title", r"\# title"),
            ("- item\n- item", r"\- item - item"),
            ("1. first", r"1\. first"),
            ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
            ("[x](javascript:alert(1))", r"\[x\](javascript:alert(1))"),
            ("`code` *bold* _it_ ![i](u)", r"\`code\` \*bold\* \_it\_ \!\[i\](u)"),
            ("=cmd|' /C calc'!A0", r"\=cmd\|' /C calc'\!A0"),
            ("&lt;", r"\&lt;"),
            ("version 1.5 of 2", "version 1.5 of 2"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
