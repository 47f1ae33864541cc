//! Who may send webhooks: the header is the SHA-256 of `username:password`.
//!
//! It is a constant secret that does not cover the body. It therefore admits a hint to look, and proves nothing.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const SHORTEST_PASSWORD: usize = 8;

/// The digests that are accepted; several while credentials are rotated.
#[derive(Clone)]
pub struct WebhookCredentials(Vec<String>);

/// Why webhook credentials cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsProblem {
    /// Fail closed: without credentials nobody could be told apart.
    #[error("no user name or no password is set")]
    Missing,
    /// The lists do not pair up.
    #[error("there must be one user name, or as many user names as passwords")]
    Unpaired,
    /// PhonePe's own rule, with its lower bound.
    #[error("a password needs at least {SHORTEST_PASSWORD} characters with letters and digits")]
    Weak,
}

impl WebhookCredentials {
    /// Reads comma-separated user names and passwords.
    ///
    /// # Errors
    /// When there is none, the lists do not pair up, or a password is weak.
    pub fn parse(usernames: &str, passwords: &SecretString) -> Result<Self, CredentialsProblem> {
        let list = |text: &str| text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let (usernames, passwords) = (list(usernames), list(passwords.expose_secret()));
        let usernames: Vec<&String> = match usernames.as_slice() {
            [] => return Err(CredentialsProblem::Missing),
            _ if passwords.is_empty() => return Err(CredentialsProblem::Missing),
            [only] => vec![only; passwords.len()],
            several if several.len() == passwords.len() => several.iter().collect(),
            _ => return Err(CredentialsProblem::Unpaired),
        };
        let strong = |password: &String| {
            password.len() >= SHORTEST_PASSWORD
                && password.bytes().any(|b| b.is_ascii_alphabetic())
                && password.bytes().any(|b| b.is_ascii_digit())
        };
        if !passwords.iter().all(strong) {
            return Err(CredentialsProblem::Weak);
        }
        Ok(Self(usernames.into_iter().zip(&passwords).map(|(username, password)| digest(username, password)).collect()))
    }

    /// Whether an `Authorization` header carries accepted credentials. Every credential is compared, in constant time.
    ///
    /// PhonePe sends the bare lower-case hex; the notation of its documents (`SHA256 <hex>`, `SHA256(<hex>)`) and upper
    /// case carry the same secret and are taken as well.
    pub fn accept(&self, header: &[u8]) -> bool {
        let given = bare(header).to_ascii_lowercase();
        let matches = self.0.iter().map(|known| known.as_bytes().ct_eq(&given));
        matches.fold(subtle::Choice::from(0), |any, one| any | one).into()
    }
}

/// Digests are as good as passwords here.
impl std::fmt::Debug for WebhookCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("WebhookCredentials").field(&self.0.len()).finish()
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
        WebhookCredentials::parse(usernames, &passwords.to_owned().into())
    }

    /// Computed with PhonePe's SDK.
    const GOLDEN: (&str, &str, &str) = ("merchant_01", "Passw0rd123", "ea04d79108d96621a8459f3f35be4eb072583eaad453d7d946c0308946023a43");

    #[test]
    fn the_header_is_the_one_of_phonepes_own_sdks() {
        assert_eq!(hex::encode(Sha256::digest("username:password")), "bc842c31a9e54efe320d30d948be61291f3ceee4766e36ab25fa65243cd76e0e");
        let (username, password, header) = GOLDEN;
        assert!(credentials(username, password).unwrap().accept(header.as_bytes()));
    }

    #[test]
    fn the_notations_of_the_documents_carry_the_same_secret() {
        let (username, password, header) = GOLDEN;
        let known = credentials(username, password).unwrap();
        for form in [header.to_uppercase(), format!("SHA256 {header}"), format!("SHA256({header})"), format!("sha256({header})")] {
            assert!(known.accept(form.as_bytes()), "{form}");
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
            assert!(!known.accept(form.as_bytes()), "{form}");
        }
    }

    #[test]
    fn old_and_new_credentials_are_accepted_during_a_rotation() {
        let both = credentials("merchant_01", "Passw0rd123, N3wPassword").unwrap();
        for password in ["Passw0rd123", "N3wPassword"] {
            assert!(both.accept(hex::encode(Sha256::digest(format!("merchant_01:{password}"))).as_bytes()));
        }
    }

    #[test]
    fn unusable_credentials_are_named() {
        assert_eq!(credentials("", "Passw0rd123").unwrap_err(), CredentialsProblem::Missing);
        assert_eq!(credentials("groundwork", "").unwrap_err(), CredentialsProblem::Missing);
        assert_eq!(credentials("a,b", "Passw0rd1,Passw0rd2,Passw0rd3").unwrap_err(), CredentialsProblem::Unpaired);
        assert_eq!(credentials("groundwork", "short1").unwrap_err(), CredentialsProblem::Weak);
        assert_eq!(credentials("groundwork", "onlyletters").unwrap_err(), CredentialsProblem::Weak);
    }
}
