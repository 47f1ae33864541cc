//! Passwords: argon2id, on blocking threads, a bounded number at once.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{Fault, breaches::Breaches};

/// Nobody types more; a longer one would only cost memory.
pub const MAX_BYTES: usize = 1024;

/// A new password that may be used.
#[derive(Debug, Clone)]
pub struct NewPassword(SecretString);

/// Why a password may not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnusablePassword {
    /// No password.
    #[error("no password")]
    Missing,
    /// Longer than anybody types.
    #[error("the password is too long")]
    TooLong,
    /// Too short; the least number of characters.
    #[error("the password has fewer than {0} characters")]
    TooShort(usize),
    /// One of the first that anybody tries.
    #[error("the password is a common one")]
    Common,
    /// It was somebody's, and came out.
    #[error("the password is a breached one")]
    Breached,
}

/// Passwords that many people have had, in lower case and in the order of their bytes (OWASP ASVS 6.2.4).
static COMMON: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

fn is_common(password: &str) -> bool {
    COMMON.binary_search(&password.to_lowercase().as_str()).is_ok()
}

impl NewPassword {
    /// Checks a password; `min_length` counts characters.
    ///
    /// # Errors
    /// [`UnusablePassword`].
    pub fn parse(text: &str, min_length: usize) -> Result<Self, UnusablePassword> {
        if text.is_empty() {
            Err(UnusablePassword::Missing)
        } else if text.len() > MAX_BYTES {
            Err(UnusablePassword::TooLong)
        } else if text.chars().count() < min_length {
            Err(UnusablePassword::TooShort(min_length))
        } else if is_common(text) {
            Err(UnusablePassword::Common)
        } else {
            Ok(Self(SecretString::from(text)))
        }
    }

    /// What was typed, to compare it with the present one.
    pub(super) fn secret(&self) -> SecretString {
        self.0.clone()
    }
}

/// How long a request waits for its turn to hash.
const TURN_LIMIT: Duration = Duration::from_secs(4);

/// A well-formed hash that no password has, with the same cost as a real one: unknown addresses take as long as known ones.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and verifies.
#[derive(Debug, Clone)]
pub struct Passwords {
    main: Handle,
    turns: Arc<Semaphore>,
    turn_limit: Duration,
    breaches: Option<Breaches>,
}

impl Passwords {
    /// At most `at_once` hashes run at a time, on the blocking threads of `main`. New passwords are looked up in `breaches`.
    pub fn new(main: Handle, at_once: usize, breaches: Option<Breaches>) -> Self {
        Self { main, turns: Arc::new(Semaphore::new(at_once)), turn_limit: TURN_LIMIT, breaches }
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, Fault> {
        match timeout(self.turn_limit, self.turns.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Fault::Busy),
        }
    }

    /// The hash of a new password, as a PHC string with OWASP's minimum cost (19 MiB, two passes).
    ///
    /// # Errors
    /// [`UnusablePassword::Breached`]; [`Fault::Busy`] when the turn does not come in time.
    pub async fn hash<E: From<UnusablePassword> + From<Fault>>(&self, NewPassword(password): NewPassword) -> Result<String, E> {
        if let Some(breaches) = &self.breaches
            && breaches.know(password.expose_secret()).await
        {
            return Err(UnusablePassword::Breached.into());
        }
        let _turn = self.turn().await?;
        let hashed = self
            .main
            .spawn_blocking(move || Argon2::default().hash_password(password.expose_secret().as_bytes()).map(|hash| hash.to_string()));
        let hashed = hashed.await.map_err(|error| Fault::Crypto(error.to_string()))?;
        Ok(hashed.map_err(|error| Fault::Crypto(format!("hashing failed: {error}")))?)
    }

    /// Whether the password is the one of `stored`. Without a stored hash it takes as long and is never the one.
    ///
    /// # Errors
    /// [`Fault::Busy`] when the turn does not come in time.
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool, Fault> {
        let _turn = self.turn().await?;
        let verified = self.main.spawn_blocking(move || {
            let known = stored.is_some();
            let hash = stored.unwrap_or_else(|| NOBODY.to_owned());
            Argon2::default().verify_password(password.expose_secret().as_bytes(), hash.as_str()).is_ok() && known
        });
        verified.await.map_err(|error| Fault::Crypto(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sign_up::SignUpError, *};

    #[test]
    fn the_shortest_password_counts_characters_not_bytes() {
        let parse = |text: &str| NewPassword::parse(text, 8).map(|_| ());
        assert_eq!(parse("äöüäöüä"), Err(UnusablePassword::TooShort(8)));
        assert_eq!(parse("äöüäöüäö"), Ok(()));
        assert_eq!(parse(&"x".repeat(1025)), Err(UnusablePassword::TooLong));
        assert_eq!(parse(""), Err(UnusablePassword::Missing));
    }

    #[test]
    fn a_common_password_is_refused_however_it_is_capitalised() {
        let parse = |text: &str| NewPassword::parse(text, 6).map(|_| ());
        for common in ["password", "Password1", "QWERTYUIOP", "iloveyou", "letmein"] {
            assert_eq!(parse(common), Err(UnusablePassword::Common), "{common}");
        }
        assert_eq!(parse("correct horse battery"), Ok(()));
    }

    #[test]
    fn the_list_can_be_searched_and_has_the_three_thousand_that_the_standard_asks_for() {
        assert!(COMMON.is_sorted() && COMMON.iter().all(|entry| *entry == entry.to_lowercase()));
        assert!(COMMON.iter().filter(|entry| entry.chars().count() >= 8).count() >= 3000);
    }

    fn passwords() -> Passwords {
        Passwords::new(Handle::current(), 1, None)
    }

    async fn hash(passwords: &Passwords, text: &str) -> Result<String, SignUpError> {
        passwords.hash(NewPassword::parse(text, 8).unwrap()).await
    }

    #[tokio::test]
    async fn only_the_same_password_verifies() {
        let hash = hash(&passwords(), "correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords().verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords().verify("correct horsf".into(), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_has_no_password_but_costs_the_same() {
        argon2::password_hash::phc::PasswordHash::new(NOBODY).unwrap();
        assert!(!passwords().verify("anything".into(), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_request_whose_turn_never_comes_is_refused() {
        let passwords = Passwords { turn_limit: Duration::from_millis(20), ..passwords() };
        let _held = passwords.turns.acquire().await.unwrap();
        assert!(matches!(hash(&passwords, "correct horse").await, Err(SignUpError::Fault(Fault::Busy))));
    }
}
