//! A dependency or a service that fails while journeys flow.

use std::time::Duration;

use testkit::{
    journey::{Ask, Client, Saving, Silent, pay_and_finalize},
    relay::Mode,
    system::{Dependency, Part, SERVICES, System},
};
use tokio::time::{Instant, sleep};

use crate::{
    disk,
    figures::Run,
    invariants, keys,
    traffic::{Reads, Traffic, provision},
};

/// Journeys around one fault.
const JOURNEYS: usize = 24;
/// People whose manifest is read meanwhile.
const READERS: usize = 3;
/// Journeys flow for so long before the fault.
const BEFORE: Duration = Duration::from_secs(3);

/// Within this spans are exported: the exporter's pause and its time-out fit in.
const EXPORT_LIMIT: Duration = Duration::from_secs(45);

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Between all services and what they depend on.
    Through { dependency: Dependency, mode: Mode },
    /// Between one service and what it depends on.
    ServiceThrough { service: &'static str, dependency: Dependency, mode: Mode },
    /// Every service starts while it is down.
    DownAtStart(Dependency),
    /// The process gets `kill -9`.
    Killed(Part),
    /// The process is restarted in order.
    Restarted(Part),
    /// RabbitMQ's memory alarm.
    BrokerFull,
    /// Redis takes no more writes.
    RedisFull,
    /// The sandbox answers so.
    Weather(&'static str),
    /// All replicas get `kill -9`.
    ServiceKilled(&'static str),
    /// All replicas end in order and start again later.
    ServiceLate(&'static str),
    /// All replicas stand still.
    ServiceFrozen(&'static str),
    /// PostgreSQL has no space for what is written.
    PostgresFull,
    /// Both gateways get `kill -9`.
    GatewaysKilled,
    /// The gateways are restarted in order, one after the other.
    GatewaysRolled,
}

/// Journeys flow, the fault comes, lasts, and goes; then everything has to come right.
pub async fn run(system: &mut System, fault: &Fault, lasts: Duration, run: &mut Run) {
    let Some(readers) = run.tried("before the fault", readers(system).await) else { return };
    let Some(people) = run.tried("before the fault", provision(system, JOURNEYS).await) else { return };
    let traffic = Traffic::start(&system.addresses, people);
    sleep(BEFORE).await;
    let reads = Reads::start(&readers);
    let struck = fault.strike(system, &readers, run).await;
    run.tried("the fault", struck);
    sleep(lasts).await;
    reads.stop();
    let exports = system.exports();
    let healed = fault.heal(system, run).await;
    run.tried("the end of the fault", healed);
    // After the end of the fault, which some of them wait for.
    reads.end(run).await;
    let (back, readable) = tokio::join!(invariants::consumers_back(system, invariants::REPLICAS), readable(&readers));
    (run.consumers_back_s, run.reads_back_s) = (back, readable);
    traffic.end(run).await;
    if fault.dependency() == Some(Dependency::Collector) {
        run.require(exported_after(system, exports).await, || "no spans were exported after the fault".to_owned());
    }
    invariants::check(system, run).await;
    if matches!(fault, Fault::PostgresFull) {
        let parked = disk::parked(system.database()).await;
        run.require(parked == 0, || format!("{parked} events were given up"));
    }
}

/// Whether the collector gets more than `exports` requests.
async fn exported_after(system: &System, exports: usize) -> bool {
    let begun = Instant::now();
    while system.exports() <= exports && begun.elapsed() < EXPORT_LIMIT {
        sleep(Duration::from_millis(200)).await;
    }
    system.exports() > exports
}

/// People with a manifest, which proves that the system was well before the fault.
async fn readers(system: &System) -> anyhow::Result<Vec<Client>> {
    let people = provision(system, READERS).await?;
    let journeys = people.iter().map(async |person| pay_and_finalize(person, &system.addresses, Saving::Nothing, &mut Silent).await);
    for journey in futures_util::future::join_all(journeys).await {
        journey?;
    }
    Ok(people)
}

/// How long it takes until every reader gets a manifest, in seconds.
async fn readable(readers: &[Client]) -> Option<f64> {
    let begun = Instant::now();
    for reader in readers {
        while !reader.once(&Ask::get("/api/context/manifest")).await.is_ok_and(|answer| answer.status.is_success()) {
            if begun.elapsed() > Duration::from_secs(90) {
                return None;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
    Some(begun.elapsed().as_secs_f64())
}

impl Fault {
    const fn dependency(&self) -> Option<Dependency> {
        match *self {
            Self::Through { dependency, .. } | Self::DownAtStart(dependency) => Some(dependency),
            _ => None,
        }
    }

    async fn strike(&self, system: &mut System, readers: &[Client], run: &mut Run) -> anyhow::Result<()> {
        match *self {
            Self::Through { dependency, mode } => {
                if dependency == Dependency::Collector {
                    run.require(exported_after(system, 0).await, || "no spans were exported before the fault".to_owned());
                }
                system.relay(dependency, mode).await;
                if let (Dependency::Keys, Some(reader)) = (dependency, readers.first()) {
                    keys::ask_for_another(system, reader, mode, run).await?;
                }
            }
            Self::ServiceThrough { service, dependency, mode } => system.relay_of(service, dependency, mode).await,
            Self::DownAtStart(dependency) => start_without(system, dependency, readers, run).await?,
            Self::Killed(part) => system.stack.kill(part).await?,
            Self::Restarted(part) => system.stack.stop(part).await?,
            Self::BrokerFull => system.stack.fill_rabbitmq().await?,
            Self::RedisFull => system.stack.fill_redis().await?,
            Self::Weather(weather) => system.weather(&serde_json::from_str(weather)?).await,
            Self::ServiceKilled(service) => system.kill_service(service).await,
            Self::ServiceLate(service) => {
                let begun = Instant::now();
                let well = system.stop_service(service).await;
                let took = begun.elapsed().as_secs_f64();
                run.notes.push(format!("{service} ended in order after {took:.1} s"));
                run.require(well && took < 25.0, || format!("{service} did not drain: {took:.1} s"));
            }
            Self::ServiceFrozen(service) => system.signal_service(service, "STOP"),
            Self::PostgresFull => disk::fill(system.database()).await?,
            Self::GatewaysKilled => system.crash_gateways().await,
            Self::GatewaysRolled => {
                let well = system.roll_gateways().await;
                run.require(well, || "a gateway did not drain".to_owned());
            }
        }
        Ok(())
    }

    async fn heal(&self, system: &mut System, run: &mut Run) -> anyhow::Result<()> {
        match *self {
            Self::Through { dependency, .. } => system.relay(dependency, Mode::Pass).await,
            Self::ServiceThrough { service, dependency, .. } => system.relay_of(service, dependency, Mode::Pass).await,
            Self::DownAtStart(dependency) => {
                let begun = Instant::now();
                system.relay(dependency, Mode::Pass).await;
                system.ready().await;
                run.notes.push(format!("ready {:.1} s after the dependency", begun.elapsed().as_secs_f64()));
            }
            Self::Killed(_) | Self::Restarted(_) => system.stack.start().await?,
            Self::BrokerFull => system.stack.free_rabbitmq().await?,
            Self::RedisFull => system.stack.free_redis().await?,
            Self::Weather(_) => system.weather(&serde_json::json!({})).await,
            Self::ServiceKilled(service) | Self::ServiceLate(service) => {
                system.start_service(service);
                system.ready().await;
            }
            Self::ServiceFrozen(service) => system.signal_service(service, "CONT"),
            Self::PostgresFull => disk::free(system.database()).await?,
            Self::GatewaysKilled | Self::GatewaysRolled => {}
        }
        Ok(())
    }
}

/// Restarts every service while `dependency` refuses connections: each has to live on, and to say how it is.
async fn start_without(system: &mut System, dependency: Dependency, readers: &[Client], run: &mut Run) -> anyhow::Result<()> {
    for service in SERVICES {
        system.stop_service(service).await;
    }
    system.relay(dependency, Mode::Cut).await;
    for service in SERVICES {
        system.start_service(service);
    }
    if dependency != Dependency::Postgres {
        system.ready().await;
    }
    sleep(Duration::from_secs(5)).await;
    for service in SERVICES {
        let (running, ready) = (system.running(service), system.ready_replicas(service).await);
        run.require(running == 2, || format!("{} replicas of {service} ended", 2 - running));
        let wanted = if dependency == Dependency::Postgres { 0 } else { 2 };
        run.require(ready == wanted, || format!("{ready} replicas of {service} are ready, not {wanted}"));
    }
    if let (Dependency::Keys, Some(reader)) = (dependency, readers.first()) {
        let status = reader.once(&Ask::get("/api/context/manifest")).await?.status;
        run.notes.push(format!("a good token without any key: {status}"));
        run.require(status == 503, || format!("a good token was answered {status} while there are no keys"));
    }
    Ok(())
}
