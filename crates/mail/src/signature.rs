//! Who may tell of deliveries: whoever signs as Svix does, which sends the webhooks of Resend.
//!
//! The signature covers the webhook's id, its time and the body byte for byte. Without a secret nobody may.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

/// How far the clock of the sender may be from ours; the same for every library of Svix.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);
const PREFIX: &str = "whsec_";
/// A shorter key can be guessed. Resend's have 24 bytes.
const SHORTEST_KEY: usize = 16;
/// Longer ids are none of Svix's, and would not fit their column.
const LONGEST_ID: usize = 256;

/// The keys of those who may; several while they are rotated, or where several endpoints lead here.
#[derive(Clone)]
pub(crate) struct WebhookKeys(Vec<Vec<u8>>);

/// The headers of a webhook that prove who sent it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof<'a> {
    /// `svix-id`: the same for every try to deliver one event.
    pub(crate) id: &'a str,
    /// `svix-timestamp`: seconds since 1970, of this try.
    pub(crate) timestamp: &'a str,
    /// `svix-signature`: `v1,<base64>`, several of them with spaces between.
    pub(crate) signatures: &'a str,
}

/// A secret that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no list of secrets: write whsec_<base64>, of at least {SHORTEST_KEY} bytes, with commas between")]
pub(crate) struct UnusableSecret;

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproven {
    /// Fail closed: nobody could be told apart.
    #[error("no secret is set")]
    NoSecret,
    /// A header is missing or is not one of Svix's.
    #[error("the headers are not those of a signed webhook")]
    Malformed,
    /// It may be a repeat of one that was overheard, or one of the clocks is wrong.
    #[error("it was signed more than {} minutes from now", TOLERANCE.num_minutes())]
    OutOfTime,
    /// Another secret, or another body.
    #[error("no signature fits")]
    Wrong,
}

impl WebhookKeys {
    /// Reads secrets with commas between.
    pub(crate) fn parse(secrets: &SecretString) -> Result<Self, UnusableSecret> {
        let secrets = secrets.expose_secret().split(',').map(str::trim).filter(|secret| !secret.is_empty());
        let key = |secret: &str| BASE64_STANDARD.decode(secret.strip_prefix(PREFIX)?).ok().filter(|key| key.len() >= SHORTEST_KEY);
        secrets.map(|secret| key(secret).ok_or(UnusableSecret)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether one of the keys signed this body, a moment ago. Every signature is compared with every key's, in constant time.
    pub(crate) fn verify(&self, proof: Option<Proof<'_>>, body: &[u8], now: DateTime<Utc>) -> Result<(), Unproven> {
        if self.0.is_empty() {
            return Err(Unproven::NoSecret);
        }
        let Proof { id, timestamp, signatures } = proof.ok_or(Unproven::Malformed)?;
        let signed_at = timestamp.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let signed_at = signed_at.filter(|_| (1..=LONGEST_ID).contains(&id.len())).ok_or(Unproven::Malformed)?;
        if (now - signed_at).abs() > TOLERANCE {
            return Err(Unproven::OutOfTime);
        }
        let given: Vec<Vec<u8>> =
            signatures.split(' ').filter_map(|signature| BASE64_STANDARD.decode(signature.strip_prefix("v1,")?).ok()).collect();
        let one_fits = self
            .0
            .iter()
            .filter_map(|key| sign(key, id, timestamp, body))
            .fold(Choice::from(0), |any, known| given.iter().fold(any, |any, given| any | known.as_slice().ct_eq(given)));
        if one_fits.into() { Ok(()) } else { Err(Unproven::Wrong) }
    }
}

/// HMAC-SHA256 of `{id}.{timestamp}.{body}`.
fn sign(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Option<Vec<u8>> {
    let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    Some(mac.chain_update(id).chain_update(".").chain_update(timestamp).chain_update(".").chain_update(body).finalize().as_bytes().to_vec())
}

/// Keys never reach a log.
impl std::fmt::Debug for WebhookKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("WebhookKeys").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests;
