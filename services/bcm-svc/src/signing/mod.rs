//! Signed exports: a file that says which version of whose manifest it is, verifiable without a network (ADR 26).
//!
//! The signature is a detached JWS (RFC 7515, appendix F) with ES256. What it signs is not the file but a [`statement`] of
//! its digests, which whoever verifies writes down again from the file.

pub mod keys;
pub mod verify;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    canonical::{self, CanonicalError, Checksum},
    manifest::Record,
};
use serde_json::{Value, json};
use service_kit::es256::{self, KeyError};

use self::keys::SigningKey;

/// What `format` of a signed file says.
pub const FORMAT: &str = "groundwork-signed-manifest-1";

/// The media type in the signature's header.
const TYPE: &str = "groundwork-manifest+jws";

/// Why a file cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The record has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// What is signed: whose manifest, which version, which content, and all that is said about it.
fn statement(record: &Record, record_digest: Checksum) -> String {
    format!(
        "groundwork manifest 1\nworkspace {}\nsequence {}\nversion {}\ncontent sha256:{}\nrecord sha256:{record_digest}\n",
        record.workspace_id, record.sequence, record.version, record.checksum
    )
}

/// The signed file of a version, whose content it holds in its exact bytes.
pub fn sign(key: &SigningKey, record: &Record, content: &[u8]) -> Result<Vec<u8>, SignError> {
    let record_bytes = canonical::to_bytes(record)?;
    let statement = statement(record, Checksum::of(&record_bytes));
    let header = URL_SAFE_NO_PAD.encode(json!({ "alg": "ES256", "kid": key.kid, "typ": TYPE }).to_string());
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(&statement));
    let signature = URL_SAFE_NO_PAD.encode(es256::sign(&key.pkcs8, input.as_bytes())?);
    let keys = json!({ "keys": [key.public_jwk] });
    let before = format!(r#"{{"format":"{FORMAT}","signature":"{header}..{signature}","keys":{keys},"record":"#);
    Ok([before.as_bytes(), &record_bytes, br#","content":"#, content, b"}\n"].concat())
}

/// A key of a key set, by its name.
fn key_of<'a>(keys: &'a Value, kid: &str) -> Option<&'a Value> {
    keys.get("keys")?.as_array()?.iter().find(|key| key.get("kid").and_then(Value::as_str) == Some(kid))
}
