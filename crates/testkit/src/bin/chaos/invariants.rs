//! The system at rest after a run: the invariants J1–J8 by SQL, and the broker's queues.

use std::time::Duration;

use testkit::{journey::settle, system::System};
use tokio::time::{Instant, sleep};

use crate::figures::Run;

/// Within this everything has to be at rest (spec: 60 s).
const LIMIT: Duration = Duration::from_secs(60);

/// Waits for rest and writes what does not hold.
pub async fn check(system: &System, run: &mut Run) {
    let Some(report) = run.tried("the invariants", settle(&system.places, LIMIT).await) else { return };
    run.settled_s = report.settled_after.map(|after| after.as_secs_f64());
    for line in report.violated() {
        run.failures.push(format!("{}: not so {} times: {}", line.name, line.violations, line.says));
    }
    let deadline = Instant::now() + LIMIT;
    loop {
        let Some(queues) = run.tried("the broker", system.broker.queues().await) else { return };
        let waiting: Vec<_> =
            queues.iter().filter(|queue| queue.messages > 0).map(|queue| format!("{} {}", queue.messages, queue.name)).collect();
        let deserted: Vec<_> =
            queues.iter().filter(|queue| queue.is_consumed() && queue.consumers == 0).map(|queue| queue.name.clone()).collect();
        if waiting.is_empty() && deserted.is_empty() {
            return;
        }
        if Instant::now() > deadline {
            run.require(waiting.is_empty(), || format!("messages are left: {}", waiting.join(", ")));
            run.require(deserted.is_empty(), || format!("queues without a consumer: {}", deserted.join(", ")));
            return;
        }
        sleep(Duration::from_millis(500)).await;
    }
}

/// How long it takes until every queue has a consumer, in seconds.
pub async fn consumers_back(system: &System) -> Option<f64> {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        let back = system.broker.consumed().await.is_ok_and(|queues| queues.iter().all(|queue| queue.consumers > 0));
        if back {
            return Some(begun.elapsed().as_secs_f64());
        }
        sleep(Duration::from_millis(200)).await;
    }
    None
}
