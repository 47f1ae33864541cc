//! Cases of the broker that are no cell of the table.

use std::time::Duration;

use chrono::SecondsFormat;
use domain::{Clock, SystemClock};
use testkit::{
    relay::{Direction, Mode},
    system::{Dependency, SERVICES, System},
};
use tokio::time::{Instant, sleep};

use crate::{
    figures::Run,
    invariants,
    traffic::{Traffic, provision},
};

/// Publishes again what was published since a moment.
const REPUBLISH: &[&str] = &["outbox", "republish", "--why", "a crash test", "--since"];
/// Journeys are in every phase then.
const INTO_THE_JOURNEYS: Duration = Duration::from_secs(4);

/// What happens.
#[derive(Debug, Clone, Copy)]
pub enum More {
    /// K15.
    ConnectionsClosed,
    /// K19.
    StateLost,
    /// K16.
    QueueDeleted,
    /// K21.
    RelayFrozen,
    /// K23.
    OneWay,
}

/// Runs it with journeys flowing.
pub async fn run(system: &mut System, more: More, run: &mut Run) {
    let since = SystemClock.now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let Some(people) = run.tried("before the fault", provision(system, 24).await) else { return };
    let traffic = Traffic::start(&system.addresses, people);
    sleep(Duration::from_secs(2)).await;
    match more {
        More::ConnectionsClosed => {
            let mut closed = 0;
            for _ in 0..30 {
                closed += system.close_broker_connections().await;
                sleep(Duration::from_secs(2)).await;
            }
            run.notes.push(format!("{closed} connections were closed"));
            run.require(closed > 0, || "no connection was closed".to_owned());
        }
        More::QueueDeleted => {
            sleep(INTO_THE_JOURNEYS).await;
            for queue in ["onboarding-svc.payments.v1", "bcm-svc.onboarding.v1"] {
                system.delete_queue(queue).await;
            }
            publish_again(system, &since, run).await;
        }
        More::StateLost => {
            sleep(INTO_THE_JOURNEYS).await;
            system.lose_broker_state().await;
            publish_again(system, &since, run).await;
        }
        More::RelayFrozen => {
            if let Some(rows) = run.tried("the freeze", freeze_with_a_lease(system).await) {
                run.notes.push(format!("the frozen relay holds {rows} rows"));
            }
            sleep(Duration::from_secs(40)).await;
            let held = system.database().number(&format!("{HELD} and lease_until < now()")).await;
            run.require(held == 0, || format!("{held} rows are still held after their lease"));
            system.signal_first("payments-svc", "CONT");
        }
        More::OneWay => {
            system.relay(Dependency::RabbitMq, Mode::OneWay { silent: Direction::ToTarget }).await;
            sleep(Duration::from_secs(45)).await;
            system.relay(Dependency::RabbitMq, Mode::Pass).await;
        }
    }
    if run.consumers_back_s.is_none() {
        run.consumers_back_s = invariants::consumers_back(system, invariants::REPLICAS).await;
    }
    traffic.end(run).await;
    invariants::check(system, run).await;
}

/// What was confirmed and not consumed is lost: once the consumers are back it is published again, as the runbook says.
async fn publish_again(system: &System, since: &str, run: &mut Run) {
    run.consumers_back_s = invariants::consumers_back(system, invariants::REPLICAS).await;
    for service in SERVICES {
        let (well, said) = system.command(service, &[REPUBLISH, &[since]].concat(), None).await;
        run.require(well, || format!("{service} outbox republish failed: {said}"));
        run.notes.push(format!("{service}: {}", said.lines().last().unwrap_or_default().chars().take(60).collect::<String>()));
    }
}

/// Rows that a relay has claimed and not published yet, or not marked so.
const HELD: &str = "select count(*) from payments.outbox where published_at is null and lease_token is not null";

/// Freezes one of two replicas while its relay holds a lease; returns how many rows it holds. Late confirms make the
/// moment long: a lease that stays when the other replica works freely is the frozen one's.
async fn freeze_with_a_lease(system: &System) -> anyhow::Result<i64> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        system.relay_of("payments-svc", Dependency::RabbitMq, Mode::Slow(Duration::from_secs(2))).await;
        while system.database().number(HELD).await == 0 && begun.elapsed() < Duration::from_secs(60) {
            sleep(Duration::from_millis(20)).await;
        }
        system.signal_first("payments-svc", "STOP");
        system.relay_of("payments-svc", Dependency::RabbitMq, Mode::Pass).await;
        sleep(Duration::from_secs(3)).await;
        let stale = format!("{HELD} and lease_until < now() + interval '27.5 seconds'");
        let held = system.database().number(&stale).await;
        if held > 0 {
            return Ok(held);
        }
        system.signal_first("payments-svc", "CONT");
    }
    anyhow::bail!("one minute passed without a lease at the moment of the freeze")
}
