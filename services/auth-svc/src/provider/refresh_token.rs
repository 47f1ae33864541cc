//! Refresh tokens: a session and a counter, signed with the session's own key. Nothing is stored per token.
//!
//! The layout is the second one of Supabase Auth: base64url of `0x00 ‖ session (16) ‖ uvarint(counter) ‖
//! HMAC-SHA256(key, before)[..16] ‖ SHA-256(before)[..4]`. The session's row keeps the counter of the newest token, so
//! that the newest, its parent and older ones can be told apart.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

const LAYOUT: u8 = 0;
const ID_BYTES: usize = 16;
const MAC_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;

/// A token as it was presented. Only [`RefreshToken::is_signed_with`] says whether we made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session.
    pub session: Uuid,
    /// Its place in the session.
    pub counter: u64,
    signed: Vec<u8>,
    mac: Vec<u8>,
}

/// The token with the given place in a session.
pub fn issue(session: Uuid, counter: u64, key: &[u8]) -> String {
    let mut bytes = signed_part(session, counter);
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &bytes);
    bytes.extend(mac.as_ref().iter().take(MAC_BYTES));
    let checksum = digest::digest(&digest::SHA256, &bytes);
    bytes.extend(checksum.as_ref().iter().take(CHECKSUM_BYTES));
    URL_SAFE_NO_PAD.encode(bytes)
}

fn signed_part(session: Uuid, counter: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.push(LAYOUT);
    bytes.extend_from_slice(session.as_bytes());
    let mut rest = counter;
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap_or_default();
        rest >>= 7;
        if rest == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn uvarint(bytes: &[u8]) -> Option<u64> {
    let (last, earlier) = bytes.split_last()?;
    if earlier.len() > 9 || last & 0x80 != 0 || earlier.iter().any(|byte| byte & 0x80 == 0) {
        return None;
    }
    bytes.iter().rev().try_fold(0_u64, |value, byte| value.checked_mul(128)?.checked_add(u64::from(byte & 0x7f)))
}

impl RefreshToken {
    /// Reads a token; `None` when it has another layout, is cut or has a typing error.
    pub fn parse(text: &str) -> Option<Self> {
        // Longer than any token: not worth decoding.
        if text.len() > 128 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
        if !digest::digest(&digest::SHA256, body).as_ref().starts_with(checksum) {
            return None;
        }
        let (signed, mac) = body.split_last_chunk::<MAC_BYTES>()?;
        let (layout, rest) = signed.split_first()?;
        let (session, counter) = rest.split_first_chunk::<ID_BYTES>()?;
        let (session, counter) = (Uuid::from_bytes(*session), uvarint(counter)?);
        let ours = *layout == LAYOUT && signed_part(session, counter) == signed;
        ours.then(|| Self { session, counter, signed: signed.to_vec(), mac: mac.to_vec() })
    }

    /// Whether the token was signed with the session's key.
    pub fn is_signed_with(&self, key: &[u8]) -> bool {
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &self.signed);
        mac.as_ref().get(..MAC_BYTES).is_some_and(|expected| verify_slices_are_equal(expected, &self.mac).is_ok())
    }
}

/// What a well-signed token of a session means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The newest: the session moves on.
    Rotate,
    /// Its parent, or an older one right after a refresh (tabs that refresh together, an answer that was lost): the
    /// newest is handed out again.
    Repeat,
    /// An old one: two parties hold tokens of the session, so it ends.
    Reused,
    /// A counter that was never given out.
    Foreign,
}

/// Judges a token by its place. `refreshed_at` is when the session last moved on, or began.
pub fn judge(presented: u64, newest: u64, refreshed_at: DateTime<Utc>, now: DateTime<Utc>, reuse_interval: TimeDelta) -> Verdict {
    match newest.checked_sub(presented) {
        None => Verdict::Foreign,
        Some(0) => Verdict::Rotate,
        Some(1) => Verdict::Repeat,
        Some(_) if (now - refreshed_at).abs() < reuse_interval => Verdict::Repeat,
        Some(_) => Verdict::Reused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SESSION: Uuid = Uuid::from_u128(0x1111_1111_2222_4333_8444_5555_5555_5555);

    fn key() -> Vec<u8> {
        (0..32).collect()
    }

    /// Made with another implementation of the same layout.
    #[test]
    fn tokens_are_those_of_supabase_auth() {
        let vectors = [
            (0, "ABEREREiIkMzhERVVVVVVVUAI-IcsaseXEKS7q68JAgmU-80L2M"),
            (1, "ABEREREiIkMzhERVVVVVVVUBpozOYVM-sPhnYYTBWpQpN52uNiY"),
            (127, "ABEREREiIkMzhERVVVVVVVV_DoKMAtgL2BLkGnCN7zt03TRKutc"),
            (128, "ABEREREiIkMzhERVVVVVVVWAAe7PGNiO7NAJ0pIX0qyR-ysJW7oj"),
            (300, "ABEREREiIkMzhERVVVVVVVWsAg7ZC0vLuQzqLzMCy_Bbh8fZrB2g"),
        ];
        for (counter, token) in vectors {
            assert_eq!(issue(SESSION, counter, &key()), token);
            let parsed = RefreshToken::parse(token).unwrap();
            assert_eq!((parsed.session, parsed.counter), (SESSION, counter));
            assert!(parsed.is_signed_with(&key()));
        }
    }

    #[test]
    fn a_token_of_another_key_is_not_ours() {
        assert!(!RefreshToken::parse(&issue(SESSION, 3, &[9; 32])).unwrap().is_signed_with(&key()));
    }

    #[test]
    fn old_tokens_end_the_session_unless_it_has_just_moved_on() {
        let at = DateTime::UNIX_EPOCH;
        let judged = |presented, seconds| judge(presented, 5, at, at + TimeDelta::seconds(seconds), TimeDelta::seconds(10));
        assert_eq!(judged(5, 3600), Verdict::Rotate);
        assert_eq!(judged(4, 3600), Verdict::Repeat);
        assert_eq!(judged(3, 9), Verdict::Repeat);
        assert_eq!(judged(3, 10), Verdict::Reused);
        assert_eq!(judged(0, 3600), Verdict::Reused);
        assert_eq!(judged(6, 0), Verdict::Foreign);
    }

    proptest! {
        #[test]
        fn every_counter_survives_the_round_trip(counter: u64, id: u128, secret: [u8; 32]) {
            let token = RefreshToken::parse(&issue(Uuid::from_u128(id), counter, &secret)).unwrap();
            prop_assert_eq!((token.session.as_u128(), token.counter), (id, counter));
            prop_assert!(token.is_signed_with(&secret));
        }

        #[test]
        fn a_changed_character_is_noticed(at in 0_usize..51, replacement in "[A-Za-z0-9_-]") {
            let token = issue(SESSION, 1, &key());
            let mut changed = token.clone();
            changed.replace_range(at..=at, &replacement);
            prop_assume!(changed != token);
            let accepted = RefreshToken::parse(&changed).is_some_and(|parsed| parsed.is_signed_with(&key()));
            prop_assert!(!accepted);
        }

        #[test]
        fn noise_is_never_a_token_and_never_a_panic(noise in ".*") {
            prop_assert!(RefreshToken::parse(&noise).is_none());
        }
    }
}
