//! How a request names a version.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use domain::{canonical::Checksum, manifest::Version};

/// One version of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// `3`: the third of the workspace.
    Sequence(u64),
    /// `1.4.2`.
    Version(Version),
    /// The newest one with this content.
    Checksum(Checksum),
    /// The one that was the newest at a moment.
    AsOf(DateTime<Utc>),
    /// The one that a member gave a name.
    Alias(Alias),
}

/// A name that members give to a version: a letter, then letters, digits and hyphens, 40 at most. `latest` and `live` are
/// the head's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias(String);

impl Alias {
    /// The newest version.
    pub const LATEST: &'static str = "latest";
    /// The version for consumers.
    pub const LIVE: &'static str = "live";

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no name for a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an alias is a letter a to z, then letters, digits and hyphens, 40 at most; latest and live are taken")]
pub struct InvalidAlias;

impl FromStr for Alias {
    type Err = InvalidAlias;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=40).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && ![Self::LATEST, Self::LIVE].contains(&text);
        fits.then(|| Self(text.to_owned())).ok_or(InvalidAlias)
    }
}

/// The text names no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version is a sequence (3) or a semantic version (1.4.2)")]
pub struct InvalidSelector;

impl FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('.') {
            return text.parse().map(Self::Version).map_err(|_| InvalidSelector);
        }
        let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        if digits { text.parse().map(Self::Sequence).map_err(|_| InvalidSelector) } else { Err(InvalidSelector) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_one_spelling() {
        assert_eq!("3".parse(), Ok(Selector::Sequence(3)));
        assert_eq!("1.4.2".parse(), Ok(Selector::Version(Version { major: 1, minor: 4, patch: 2 })));
        for bad in ["", "0", "03", "+3", "-1", "1.0", "01.0.0", "1.0.0.0", "latest", "99999999999999999999", "1e3", " 1"] {
            assert_eq!(bad.parse::<Selector>(), Err(InvalidSelector), "{bad:?}");
        }
    }

    #[test]
    fn an_alias_is_a_plain_word_and_not_one_of_the_heads() {
        for good in ["a", "campaign-2026", "q1"] {
            assert_eq!(good.parse::<Alias>().map(|alias| alias.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "latest", "live", "1a", "-a", "A", "a b", "a/b", "é", &"a".repeat(41)] {
            assert_eq!(bad.parse::<Alias>(), Err(InvalidAlias), "{bad:?}");
        }
    }
}
