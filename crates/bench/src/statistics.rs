//! What is said about several measurements of one thing.

use serde::Serialize;

/// Minimum, median and maximum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub min: f64,
    /// The one in the middle, or halfway between the two in the middle.
    pub median: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of these values; `None` when there are none or one is not a number.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.iter().any(|value| value.is_nan()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get((sorted.len() - 1) / 2)?;
        Some(Self { min, median: f64::midpoint(lower, upper), max })
    }
}

/// The value below or at which this share (0 to 1) of the sorted values lies, by nearest rank.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let wanted = sorted.iter().scan(0_u32, |rank, value| {
        *rank += 1;
        Some((f64::from(*rank), *value))
    });
    let count = f64::from(u32::try_from(sorted.len()).ok()?);
    wanted.into_iter().find(|(rank, _)| *rank >= share * count).map(|(_, value)| value)
}

/// Each of `ours` divided by the baseline that was measured beside it.
pub fn ratios(ours: &[f64], baseline: &[f64]) -> Vec<f64> {
    ours.iter().zip(baseline).map(|(ours, baseline)| ours / baseline).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_does_not_depend_on_the_order() {
        let spread = Spread::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(Spread::of(&[4.0, 1.0]), Some(Spread { min: 1.0, median: 2.5, max: 4.0 }));
    }

    #[test]
    fn nothing_has_no_spread_and_neither_has_what_is_not_a_number() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&hundred, 0.99), Some(99.0));
        assert_eq!(quantile(&hundred, 0.5), Some(50.0));
        assert_eq!(quantile(&hundred, 1.0), Some(100.0));
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn ratios_are_those_of_pairs() {
        assert_eq!(ratios(&[6.0, 1.0], &[3.0, 4.0]), [2.0, 0.25]);
    }
}
