//! Money in integer paise. Arithmetic is checked: a sum that does not fit is an error, never a wrapped number.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text_enum::text_enum;

mod words;

/// An amount left the range of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the amount is out of range")]
pub struct Overflow;

/// An amount in paise (1/100 rupee). Negative amounts are legal: a ledger has two sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Paise(i64);

impl Paise {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// An amount of `paise`.
    pub const fn new(paise: i64) -> Self {
        Self(paise)
    }

    /// The amount as an integer number of paise.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum.
    pub const fn checked_add(self, other: Self) -> Result<Self, Overflow> {
        match self.0.checked_add(other.0) {
            Some(sum) => Ok(Self(sum)),
            None => Err(Overflow),
        }
    }

    /// The difference, which may be negative.
    pub const fn checked_sub(self, other: Self) -> Result<Self, Overflow> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Ok(Self(difference)),
            None => Err(Overflow),
        }
    }

    /// The product with a count.
    pub const fn checked_mul(self, count: i64) -> Result<Self, Overflow> {
        match self.0.checked_mul(count) {
            Some(product) => Ok(Self(product)),
            None => Err(Overflow),
        }
    }

    /// The sum of all `amounts`; zero for none.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, Overflow> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

/// Rupees with two decimals, grouped the Indian way: `1,00,000.00`.
impl fmt::Display for Paise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paise = self.0.unsigned_abs();
        let rupees = (paise / 100).to_string();
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", grouped(&rupees), paise % 100)
    }
}

/// The last three digits stand together, those before in pairs.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 2);
    for (index, digit) in digits.chars().enumerate() {
        let after = digits.len() - index;
        if index > 0 && after >= 3 && after % 2 == 1 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

text_enum! {
    /// An ISO 4217 currency that we charge in.
    Currency {
        /// Indian rupee, minor unit paise.
        Inr = "INR",
    }
}

/// An amount and its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Money {
    /// In the currency's minor unit.
    pub amount: Paise,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// `paise` Indian paise.
    pub const fn inr(paise: Paise) -> Self {
        Self { amount: paise, currency: Currency::Inr }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.currency {
            Currency::Inr => write!(f, "₹{}", self.amount),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_that_does_not_fit_is_an_error() {
        let most = Paise::new(i64::MAX);
        assert_eq!(most.checked_add(Paise::new(1)), Err(Overflow));
        assert_eq!(Paise::new(i64::MIN).checked_sub(Paise::new(1)), Err(Overflow));
        assert_eq!(most.checked_mul(2), Err(Overflow));
        assert_eq!(Paise::sum([most, Paise::new(1)]), Err(Overflow));
        assert_eq!(Paise::sum([Paise::new(2), Paise::new(-5)]), Ok(Paise::new(-3)));
    }

    #[test]
    fn amounts_are_shown_grouped_the_indian_way() {
        let shown = |paise| Money::inr(Paise::new(paise)).to_string();
        assert_eq!(shown(0), "₹0.00");
        assert_eq!(shown(5), "₹0.05");
        assert_eq!(shown(99_999), "₹999.99");
        assert_eq!(shown(500_000), "₹5,000.00");
        assert_eq!(shown(5_000_000), "₹50,000.00");
        assert_eq!(shown(10_000_000), "₹1,00,000.00");
        assert_eq!(shown(1_234_567_890), "₹1,23,45,678.90");
        assert_eq!(shown(-250), "₹-2.50");
        assert_eq!(shown(i64::MIN), "₹-92,23,37,20,36,85,47,758.08");
    }

    #[test]
    fn money_is_an_integer_and_a_currency_in_json() {
        let json = serde_json::to_value(Money::inr(Paise::new(500_000))).unwrap();
        assert_eq!(json, serde_json::json!({ "amount": 500_000, "currency": "INR" }));
        assert!(serde_json::from_value::<Paise>(serde_json::json!(1.5)).is_err());
    }
}
