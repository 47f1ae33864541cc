//! The table on the terminal and the file.

use std::{fmt::Write as _, path::Path};

use anyhow::Context;
use serde::Serialize;

use crate::{bar::Bar, statistics::Spread};

/// Where and when it was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Processors.
    pub cpus: usize,
    /// Their model.
    pub model: String,
    /// The load average of the last minute before the first measurement: what others did.
    pub load_before: f64,
    /// The commit, with `+` when the tree had changes.
    pub commit: String,
    /// When it began, RFC 3339.
    pub at: String,
}

/// A run.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// Where and when.
    pub machine: &'a Machine,
    /// Pairs of each comparison.
    pub pairs: u32,
    /// Seconds of each measurement.
    pub seconds: u64,
    /// What was measured.
    pub bars: &'a [Bar],
    /// Rows that could not be measured, and why.
    pub failed: &'a [(String, String)],
}

impl Report<'_> {
    /// Writes it as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        std::fs::write(path, serde_json::to_vec_pretty(self)?).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Whether every row was measured and every bar holds.
    pub fn holds(&self) -> bool {
        self.failed.is_empty() && self.bars.iter().all(|bar| bar.holds)
    }
}

/// A number with three significant digits, or all before the point.
pub fn number(value: f64) -> String {
    match value.abs() {
        value_abs if value_abs >= 100.0 => format!("{value:.0}"),
        value_abs if value_abs >= 10.0 => format!("{value:.1}"),
        value_abs if value_abs >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// `min / median / max`.
pub fn spread(spread: &Spread) -> String {
    format!("{} / {} / {}", number(spread.min), number(spread.median), number(spread.max))
}

/// The heading of the table.
pub fn heading() -> String {
    line("row", "what", "bar", "figure (min / median / max)", "ours", "baseline", "")
}

/// A bar as a line of the table.
pub fn row(bar: &Bar) -> String {
    let (ours, baseline) = match &bar.baseline {
        Some(baseline) => (format!("{} {}", number(bar.ours.median), bar.unit), format!("{} {}", number(baseline.median), bar.unit)),
        None => (String::new(), String::new()),
    };
    let figure = match bar.baseline {
        Some(_) => spread(&bar.figure),
        None => format!("{} {}", spread(&bar.figure), bar.unit),
    };
    let verdict = if bar.holds { "holds" } else { "FALLS SHORT" };
    let mut text = line(bar.row, &bar.claim, &bar.limit.to_string(), &figure, &ours, &baseline, verdict);
    if !bar.note.is_empty() {
        let _ = write!(text, "\n{:18}{}", "", bar.note);
    }
    text
}

fn line(row: &str, claim: &str, limit: &str, figure: &str, ours: &str, baseline: &str, verdict: &str) -> String {
    format!("{row:<17} {claim:<48} {limit:<8} {figure:<30} {ours:>14} {baseline:>14}  {verdict}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bar::Limit;

    fn machine() -> Machine {
        Machine { cpus: 2, model: String::new(), load_before: 0.0, commit: String::new(), at: String::new() }
    }

    #[test]
    fn a_missed_bar_or_a_row_that_could_not_be_measured_fails_the_run() {
        let machine = machine();
        let good = Bar::value("r", "c", "s", &[1.0], Limit::AtMost(1.0)).unwrap();
        let bad = Bar::value("r", "c", "s", &[2.0], Limit::AtMost(1.0)).unwrap();
        let holds = |bars: &[Bar], failed: &[(String, String)]| Report { machine: &machine, pairs: 3, seconds: 1, bars, failed }.holds();
        assert!(holds(std::slice::from_ref(&good), &[]));
        assert!(!holds(&[good.clone(), bad], &[]));
        assert!(!holds(&[good], &[("relay".into(), "no broker".into())]));
    }

    #[test]
    fn a_missed_bar_is_named_in_the_table() {
        let bad = Bar::ratio("relay", "rows", "1/s", (&[1.0], &[10.0]), Limit::AtLeast(0.4)).unwrap();
        let text = row(&bad);
        assert!(text.contains("relay") && text.contains("≥ 0.4") && text.contains("0.100") && text.contains("FALLS SHORT"), "{text}");
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([0.12345, 1.2345, 12.345, 12_345.6].map(number), ["0.123", "1.23", "12.3", "12346"]);
    }
}
