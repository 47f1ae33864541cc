//! Crashes around dead letters: every event that had no effect gets it by a replay, once.

use std::time::Duration;

use anyhow::{Context, ensure};
use testkit::system::System;
use tokio::time::{Instant, sleep};

use crate::{
    figures::Run,
    invariants, kill_point,
    traffic::{Traffic, provision},
};

/// Journeys that flow meanwhile.
const JOURNEYS: usize = 5;
/// Within this a step has to happen.
const LIMIT: Duration = Duration::from_secs(120);
/// Sends every dead letter of a service back to its queue.
const REPLAY: &[&str] = &["dead-letters", "replay", "--all", "--why", "a crash test"];
/// The broker's limit of 20 redeliveries comes after the first delivery.
const MOST_DELIVERIES: usize = 21;
/// Of five confirmations one of two replicas takes three: a later passage may never come.
const SURE_PASSAGES: u32 = 3;

/// Where the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// K8: between the dead letter and the acknowledgement.
    Burying,
    /// K11: between a replayed message and the end of its dead letter.
    Replaying,
    /// K12: with one event, each time.
    Poison,
}

/// Journeys flow, their events become dead letters, something dies, a replay heals all of it.
pub async fn run(system: &mut System, crash: Crash, number: u32, run: &mut Run) {
    let Some(people) = run.tried("before the crash", provision(system, JOURNEYS).await) else { return };
    let service = if crash == Crash::Poison { "bcm-svc" } else { "onboarding-svc" };
    let mut traffic = None;
    let done = match crash {
        Crash::Poison => {
            system.stop_service(service).await;
            traffic.replace(Traffic::start(&system.addresses, people));
            poison(system, service, run).await
        }
        Crash::Burying | Crash::Replaying => {
            let armed = kill_point::armed("K8", number % SURE_PASSAGES);
            let mut variables = vec![("GROUNDWORK_FAIL_EVENT", "permanent:payments.payment.confirmed.v1")];
            if crash == Crash::Burying {
                variables.push(("GROUNDWORK_KILL_POINT", armed.as_str()));
            }
            system.stop_service(service).await;
            system.start_service_as(service, 2, Some(&variables));
            system.ready().await;
            traffic.replace(Traffic::start(&system.addresses, people));
            bury(system, service, crash == Crash::Burying, run).await
        }
    };
    run.tried("dead letters", done);
    if crash == Crash::Replaying {
        let armed = kill_point::armed("K11", number % SURE_PASSAGES);
        let (well, said) = system.command(service, REPLAY, Some(&[("GROUNDWORK_KILL_POINT", armed.as_str())])).await;
        run.require(!well && said.contains("kill point K11"), || format!("{armed} was not reached: {said}"));
    }
    let (well, said) = system.command(service, REPLAY, None).await;
    run.require(well, || format!("the replay failed: {said}"));
    if let Some(traffic) = traffic {
        traffic.end(run).await;
    }
    // Without the switch that made events fail.
    system.stop_service(service).await;
    system.start_service(service);
    system.ready().await;
    run.consumers_back_s = invariants::consumers_back(system).await;
    invariants::check(system, run).await;
}

/// Waits until the confirmation of every journey is a dead letter.
async fn bury(system: &mut System, service: &str, dies: bool, run: &mut Run) -> anyhow::Result<()> {
    let (begun, mut deaths, mut dead) = (Instant::now(), 0, 0);
    let wanted = u32::try_from(JOURNEYS)?;
    // Each death leaves one event unacknowledged, which becomes a dead letter once more.
    while dead < wanted + deaths || (dies && deaths == 0) {
        ensure!(begun.elapsed() < LIMIT, "{dead} of {wanted} confirmations are dead letters, {deaths} replicas died");
        sleep(Duration::from_millis(50)).await;
        let down = 2_u32.saturating_sub(u32::try_from(system.running(service))?);
        if down > 0 {
            deaths += down;
            system.start_service_as(service, 2, Some(&[("GROUNDWORK_FAIL_EVENT", "permanent:payments.payment.confirmed.v1")]));
        }
        dead = system.broker.dead_letters().await?;
    }
    run.notes.push(format!("{wanted} events became {dead} dead letters, {deaths} replicas died"));
    Ok(())
}

/// Lets the service die with one event until the broker takes it away.
async fn poison(system: &mut System, service: &str, run: &mut Run) -> anyhow::Result<()> {
    let begun = Instant::now();
    let published = "select count(*) from onboarding.outbox o where event_type = 'onboarding.finalized.v1' and published_at is not null \
                     and not exists (select 1 from bcm.inbox i where i.event_id = o.event_id)";
    while system.database().number(published).await < i64::try_from(JOURNEYS)? {
        ensure!(begun.elapsed() < LIMIT, "not every journey was finalized");
        sleep(Duration::from_millis(200)).await;
    }
    let event = system
        .database()
        .text(
            "select event_id::text as value from onboarding.outbox o where event_type = 'onboarding.finalized.v1' \
        and not exists (select 1 from bcm.inbox i where i.event_id = o.event_id) order by id limit 1",
        )
        .await
        .context("no event")?;
    let poison = format!("abort:{event}");
    let mut deaths = 0;
    let begun = Instant::now();
    while system.broker.dead_letters().await? == 0 {
        ensure!(deaths - system.running(service) <= MOST_DELIVERIES, "{deaths} processes were started, the broker did not stop it");
        ensure!(begun.elapsed() < LIMIT * 2, "{deaths} processes died, then nothing happened any more");
        if system.running(service) == 0 {
            system.start_service_as(service, 1, Some(&[("GROUNDWORK_FAIL_EVENT", poison.as_str())]));
            deaths += 1;
        }
        sleep(Duration::from_millis(100)).await;
    }
    // The last one started may live: the event was taken away from it.
    deaths -= system.running(service);
    run.notes.push(format!("{deaths} processes died, then the broker made {} dead letters", system.broker.dead_letters().await?));
    ensure!((2..=MOST_DELIVERIES).contains(&deaths), "{deaths} processes died");
    system.stop_service(service).await;
    system.start_service(service);
    system.ready().await;
    Ok(())
}
