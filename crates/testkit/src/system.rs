//! The whole system as real processes: two replicas of each service and of the gateway, and the sandbox, on a database and a vhost of
//! their own, with a fault relay between each service and everything it depends on.
//!
//! It needs the started dependencies of a stack, whose addresses and secrets it takes over.

mod broker;
mod clock;
mod collector;
mod environment;
mod gateway;
mod stack;

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use tokio::time::{Instant, sleep};

pub use broker::{Broker, Queue};
pub use environment::repository;
pub use stack::{Part, Stack};

use self::{
    collector::Collector,
    environment::{Environment, Ports, host_of},
    gateway::Gateway,
};
use crate::{
    Database, Process, Vhost,
    journey::{Addresses, Places},
    relay::{Mode, Relay},
    required,
};

/// The services, in the order in which they start.
pub const SERVICES: [&str; 4] = ["auth-svc", "payments-svc", "onboarding-svc", "bcm-svc"];

/// What a service depends on through a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependency {
    /// The database.
    Postgres,
    /// The broker.
    RabbitMq,
    /// Caches, drafts, limits.
    Redis,
    /// The payment provider, played by the sandbox. Mails go the same way.
    PhonePe,
    /// The keys of auth-svc.
    Keys,
    /// The collector of traces.
    Collector,
}

impl Dependency {
    /// Every one.
    pub const ALL: [Self; 6] = [Self::Postgres, Self::RabbitMq, Self::Redis, Self::PhonePe, Self::Keys, Self::Collector];
}

/// Where the binaries are, and where the system keeps its logs.
#[derive(Debug, Clone)]
pub struct Build {
    /// Plain binaries.
    pub plain: PathBuf,
    /// Binaries with kill points.
    pub armed: PathBuf,
    /// The repository.
    pub root: PathBuf,
    /// A folder for logs and for the gateway's files.
    pub folder: PathBuf,
}

/// A running system. Everything of it ends with the value.
#[derive(Debug)]
pub struct System {
    /// Where journeys go.
    pub addresses: Addresses,
    /// Where the invariants are asked for.
    pub places: Places,
    /// The broker, asked directly.
    pub broker: Broker,
    /// The dependencies that all systems on this machine share.
    pub stack: Arc<Stack>,
    build: Build,
    replicas: Vec<Replica>,
    relays: BTreeMap<(&'static str, Dependency), Relay>,
    /// Before the gateways, where clients come in.
    balancer: Relay,
    gateways: Vec<Gateway>,
    sandbox: Process,
    collector: Collector,
    // Dropped after the processes that use them.
    database: Database,
    vhost: Vhost,
}

/// One process of a service.
#[derive(Debug)]
struct Replica {
    service: &'static str,
    process: Process,
    ready: String,
}

/// How long a process may take to start.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long a process may take to drain: its own limit and a little.
const STOP_LIMIT: Duration = Duration::from_secs(40);

impl System {
    /// Starts everything with `replicas` of each service and waits until all of it is ready.
    ///
    /// # Panics
    /// When something does not start; its log says why.
    pub async fn start(build: Build, stack: Arc<Stack>, replicas: usize) -> Self {
        fs::create_dir_all(&build.folder).unwrap();
        let (database, vhost, collector) = (Database::create().await, Vhost::create().await, Collector::start().await);
        let mut ports = Ports::new();
        let (gateway_port, sandbox_port) = (ports.free(), ports.free());
        let addresses =
            Addresses { gateway: format!("http://127.0.0.1:{gateway_port}"), sandbox: format!("http://127.0.0.1:{sandbox_port}") };
        let places = Places {
            database: database.admin_url(),
            management: required("RABBITMQ_MANAGEMENT_URL"),
            vhost: vhost.name().to_owned(),
            sandbox: addresses.sandbox.clone(),
        };
        let listening: BTreeMap<_, Vec<(u16, u16)>> =
            SERVICES.map(|service| (service, (0..replicas).map(|_| (ports.free(), ports.free())).collect())).into();
        let target = |dependency| match dependency {
            Dependency::Postgres => host_of(&database.admin_url()),
            Dependency::RabbitMq => host_of(&vhost.url()),
            Dependency::Redis => host_of(&required("REDIS_URL")),
            Dependency::PhonePe => host_of(&addresses.sandbox),
            Dependency::Keys => format!("127.0.0.1:{}", listening.get("auth-svc").and_then(|all| all.first()).unwrap().0),
            Dependency::Collector => collector.address().to_string(),
        };
        let mut relays = BTreeMap::new();
        for service in SERVICES {
            for dependency in Dependency::ALL {
                relays.insert((service, dependency), Relay::start(ports.free(), &target(dependency)).await);
            }
        }
        let environment =
            Environment { stack: required("STATE_DIR").into(), addresses: &addresses, database: &database, vhost: &vhost, relays: &relays };
        let sandbox =
            Process::new("sandbox", &build.plain.join("sandbox"), &["serve"], environment.of_sandbox(sandbox_port), log(&build, "sandbox"));
        let gateways: Vec<_> =
            (0..replicas).map(|number| Gateway::new(&build, &format!("gateway-{number}"), ports.free(), &listening)).collect();
        let fronts: Vec<_> = gateways.iter().map(|gateway| gateway.address.clone()).collect();
        let balancer = Relay::start(gateway_port, fronts.first().unwrap()).await;
        balancer.aim(fronts);
        let mut processes = Vec::new();
        for (&service, listening) in &listening {
            for (number, &(public, internal)) in listening.iter().enumerate() {
                let name = format!("{service}-{number}");
                let process = Process::new(
                    &name,
                    &build.plain.join(service),
                    &["serve", "--with-worker"],
                    environment.of_service(service, public, internal),
                    log(&build, &name),
                );
                processes.push(Replica { service, process, ready: format!("http://127.0.0.1:{internal}/readyz") });
            }
        }
        let broker = Broker::new(vhost.url(), &places);
        let mut system = Self {
            addresses,
            places,
            broker,
            stack,
            build,
            replicas: processes,
            relays,
            balancer,
            gateways,
            sandbox,
            collector,
            database,
            vhost,
        };
        system.sandbox.start();
        for gateway in &mut system.gateways {
            gateway.process.start();
        }
        for replica in &mut system.replicas {
            replica.process.start();
        }
        system.ready().await;
        system.learn_topology(replicas).await;
        system
    }

    /// A service is ready before its queues are declared: waits until nothing new is, and every replica consumes.
    async fn learn_topology(&mut self, replicas: usize) {
        let deadline = Instant::now() + START_LIMIT;
        while let Err(reason) = self.declared(replicas).await {
            assert!(Instant::now() < deadline, "{reason:#}; the logs are in {}", self.build.folder.display());
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn declared(&mut self, replicas: usize) -> anyhow::Result<()> {
        ensure!(self.broker.learn().await?, "queues are still being declared");
        for service in SERVICES {
            ensure!(self.broker.topology().consumers().any(|(queue, _)| queue.starts_with(service)), "{service} has no queue");
        }
        for queue in self.broker.consumed().await? {
            ensure!(queue.consumers == replicas, "{} has {} consumers", queue.name, queue.consumers);
        }
        Ok(())
    }

    /// The database of the system, asked as the superuser.
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Requests that the collector of traces has taken.
    pub fn exports(&self) -> usize {
        self.collector.exports()
    }

    /// Sets what all relays before `dependency` do.
    pub async fn relay(&self, dependency: Dependency, mode: Mode) {
        for ((_, which), relay) in &self.relays {
            if *which == dependency {
                relay.set(mode).await;
            }
        }
    }

    /// Sets what the relay between one service and `dependency` does.
    ///
    /// # Panics
    /// When there is no such service.
    pub async fn relay_of(&self, service: &'static str, dependency: Dependency, mode: Mode) {
        self.relays.get(&(service, dependency)).expect("every service has a relay before each dependency").set(mode).await;
    }

    /// The requests since the last call that the gateways answered with 500.
    pub async fn internal_errors(&mut self) -> anyhow::Result<Vec<String>> {
        let mut errors = Vec::new();
        for gateway in &mut self.gateways {
            errors.extend(gateway.internal_errors().await?);
        }
        Ok(errors)
    }

    /// How often the services' logs contain `text`.
    ///
    /// # Panics
    /// When a log cannot be read.
    pub fn said(&self, text: &str) -> usize {
        let logs = self.replicas.iter().map(|replica| fs::read(log(&self.build, replica.process.name())).unwrap());
        logs.map(|log| String::from_utf8_lossy(&log).matches(text).count()).sum()
    }

    /// Waits until every process that should run is ready.
    ///
    /// # Panics
    /// When one is not in time.
    pub async fn ready(&mut self) {
        let http = service_kit::http_client(Duration::from_secs(3)).unwrap();
        let deadline = Instant::now() + START_LIMIT;
        let mut urls = vec![format!("{}/", self.addresses.sandbox)];
        urls.extend(self.gateways.iter().map(|gateway| format!("http://{}/gateway/livez", gateway.address)));
        urls.extend(self.replicas.iter_mut().filter_map(|replica| replica.process.runs().then(|| replica.ready.clone())));
        for url in urls {
            while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                assert!(Instant::now() < deadline, "{url} is not ready; the logs are in {}", self.build.folder.display());
                sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// How many replicas of `service` say that they are ready.
    ///
    /// # Panics
    /// When no client can be made.
    pub async fn ready_replicas(&self, service: &str) -> usize {
        let http = service_kit::http_client(Duration::from_secs(3)).unwrap();
        let mut ready = 0;
        for replica in self.replicas.iter().filter(|replica| replica.service == service) {
            ready += usize::from(http.get(&replica.ready).send().await.is_ok_and(|answer| answer.status().is_success()));
        }
        ready
    }

    /// Starts the replicas of `service` that do not run.
    pub fn start_service(&mut self, service: &str) {
        for replica in self.replicas.iter_mut().filter(|replica| replica.service == service) {
            if !replica.process.runs() {
                replica.process.start();
            }
        }
    }

    /// Kills the first replica of `service`, if it runs, and starts it from the binaries with kill points.
    ///
    /// # Panics
    /// When there is no such service.
    pub async fn arm(&mut self, service: &str, variables: &[(&str, &str)]) {
        let replica = self.replicas.iter_mut().find(|replica| replica.service == service).expect("a service of ours");
        replica.process.kill().await;
        replica.process.start_as(&self.build.armed.join(service), variables);
    }

    /// Replicas of `service` that run.
    pub fn running(&mut self, service: &str) -> usize {
        self.replicas
            .iter_mut()
            .filter(|replica| replica.service == service)
            .filter_map(|replica| replica.process.runs().then_some(()))
            .count()
    }

    /// Lets all replicas of `service` end in order, together. `false` when one had to be killed or failed.
    pub async fn stop_service(&mut self, service: &str) -> bool {
        let replicas = self.replicas.iter_mut().filter(|replica| replica.service == service);
        let ended = futures_util::future::join_all(replicas.map(|replica| replica.process.terminate(STOP_LIMIT))).await;
        ended.into_iter().all(|well| well)
    }

    /// Kills all replicas of `service`.
    pub async fn kill_service(&mut self, service: &str) {
        for replica in self.replicas.iter_mut().filter(|replica| replica.service == service) {
            replica.process.kill().await;
        }
    }

    /// Kills one replica of `service`, if it runs.
    pub async fn kill_replica(&mut self, service: &str, number: usize) {
        if let Some(replica) = self.replicas.iter_mut().filter(|replica| replica.service == service).nth(number) {
            replica.process.kill().await;
        }
    }

    /// Sends a signal to the replicas of `service`.
    pub fn signal_service(&self, service: &str, signal: &str) {
        for replica in self.replicas.iter().filter(|replica| replica.service == service) {
            replica.process.signal(signal);
        }
    }

    /// Runs a sub-command of `service` with the settings of its first replica, from the kill points' build when
    /// variables are given, and returns whether it succeeded and what it printed.
    ///
    /// # Panics
    /// When it cannot be started.
    #[expect(clippy::disallowed_methods, reason = "the search path is not a setting")]
    pub async fn command(&self, service: &str, arguments: &[&str], armed: Option<&[(&str, &str)]>) -> (bool, String) {
        let replica = self.replicas.iter().find(|replica| replica.service == service).expect("a service of ours");
        let folder = if armed.is_some() { &self.build.armed } else { &self.build.plain };
        let mut command = tokio::process::Command::new(folder.join(service));
        command.args(arguments).env_clear().envs(replica.process.environment()).envs(armed.unwrap_or_default().iter().copied());
        let output = command.env("PATH", std::env::var("PATH").unwrap_or_default()).kill_on_drop(true).output().await.unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), text)
    }

    /// Sends a signal to the first replica of `service` only.
    pub fn signal_first(&self, service: &str, signal: &str) {
        if let Some(replica) = self.replicas.iter().find(|replica| replica.service == service) {
            replica.process.signal(signal);
        }
    }

    /// Kills every gateway and starts it again.
    pub async fn crash_gateways(&mut self) {
        for gateway in &mut self.gateways {
            gateway.process.kill().await;
        }
        for gateway in &mut self.gateways {
            gateway.process.start();
        }
    }

    /// Restarts the gateways one after the other: no new connections, let it drain, start it, take it back in. `false` when
    /// one had to be killed.
    ///
    /// # Panics
    /// When one does not come back.
    pub async fn roll_gateways(&mut self) -> bool {
        let all: Vec<_> = self.gateways.iter().map(|gateway| gateway.address.clone()).collect();
        let mut well = true;
        for number in 0..all.len() {
            let Some(gateway) = self.gateways.get_mut(number) else { break };
            self.balancer.aim(all.iter().filter(|&address| *address != gateway.address).cloned().collect());
            well &= gateway.drain(STOP_LIMIT).await;
            gateway.process.start();
            self.ready().await;
            self.balancer.aim(all.clone());
        }
        well
    }

    /// Restarts one replica of `service` in order, with a clock that is wrong by so many seconds, or right.
    ///
    /// # Errors
    /// When libfaketime is not installed or there is no such replica.
    pub async fn set_clock(&mut self, service: &str, number: usize, wrong_by_s: i64) -> anyhow::Result<()> {
        let library = clock::library()?;
        let faketime = format!("{wrong_by_s:+}s");
        let variables = [("LD_PRELOAD", library.as_str()), ("FAKETIME", &faketime), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
        let replica = self.replicas.iter_mut().filter(|replica| replica.service == service).nth(number).context("no such replica")?;
        replica.process.terminate(STOP_LIMIT).await;
        let program = self.build.plain.join(service);
        replica.process.start_as(&program, if wrong_by_s == 0 { &[] } else { &variables });
        self.ready().await;
        Ok(())
    }

    /// By how many seconds the clock of one replica of `service` differs from ours, as its answers say.
    ///
    /// # Errors
    /// When it does not answer, or without a date.
    pub async fn clock_offset(&self, service: &str, number: usize) -> anyhow::Result<i64> {
        let replica = self.replicas.iter().filter(|replica| replica.service == service).nth(number).context("no such replica")?;
        clock::offset(&replica.ready).await
    }

    /// Closes every connection to the broker from its side; returns how many there were.
    pub async fn close_broker_connections(&self) -> usize {
        self.vhost.close_all_connections().await
    }

    /// Lets the broker lose every queue and message.
    pub async fn lose_broker_state(&self) {
        self.vhost.lose_everything().await;
    }

    /// Deletes a queue with everything in it.
    pub async fn delete_queue(&self, queue: &str) {
        self.vhost.request(reqwest::Method::DELETE, &format!("api/queues/{}/{queue}", self.vhost.name()), None).await;
    }

    /// Ends everything in order.
    pub async fn end(mut self) {
        for service in SERVICES {
            self.signal_service(service, "CONT");
            self.signal_service(service, "TERM");
        }
        for replica in &mut self.replicas {
            replica.process.terminate(STOP_LIMIT).await;
        }
        for gateway in &mut self.gateways {
            gateway.process.terminate(STOP_LIMIT).await;
        }
        self.sandbox.terminate(STOP_LIMIT).await;
    }

    /// Tells the sandbox how the world outside behaves from now on.
    ///
    /// # Panics
    /// When it refuses.
    pub async fn weather(&self, weather: &serde_json::Value) {
        let http = service_kit::http_client(Duration::from_secs(10)).unwrap();
        let answer = http.put(format!("{}/control/weather", self.addresses.sandbox)).json(weather).send().await.unwrap();
        assert!(answer.status().is_success(), "the sandbox refuses {weather}: {}", answer.status());
    }
}

fn log(build: &Build, name: &str) -> PathBuf {
    build.folder.join(format!("{name}.log"))
}
