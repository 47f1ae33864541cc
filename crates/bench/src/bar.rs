//! A bar, what was measured against it, and whether it holds.

use serde::Serialize;

use crate::statistics::{Spread, ratios};

/// What a figure must be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Below(f64),
}

impl Limit {
    /// Whether `figure` keeps to it.
    pub fn admits(self, figure: f64) -> bool {
        match self {
            Self::AtLeast(limit) => figure >= limit,
            Self::AtMost(limit) => figure <= limit,
            Self::Below(limit) => figure < limit,
        }
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
            Self::Below(limit) => write!(f, "< {limit}"),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Bar {
    /// The row of quality.md.
    pub row: &'static str,
    /// What is compared.
    pub claim: String,
    /// The unit of `ours` and `baseline`.
    pub unit: &'static str,
    /// Ours.
    pub ours: Spread,
    /// The baseline of the same run, where there is one.
    pub baseline: Option<Spread>,
    /// What is held against the limit: the ratios of the pairs, or ours.
    pub figure: Spread,
    /// The limit.
    pub limit: Limit,
    /// Whether the median of the figure keeps to it.
    pub holds: bool,
    /// What else was seen.
    pub note: String,
}

impl Bar {
    /// The ratio of each pair against the limit.
    ///
    /// # Errors
    /// When nothing was measured.
    pub fn ratio(
        row: &'static str,
        claim: impl Into<String>,
        unit: &'static str,
        (ours, baseline): (&[f64], &[f64]),
        limit: Limit,
    ) -> anyhow::Result<Self> {
        let spread = |values: &[f64]| Spread::of(values).ok_or_else(|| anyhow::anyhow!("{row}: nothing was measured"));
        let figure = spread(&ratios(ours, baseline))?;
        Ok(Self {
            row,
            claim: claim.into(),
            unit,
            ours: spread(ours)?,
            baseline: Some(spread(baseline)?),
            figure,
            limit,
            holds: limit.admits(figure.median),
            note: String::new(),
        })
    }

    /// Values that are held against the limit as they are.
    ///
    /// # Errors
    /// When nothing was measured.
    pub fn value(row: &'static str, claim: impl Into<String>, unit: &'static str, ours: &[f64], limit: Limit) -> anyhow::Result<Self> {
        let figure = Spread::of(ours).ok_or_else(|| anyhow::anyhow!("{row}: nothing was measured"))?;
        let holds = limit.admits(figure.median);
        Ok(Self { row, claim: claim.into(), unit, ours: figure, baseline: None, figure, limit, holds, note: String::new() })
    }

    /// With a remark.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_pair_decides() {
        let bar = |ours: &[f64]| Bar::ratio("r", "c", "1/s", (ours, &[10.0, 10.0, 10.0]), Limit::AtLeast(0.6)).unwrap();
        assert!(bar(&[5.0, 6.0, 9.0]).holds);
        assert!(!bar(&[5.0, 5.9, 9.0]).holds);
    }

    #[test]
    fn a_limit_is_kept_to_at_itself_unless_it_says_below() {
        assert!(Limit::AtLeast(0.6).admits(0.6) && !Limit::AtLeast(0.6).admits(0.599));
        assert!(Limit::AtMost(4.0).admits(4.0) && !Limit::AtMost(4.0).admits(4.001));
        assert!(Limit::Below(0.5).admits(0.499) && !Limit::Below(0.5).admits(0.5));
    }

    #[test]
    fn a_row_without_a_measurement_is_an_error_and_not_a_success() {
        assert!(Bar::value("r", "c", "s", &[], Limit::Below(1.0)).is_err());
        assert!(Bar::ratio("r", "c", "s", (&[1.0], &[]), Limit::Below(1.0)).is_err());
    }
}
