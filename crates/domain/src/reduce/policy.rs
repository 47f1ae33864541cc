//! How large a manifest may be and how that is measured.

use std::{fmt, str::FromStr};

/// A tokeniser whose vocabulary is built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `cl100k_base`.
    Cl100k,
    /// `o200k_base`.
    O200k,
}

impl Encoding {
    /// How many tokens a text has. The first call of each encoding loads its vocabulary, about 0.1 s.
    #[must_use]
    pub fn count(self, text: &str) -> u32 {
        let tokeniser = match self {
            Self::Cl100k => tiktoken_rs::cl100k_base_singleton(),
            Self::O200k => tiktoken_rs::o200k_base_singleton(),
        };
        u32::try_from(tokeniser.encode_ordinary(text).len()).unwrap_or(u32::MAX)
    }

    /// The name in policies and requests: `cl100k`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cl100k => "cl100k",
            Self::O200k => "o200k",
        }
    }
}

impl FromStr for Encoding {
    type Err = InvalidPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cl100k" => Ok(Self::Cl100k),
            "o200k" => Ok(Self::O200k),
            _ => Err(InvalidPolicy),
        }
    }
}

/// A token budget and the encoding it counts in; written `cl100k/1200`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policy {
    budget: u32,
    encoding: Encoding,
}

impl Policy {
    /// The budgets offered by name.
    pub const BUDGETS: [u32; 4] = [300, 600, 1200, 4000];

    /// The smallest budget: the skeleton of the identity fields takes about 50 tokens.
    pub const MIN_BUDGET: u32 = 100;

    /// The largest budget.
    pub const MAX_BUDGET: u32 = 16_000;

    /// A policy, if the budget is within [`Self::MIN_BUDGET`] and [`Self::MAX_BUDGET`].
    pub fn new(budget: u32, encoding: Encoding) -> Result<Self, InvalidPolicy> {
        if (Self::MIN_BUDGET..=Self::MAX_BUDGET).contains(&budget) { Ok(Self { budget, encoding }) } else { Err(InvalidPolicy) }
    }

    /// The most tokens of the canonical content.
    #[must_use]
    pub const fn budget(self) -> u32 {
        self.budget
    }

    /// What the tokens are counted in.
    #[must_use]
    pub const fn encoding(self) -> Encoding {
        self.encoding
    }
}

impl Default for Policy {
    /// 1,200 tokens of `cl100k_base`.
    fn default() -> Self {
        Self { budget: 1200, encoding: Encoding::Cl100k }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.encoding.as_str(), self.budget)
    }
}

impl FromStr for Policy {
    type Err = InvalidPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (encoding, budget) = text.split_once('/').ok_or(InvalidPolicy)?;
        Self::new(budget.parse().map_err(|_| InvalidPolicy)?, encoding.parse()?)
    }
}

/// The budget is out of bounds or the encoding is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a policy is an encoding (cl100k, o200k) and a budget of {} to {} tokens", Policy::MIN_BUDGET, Policy::MAX_BUDGET)]
pub struct InvalidPolicy;
