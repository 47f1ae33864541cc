//! The header table: bounded, read in every form, and what of it is carried on.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::Malformed;

/// Failed attempts of our own, as a number. Not an `x-` header: those belong to the broker.
pub const RETRY_COUNT: &str = "groundwork-retry-count";
/// Times an operator replayed the message, as a number.
pub const REDRIVE_COUNT: &str = "groundwork-redrive-count";
/// Why a message rests in a dead queue.
pub const DEAD_REASON: &str = "groundwork-dead-reason";
/// What happened, in words.
pub const DEAD_DETAIL: &str = "groundwork-dead-detail";
/// Since when it rests there, RFC 3339.
pub const DEAD_AT: &str = "groundwork-dead-at";

const MAX_VALUES: usize = 128;
const MAX_BYTES: usize = 32 * 1024;
const MAX_DEPTH: usize = 4;

/// Whether the table is of a size that an event, its retries and the broker's own notes can have.
pub(super) fn bounded(headers: &FieldTable) -> bool {
    let mut budget = Budget { values: MAX_VALUES, bytes: MAX_BYTES };
    budget.table(headers, 0)
}

struct Budget {
    values: usize,
    bytes: usize,
}

impl Budget {
    fn table(&mut self, table: &FieldTable, depth: usize) -> bool {
        depth <= MAX_DEPTH && table.into_iter().all(|(name, value)| self.spend(name.as_str().len()) && self.value(value, depth))
    }

    fn value(&mut self, value: &AMQPValue, depth: usize) -> bool {
        let Some(values) = self.values.checked_sub(1) else { return false };
        self.values = values;
        match value {
            AMQPValue::FieldTable(table) => self.table(table, depth + 1),
            AMQPValue::FieldArray(array) => depth < MAX_DEPTH && array.as_slice().iter().all(|value| self.value(value, depth + 1)),
            AMQPValue::LongString(text) => self.spend(text.len()),
            AMQPValue::ShortString(text) => self.spend(text.as_str().len()),
            AMQPValue::ByteArray(bytes) => self.spend(bytes.len()),
            _ => self.spend(8),
        }
    }

    fn spend(&mut self, bytes: usize) -> bool {
        match self.bytes.checked_sub(bytes) {
            Some(left) => {
                self.bytes = left;
                true
            }
            None => false,
        }
    }
}

/// The `CloudEvents` attributes of a header table.
pub(super) struct Attributes<'a>(pub(super) &'a FieldTable);

impl Attributes<'_> {
    pub(super) fn required(&self, name: &'static str) -> Result<String, Malformed> {
        self.optional(name)?.ok_or(Malformed::Missing(name))
    }

    pub(super) fn optional(&self, name: &'static str) -> Result<Option<String>, Malformed> {
        match self.value(name) {
            None | Some(AMQPValue::Void) => Ok(None),
            Some(value) => text_of(value).filter(|text| !text.is_empty()).map(Some).ok_or(Malformed::Attribute(name)),
        }
    }

    pub(super) fn time(&self) -> Result<DateTime<Utc>, Malformed> {
        let invalid = Malformed::Attribute("time");
        if let Some(AMQPValue::Timestamp(seconds)) = self.value("time") {
            return i64::try_from(*seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0)).ok_or(invalid);
        }
        DateTime::parse_from_rfc3339(&self.required("time")?).map(|time| time.to_utc()).map_err(|_| invalid)
    }

    fn value(&self, name: &str) -> Option<&AMQPValue> {
        let table = self.0.inner();
        table.get(format!("cloudEvents_{name}").as_str()).or_else(|| table.get(format!("cloudEvents:{name}").as_str()))
    }
}

/// A header value as text, whichever of its forms it has.
pub(crate) fn text_of(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok().map(str::to_owned),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        AMQPValue::ByteArray(bytes) => std::str::from_utf8(bytes.as_slice()).ok().map(str::to_owned),
        AMQPValue::LongLongInt(number) => Some(number.to_string()),
        AMQPValue::LongInt(number) => Some(number.to_string()),
        AMQPValue::LongUInt(number) => Some(number.to_string()),
        AMQPValue::ShortInt(number) => Some(number.to_string()),
        AMQPValue::ShortUInt(number) => Some(number.to_string()),
        AMQPValue::ShortShortInt(number) => Some(number.to_string()),
        AMQPValue::ShortShortUInt(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The text under `name`.
pub(crate) fn text(headers: Option<&FieldTable>, name: &str) -> Option<String> {
    headers.and_then(|headers| headers.inner().get(name)).and_then(text_of)
}

/// The count under `name`; 0 when there is none.
pub(crate) fn number(headers: Option<&FieldTable>, name: &str) -> u32 {
    text(headers, name).and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The headers that a republished message keeps: attributes and our own counts. The broker's notes (`x-death`, …) must
/// go, or it sees a dead-letter cycle and drops the message; of a hostile table only what is small and flat is kept.
pub(crate) fn carried(headers: Option<&FieldTable>) -> BTreeMap<ShortString, AMQPValue> {
    headers
        .into_iter()
        .flatten()
        .filter(|(name, value)| {
            let ours = name.as_str().starts_with("cloudEvents") || matches!(name.as_str(), RETRY_COUNT | REDRIVE_COUNT);
            ours && match value {
                AMQPValue::LongString(text) => text.len() <= 1_024,
                AMQPValue::ByteArray(bytes) => bytes.len() <= 1_024,
                AMQPValue::FieldTable(_) | AMQPValue::FieldArray(_) => false,
                _ => true,
            }
        })
        .take(48)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
