//! E-mail addresses.

use std::fmt;

/// A lower-case address. Two spellings of one address are one account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// A text that is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct InvalidEmail;

/// The column's length.
const MAX_BYTES: usize = 255;
/// RFC 5321, section 4.5.3.1.1.
const MAX_LOCAL_BYTES: usize = 64;
/// RFC 1035, section 2.3.4.
const MAX_LABEL_BYTES: usize = 63;

impl EmailAddress {
    /// Reads an address by the rule of HTML's `input type=email`, which is Supabase Auth's as well.
    ///
    /// # Errors
    /// [`InvalidEmail`].
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let (local, host) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let fits = text.len() <= MAX_BYTES
            && (1..=MAX_LOCAL_BYTES).contains(&local.len())
            && local.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b))
            && host.split('.').all(is_label);
        if fits { Ok(Self(text.to_ascii_lowercase())) } else { Err(InvalidEmail) }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_in_another_case_is_the_same_address() {
        assert_eq!(EmailAddress::parse("Foo.Bar+x@Example.COM").unwrap().as_str(), "foo.bar+x@example.com");
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in ["", "x", "@", "a@", "@b", "xx:;x@x.x", "a b@c.d", "a@b..c", "a@-b.c", "a@b.c\0", "ä@b.c", "a@b@c", long.as_str()] {
            assert_eq!(EmailAddress::parse(text), Err(InvalidEmail), "{text}");
        }
    }
}
