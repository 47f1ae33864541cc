//! Verifying a file on its own: no database, no network.

use std::io::Read;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    canonical::{self, CanonicalError, Checksum},
    manifest::{Content, Record},
};
use flate2::read::GzDecoder;
use serde_json::Value;
use service_kit::es256;

use super::{FORMAT, TYPE, key_of, statement};

/// The largest file that is looked at, and the most that a compressed one may hold.
const LARGEST: usize = 1 << 20;

/// The keys that are believed.
#[derive(Debug, Clone, PartialEq)]
pub enum Trust {
    /// Those of a published key set.
    Keys(Value),
    /// The one with this thumbprint, wherever it comes from: a thumbprint is of its key.
    Thumbprint(String),
}

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// What is said about the version.
    pub record: Record,
    /// The thumbprint of the key that signed it.
    pub kid: String,
}

/// Why a file is not believed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is larger than any manifest.
    #[error("larger than any manifest: more than {LARGEST} bytes")]
    TooLarge,
    /// It cannot be read as JSON, or as compressed JSON.
    #[error("not a JSON document: {0}")]
    Unreadable(String),
    /// It holds no signature.
    #[error("not signed: it is no file of an export with signed=true")]
    NotSigned,
    /// It is signed in a way that this build does not know.
    #[error("signed in a way that is not known: {0}")]
    Unknown(&'static str),
    /// The key is not one of those that are believed.
    #[error("signed with the key {0}, which is not one of those to be believed")]
    Untrusted(String),
    /// The signature is of something else.
    #[error("the signature does not match what the file says")]
    BadSignature,
    /// The content is another one than the record's.
    #[error("the content has the checksum {actual}, not {expected}")]
    Content {
        /// What the record says.
        expected: Checksum,
        /// What the bytes give.
        actual: Checksum,
    },
}

impl From<CanonicalError> for VerifyError {
    fn from(error: CanonicalError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<serde_json::Error> for VerifyError {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// The bytes of a file, inflated when it is compressed; never more than a manifest has.
pub fn plain(file: &[u8]) -> Result<Vec<u8>, VerifyError> {
    if file.len() > LARGEST {
        return Err(VerifyError::TooLarge);
    }
    if !file.starts_with(&[0x1f, 0x8b]) {
        return Ok(file.to_vec());
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    GzDecoder::new(file).take(limit).read_to_end(&mut bytes).map_err(|error| VerifyError::Unreadable(error.to_string()))?;
    if bytes.len() > LARGEST { Err(VerifyError::TooLarge) } else { Ok(bytes) }
}

/// The thumbprint of the key that the file says it is signed with, believed or not.
pub fn claimed_key(bytes: &[u8]) -> Option<String> {
    let file = canonical::parse(bytes).ok()?;
    let header = file.get("signature")?.as_str()?.split('.').next()?;
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    Some(header.get("kid")?.as_str()?.to_owned())
}

/// Verifies a signed file.
pub fn verify(bytes: &[u8], trust: &Trust) -> Result<Verified, VerifyError> {
    let file = canonical::parse(bytes)?;
    let member = |name: &str| file.get(name);
    let signature = member("signature").and_then(Value::as_str).ok_or(VerifyError::NotSigned)?;
    if member("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(VerifyError::Unknown("another format"));
    }
    let &[header, "", signature] = signature.split('.').collect::<Vec<_>>().as_slice() else {
        return Err(VerifyError::Unknown("no detached signature"));
    };
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| VerifyError::Unknown("not base64url"));
    let kid = kid_of(&decoded(header)?)?;
    let key = trusted(trust, member("keys").unwrap_or(&Value::Null), &kid).ok_or_else(|| VerifyError::Untrusted(kid.clone()))?;

    // The signature first: nothing else in the file is believed without it.
    let stated = member("record").ok_or(VerifyError::NotSigned)?;
    let record: Record = serde_json::from_value(stated.clone())?;
    let digest = Checksum::of(&canonical::value_to_bytes(stated)?);
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(statement(&record, digest)));
    if !es256::verifies(&key, input.as_bytes(), &decoded(signature)?) {
        return Err(VerifyError::BadSignature);
    }
    let content = member("content").ok_or(VerifyError::NotSigned)?;
    let actual = Checksum::of(&canonical::value_to_bytes(content)?);
    if actual != record.checksum {
        return Err(VerifyError::Content { expected: record.checksum, actual });
    }
    serde_json::from_value::<Content>(content.clone())?;
    Ok(Verified { record, kid })
}

fn kid_of(header: &[u8]) -> Result<String, VerifyError> {
    let header = canonical::parse(header)?;
    let text = |member: &str| header.get(member).and_then(Value::as_str);
    // Anything more could change what the signature means.
    let members = header.as_object().map_or(0, serde_json::Map::len);
    if text("alg") != Some("ES256") || text("typ") != Some(TYPE) || members != 3 {
        return Err(VerifyError::Unknown("another header"));
    }
    text("kid").map(ToOwned::to_owned).ok_or(VerifyError::Unknown("no key is named"))
}

fn trusted(trust: &Trust, brought: &Value, kid: &str) -> Option<Value> {
    match trust {
        Trust::Keys(keys) => key_of(keys, kid).cloned(),
        Trust::Thumbprint(print) => {
            let key = key_of(brought, kid).filter(|_| print == kid)?;
            (es256::thumbprint(key).as_deref() == Some(print)).then(|| key.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;
    use crate::{
        signing::{keys::SigningKey, sign},
        tiers::document_tests::stored,
    };

    fn key() -> SigningKey {
        let es256::NewKey { pkcs8, kid, public_jwk } = es256::generate().unwrap();
        SigningKey { kid, pkcs8, public_jwk }
    }

    fn signed(key: &SigningKey) -> String {
        let stored = stored(1, 3, br#"{"company":{"name":"Acme"},"schema_version":"1"}"#);
        String::from_utf8(sign(key, &stored.record, &stored.content).unwrap()).unwrap()
    }

    fn keys(key: &SigningKey) -> Trust {
        Trust::Keys(json!({ "keys": [key.public_jwk] }))
    }

    #[test]
    fn a_signed_file_verifies_with_the_published_keys_or_the_thumbprint_and_compressed_too() {
        let key = key();
        let file = signed(&key);
        for trust in [keys(&key), Trust::Thumbprint(key.kid.clone())] {
            let verified = verify(file.as_bytes(), &trust).unwrap();
            assert_eq!((verified.record.sequence, &verified.kid), (3, &key.kid));
        }
        assert!(file.contains(r#""content":{"company":{"name":"Acme"},"schema_version":"1"}"#), "the exact bytes");
        assert_eq!(claimed_key(file.as_bytes()), Some(key.kid));
        let gzip = |bytes: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(plain(&gzip(file.as_bytes())).unwrap(), file.as_bytes());
        assert!(matches!(plain(&gzip(&vec![b' '; 2 * LARGEST])), Err(VerifyError::TooLarge)));
    }

    #[test]
    fn spacing_and_order_do_not_matter_and_any_other_change_does() {
        let key = key();
        let value: Value = serde_json::from_str(&signed(&key)).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        assert!(verify(pretty.as_bytes(), &keys(&key)).is_ok());
        let changed = |pointer: &str, to: Value| {
            let mut value = value.clone();
            *value.pointer_mut(pointer).unwrap() = to;
            verify(value.to_string().as_bytes(), &keys(&key)).unwrap_err()
        };
        assert!(matches!(changed("/content/company/name", json!("Acne")), VerifyError::Content { .. }));
        for (pointer, to) in [
            ("/record/version", json!("1.0.1")),
            ("/record/sequence", json!(4)),
            ("/record/workspace_id", json!("00000000-0000-0000-0000-000000000002")),
            ("/record/checksum", json!("0".repeat(64))),
            ("/record/generated_at", json!("2026-11-26T10:00:00Z")),
            ("/record/reason", json!("rollback")),
        ] {
            assert!(matches!(changed(pointer, to), VerifyError::BadSignature), "{pointer}");
        }
        assert!(matches!(changed("/format", json!("other")), VerifyError::Unknown(_)));
        assert!(matches!(changed("/signature", json!("a.b.c")), VerifyError::Unknown(_)));
    }

    #[test]
    fn a_missing_signature_is_a_failure_and_so_is_another_key() {
        let (own, foreign) = (key(), key());
        let file = signed(&foreign);
        assert!(matches!(verify(file.as_bytes(), &keys(&own)), Err(VerifyError::Untrusted(_))));
        assert!(matches!(verify(file.as_bytes(), &Trust::Thumbprint(own.kid.clone())), Err(VerifyError::Untrusted(_))));
        let mut value: Value = serde_json::from_str(&file).unwrap();
        // A foreign key under the name of ours.
        value["keys"]["keys"][0]["kid"] = json!(own.kid);
        assert!(verify(value.to_string().as_bytes(), &Trust::Thumbprint(own.kid.clone())).is_err());
        value.as_object_mut().unwrap().remove("signature");
        assert!(matches!(verify(value.to_string().as_bytes(), &keys(&foreign)), Err(VerifyError::NotSigned)));
        assert!(matches!(verify(br#"{"company":{"name":"Acme"}}"#, &keys(&own)), Err(VerifyError::NotSigned)));
        assert!(matches!(verify(b"{", &keys(&own)), Err(VerifyError::Unreadable(_))));
        let twice = file.replacen(r#"{"format""#, r#"{"content":{},"format""#, 1);
        assert!(matches!(verify(twice.as_bytes(), &keys(&foreign)), Err(VerifyError::Unreadable(_))), "a key that comes twice");
    }

    #[test]
    fn a_header_that_says_more_or_something_else_is_refused() {
        let key = key();
        let file = signed(&key);
        for header in [
            json!({"alg": "none", "kid": key.kid, "typ": TYPE}),
            json!({"alg": "HS256", "kid": key.kid, "typ": TYPE}),
            json!({"alg": "ES256", "kid": key.kid}),
            json!({"alg": "ES256", "kid": key.kid, "typ": TYPE, "b64": false}),
        ] {
            let mut value: Value = serde_json::from_str(&file).unwrap();
            let signature = value["signature"].as_str().unwrap().split("..").nth(1).unwrap().to_owned();
            value["signature"] = json!(format!("{}..{signature}", URL_SAFE_NO_PAD.encode(header.to_string())));
            assert!(matches!(verify(value.to_string().as_bytes(), &keys(&key)), Err(VerifyError::Unknown(_))), "{header}");
        }
    }
}
