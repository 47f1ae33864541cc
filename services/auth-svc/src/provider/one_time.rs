//! Proofs by mail: one mail holds a link and a code, and either may be brought, once.
//!
//! The link's token is 256 random bits. The code is for typing in, so that it has six digits, ends after ten minutes (OWASP
//! ASVS 6.5.5) and dies with the fifth wrong try. Of both only hashes are stored.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Fault, random};
use crate::store::one_time_token::OneTimeToken;

/// Wrong codes that a token bears.
pub const MOST_WRONG_CODES: i32 = 5;
const CODE_LIFE: TimeDelta = TimeDelta::minutes(10);
/// Clients tell by it that the link ends in a code for the waiting sign-in.
const PKCE_PREFIX: &str = "pkce_";

/// What a proof is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The address of a new account.
    Confirmation,
    /// An account that somebody else made.
    Invite,
    /// A new password.
    Recovery,
    /// A session without a password.
    MagicLink,
    /// Leaving an address.
    EmailChangeCurrent,
    /// Going to an address.
    EmailChangeNew,
    /// Something that an old session may not do by itself.
    Reauthentication,
}

impl Purpose {
    const ALL: [Self; 7] = [
        Self::Confirmation,
        Self::Invite,
        Self::Recovery,
        Self::MagicLink,
        Self::EmailChangeCurrent,
        Self::EmailChangeNew,
        Self::Reauthentication,
    ];

    /// As it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Invite => "invite",
            Self::Recovery => "recovery",
            Self::MagicLink => "magic_link",
            Self::EmailChangeCurrent => "email_change_current",
            Self::EmailChangeNew => "email_change_new",
            Self::Reauthentication => "reauthentication",
        }
    }

    /// Reads what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }

    /// The `type` in links, as Supabase Auth's clients know it.
    pub const fn link_type(self) -> &'static str {
        match self {
            Self::Confirmation => "signup",
            Self::Invite => "invite",
            Self::Recovery => "recovery",
            Self::MagicLink => "magiclink",
            Self::EmailChangeCurrent | Self::EmailChangeNew => "email_change",
            Self::Reauthentication => "reauthentication",
        }
    }

    /// An invitation is read when its reader has time; what opens an account that exists ends soon.
    const fn link_life(self) -> TimeDelta {
        match self {
            Self::Confirmation => TimeDelta::days(1),
            Self::Invite => TimeDelta::days(7),
            Self::Recovery | Self::MagicLink | Self::EmailChangeCurrent | Self::EmailChangeNew | Self::Reauthentication => {
                TimeDelta::hours(1)
            }
        }
    }
}

/// The purposes that a `type` of Supabase Auth's `/verify` stands for; empty for a type that we do not know.
pub fn purposes_of(link_type: &str) -> &'static [&'static str] {
    match link_type {
        "signup" | "invite" => &["confirmation", "invite"],
        "recovery" | "magiclink" => &["recovery", "magic_link"],
        "email_change" => &["email_change_current", "email_change_new"],
        "email_change_current" => &["email_change_current"],
        "email_change_new" => &["email_change_new"],
        "email" => &["confirmation", "invite", "magic_link", "recovery"],
        _ => &[],
    }
}

/// What the mail says and nobody else knows.
pub struct Secret {
    /// The link's token.
    pub link: String,
    /// Six digits.
    pub code: String,
}

/// A new token for a mail to `address`.
///
/// # Errors
/// [`Fault::Crypto`] without random bytes.
pub fn make(user: Uuid, purpose: Purpose, address: &str, flow: Option<Uuid>, now: DateTime<Utc>) -> Result<(OneTimeToken, Secret), Fault> {
    let id = Uuid::now_v7();
    let prefix = if flow.is_some() { PKCE_PREFIX } else { "" };
    let link = format!("{prefix}{}", link_token()?);
    let code = format!("{:06}", rand::random_range(0..1_000_000_u32));
    let token = OneTimeToken {
        id,
        user_id: user,
        purpose: purpose.as_str().to_owned(),
        address: address.to_owned(),
        link_hash: link_hash(&link),
        code_hash: code_hash(id, &code),
        flow_id: flow,
        wrong_codes: 0,
        created_at: now,
        code_expires_at: now + CODE_LIFE,
        link_expires_at: now + purpose.link_life(),
    };
    Ok((token, Secret { link, code }))
}

/// 256 random bits for a link.
///
/// # Errors
/// [`Fault::Crypto`] without random bytes.
pub fn link_token() -> Result<String, Fault> {
    Ok(URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// What is stored of a link's token.
pub fn link_hash(link: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, link.as_bytes()).as_ref().to_vec()
}

fn code_hash(id: Uuid, code: &str) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(id.as_bytes());
    context.update(code.as_bytes());
    context.finish().as_ref().to_vec()
}

/// Whether the code is the token's.
pub fn is_code_of(token: &OneTimeToken, code: &str) -> bool {
    verify_slices_are_equal(&code_hash(token.id, code.trim()), &token.code_hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_six_digits_and_belongs_to_one_token() {
        let (user, now) = (Uuid::now_v7(), DateTime::UNIX_EPOCH);
        let (one, secret) = make(user, Purpose::Recovery, "a@b.c", None, now).unwrap();
        let (other, _) = make(user, Purpose::Recovery, "a@b.c", None, now).unwrap();
        assert!(secret.code.len() == 6 && secret.code.bytes().all(|digit| digit.is_ascii_digit()), "{}", secret.code);
        assert!(is_code_of(&one, &secret.code) && is_code_of(&one, &format!(" {} ", secret.code)));
        assert!(!is_code_of(&other, &secret.code), "a code must not open another token");
        assert_eq!(one.link_hash, link_hash(&secret.link));
        assert!(one.code_expires_at < one.link_expires_at);
    }

    #[test]
    fn every_type_of_a_link_finds_the_purpose_that_it_was_made_for() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::parse(purpose.as_str()), Some(purpose));
            let redeemable = purpose != Purpose::Reauthentication;
            assert_eq!(purposes_of(purpose.link_type()).contains(&purpose.as_str()), redeemable, "{purpose:?}");
        }
        assert!(purposes_of("sms").is_empty());
    }
}
