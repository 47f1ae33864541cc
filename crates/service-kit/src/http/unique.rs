//! JSON of any shape in which no name comes twice. Of two members with one name `serde_json` keeps the last without a word, which
//! another reader of the same bytes may not.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// A JSON value; a name that comes twice in one of its objects is an error with the pointer of that member.
#[derive(Debug, Clone, PartialEq)]
pub struct UniqueJson(pub Value);

impl<'de> Deserialize<'de> for UniqueJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Self)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
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

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut given: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(UniqueJson(item)) = given.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = given.next_key::<String>()? {
            if members.contains_key(&name) {
                given.next_value_seed(Twice)?;
            }
            let UniqueJson(value) = given.next_value()?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

/// Fails where the second value stands, so that the error has its pointer.
struct Twice;

impl<'de> DeserializeSeed<'de> for Twice {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, _: D) -> Result<(), D::Error> {
        Err(D::Error::custom("this name comes twice"))
    }
}

#[cfg(test)]
mod tests {
    use domain::ErrorCode;

    use super::*;
    use crate::http::parse_json;

    #[test]
    fn any_value_is_read_as_serde_json_reads_it() {
        let text = r#"{"a":[null,true,-1,18446744073709551615,0.1,1e3,"é"],"b":{"c":{}},"":"x"}"#;
        assert_eq!(parse_json::<UniqueJson>(text.as_bytes()).unwrap().0, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_name_that_comes_twice_is_refused_where_it_stands() {
        let refused = parse_json::<UniqueJson>(br#"{"a":[{"b":1,"c/d":2,"c/d":2}]}"#).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::ValidationFailed);
        assert!(format!("{refused:?}").contains(r#"pointer: "/a/0/c~1d""#), "{refused:?}");
    }
}
