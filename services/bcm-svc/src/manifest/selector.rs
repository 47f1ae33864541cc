//! How a request names a version.

use std::str::FromStr;

use domain::manifest::Version;

/// A version by its place or by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    /// `3`: the third of the workspace.
    Sequence(u64),
    /// `1.4.2`.
    Version(Version),
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
}
