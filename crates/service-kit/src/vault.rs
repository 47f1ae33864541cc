//! Secrets of ours at rest: encrypted with AES-256-GCM under the operator's secret and bound to their names, or as they
//! are where the operator gave none.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf,
};

/// First byte of what is stored: the secret as it is, or nonce and ciphertext.
const PLAIN: u8 = 0;
const SEALED: u8 = 1;

/// A kind of secret. Each has a key of its own, derived from the operator's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// What messages call it: `signing key`.
    pub name: &'static str,
    /// Separates its key from those of other kinds. Never to be changed.
    pub salt: &'static str,
    /// The setting that holds the operator's secret.
    pub setting: &'static str,
}

/// A secret cannot be kept or read; the text is for operators and holds no part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct VaultError(String);

/// Encrypts and decrypts the secrets of one kind.
pub struct Vault {
    kind: Kind,
    key: Option<RandomizedNonceKey>,
}

impl Vault {
    /// A vault by the operator's secret, which may be empty.
    ///
    /// # Errors
    /// When the key cannot be derived.
    pub fn new(kind: Kind, secret: &str) -> anyhow::Result<Self> {
        if secret.is_empty() {
            return Ok(Self { kind, key: None });
        }
        let refused = |_| anyhow::anyhow!("the key-encryption secret cannot be used");
        let mut key = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, kind.salt.as_bytes())
            .extract(secret.as_bytes())
            .expand(&[b"aes-256-gcm"], &AES_256_GCM)
            .and_then(|okm| okm.fill(&mut key))
            .map_err(refused)?;
        Ok(Self { kind, key: Some(RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(refused)?) })
    }

    /// What to store of the secret called `name`.
    ///
    /// # Errors
    /// When it cannot be encrypted.
    pub fn close(&self, name: &str, secret: &[u8]) -> Result<Vec<u8>, VaultError> {
        let Some(key) = &self.key else { return Ok([&[PLAIN], secret].concat()) };
        let mut sealed = secret.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed)
            .map_err(|_| VaultError(format!("a {} could not be encrypted", self.kind.name)))?;
        Ok([&[SEALED], nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// The secret called `name`, from what was stored.
    ///
    /// # Errors
    /// When it was encrypted with another secret, under another name, or as another kind.
    pub fn open(&self, name: &str, stored: &[u8]) -> Result<Vec<u8>, VaultError> {
        let Kind { name: kind, setting, .. } = self.kind;
        match (stored.split_first(), &self.key) {
            (Some((&PLAIN, secret)), _) => Ok(secret.to_vec()),
            (Some((&SEALED, sealed)), Some(key)) => decrypt(key, name, sealed)
                .ok_or_else(|| VaultError(format!("{kind} {name} cannot be decrypted: {setting} is not the one it was encrypted with"))),
            (Some((&SEALED, _)), None) => Err(VaultError(format!("{kind} {name} is encrypted; set {setting}"))),
            _ => Err(VaultError(format!("{kind} {name} has an unknown form"))),
        }
    }
}

fn decrypt(key: &RandomizedNonceKey, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut bytes = sealed.to_vec();
    Some(key.open_in_place(nonce, Aad::from(name.as_bytes()), &mut bytes).ok()?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Kind = Kind { name: "signing key", salt: "signing key at rest", setting: "secret" };
    const FACTOR: Kind = Kind { name: "factor", salt: "factor at rest", setting: "secret" };
    const SECRET: &str = "an operator's secret of many bytes";

    #[test]
    fn a_sealed_secret_opens_only_with_the_same_secret_name_and_kind() {
        let vault = Vault::new(KEY, SECRET).unwrap();
        let sealed = vault.close("a", b"private").unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"private"));
        assert_eq!(vault.open("a", &sealed).unwrap(), b"private");
        assert!(vault.open("b", &sealed).is_err());
        assert!(Vault::new(KEY, "another secret").unwrap().open("a", &sealed).is_err());
        assert!(Vault::new(FACTOR, SECRET).unwrap().open("a", &sealed).is_err());
        assert!(Vault::new(KEY, "").unwrap().open("a", &sealed).is_err());
    }

    #[test]
    fn what_was_stored_before_a_secret_was_given_opens_with_one_too() {
        let stored = Vault::new(FACTOR, "").unwrap().close("a", b"shared").unwrap();
        assert_eq!(Vault::new(FACTOR, SECRET).unwrap().open("a", &stored).unwrap(), b"shared");
    }
}
