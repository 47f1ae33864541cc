//! What fields of requests must hold to. Null counts as absent: the Python SDK sends every optional field as null.

use chrono::{DateTime, Utc};
use domain::money::Paise;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

const ID_LENGTH_MAX: usize = 63;
const AMOUNT_MIN: i64 = 100;
const EXPIRE_AFTER_S: std::ops::RangeInclusive<u32> = 300..=3600;

pub(super) fn json(body: &[u8]) -> Result<Value, &'static str> {
    serde_json::from_slice(body).map_err(|_| "the body is not JSON")
}

pub(super) fn present<'a>(body: &'a Value, pointer: &str) -> Option<&'a Value> {
    body.pointer(pointer).filter(|value| !value.is_null())
}

pub(super) fn text<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer).and_then(Value::as_str)
}

/// Of an order, a refund or a mandate.
pub(super) fn merchant_id(body: &Value, pointer: &'static str) -> Result<String, &'static str> {
    text(body, pointer).filter(|id| is_merchant_id(id)).map(str::to_owned).ok_or(pointer)
}

fn is_merchant_id(id: &str) -> bool {
    (1..=ID_LENGTH_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// A JSON integer, of at least ₹1.
pub(super) fn amount(body: &Value, pointer: &'static str) -> Result<Paise, &'static str> {
    body.pointer(pointer).and_then(Value::as_i64).filter(|amount| *amount >= AMOUNT_MIN).map(Paise::new).ok_or(pointer)
}

/// One of the values of an enumeration.
pub(super) fn one_of<'a, T: Deserialize<'a>>(body: &'a Value, pointer: &'static str) -> Result<T, &'static str> {
    T::deserialize(body.pointer(pointer).unwrap_or(&Value::Null)).map_err(|_| pointer)
}

/// An instant in epoch milliseconds that is still to come.
pub(super) fn instant(body: &Value, pointer: &'static str, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, &'static str> {
    let Some(value) = present(body, pointer) else { return Ok(None) };
    let at = value.as_i64().and_then(DateTime::from_timestamp_millis).filter(|at| *at > now).ok_or(pointer)?;
    Ok(Some(at))
}

pub(super) fn web_url(body: &Value, pointer: &'static str) -> Result<String, &'static str> {
    text(body, pointer).filter(|url| is_web_url(url)).map(str::to_owned).ok_or(pointer)
}

fn is_web_url(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

pub(super) fn expire_after(body: &Value) -> Result<Option<u32>, &'static str> {
    let Some(value) = present(body, "/expireAfter") else { return Ok(None) };
    let seconds = value.as_u64().and_then(|seconds| u32::try_from(seconds).ok()).filter(|seconds| EXPIRE_AFTER_S.contains(seconds));
    seconds.map(Some).ok_or("expireAfter is not within 300 and 3600 s")
}

/// `udf1` to `udf10` are free text of 256 characters, `udf11` to `udf15` are 50 characters of a narrow set.
pub(super) fn meta_info(body: &Value) -> Result<Option<Map<String, Value>>, &'static str> {
    let Some(value) = present(body, "/metaInfo") else { return Ok(None) };
    let fields = value.as_object().ok_or("metaInfo is not an object")?;
    let mut kept = Map::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let number: u8 =
            name.strip_prefix("udf").and_then(|number| number.parse().ok()).ok_or("metaInfo has a key other than udf1 to udf15")?;
        let text = value.as_str().ok_or("metaInfo has a value that is no text")?;
        let length = text.chars().count();
        let fits = match number {
            1..=10 => length <= 256,
            11..=15 => length <= 50 && text.chars().all(is_narrow),
            _ => false,
        };
        if !fits {
            return Err("metaInfo has a value beyond its limits");
        }
        kept.insert(name.clone(), value.clone());
    }
    Ok(Some(kept))
}

fn is_narrow(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-@.+ ".contains(character)
}
