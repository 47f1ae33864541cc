//! The baseline of sign-ins: a password verified again and again on every processor, and nothing else.

use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use clap::Parser;

/// What everybody's password is.
pub const PASSWORD: &str = "seven-otters-cross-the-river";

/// How long, and on how many threads.
#[derive(Debug, Parser)]
pub struct Hash {
    #[arg(long)]
    seconds: u64,
    #[arg(long)]
    threads: usize,
}

/// The password's hash, with the cost that auth-svc gives it.
///
/// # Errors
/// Never with these settings.
pub fn hash() -> anyhow::Result<String> {
    let hash = Argon2::default().hash_password(PASSWORD.as_bytes()).map_err(|error| anyhow::anyhow!("argon2id: {error}"))?;
    Ok(hash.to_string())
}

/// Verifies and prints how many a second.
///
/// # Errors
/// When the password is not the one of its hash.
pub fn run(hash_for: &Hash) -> anyhow::Result<()> {
    let hash = hash()?;
    let verify = || Argon2::default().verify_password(black_box(PASSWORD.as_bytes()), hash.as_str()).ok().context("another password");
    let count = || -> anyhow::Result<f64> {
        for _ in 0..5 {
            verify()?;
        }
        let (begun, mut done) = (Instant::now(), 0_u32);
        while begun.elapsed() < Duration::from_secs(hash_for.seconds) {
            verify()?;
            done += 1;
        }
        Ok(f64::from(done) / begun.elapsed().as_secs_f64())
    };
    let rates: anyhow::Result<Vec<f64>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..hash_for.threads).map(|_| scope.spawn(count)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked"))).collect()
    });
    println!("{}", rates?.iter().sum::<f64>());
    Ok(())
}
