//! The id of an attempt at the provider.

use std::fmt;

use domain::ids::OrderId;

/// `<order>-<n>`: at most 63 characters of `[A-Za-z0-9_-]`, by construction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MerchantOrderId(String);

impl MerchantOrderId {
    /// Of the `n`-th attempt at an order, counted from 1.
    pub fn of(order: OrderId, n: u16) -> Self {
        Self(format!("{order}-{n}"))
    }

    /// Reads an id that PhonePe could have from us.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=63).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// The id as PhonePe has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MerchantOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_that_we_make_is_one_that_phonepe_takes() {
        for n in [1, u16::MAX] {
            let id = MerchantOrderId::of(OrderId::generate(), n);
            assert_eq!(MerchantOrderId::parse(id.as_str()), Some(id));
        }
    }

    #[test]
    fn ids_that_phonepe_refuses_are_not_ids() {
        for bad in ["", "a b", "ü", "a/b", &"x".repeat(64)] {
            assert_eq!(MerchantOrderId::parse(bad), None, "{bad}");
        }
    }
}
