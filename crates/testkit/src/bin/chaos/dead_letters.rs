//! Crashes around dead letters: every event that had no effect gets it by a replay, once.

use std::time::Duration;

use anyhow::{Context, ensure};
use testkit::system::System;
use tokio::time::{Instant, sleep};

use crate::{
    figures::Run,
    invariants::{self, REPLICAS},
    kill_point,
    traffic::{Traffic, provision},
};

/// Within this a step has to happen.
const LIMIT: Duration = Duration::from_secs(120);
/// Sends every dead letter of a service back to its queue.
const REPLAY: &[&str] = &["dead-letters", "replay", "--all", "--why", "a crash test"];
/// The broker's limit of 20 redeliveries comes after the first delivery.
const MOST_DELIVERIES: usize = 21;

/// Where the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// K11: between a replayed message and the end of its dead letter.
    Replaying,
    /// K12: with one event, each time.
    Poison,
}

/// Journeys flow, their events become dead letters, something dies, a replay heals all of it.
pub async fn run(system: &mut System, crash: Crash, number: u32, run: &mut Run) {
    match crash {
        Crash::Replaying => replaying(system, number, run).await,
        Crash::Poison => poison(system, run).await,
    }
    system.ready().await;
    run.consumers_back_s = invariants::consumers_back(system, REPLICAS).await;
    invariants::check(system, run).await;
}

/// Replays every dead letter of `service`.
pub async fn replay(system: &System, service: &str) -> anyhow::Result<()> {
    let (well, said) = system.command(service, REPLAY, None).await;
    ensure!(well, "it failed: {said}");
    Ok(())
}

/// One replica of two lets every confirmation become a dead letter, and the first replay of them dies.
async fn replaying(system: &mut System, number: u32, run: &mut Run) {
    const SERVICE: &str = "onboarding-svc";
    const JOURNEYS: usize = 8;
    const LETTERS: u32 = 3;
    let Some(people) = run.tried("before the crash", provision(system, JOURNEYS).await) else { return };
    let failing = [("GROUNDWORK_FAIL_EVENT", "permanent:payments.payment.confirmed.v1")];
    run.tried("before the crash", kill_point::arm(system, SERVICE, &failing).await);
    let traffic = Traffic::start(&system.addresses, people);
    let buried = wait_for("dead letters", async || Ok(system.broker.dead_letters().await? >= LETTERS)).await;
    run.tried("dead letters", buried);
    let armed = kill_point::armed("K11", number, LETTERS);
    let (well, said) = system.command(SERVICE, REPLAY, Some(&[("GROUNDWORK_KILL_POINT", armed.as_str())])).await;
    run.require(!well && said.contains("kill point K11"), || format!("{armed} was not reached: {said}"));
    run.notes.push(armed);
    // Without the failures, so that no letter comes after the replay.
    system.stop_service(SERVICE).await;
    system.start_service(SERVICE);
    system.ready().await;
    run.tried("the replay", replay(system, SERVICE).await);
    traffic.end(run).await;
}

/// A service dies with one event until the broker takes that away.
async fn poison(system: &mut System, run: &mut Run) {
    const SERVICE: &str = "bcm-svc";
    const JOURNEYS: usize = 3;
    let Some(people) = run.tried("before the crash", provision(system, JOURNEYS).await) else { return };
    system.stop_service(SERVICE).await;
    let traffic = Traffic::start(&system.addresses, people);
    let died = die_until_buried(system, SERVICE, i64::try_from(JOURNEYS).unwrap_or(i64::MAX)).await;
    if let Some(deaths) = run.tried("the poison", died) {
        run.notes.push(format!("{deaths} processes died"));
        run.require((2..=MOST_DELIVERIES).contains(&deaths), || format!("{deaths} processes died"));
    }
    system.stop_service(SERVICE).await;
    system.start_service(SERVICE);
    system.ready().await;
    run.tried("the replay", replay(system, SERVICE).await);
    traffic.end(run).await;
}

/// Starts `service` again and again with the oldest finalization as its poison; returns how many processes died.
async fn die_until_buried(system: &mut System, service: &str, finalized: i64) -> anyhow::Result<usize> {
    const WAITING: &str = "from onboarding.outbox o where event_type = 'onboarding.finalized.v1' and published_at is not null \
                           and not exists (select 1 from bcm.inbox i where i.event_id = o.event_id)";
    let count = format!("select count(*) {WAITING}");
    wait_for("every journey to be finalized", async || Ok(system.database().number(&count).await >= finalized)).await?;
    let oldest = format!("select event_id::text as value {WAITING} order by id limit 1");
    let poison = format!("abort:{}", system.database().text(&oldest).await.context("no event")?);
    let (begun, mut started) = (Instant::now(), 0);
    while system.broker.dead_letters().await? == 0 {
        ensure!(begun.elapsed() < LIMIT, "{started} processes were started, then nothing happened any more");
        if system.running(service) == 0 {
            ensure!(started < MOST_DELIVERIES + 1, "{started} processes died, the broker did not stop it");
            system.arm(service, &[("GROUNDWORK_FAIL_EVENT", poison.as_str())]).await;
            started += 1;
        }
        sleep(Duration::from_millis(50)).await;
    }
    // The last one started may live: the event was taken away from it.
    Ok(started - system.running(service))
}

async fn wait_for(what: &str, so: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !so().await? {
        ensure!(begun.elapsed() < LIMIT, "{what} did not come");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
