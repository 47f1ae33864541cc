//! argon2id in memory that is kept from one hash to the next.
//!
//! A hash writes 19 MiB. Memory that the allocator gave back in between has to be cleared and mapped again by the kernel, page by
//! page, which takes more than half as long as the hash itself.

use std::sync::{Mutex, PoisonError};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        Error,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};

/// A well-formed hash that no password has, with the same cost as a real one: unknown addresses take as long as known ones.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes with OWASP's minimum cost (19 MiB, two passes), and verifies hashes of any cost.
///
/// It keeps the memory of as many hashes as ever ran at once.
#[derive(Debug, Default)]
pub(super) struct Hashing {
    kept: Mutex<Vec<Vec<Block>>>,
}

impl Hashing {
    /// The password's hash with a new salt, as a PHC string.
    ///
    /// # Errors
    /// Never with these parameters.
    pub(super) fn hash(&self, password: &str) -> Result<String, Error> {
        let argon2 = Argon2::default();
        let salt = Salt::generate();
        let output = self.output(&argon2, password, &salt, Params::DEFAULT_OUTPUT_LEN)?;
        let hash = PasswordHash {
            algorithm: Algorithm::default().ident(),
            version: Some(Version::default().into()),
            params: ParamsString::try_from(argon2.params())?,
            salt: Some(salt),
            hash: Some(output),
        };
        Ok(hash.to_string())
    }

    /// Whether the password is the one of `stored`; nobody's when there is no hash or it is not one.
    pub(super) fn verify(&self, password: &str, stored: Option<&str>) -> bool {
        let is_nobody = stored.is_none();
        let Ok(stored) = PasswordHash::new(stored.unwrap_or(NOBODY)) else { return false };
        // Outputs are compared in constant time.
        self.output_like(&stored, password).is_ok_and(|output| stored.hash == Some(output)) && !is_nobody
    }

    fn output_like(&self, stored: &PasswordHash, password: &str) -> Result<Output, Error> {
        let algorithm = Algorithm::try_from(stored.algorithm.as_str())?;
        let version = stored.version.map(Version::try_from).transpose()?.unwrap_or_default();
        let (salt, output) = stored.salt.zip(stored.hash).ok_or(Error::EncodingInvalid)?;
        self.output(&Argon2::new(algorithm, version, Params::try_from(stored)?), password, &salt, output.len())
    }

    fn output(&self, argon2: &Argon2<'_>, password: &str, salt: &[u8], length: usize) -> Result<Output, Error> {
        let mut memory = self.take();
        let blocks = argon2.params().block_count();
        if memory.len() < blocks {
            memory.resize(blocks, Block::default());
        }
        let mut bytes = [0; Output::MAX_LENGTH];
        let output = bytes.get_mut(..length).ok_or(Error::OutputSize)?;
        let hashed = argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut memory);
        let output = hashed.map_err(Error::from).and_then(|()| Ok(Output::new(output)?));
        self.keep(memory);
        output
    }

    fn take(&self) -> Vec<Block> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn keep(&self, memory: Vec<Block>) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::{PasswordHasher, PasswordVerifier};

    use super::*;

    #[test]
    fn a_hash_in_used_memory_is_the_one_of_the_library_in_fresh_memory() {
        let hashing = Hashing::default();
        for password in ["correct horse", "battery staple", "x"] {
            let ours = hashing.hash(password).unwrap();
            assert!(ours.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{ours}");
            Argon2::default().verify_password(password.as_bytes(), ours.as_str()).unwrap();
            let theirs = Argon2::default().hash_password(password.as_bytes()).unwrap().to_string();
            assert!(hashing.verify(password, Some(&theirs)) && !hashing.verify("another", Some(&theirs)));
        }
        assert_eq!(hashing.kept.lock().unwrap().len(), 1);
    }

    #[test]
    fn hashes_of_another_cost_or_kind_verify_by_what_they_say() {
        let hashing = Hashing::default();
        let costs = [(Algorithm::Argon2id, 8, 1, 16), (Algorithm::Argon2i, 32, 3, 32), (Algorithm::Argon2id, 20_000, 1, 64)];
        for (algorithm, memory, passes, length) in costs {
            let params = Params::new(memory, passes, 1, Some(length)).unwrap();
            let theirs = Argon2::new(algorithm, Version::default(), params).hash_password(b"correct horse").unwrap().to_string();
            assert!(hashing.verify("correct horse", Some(&theirs)), "{theirs}");
            assert!(!hashing.verify("correct horsf", Some(&theirs)), "{theirs}");
        }
    }

    #[test]
    fn what_is_no_hash_is_nobodys() {
        let hashing = Hashing::default();
        for stored in ["", "plain", "$2b$10$abc", "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(!hashing.verify("plain", Some(stored)), "{stored}");
        }
    }

    #[test]
    fn nobody_has_no_password_but_costs_the_same() {
        let stored = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(Params::try_from(&stored).unwrap().block_count(), Argon2::default().params().block_count());
        assert!(!Hashing::default().verify("anything", None));
    }
}
