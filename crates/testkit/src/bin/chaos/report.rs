//! What people read: a line for each run, the results as JSON, the page of results.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use anyhow::Context;

use crate::{figures::Run, scenario};

/// The head of the table.
pub fn heading() {
    println!(
        "{:<24} {:<7} {:>8} {:>9} {:>8} {:>8} {:>8} {:>7}  refusals, notes",
        "scenario", "verdict", "journeys", "p95 reads", "back s", "reads s", "settled", "took s"
    );
}

/// One run.
pub fn line(run: &Run) {
    let verdict = if run.holds() { "holds" } else { "BROKEN" };
    let seconds = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
    let p95 = run.read_p95_ms.map_or_else(|| "–".to_owned(), |p95| format!("{p95} ms"));
    println!(
        "{:<24} {verdict:<7} {:>8} {p95:>9} {:>8} {:>8} {:>8} {:>7.1}  {}",
        run.scenario,
        format!("{}/{}", run.finished, run.started),
        seconds(run.consumers_back_s),
        seconds(run.reads_back_s),
        seconds(run.settled_s),
        run.seconds,
        refusals(run),
    );
    for failure in &run.failures {
        println!("    not so: {failure}");
    }
    if !run.holds() {
        run.notes.iter().for_each(|note| println!("    seen: {note}"));
    }
}

fn refusals(run: &Run) -> String {
    let statuses: Vec<_> = run.statuses.iter().map(|(status, times)| format!("{times} × {status}")).collect();
    let statuses =
        if statuses.is_empty() { "none".to_owned() } else { format!("{} (≤ {} ms)", statuses.join(", "), run.slowest_failure_ms) };
    if run.holds() && !run.notes.is_empty() { format!("{statuses}; {}", run.notes.join("; ")) } else { statuses }
}

/// The last line.
pub fn summary(done: &[Run]) {
    let broken = done.iter().filter(|run| !run.holds()).count();
    let seconds: f64 = done.iter().map(|run| run.seconds).sum();
    println!("{} runs, {broken} broken, {seconds:.0} s", done.len());
}

/// Writes the results. Those of scenarios that did not run now stay.
pub fn keep(path: &Path, done: &[Run]) -> anyhow::Result<()> {
    let mut all = read(path).unwrap_or_default();
    all.retain(|old| done.iter().all(|new| new.scenario != old.scenario));
    all.extend(done.iter().cloned());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, serde_json::to_vec_pretty(&all)?).with_context(|| format!("{} cannot be written", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Vec<Run>> {
    let text = fs::read(path).with_context(|| format!("{} cannot be read: run `make chaos` first", path.display()))?;
    Ok(serde_json::from_slice(&text)?)
}

/// Columns of the fault table.
const COLUMNS: [(&str, &str); 8] = [
    ("down-at-start", "down at start"),
    ("down", "down in flight"),
    ("restart", "graceful restart"),
    ("slow", "slow (+ 2 s)"),
    ("hang", "hang"),
    ("reset", "reset"),
    ("half-open", "half-open"),
    ("full", "full"),
];
/// Rows of the fault table.
const ROWS: [(&str, &str); 10] = [
    ("postgres", "PostgreSQL"),
    ("rabbitmq", "RabbitMQ"),
    ("redis", "Redis"),
    ("phonepe", "PhonePe"),
    ("collector", "OTLP collector"),
    ("keys", "auth-svc's keys (JWKS)"),
    ("auth-svc", "auth-svc"),
    ("onboarding-svc", "onboarding-svc"),
    ("bcm-svc", "bcm-svc"),
    ("gateway", "gateway"),
];

/// What stands before the tables.
const INTRO: &str = "\
# Reliability: what happens when something breaks

`chaos report` wrote this page from the results of `make chaos` (`target/verify/chaos.json`); it is not edited.

Two replicas of each service, the gateway and the sandbox run as real processes on a database and a vhost of their own,
with a TCP relay between each service and each dependency. Two journeys a second flow (pay, unlock, 23 steps, finalize,
read the manifest) from people who signed up before; something breaks, lasts, and ends. A cell *holds* when

- every journey reached its manifest, retries included,
- no answer was 500, and every refusal was a problem document,
- J1–J8 hold within 60 s of the last journey (a journey may take 170 s), asked by SQL of all four schemas: payments,
  unlocks, events, inboxes, manifests, mails,
- every queue has its consumers, and no message is left in any queue, retry or dead letter,
- the bars of its row hold (not in *down at start*, and not the time of refusals while PostgreSQL is slow): reads of
  manifests stay under 500 ms at p95 and none fails while Redis, RabbitMQ, PhonePe, the collector or the keys are broken;
  refusals come within 3.5 s while PostgreSQL is, and reads work 10 s after it at the latest; consumers are back 10 s
  after RabbitMQ.

*journeys* is finished of started; *reads p95* is the time of a manifest's read while the fault lasted; *consumers* is how
long after the fault every queue had one; *n × status* are refusals that clients saw and retried. A dash is a case that
was not run, whether the specification names it or not.

";

/// The page of results.
pub fn markdown(path: &Path) -> anyhow::Result<String> {
    let mut by_name: BTreeMap<String, Vec<Run>> = BTreeMap::new();
    for run in read(path)? {
        by_name.entry(run.scenario.clone()).or_default().push(run);
    }
    let mut page = INTRO.to_owned();
    writeln!(page, "| dependency | {} |", COLUMNS.map(|(_, title)| title).join(" | "))?;
    writeln!(page, "|---|{}", "---|".repeat(COLUMNS.len()))?;
    for (row, title) in ROWS {
        let cells = COLUMNS.map(|(column, _)| by_name.get(&format!("{row}-{column}")).map_or_else(|| "–".to_owned(), |runs| cell(runs)));
        writeln!(page, "| **{title}** | {} |", cells.join(" | "))?;
    }
    writeln!(page, "\n| case | what happens | runs | result |\n|---|---|---|---|")?;
    for scenario in scenario::all() {
        let in_table = ROWS.iter().any(|(row, _)| COLUMNS.iter().any(|(column, _)| scenario.name == format!("{row}-{column}")));
        if let (false, Some(runs)) = (in_table, by_name.get(&scenario.name)) {
            writeln!(page, "| {} | {} | {} | {} |", scenario.name, scenario.says, runs.len(), cell(runs))?;
        }
    }
    Ok(page)
}

fn cell(runs: &[Run]) -> String {
    let broken = runs.iter().filter(|run| !run.holds()).count();
    let worst = |figure: fn(&Run) -> Option<f64>| {
        runs.iter().filter_map(figure).fold(None, |worst: Option<f64>, next| Some(worst.map_or(next, |worst| worst.max(next))))
    };
    let mut figures = Vec::new();
    let (started, finished) = runs.iter().fold((0, 0), |(started, finished), run| (started + run.started, finished + run.finished));
    figures.push(format!("{finished}/{started} journeys"));
    if let Some(p95) = runs.iter().filter_map(|run| run.read_p95_ms).max() {
        let failed: usize = runs.iter().map(|run| run.reads_failed).sum();
        figures.push(if failed == 0 { format!("reads p95 {p95} ms") } else { format!("{failed} reads refused") });
    }
    if let Some(back) = worst(|run| run.consumers_back_s) {
        figures.push(format!("consumers {back:.1} s"));
    }
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (status, times) in runs.iter().flat_map(|run| &run.statuses) {
        *statuses.entry(*status).or_default() += times;
    }
    figures.extend(statuses.iter().map(|(status, times)| format!("{times} × {status}")));
    match broken {
        0 => format!("holds: {}", figures.join(", ")),
        broken => format!("**falls short** in {broken} of {}: {}; {}", runs.len(), first_failure(runs), figures.join(", ")),
    }
}

fn first_failure(runs: &[Run]) -> &str {
    runs.iter().flat_map(|run| &run.failures).next().map_or("", String::as_str)
}
