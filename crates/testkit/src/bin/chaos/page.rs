//! The page of results, docs/RELIABILITY.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use anyhow::ensure;

use crate::{figures::Run, results::Results, scenario};

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
/// Cells of the table that no scenario fills.
const OTHER_CELLS: [(&str, &str, &str); 4] = [
    ("onboarding-svc", "half-open", ONE_WAY),
    ("bcm-svc", "half-open", ONE_WAY),
    ("onboarding-svc", "full", "–"),
    ("bcm-svc", "full", "–"),
];
const ONE_WAY: &str = "elsewhere: messaging `partitions::*`";
/// Cases of the broker that are no scenario, and where they are proved. The tests are those of `crates/messaging`.
const ELSEWHERE: [(&str, &str, &str); 6] = [
    (
        "K13",
        "one event is delivered twice at once to two replicas",
        "`consuming::one_event_delivered_twice_at_once_to_two_replicas_has_one_effect`",
    ),
    (
        "K14",
        "events come out of order and with gaps",
        "`consuming::events_out_of_order_and_with_gaps_all_arrive_and_say_where_they_belong`",
    ),
    (
        "K17",
        "a queue is declared before with other arguments",
        "`broken::a_queue_with_other_arguments_stops_the_process_instead_of_a_loop`",
    ),
    ("K18", "the dead queue is full", "`dead_letters::a_full_dead_queue_holds_poison_back_and_loses_nothing`"),
    (
        "K22",
        "a consumer is frozen until its connection is closed",
        "`crashes::what_a_frozen_consumer_holds_has_its_effect_elsewhere_and_once`",
    ),
    ("K24", "dead letters are listed, replayed and dropped", "`dead_letters::*`, and by HTTP onboarding-svc `operators::*`"),
];

/// What stands before the tables.
const INTRO: &str = "\
# Reliability: what happens when something breaks

`chaos report` wrote this page from the results of `deploy/chaos/run` (`make chaos`); it is not edited.

Two replicas of each service, two gateways and the sandbox run as real processes on a database and a vhost of their own,
with a TCP relay between each service and each dependency, and one that balances before the gateways. Two journeys a second flow (pay, unlock, 23 steps, finalize,
read the manifest) from people who signed up before; something breaks, lasts, and ends. A cell *holds* when

- every journey reached its manifest, retries included,
- no answer was 500, by the clients and by the gateway's log, and every refusal was a problem document,
- J1–J8 hold within 60 s of the last journey (a journey may take 170 s), asked by SQL of all four schemas: payments,
  unlocks, events, inboxes, manifests, mails,
- every queue and binding of the start is there, both replicas consume every queue, and no message is left in any queue,
  retry or dead letter,
- the bars of its row hold (not in *down at start*, and not the time of refusals while PostgreSQL is slow): reads of
  manifests stay under 500 ms at p95 and none fails while Redis, RabbitMQ, PhonePe, the collector or the keys are broken,
  and apart from PhonePe no request is refused or left without an answer; refusals come within 3.5 s while PostgreSQL is
  broken, and reads work 10 s after it at the latest; consumers are back 10 s after RabbitMQ, 20 s after a service.
- While the keys are broken a token of an unknown key made a service ask for them; spans were exported before and after
  the collector's fault.

*journeys* is finished of started; *reads p95* is the time of a manifest's read while the fault lasted; *consumers* is how
long after the fault both replicas had every queue; *n × status* are refusals that clients saw and retried. A dash is a
case that the specification does not name.
";

/// The page of results. With `whole` it is an error when a scenario has none.
pub fn markdown(results: &Results, whole: bool) -> anyhow::Result<String> {
    let mut by_name: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for run in &results.runs {
        by_name.entry(&run.scenario).or_default().push(run);
    }
    let all = scenario::all();
    let missing: Vec<_> = all.iter().map(|scenario| scenario.name.as_str()).filter(|name| !by_name.contains_key(name)).collect();
    ensure!(!whole || missing.is_empty(), "without a result: {}", missing.join(", "));
    let mut page = INTRO.to_owned();
    let days: BTreeSet<_> = results.runs.iter().filter_map(|run| run.at.get(..10)).collect();
    let days: Vec<_> = days.into_iter().collect();
    let broken = results.runs.iter().filter(|run| !run.holds()).count();
    writeln!(
        page,
        "\n{} runs of commit {} on {}, {broken} of which fall short. Bars of time were {} times as wide as the specification's.\n",
        results.runs.len(),
        results.commit,
        days.join(" and "),
        results.slack
    )?;
    writeln!(page, "| dependency | {} |", COLUMNS.map(|(_, title)| title).join(" | "))?;
    writeln!(page, "|---|{}", "---|".repeat(COLUMNS.len()))?;
    for (row, title) in ROWS {
        let cells = COLUMNS.map(|(column, _)| {
            let name = format!("{row}-{column}");
            match by_name.get(name.as_str()) {
                Some(runs) => cell(runs),
                None if missing.contains(&name.as_str()) => "not run".to_owned(),
                None => OTHER_CELLS.iter().find(|other| (other.0, other.1) == (row, column)).map_or("–", |other| other.2).to_owned(),
            }
        });
        writeln!(page, "| **{title}** | {} |", cells.join(" | "))?;
    }
    writeln!(page, "\n| case | what happens | runs | result |\n|---|---|---|---|")?;
    let in_table = |name: &str| ROWS.iter().any(|(row, _)| COLUMNS.iter().any(|(column, _)| name == format!("{row}-{column}")));
    for scenario in all.iter().filter(|scenario| !in_table(&scenario.name)) {
        let (runs, result) = by_name.get(scenario.name.as_str()).map_or((0, "not run".to_owned()), |runs| (runs.len(), cell(runs)));
        writeln!(page, "| {} | {} | {runs} | {result} |", scenario.name, scenario.says)?;
    }
    writeln!(page, "\nThe specification's other cases, with the tests of `crates/messaging` that prove them:\n")?;
    writeln!(page, "| case | what happens | test |\n|---|---|---|")?;
    for (case, says, test) in ELSEWHERE {
        writeln!(page, "| {case} | {says} | {test} |")?;
    }
    Ok(page)
}

fn cell(runs: &[&Run]) -> String {
    let broken = runs.iter().filter(|run| !run.holds()).count();
    let (started, finished) = runs.iter().fold((0, 0), |(started, finished), run| (started + run.started, finished + run.finished));
    let mut figures = vec![format!("{finished}/{started} journeys")];
    if let Some(p95) = runs.iter().filter_map(|run| run.read_p95_ms).max() {
        let failed: usize = runs.iter().map(|run| run.reads_failed).sum();
        figures.push(if failed == 0 { format!("reads p95 {p95} ms") } else { format!("{failed} reads refused") });
    }
    if let Some(back) = runs.iter().filter_map(|run| run.consumers_back_s).max_by(f64::total_cmp) {
        figures.push(format!("consumers {back:.1} s"));
    }
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (status, times) in runs.iter().flat_map(|run| &run.statuses) {
        *statuses.entry(*status).or_default() += times;
    }
    figures.extend(statuses.iter().map(|(status, times)| format!("{times} × {status}")));
    let unanswered: usize = runs.iter().map(|run| run.unanswered).sum();
    if unanswered > 0 {
        figures.push(format!("{unanswered} without an answer"));
    }
    let figures = figures.join(", ");
    match runs.iter().flat_map(|run| &run.failures).next() {
        None => format!("holds: {figures}"),
        Some(first) => format!("**falls short** in {broken} of {}: {}; {figures}", runs.len(), first.replace('|', "/")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(runs: &[Run]) -> Results {
        serde_json::from_value(serde_json::json!({"commit": "abc", "slack": 1.0, "runs": runs})).unwrap()
    }

    fn of(scenario: &str, failures: Vec<String>) -> Run {
        Run { scenario: scenario.to_owned(), failures, started: 1, finished: 1, ..Run::default() }
    }

    #[test]
    fn a_page_says_what_holds_what_falls_short_and_what_was_not_run() {
        let page = markdown(&results(&[of("redis-down", vec![]), of("redis-hang", vec!["J4".to_owned()])]), false).unwrap();
        let redis = page.lines().find(|line| line.starts_with("| **Redis**")).unwrap();
        assert!(
            redis.contains("holds: 1/1 journeys") && redis.contains("**falls short** in 1 of 1: J4") && redis.contains("not run"),
            "{redis}"
        );
    }

    #[test]
    fn a_whole_page_needs_every_scenario() {
        assert!(markdown(&results(&[of("redis-down", vec![])]), true).is_err());
        let all: Vec<_> = scenario::all().into_iter().map(|scenario| of(&scenario.name, vec![])).collect();
        assert!(!markdown(&results(&all), true).unwrap().contains("not run"));
    }

    #[test]
    fn what_is_proved_elsewhere_is_no_scenario() {
        let all: Vec<_> = scenario::all().into_iter().map(|scenario| scenario.name).collect();
        assert!(OTHER_CELLS.iter().all(|(row, column, _)| !all.contains(&format!("{row}-{column}"))));
        assert!(ELSEWHERE.iter().all(|(case, ..)| !all.contains(&(*case).to_owned())));
    }
}
