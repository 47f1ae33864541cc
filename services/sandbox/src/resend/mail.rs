//! A mail, parsed as strictly as Resend does.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

const RECIPIENTS_MAX: usize = 50;
const FIELDS: [&str; 14] = [
    "from",
    "to",
    "subject",
    "html",
    "text",
    "cc",
    "bcc",
    "reply_to",
    "headers",
    "attachments",
    "tags",
    "scheduled_at",
    "topic_id",
    "template",
];

/// A mail that was accepted.
#[derive(Debug, Clone, Serialize)]
pub struct Mail {
    /// The id that the sender got.
    pub id: Uuid,
    /// Sender, `a@b.example` or `Name <a@b.example>`.
    pub from: String,
    /// Recipients.
    pub to: Vec<String>,
    /// Recipients of a copy.
    pub cc: Vec<String>,
    /// Hidden recipients of a copy.
    pub bcc: Vec<String>,
    /// Where answers go.
    pub reply_to: Vec<String>,
    /// Subject line.
    pub subject: String,
    /// HTML part.
    pub html: Option<String>,
    /// Plain text part.
    pub text: Option<String>,
    /// What is attached.
    pub attachments: Vec<Attachment>,
    /// Extra headers.
    pub headers: Map<String, Value>,
    /// The `Idempotency-Key` it came with.
    pub idempotency_key: Option<String>,
    /// When it came.
    pub received_at: DateTime<Utc>,
}

/// A file that a mail carries.
#[derive(Debug, Clone, Serialize)]
pub struct Attachment {
    /// Its name.
    pub filename: String,
    /// Its media type, as the sender named it.
    pub content_type: Option<String>,
    /// Its bytes.
    #[serde(rename = "size", serialize_with = "size")]
    pub content: Vec<u8>,
}

fn size<S: serde::Serializer>(content: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    content.len().serialize(serializer)
}

/// A refusal, with the fields of Resend's error body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: u16,
    pub name: &'static str,
    pub message: String,
}

impl Mail {
    pub(crate) fn parse(body: &Map<String, Value>, idempotency_key: Option<String>, received_at: DateTime<Utc>) -> Result<Self, Refusal> {
        if let Some(unknown) = body.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(validation(format!("Unknown field `{unknown}`.")));
        }
        let from = required_text(body, "from")?;
        if !is_mailbox(&from) {
            return Err(invalid_address("from"));
        }
        let to = addresses(body, "to")?;
        if to.is_empty() {
            return Err(missing("to"));
        }
        let mail = Self {
            id: Uuid::now_v7(),
            from,
            to,
            cc: addresses(body, "cc")?,
            bcc: addresses(body, "bcc")?,
            reply_to: addresses(body, "reply_to")?,
            subject: required_text(body, "subject")?,
            html: optional_text(body, "html")?,
            text: optional_text(body, "text")?,
            attachments: attachments(body)?,
            headers: headers(body)?,
            idempotency_key,
            received_at,
        };
        if mail.html.is_none() && mail.text.is_none() {
            return Err(missing("html` or `text"));
        }
        check_tags(body)?;
        Ok(mail)
    }
}

fn present<'a>(body: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    body.get(field).filter(|value| !value.is_null())
}

fn optional_text(body: &Map<String, Value>, field: &str) -> Result<Option<String>, Refusal> {
    match present(body, field) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(validation(format!("The `{field}` field must be a `string`."))),
    }
}

fn required_text(body: &Map<String, Value>, field: &str) -> Result<String, Refusal> {
    optional_text(body, field)?.filter(|text| !text.is_empty()).ok_or_else(|| missing(field))
}

fn addresses(body: &Map<String, Value>, field: &str) -> Result<Vec<String>, Refusal> {
    let list = match present(body, field) {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    if list.len() > RECIPIENTS_MAX {
        let message = format!("The `{field}` field takes at most {RECIPIENTS_MAX} addresses.");
        return Err(validation(message));
    }
    list.iter()
        .map(|address| match address.as_str() {
            Some(address) if is_mailbox(address) => Ok(address.to_owned()),
            _ => Err(invalid_address(field)),
        })
        .collect()
}

/// Files in base64. Resend would also fetch one from an address, which nobody here asks of it.
fn attachments(body: &Map<String, Value>) -> Result<Vec<Attachment>, Refusal> {
    let invalid =
        || Refusal { status: 422, name: "invalid_attachment", message: "Attachments need a `filename` and a `content`.".to_owned() };
    let Some(list) = present(body, "attachments") else {
        return Ok(Vec::new());
    };
    list.as_array()
        .ok_or_else(invalid)?
        .iter()
        .map(|attachment| {
            let text = |field: &str| attachment.get(field).and_then(Value::as_str);
            let content = text("content").and_then(|content| BASE64_STANDARD.decode(content).ok());
            match (text("filename").filter(|name| !name.is_empty()), content) {
                (Some(filename), Some(content)) => {
                    Ok(Attachment { filename: filename.to_owned(), content_type: text("content_type").map(str::to_owned), content })
                }
                _ => Err(invalid()),
            }
        })
        .collect()
}

fn headers(body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    match present(body, "headers") {
        None => Ok(Map::new()),
        Some(Value::Object(headers)) if headers.values().all(Value::is_string) => Ok(headers.clone()),
        Some(_) => Err(validation("The `headers` field must be an object of strings.".to_owned())),
    }
}

/// Names and values of tags are ASCII letters, digits, `_` and `-`, at most 256 of them.
fn check_tags(body: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(tags) = present(body, "tags") else {
        return Ok(());
    };
    let is_word = |tag: &Value, field: &str| {
        tag.get(field).and_then(Value::as_str).is_some_and(|word| {
            (1..=256).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        })
    };
    let valid = tags.as_array().is_some_and(|tags| tags.iter().all(|tag| is_word(tag, "name") && is_word(tag, "value")));
    if valid { Ok(()) } else { Err(validation("Tags should only contain ASCII letters, numbers, underscores, or dashes.".to_owned())) }
}

/// `local@domain.tld` or `Name <local@domain.tld>`.
fn is_mailbox(text: &str) -> bool {
    let address = match text.split_once('<') {
        None => text,
        Some((_, rest)) => match rest.strip_suffix('>') {
            None => return false,
            Some(address) => address,
        },
    };
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "<>,@".contains(c));
    plain(local) && plain(domain) && domain.split('.').count() > 1 && domain.split('.').all(plain)
}

fn missing(field: &str) -> Refusal {
    Refusal { status: 422, name: "missing_required_field", message: format!("Missing `{field}` field.") }
}

fn validation(message: String) -> Refusal {
    Refusal { status: 422, name: "validation_error", message }
}

fn invalid_address(field: &str) -> Refusal {
    validation(format!(
        "Invalid `{field}` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` format."
    ))
}

#[cfg(test)]
mod tests {
    use super::is_mailbox;

    #[test]
    fn an_address_may_stand_alone_or_behind_a_name() {
        assert!(is_mailbox("a@b.example"));
        assert!(is_mailbox("Ground Work <a@b.example>"));
        for wrong in ["a", "a@b", "a@", "@b.example", "A <a@b.example", "a b@c.example", "a@b..c"] {
            assert!(!is_mailbox(wrong), "{wrong}");
        }
    }
}
