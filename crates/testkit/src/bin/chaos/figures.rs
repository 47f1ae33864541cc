//! What one run showed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One run of a scenario.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Run {
    /// The scenario.
    pub scenario: String,
    /// When it ended, RFC 3339.
    pub at: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Journeys that began around the fault.
    pub started: usize,
    /// Journeys that reached their manifest.
    pub finished: usize,
    /// Reads of a manifest while the fault lasted.
    pub reads: usize,
    /// Of these, reads without a manifest.
    pub reads_failed: usize,
    /// The time of a read while the fault lasted, at the 95th percentile, in milliseconds.
    pub read_p95_ms: Option<u64>,
    /// How long after the end of the fault every queue had its consumer, in seconds.
    pub consumers_back_s: Option<f64>,
    /// How long after the end of the fault a manifest could be read, in seconds.
    pub reads_back_s: Option<f64>,
    /// How long after the last journey the invariants held, in seconds.
    pub settled_s: Option<f64>,
    /// Answers of 500 and above by status.
    pub statuses: BTreeMap<u16, usize>,
    /// Requests that got no answer at all.
    pub unanswered: usize,
    /// Of the answers of 500 and above, those that are no problem document.
    pub unexplained: usize,
    /// The longest time that an answer of 500 and above took, in milliseconds.
    pub slowest_failure_ms: u64,
    /// What else was seen.
    pub notes: Vec<String>,
    /// What does not hold; a run without any holds.
    pub failures: Vec<String>,
}

impl Run {
    /// Whether everything held.
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }

    /// Requires `condition`.
    pub fn require(&mut self, condition: bool, otherwise: impl FnOnce() -> String) {
        if !condition {
            self.failures.push(otherwise());
        }
    }

    /// Takes an error as a failure.
    pub fn tried<T>(&mut self, what: &str, result: anyhow::Result<T>) -> Option<T> {
        result.map_err(|error| self.failures.push(format!("{what}: {error:#}"))).ok()
    }
}

/// What a scenario demands beside the invariants.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bars {
    /// The most that a read may take while the fault lasts, at the 95th percentile, in milliseconds; every read succeeds.
    pub read_p95_ms: Option<u64>,
    /// Every request is answered, and with less than 500.
    pub no_refusal: bool,
    /// The longest time that a refusal may take, in milliseconds.
    pub refusal_ms: Option<u64>,
    /// The longest time until a manifest can be read again, in seconds.
    pub reads_back_s: Option<f64>,
    /// The longest time until every queue has its consumer again, in seconds.
    pub consumers_back_s: Option<f64>,
}

impl Bars {
    /// Judges what a run showed; `slack` widens what is a matter of time, for machines that are slow or shared.
    pub fn judge(&self, run: &mut Run, slack: f64) {
        let (unfinished, server_errors) = (run.started - run.finished, run.statuses.values().sum::<usize>());
        run.require(run.started > 0, || "no journey began".to_owned());
        run.require(unfinished == 0, || format!("{unfinished} journeys did not finish"));
        let broken = run.statuses.get(&500).copied().unwrap_or_default();
        run.require(broken == 0, || format!("{broken} answers were 500"));
        let unexplained = run.unexplained;
        run.require(unexplained == 0, || format!("{unexplained} refusals were no problem document"));
        if self.no_refusal {
            let (unanswered, statuses) = (run.unanswered, format!("{:?}", run.statuses));
            run.require(server_errors == 0, || format!("{server_errors} requests were refused: {statuses}"));
            run.require(unanswered == 0, || format!("{unanswered} requests got no answer"));
        }
        let wide = |bar: u64| std::time::Duration::from_millis(bar).mul_f64(slack).as_millis().try_into().unwrap_or(u64::MAX);
        if let Some(bar) = self.read_p95_ms.map(wide) {
            let (reads, failed, p95) = (run.reads, run.reads_failed, run.read_p95_ms);
            run.require(reads >= 10, || format!("there were only {reads} reads while it lasted"));
            run.require(failed == 0, || format!("{failed} of {reads} reads failed"));
            run.require(p95.is_some_and(|p95| p95 < bar), || format!("the p95 of reads was {p95:?} ms, the bar is {bar} ms"));
        }
        if let Some(bar) = self.refusal_ms.map(wide) {
            let slowest = run.slowest_failure_ms;
            run.require(slowest <= bar, || format!("a refusal took {slowest} ms, the bar is {bar} ms"));
        }
        if let Some(bar) = self.reads_back_s.map(|bar| bar * slack) {
            let back = run.reads_back_s;
            run.require(back.is_some_and(|back| back <= bar), || format!("reads worked again after {back:?} s, the bar is {bar} s"));
        }
        if let Some(bar) = self.consumers_back_s.map(|bar| bar * slack) {
            let back = run.consumers_back_s;
            run.require(back.is_some_and(|back| back <= bar), || format!("consumers were back after {back:?} s, the bar is {bar} s"));
        }
    }
}
