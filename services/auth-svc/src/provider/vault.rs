//! Secrets of ours at rest: encrypted with AES-256-GCM under the operator's secret and bound to their names, or as they
//! are where the operator gave none.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf,
};

use super::Fault;

/// First byte of what is stored: the secret as it is, or nonce and ciphertext.
const PLAIN: u8 = 0;
const SEALED: u8 = 1;

/// What is kept. Each kind has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    SigningKey,
    Factor,
}

impl Kind {
    const fn salt(self) -> &'static [u8] {
        match self {
            Self::SigningKey => b"groundwork signing key at rest",
            Self::Factor => b"groundwork second factor at rest",
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::SigningKey => "signing key",
            Self::Factor => "second factor",
        }
    }
}

/// Encrypts and decrypts the secrets of one kind.
pub(super) struct Vault {
    kind: Kind,
    key: Option<RandomizedNonceKey>,
}

impl Vault {
    /// A vault by the operator's secret, which may be empty.
    ///
    /// # Errors
    /// When the key cannot be derived.
    pub(super) fn new(kind: Kind, secret: &str) -> anyhow::Result<Self> {
        if secret.is_empty() {
            return Ok(Self { kind, key: None });
        }
        let refused = |_| anyhow::anyhow!("the key-encryption secret cannot be used");
        let mut key = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, kind.salt())
            .extract(secret.as_bytes())
            .expand(&[b"aes-256-gcm"], &AES_256_GCM)
            .and_then(|okm| okm.fill(&mut key))
            .map_err(refused)?;
        Ok(Self { kind, key: Some(RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(refused)?) })
    }

    /// What to store of the secret called `name`.
    pub(super) fn close(&self, name: &str, secret: &[u8]) -> Result<Vec<u8>, Fault> {
        let Some(key) = &self.key else { return Ok([&[PLAIN], secret].concat()) };
        let mut sealed = secret.to_vec();
        let nonce = key
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed)
            .map_err(|_| Fault::Crypto(format!("a {} could not be encrypted", self.kind.as_str())))?;
        Ok([&[SEALED], nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// The secret called `name`, from what was stored.
    pub(super) fn open(&self, name: &str, stored: &[u8]) -> Result<Vec<u8>, Fault> {
        let kind = self.kind.as_str();
        match (stored.split_first(), &self.key) {
            (Some((&PLAIN, secret)), _) => Ok(secret.to_vec()),
            (Some((&SEALED, sealed)), Some(key)) => decrypt(key, name, sealed).ok_or_else(|| {
                let message = "cannot be decrypted: embedded.key_encryption_secret is not the one it was encrypted with";
                Fault::Crypto(format!("{kind} {name} {message}"))
            }),
            (Some((&SEALED, _)), None) => Err(Fault::Crypto(format!("{kind} {name} is encrypted; set embedded.key_encryption_secret"))),
            _ => Err(Fault::Crypto(format!("{kind} {name} has an unknown form"))),
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

    const SECRET: &str = "an operator's secret of many bytes";

    #[test]
    fn a_sealed_secret_opens_only_with_the_same_secret_name_and_kind() {
        let vault = Vault::new(Kind::SigningKey, SECRET).unwrap();
        let sealed = vault.close("a", b"private").unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"private"));
        assert_eq!(vault.open("a", &sealed).unwrap(), b"private");
        assert!(vault.open("b", &sealed).is_err());
        assert!(Vault::new(Kind::SigningKey, "another secret").unwrap().open("a", &sealed).is_err());
        assert!(Vault::new(Kind::Factor, SECRET).unwrap().open("a", &sealed).is_err());
        assert!(Vault::new(Kind::SigningKey, "").unwrap().open("a", &sealed).is_err());
    }

    #[test]
    fn what_was_stored_before_a_secret_was_given_opens_with_one_too() {
        let stored = Vault::new(Kind::Factor, "").unwrap().close("a", b"shared").unwrap();
        assert_eq!(Vault::new(Kind::Factor, SECRET).unwrap().open("a", &stored).unwrap(), b"shared");
    }
}
