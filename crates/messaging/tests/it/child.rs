//! A process that can crash and be frozen: this test binary once more, running the one ignored test below.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use domain::ids::EventId;
use messaging::{ConsumerSpec, Delivered, Handler, HandlerError};
use prometheus::TextEncoder;
use serde::{Deserialize, Serialize};
use testkit::signal;

use crate::rig::{Process, Rig, record, within};

const SCRIPT: &str = "GROUNDWORK_TEST_PROCESS";
/// A process whose test was killed ends by itself.
const LIFE: Duration = Duration::from_secs(300);
const SIGABRT: i32 = 6;

/// How the process treats its events; it records each one's effect first.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Conduct {
    /// Ends itself in the handler of one event.
    AbortsOn(EventId),
    /// Ends itself between the commit and the acknowledgement.
    AbortsAfterCommit,
    /// Takes its time: for one event in the transaction, for all others between commit and acknowledgement.
    LingersIn(EventId),
}

#[derive(Serialize, Deserialize)]
struct Script {
    service: String,
    amqp_url: String,
    database_url: String,
    consumer: Option<(String, Conduct)>,
    metrics: PathBuf,
}

/// The process; it is killed with the value.
pub struct Child {
    process: std::process::Child,
    metrics: PathBuf,
}

impl Child {
    /// Starts a process of a service with its relay and perhaps a consumer; `query` is added to the broker's URL.
    pub fn start(rig: &Rig, service: &str, query: &str, consumer: Option<(&str, Conduct)>) -> Self {
        let metrics = std::env::temp_dir().join(format!("groundwork-metrics-{}", EventId::generate()));
        let script = Script {
            service: service.to_owned(),
            amqp_url: format!("{}{query}", rig.vhost.url()),
            database_url: rig.database_url(service),
            consumer: consumer.map(|(queue, conduct)| (queue.to_owned(), conduct)),
            metrics: metrics.clone(),
        };
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::a_process_that_other_tests_start_and_end", "--ignored", "--nocapture"])
            .env(SCRIPT, serde_json::to_string(&script).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, metrics }
    }

    /// Waits until it takes events.
    pub async fn ready(&self) {
        within(60, "the process's consumer is there", async || self.metric("messaging_consumer_alive") > 0.5).await;
    }

    /// Whether it has aborted.
    pub fn aborted(&mut self) -> bool {
        let ended = self.process.try_wait().unwrap();
        ended.is_some_and(|status| {
            assert_eq!(status.signal(), Some(SIGABRT), "it ended in another way: {status}");
            true
        })
    }

    /// Stops it where it is.
    pub fn freeze(&self) {
        signal(self.process.id(), "STOP");
    }

    /// Lets it go on as if nothing had been.
    pub fn thaw(&self) {
        signal(self.process.id(), "CONT");
    }

    /// The value of one of its metrics, summed over the labels, as it was a moment ago.
    pub fn metric(&self, name: &str) -> f64 {
        let text = fs::read_to_string(&self.metrics).unwrap_or_default();
        let samples = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        for file in [unfinished(&self.metrics), self.metrics.clone()] {
            let _ = fs::remove_file(file);
        }
    }
}

/// Where the metrics are written before they take their place.
fn unfinished(metrics: &Path) -> PathBuf {
    metrics.with_extension("unfinished")
}

struct Conducted(Conduct);

#[async_trait]
impl Handler for Conducted {
    async fn handle(&self, connection: &mut AsyncPgConnection, event: &Delivered) -> Result<(), HandlerError> {
        record(connection, event).await?;
        match self.0 {
            Conduct::AbortsOn(id) if id == event.id => std::process::abort(),
            Conduct::LingersIn(id) if id == event.id => tokio::time::sleep(Duration::from_secs(3)).await,
            _ => {}
        }
        Ok(())
    }

    async fn committed(&self, event: &Delivered) {
        match self.0 {
            Conduct::AbortsAfterCommit => std::process::abort(),
            Conduct::LingersIn(id) if id != event.id => tokio::time::sleep(Duration::from_secs(4)).await,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "other tests start it"]
async fn a_process_that_other_tests_start_and_end() {
    let Ok(script) = std::env::var(SCRIPT) else { return };
    let Script { service, amqp_url, database_url, consumer, metrics } = serde_json::from_str(&script).unwrap();
    let consumers = consumer.map(|(queue, conduct)| ConsumerSpec::new(&queue, Conducted(conduct)).unwrap());
    let process = Process::start(&amqp_url, &database_url, service.leak(), consumers.into_iter().collect());
    let (began, unfinished) = (Instant::now(), unfinished(&metrics));
    while began.elapsed() < LIFE {
        fs::write(&unfinished, TextEncoder::new().encode_to_string(&process.registry.gather()).unwrap()).unwrap();
        fs::rename(&unfinished, &metrics).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
