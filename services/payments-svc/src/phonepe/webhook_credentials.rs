//! Who may send webhooks: whoever knows the SHA-256 of `username:password`, or signs the body with a shared secret.
//!
//! The first is a constant that does not cover the body: it admits a hint to look, and proves nothing. The second covers the
//! body, but neither time nor order.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

const SHORTEST_PASSWORD: usize = 8;
/// A shorter one can be guessed.
const SHORTEST_SECRET: usize = 16;

/// The digests and secrets that are accepted; several while they are rotated.
#[derive(Clone)]
pub struct WebhookCredentials {
    digests: Vec<String>,
    secrets: Vec<SecretString>,
}

/// What a webhook shows of who sent it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Proof<'a> {
    /// The header `Authorization`.
    pub authorization: Option<&'a [u8]>,
    /// The header of the signature: the body's HMAC-SHA256 in hex.
    pub signature: Option<&'a [u8]>,
}

/// Why webhook credentials cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsProblem {
    /// Fail closed: without credentials nobody could be told apart.
    #[error("neither a user name and a password nor a secret is set")]
    Missing,
    /// The lists do not pair up.
    #[error("there must be one user name, or as many user names as passwords")]
    Unpaired,
    /// PhonePe's own rule, with its lower bound.
    #[error("a password needs at least {SHORTEST_PASSWORD} characters with letters and digits")]
    WeakPassword,
    /// Of a signature.
    #[error("a secret needs at least {SHORTEST_SECRET} characters")]
    WeakSecret,
}

impl CredentialsProblem {
    /// The setting to change, below `phonepe`.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Missing | Self::Unpaired | Self::WeakPassword => "webhook_password",
            Self::WeakSecret => "webhook_secret",
        }
    }
}

fn list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
}

impl WebhookCredentials {
    /// Reads comma-separated user names, passwords, and secrets of signatures.
    ///
    /// # Errors
    /// When there is nothing, user names and passwords do not pair up, or one of them is weak.
    pub fn parse(usernames: &str, passwords: &SecretString, secrets: &SecretString) -> Result<Self, CredentialsProblem> {
        let (usernames, passwords, secrets) = (list(usernames), list(passwords.expose_secret()), list(secrets.expose_secret()));
        let usernames = match usernames.as_slice() {
            _ if passwords.is_empty() && !secrets.is_empty() => Vec::new(),
            [] => return Err(CredentialsProblem::Missing),
            _ if passwords.is_empty() => return Err(CredentialsProblem::Missing),
            [only] => vec![*only; passwords.len()],
            several if several.len() == passwords.len() => several.to_vec(),
            _ => return Err(CredentialsProblem::Unpaired),
        };
        let strong = |password: &&str| {
            password.len() >= SHORTEST_PASSWORD
                && password.bytes().any(|b| b.is_ascii_alphabetic())
                && password.bytes().any(|b| b.is_ascii_digit())
        };
        if !passwords.iter().all(strong) {
            return Err(CredentialsProblem::WeakPassword);
        }
        if secrets.iter().any(|secret| secret.len() < SHORTEST_SECRET) {
            return Err(CredentialsProblem::WeakSecret);
        }
        Ok(Self {
            digests: usernames.into_iter().zip(passwords).map(|(username, password)| digest(username, password)).collect(),
            secrets: secrets.into_iter().map(SecretString::from).collect(),
        })
    }

    /// Whether a webhook comes from somebody who may send them. Every credential is compared, in constant time.
    ///
    /// Where secrets are set, a signature decides alone: a body that was altered is not saved by a header that does not cover it.
    pub fn accept(&self, proof: Proof<'_>, body: &[u8]) -> bool {
        match proof.signature {
            Some(signature) if !self.secrets.is_empty() => self.signed(signature, body),
            _ => proof.authorization.is_some_and(|header| self.known(header)),
        }
    }

    /// PhonePe sends the bare lower-case hex; the notation of its documents (`SHA256 <hex>`, `SHA256(<hex>)`) and upper
    /// case carry the same secret and are taken as well.
    fn known(&self, header: &[u8]) -> bool {
        let given = bare(header).to_ascii_lowercase();
        let matches = self.digests.iter().map(|known| known.as_bytes().ct_eq(&given));
        matches.fold(Choice::from(0), |any, one| any | one).into()
    }

    fn signed(&self, signature: &[u8], body: &[u8]) -> bool {
        let Ok(given) = hex::decode(signature) else { return false };
        let matches = self.secrets.iter().map(|secret| {
            let of_body = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).map(|mac| mac.chain_update(body).finalize());
            of_body.map_or(Choice::from(0), |of_body| of_body.as_bytes().ct_eq(&given))
        });
        matches.fold(Choice::from(0), |any, one| any | one).into()
    }
}

/// Digests are as good as passwords here.
impl std::fmt::Debug for WebhookCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (digests, secrets) = (self.digests.len(), self.secrets.len());
        f.debug_struct("WebhookCredentials").field("digests", &digests).field("secrets", &secrets).finish()
    }
}

fn digest(username: &str, password: &str) -> String {
    hex::encode(Sha256::digest(format!("{username}:{password}")))
}

fn bare(header: &[u8]) -> &[u8] {
    let rest = match header.get(..6) {
        Some(word) if word.eq_ignore_ascii_case(b"sha256") => header.get(6..).unwrap_or_default(),
        _ => return header,
    };
    match rest {
        [b'(', hex @ .., b')'] | [b' ', hex @ ..] => hex,
        _ => header,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(usernames: &str, passwords: &str) -> Result<WebhookCredentials, CredentialsProblem> {
        with_secrets(usernames, passwords, "")
    }

    fn with_secrets(usernames: &str, passwords: &str, secrets: &str) -> Result<WebhookCredentials, CredentialsProblem> {
        WebhookCredentials::parse(usernames, &passwords.to_owned().into(), &secrets.to_owned().into())
    }

    fn authorized(header: &[u8]) -> Proof<'_> {
        Proof { authorization: Some(header), signature: None }
    }

    fn signed(signature: &str) -> Proof<'_> {
        Proof { authorization: None, signature: Some(signature.as_bytes()) }
    }

    fn hmac(secret: &str, body: &str) -> String {
        hex::encode(Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body).finalize().as_bytes())
    }

    /// Computed with PhonePe's SDK.
    const GOLDEN: (&str, &str, &str) = ("merchant_01", "Passw0rd123", "ea04d79108d96621a8459f3f35be4eb072583eaad453d7d946c0308946023a43");

    #[test]
    fn the_header_is_the_one_of_phonepes_own_sdks() {
        assert_eq!(hex::encode(Sha256::digest("username:password")), "bc842c31a9e54efe320d30d948be61291f3ceee4766e36ab25fa65243cd76e0e");
        let (username, password, header) = GOLDEN;
        assert!(credentials(username, password).unwrap().accept(authorized(header.as_bytes()), b"{}"));
    }

    #[test]
    fn the_notations_of_the_documents_carry_the_same_secret() {
        let (username, password, header) = GOLDEN;
        let known = credentials(username, password).unwrap();
        for form in [header.to_uppercase(), format!("SHA256 {header}"), format!("SHA256({header})"), format!("sha256({header})")] {
            assert!(known.accept(authorized(form.as_bytes()), b"{}"), "{form}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let (username, password, header) = GOLDEN;
        let known = credentials(username, password).unwrap();
        let flipped = header.replacen('e', "f", 1);
        for form in
            ["", "SHA256", "SHA256()", &header[1..], &format!("{header} "), &format!("Basic {header}"), &flipped, "merchant_01:Passw0rd123"]
        {
            assert!(!known.accept(authorized(form.as_bytes()), b"{}"), "{form}");
        }
    }

    /// Merchants with a salt key still get these (facts: *Legacy v1*); we are none.
    #[test]
    fn the_checksums_of_the_api_before_prove_nothing_here() {
        const SALT: &str = "099eb0cd-02cf-4e2a-8aca-3e6c6aff0399";
        const BODY: &str = "eyJtZXJjaGFudElkIjoiUEdURVNUUEFZVUFUIiwibWVyY2hhbnRUcmFuc2FjdGlvbklkIjoiTVQxIiwiYW1vdW50IjoxMDAwMH0=";
        let known = with_secrets("merchant_01", SALT, SALT).unwrap();
        for (of, golden) in [
            (format!("{BODY}/pg/v1/pay"), "7808e5e02536d198705e075aa14441eefd6ac04cd55362ffa0cb4d30bf100e76"),
            ("/pg/v1/status/PGTESTPAYUAT/MT1".to_owned(), "cfbbf7bf0d1ddd2dc4b423a8c04f090f39326bce850e304098906d5cdc228633"),
            (BODY.to_owned(), "76ea303bb2e470145fc9ceb1b920a9da134ea0f91115b5391919f2916be47aa5"),
        ] {
            assert_eq!(hex::encode(Sha256::digest(format!("{of}{SALT}"))), golden);
            for form in [golden.to_owned(), format!("{golden}###1")] {
                assert!(!known.accept(authorized(form.as_bytes()), BODY.as_bytes()), "{form}");
                assert!(!known.accept(signed(&form), BODY.as_bytes()), "{form}");
            }
        }
    }

    #[test]
    fn old_and_new_credentials_are_accepted_during_a_rotation() {
        let both = credentials("merchant_01", "Passw0rd123, N3wPassword").unwrap();
        for password in ["Passw0rd123", "N3wPassword"] {
            assert!(both.accept(authorized(digest("merchant_01", password).as_bytes()), b"{}"));
        }
    }

    const SECRET: &str = "whk_test_secret_of_the_dashboard";
    const BODY: &str = r#"{"event":"checkout.order.completed","payload":{"merchantOrderId":"TX1","state":"COMPLETED","amount":10000}}"#;

    #[test]
    fn the_signature_is_the_one_that_integrators_compute() {
        let of_body = "f324bc4fdd8b6b6897ac5ca38b755cabc1160d3a5ccf2da4470a4a9927c05ff2";
        assert_eq!(hmac("whk_test_secret", BODY), of_body);
    }

    #[test]
    fn a_signature_is_good_for_its_body_and_its_secret_alone() {
        let known = with_secrets("", "", SECRET).unwrap();
        let signature = hmac(SECRET, BODY);
        for form in [signature.clone(), signature.to_uppercase()] {
            assert!(known.accept(signed(&form), BODY.as_bytes()), "{form}");
        }
        assert!(!known.accept(signed(&signature), BODY.replace("10000", "10001").as_bytes()));
        for other in ["", "zz", &signature[2..], &format!("{signature}00"), &hmac("another secret of ours", BODY)] {
            assert!(!known.accept(signed(other), BODY.as_bytes()), "{other}");
        }
        assert!(!known.accept(Proof::default(), BODY.as_bytes()));
    }

    #[test]
    fn old_and_new_secrets_are_accepted_during_a_rotation() {
        let both = with_secrets("", "", &format!("{SECRET}, the_next_one_of_them")).unwrap();
        for secret in [SECRET, "the_next_one_of_them"] {
            assert!(both.accept(signed(&hmac(secret, BODY)), BODY.as_bytes()), "{secret}");
        }
    }

    #[test]
    fn with_both_a_webhook_may_come_either_way_but_a_false_signature_is_never_saved_by_the_header() {
        let (username, password, header) = GOLDEN;
        let both = with_secrets(username, password, SECRET).unwrap();
        assert!(both.accept(authorized(header.as_bytes()), BODY.as_bytes()));
        assert!(both.accept(signed(&hmac(SECRET, BODY)), BODY.as_bytes()));
        let forged = Proof { authorization: Some(header.as_bytes()), signature: Some(b"00") };
        assert!(!both.accept(forged, BODY.as_bytes()));
        // Without secrets nobody can say whether a signature is right.
        assert!(credentials(username, password).unwrap().accept(forged, BODY.as_bytes()));
    }

    #[test]
    fn unusable_credentials_are_named() {
        assert_eq!(credentials("", "Passw0rd123").unwrap_err(), CredentialsProblem::Missing);
        assert_eq!(credentials("groundwork", "").unwrap_err(), CredentialsProblem::Missing);
        assert_eq!(credentials("a,b", "Passw0rd1,Passw0rd2,Passw0rd3").unwrap_err(), CredentialsProblem::Unpaired);
        assert_eq!(credentials("groundwork", "short1").unwrap_err(), CredentialsProblem::WeakPassword);
        assert_eq!(credentials("groundwork", "onlyletters").unwrap_err(), CredentialsProblem::WeakPassword);
        assert_eq!(with_secrets("groundwork", "Passw0rd123", "short").unwrap_err(), CredentialsProblem::WeakSecret);
    }
}
