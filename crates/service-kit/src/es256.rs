//! Key pairs for ES256 (ECDSA on P-256 with SHA-256), as JSON Web Keys and Signatures have them.

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A key cannot be made, read or used; the text holds no part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(String);

/// A key pair that was just made.
pub struct NewKey {
    /// The private key as PKCS #8.
    pub pkcs8: Vec<u8>,
    /// The RFC 7638 thumbprint of the public key, which names the pair.
    pub kid: String,
    /// The public key as a JWK.
    pub public_jwk: Value,
}

/// Makes a key pair.
///
/// # Errors
/// When the system has no random bytes.
pub fn generate() -> Result<NewKey, KeyError> {
    let refused = |_| KeyError("a signing key could not be made".into());
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).map_err(refused)?;
    let (kid, public_jwk) = public_jwk(pair(pkcs8.as_ref())?.public_key().as_ref())?;
    Ok(NewKey { pkcs8: pkcs8.as_ref().to_vec(), kid, public_jwk })
}

/// Signs bytes: the 64 bytes of `r` and `s`.
///
/// # Errors
/// When the private key cannot be read.
pub fn sign(pkcs8: &[u8], message: &[u8]) -> Result<Vec<u8>, KeyError> {
    let signature = pair(pkcs8)?.sign(&SystemRandom::new(), message);
    signature.map(|signature| signature.as_ref().to_vec()).map_err(|_| KeyError("the signing key could not sign".into()))
}

/// Whether the signature of these bytes is by the private half of this JWK.
pub fn verifies(jwk: &Value, message: &[u8], signature: &[u8]) -> bool {
    point(jwk).is_some_and(|point| UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok())
}

/// The RFC 7638 thumbprint of a JWK, whatever it calls itself; `None` when it is not a key on P-256.
pub fn thumbprint(jwk: &Value) -> Option<String> {
    public_jwk(&point(jwk)?).ok().map(|(kid, _)| kid)
}

fn pair(pkcs8: &[u8]) -> Result<EcdsaKeyPair, KeyError> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
        .map_err(|error| KeyError(format!("the signing key cannot be read: {error}")))
}

/// `0x04 ‖ x ‖ y`.
fn point(jwk: &Value) -> Option<Vec<u8>> {
    let text = |member: &str| jwk.get(member).and_then(Value::as_str);
    let coordinate = |member: &str| URL_SAFE_NO_PAD.decode(text(member)?).ok().filter(|bytes| bytes.len() == 32);
    let on_p256 = text("kty") == Some("EC") && text("crv") == Some("P-256");
    on_p256.then(|| Some([&[4][..], &coordinate("x")?, &coordinate("y")?].concat()))?
}

/// The public key as a JWK, named by its RFC 7638 thumbprint. `point` is uncompressed: `0x04 ‖ x ‖ y`.
fn public_jwk(point: &[u8]) -> Result<(String, Value), KeyError> {
    let coordinates = point.strip_prefix(&[4]).filter(|rest| rest.len() == 64);
    let (x, y) = coordinates.and_then(|rest| rest.split_at_checked(32)).ok_or_else(|| KeyError("not a point of P-256".into()))?;
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    let kid = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256", "use": "sig", "key_ops": ["verify"], "kid": kid});
    Ok((kid, jwk))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7638 fixes members and their order; the value was computed with another implementation.
    #[test]
    fn a_key_is_named_by_its_thumbprint() {
        let point: Vec<u8> = std::iter::once(4).chain(std::iter::repeat_n(1, 32)).chain(std::iter::repeat_n(2, 32)).collect();
        let (kid, jwk) = public_jwk(&point).unwrap();
        assert_eq!(kid, "kOFKxjJdOqJD5G4Yuw-cxHe64VGyxKEO_hoV83QfGj0");
        assert_eq!(jwk["x"], "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE");
        assert_eq!(thumbprint(&jwk), Some(kid));
        assert!(public_jwk(&point[1..]).is_err());
    }

    #[test]
    fn a_signature_is_of_its_key_and_its_bytes() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        let signature = sign(&one.pkcs8, b"message").unwrap();
        assert_eq!(signature.len(), 64);
        assert!(verifies(&one.public_jwk, b"message", &signature));
        assert!(!verifies(&one.public_jwk, b"messagf", &signature));
        assert!(!verifies(&other.public_jwk, b"message", &signature));
        assert!(!verifies(&one.public_jwk, b"message", &signature[..63]));
        assert!(!verifies(&json!({"kty": "RSA"}), b"message", &signature));
    }
}
