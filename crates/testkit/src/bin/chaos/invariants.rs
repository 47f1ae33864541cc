//! The system at rest after a run: the invariants J1–J8 by SQL, and the broker's queues.

use std::time::Duration;

use anyhow::ensure;
use testkit::{journey::settle, system::System};
use tokio::time::{Instant, sleep};

use crate::figures::Run;

/// Within this everything has to be at rest (spec: 60 s).
const LIMIT: Duration = Duration::from_secs(60);
/// Replicas of each service, each of which consumes every queue of its service.
pub const REPLICAS: usize = 2;

/// Waits for rest and writes what does not hold.
pub async fn check(system: &mut System, run: &mut Run) {
    let begun = Instant::now();
    let Some(report) = run.tried("the invariants", settle(&system.places, system.broker.topology(), LIMIT).await) else { return };
    for line in report.violated() {
        run.failures.push(format!("{}: not so {} times: {}", line.name, line.violations, line.says));
    }
    while let Err(restless) = rest(system).await {
        if begun.elapsed() > LIMIT {
            run.failures.push(format!("the broker: {restless:#}"));
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    run.settled_s = run.failures.is_empty().then(|| begun.elapsed().as_secs_f64());
    if let Some(errors) = run.tried("the gateway's log", system.internal_errors().await) {
        run.require(errors.is_empty(), || format!("the gateway's log has {} answers of 500: {}", errors.len(), errors.join(", ")));
    }
}

/// Waits until nothing is on its way any more.
pub async fn at_rest(system: &System) -> anyhow::Result<()> {
    let begun = Instant::now();
    settle(&system.places, system.broker.topology(), LIMIT).await?;
    while let Err(restless) = rest(system).await {
        ensure!(begun.elapsed() < LIMIT, "the system does not come to rest: {restless:#}");
        sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// Every queue of the start is there, empty, and has its consumers.
async fn rest(system: &System) -> anyhow::Result<()> {
    for queue in system.broker.queues().await? {
        ensure!(queue.messages == 0, "{} messages are left in {}", queue.messages, queue.name);
        ensure!(!queue.is_consumed() || queue.consumers >= REPLICAS, "{} has {} consumers", queue.name, queue.consumers);
    }
    Ok(())
}

/// How long it takes until every queue has the consumers of so many replicas, in seconds.
pub async fn consumers_back(system: &System, replicas: usize) -> Option<f64> {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if system.broker.consumed().await.is_ok_and(|queues| queues.iter().all(|queue| queue.consumers >= replicas)) {
            return Some(begun.elapsed().as_secs_f64());
        }
        sleep(Duration::from_millis(100)).await;
    }
    None
}
