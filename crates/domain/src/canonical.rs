//! The canonical form of a JSON document (RFC 8785) and its checksum: one definition for store, cache,
//! API, export and verification.
//!
//! RFC 8785 prints numbers as IEEE doubles, so two different integers beyond 2^53 − 1 would share one
//! text and one checksum. Such numbers are refused on the way in and on the way out.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

/// The largest magnitude a number may have: 2^53 − 1.
pub const MAX_INTEGER: i64 = 9_007_199_254_740_991;

/// Why a document has no canonical form, or is not one that may be read.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// A number is beyond ±(2^53 − 1) or is not finite.
    #[error("the number {0} is beyond 2^53 - 1 and cannot be written exactly")]
    NumberTooLarge(String),
    /// The bytes are not JSON, an object names a key twice, or a value cannot be written as JSON.
    #[error("not an acceptable JSON document: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// The canonical bytes of a value.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    // Canonicalising first refuses NaN and infinities, which a `Value` would silently hold as null.
    let bytes = canonicalise(value)?;
    refuse_large_numbers(&serde_json::to_value(value)?)?;
    Ok(bytes)
}

/// The canonical bytes of a value that is already a JSON tree.
pub fn value_to_bytes(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    refuse_large_numbers(value)?;
    canonicalise(value)
}

/// Reads a JSON document, refusing duplicate keys and numbers beyond 2^53 − 1.
pub fn parse(bytes: &[u8]) -> Result<Value, CanonicalError> {
    let Strict(value) = serde_json::from_slice(bytes)?;
    refuse_large_numbers(&value)?;
    Ok(value)
}

fn canonicalise<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    Ok(serde_json_canonicalizer::to_vec(&value)?)
}

fn refuse_large_numbers(value: &Value) -> Result<(), CanonicalError> {
    match value {
        Value::Number(number) if !is_exact(number) => Err(CanonicalError::NumberTooLarge(number.to_string())),
        Value::Array(items) => items.iter().try_for_each(refuse_large_numbers),
        Value::Object(members) => members.values().try_for_each(refuse_large_numbers),
        _ => Ok(()),
    }
}

fn is_exact(number: &Number) -> bool {
    if let Some(signed) = number.as_i64() {
        (-MAX_INTEGER..=MAX_INTEGER).contains(&signed)
    } else {
        // An unsigned number that is no i64, or a double: every double from 2^53 on is a whole number.
        !number.is_u64() && number.as_f64().is_some_and(|double| double.abs() < 9_007_199_254_740_992.0)
    }
}

/// The SHA-256 of canonical bytes, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum([u8; 32]);

impl Checksum {
    /// The checksum of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A checksum from its 32 raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether these bytes have this checksum.
    #[must_use]
    pub fn verifies(&self, bytes: &[u8]) -> bool {
        Self::of(bytes) == *self
    }
}

/// The text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a checksum is 64 lower-case hexadecimal digits")]
pub struct InvalidChecksum;

impl FromStr for Checksum {
    type Err = InvalidChecksum;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(InvalidChecksum);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidChecksum)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({self})")
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Checksum {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Checksum".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "SHA-256 of RFC 8785 bytes, 64 lower-case hexadecimal digits.",
        })
    }
}

/// A JSON tree whose objects name each key once.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let Strict(member) = access.next_value()?;
            if members.contains_key(&key) {
                return Err(de::Error::custom(format!("the key \"{key}\" comes twice")));
            }
            members.insert(key, member);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests;
