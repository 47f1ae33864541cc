//! Passwords: argon2id, on blocking threads, a bounded number at once.

use std::{sync::Arc, time::Duration};

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

use super::Fault;

/// Nobody types more; a longer one would only cost memory.
pub const MAX_BYTES: usize = 1024;

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
}

impl Passwords {
    /// At most `at_once` hashes run at a time, on the blocking threads of `main`.
    pub fn new(main: Handle, at_once: usize) -> Self {
        Self { main, turns: Arc::new(Semaphore::new(at_once)), turn_limit: TURN_LIMIT }
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
    /// [`Fault::Busy`] when the turn does not come in time.
    pub async fn hash(&self, password: SecretString) -> Result<String, Fault> {
        let _turn = self.turn().await?;
        let hashed = self
            .main
            .spawn_blocking(move || Argon2::default().hash_password(password.expose_secret().as_bytes()).map(|hash| hash.to_string()));
        hashed.await.map_err(|error| Fault::Crypto(error.to_string()))?.map_err(|error| Fault::Crypto(format!("hashing failed: {error}")))
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
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(Handle::current(), 1)
    }

    #[tokio::test]
    async fn only_the_same_password_verifies() {
        let hash = passwords().hash("correct horse".into()).await.unwrap();
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
        assert!(matches!(passwords.hash("x".into()).await, Err(Fault::Busy)));
    }
}
