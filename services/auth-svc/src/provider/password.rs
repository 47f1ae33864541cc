//! Passwords: what may be one, and hashing on blocking threads, a bounded number at once.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{Fault, breaches::Breaches, hashing::Hashing};

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

/// Hashes and verifies.
#[derive(Debug, Clone)]
pub struct Passwords {
    main: Handle,
    hashing: Arc<Hashing>,
    turns: Arc<Semaphore>,
    turn_limit: Duration,
    breaches: Option<Breaches>,
}

impl Passwords {
    /// At most `at_once` hashes run at a time, on the blocking threads of `main`. New passwords are looked up in `breaches`.
    pub fn new(main: Handle, at_once: usize, breaches: Option<Breaches>) -> Self {
        let turns = Arc::new(Semaphore::new(at_once));
        Self { main, hashing: Arc::default(), turns, turn_limit: TURN_LIMIT, breaches }
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, Fault> {
        match timeout(self.turn_limit, self.turns.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Fault::Busy),
        }
    }

    /// The turn lasts as long as the work, also when the request has gone.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce(&Hashing) -> T + Send + 'static) -> Result<T, Fault> {
        let turn = self.turn().await?;
        let hashing = self.hashing.clone();
        let done = self.main.spawn_blocking(move || {
            let _turn = turn;
            work(&hashing)
        });
        done.await.map_err(|error| Fault::Crypto(error.to_string()))
    }

    /// The hash of a new password, as a PHC string.
    ///
    /// # Errors
    /// [`UnusablePassword::Breached`]; [`Fault::Busy`] when the turn does not come in time.
    pub async fn hash<E: From<UnusablePassword> + From<Fault>>(&self, NewPassword(password): NewPassword) -> Result<String, E> {
        if let Some(breaches) = &self.breaches
            && breaches.know(password.expose_secret()).await
        {
            return Err(UnusablePassword::Breached.into());
        }
        let hashed = self.in_turn(move |hashing| hashing.hash(password.expose_secret())).await?;
        Ok(hashed.map_err(|error| Fault::Crypto(format!("hashing failed: {error}")))?)
    }

    /// Whether the password is the one of `stored`. Without a stored hash it takes as long and is never the one.
    ///
    /// # Errors
    /// [`Fault::Busy`] when the turn does not come in time.
    pub async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool, Fault> {
        self.in_turn(move |hashing| hashing.verify(password.expose_secret(), stored.as_deref())).await
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
        assert!(passwords().verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!passwords().verify("correct horsf".into(), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_request_that_goes_away_keeps_its_turn_until_its_hash_is_done() {
        let passwords = passwords();
        {
            let leaving = hash(&passwords, "correct horse");
            tokio::pin!(leaving);
            assert!(futures_util::poll!(leaving.as_mut()).is_pending());
        }
        assert_eq!(passwords.turns.available_permits(), 0);
        assert!(hash(&passwords, "correct horse").await.is_ok());
    }

    #[tokio::test]
    async fn a_request_whose_turn_never_comes_is_refused() {
        let passwords = Passwords { turn_limit: Duration::from_millis(20), ..passwords() };
        let _held = passwords.turn().await.unwrap();
        assert!(matches!(hash(&passwords, "correct horse").await, Err(SignUpError::Fault(Fault::Busy))));
    }
}
