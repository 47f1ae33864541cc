//! What people read while it runs: a line for each run.

use std::time::Duration;

use crate::figures::Run;

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
    let mut statuses =
        if statuses.is_empty() { "none".to_owned() } else { format!("{} (≤ {} ms)", statuses.join(", "), run.slowest_failure_ms) };
    if run.unanswered > 0 {
        statuses = format!("{statuses}, {} without an answer", run.unanswered);
    }
    if run.holds() && !run.notes.is_empty() { format!("{statuses}; {}", run.notes.join("; ")) } else { statuses }
}

/// The last line.
pub fn summary(done: &[Run], took: Duration) {
    let broken = done.iter().filter(|run| !run.holds()).count();
    println!("{} runs, {broken} broken, {:.0} s", done.len(), took.as_secs_f64());
}
