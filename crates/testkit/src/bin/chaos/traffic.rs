//! Journeys that flow and reads that go on while something breaks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::StatusCode;
use serde_json::json;
use testkit::{
    journey::{Addresses, Ask, Client, Observer, Saving, Silent, pay_and_finalize, sign_up},
    system::System,
};
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep},
};

use crate::figures::Run;

/// Between the beginnings of two journeys.
const PACE: Duration = Duration::from_millis(500);
/// Within this a journey has to end, whatever happens: the reconciler's schedule and the outage guard fit in.
const JOURNEY_LIMIT: Duration = Duration::from_secs(170);
/// Between two reads of a manifest.
const READ_PACE: Duration = Duration::from_millis(150);

/// Signed-in people who have a workspace and have paid nothing yet.
pub async fn provision(system: &System, count: usize) -> anyhow::Result<Vec<Client>> {
    let http = service_kit::http_client(Duration::from_secs(40))?;
    let deadline = Instant::now() + Duration::from_secs(180);
    stream::iter(0..count)
        .map(|_| {
            let mut client = Client::with(http.clone(), &system.addresses.gateway, deadline);
            async move {
                let email = format!("chaos-{}@example.test", uuid::Uuid::now_v7().simple());
                let signed_in = sign_up(&mut client, &email, "groundwork-chaos-2026").await?;
                anyhow::ensure!(signed_in, "the stack wants addresses to be confirmed: EMAIL_CONFIRMATION=false");
                client.expect(&Ask::post("/api/auth/ensure-profile", json!({}))).await?;
                anyhow::Ok(client)
            }
        })
        .buffer_unordered(3)
        .try_collect()
        .await
        .context("people could not sign up before the fault")
}

/// What clients saw.
#[derive(Debug, Default)]
pub struct Record {
    seen: Mutex<Refusals>,
}

#[derive(Debug, Default)]
struct Refusals {
    statuses: BTreeMap<u16, usize>,
    unanswered: usize,
    unexplained: usize,
    slowest: Duration,
    broken: Vec<String>,
}

impl Record {
    fn observer(self: &Arc<Self>) -> Observer {
        let record = self.clone();
        Arc::new(move |seen| {
            let mut refusals = record.seen.lock().unwrap_or_else(PoisonError::into_inner);
            refusals.unanswered += usize::from(seen.status.is_none());
            let Some(status) = seen.status.filter(StatusCode::is_server_error) else { return };
            *refusals.statuses.entry(status.as_u16()).or_default() += 1;
            refusals.unexplained += usize::from(!seen.problem);
            refusals.slowest = refusals.slowest.max(seen.took);
            if (status == 500 || !seen.problem) && refusals.broken.len() < 3 {
                refusals.broken.push(format!("{} answered {status}", seen.path));
            }
        })
    }

    fn write(&self, run: &mut Run) {
        let refusals = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        run.statuses = refusals.statuses.clone();
        run.unanswered = refusals.unanswered;
        run.unexplained = refusals.unexplained;
        run.slowest_failure_ms = u64::try_from(refusals.slowest.as_millis()).unwrap_or(u64::MAX);
        run.notes.extend(refusals.broken.iter().cloned());
    }
}

/// Journeys that begin one after the other, twice a second.
pub struct Traffic {
    addresses: Addresses,
    journeys: JoinSet<anyhow::Result<()>>,
    finished: Arc<AtomicUsize>,
    record: Arc<Record>,
    started: usize,
}

impl Traffic {
    /// Every one of `people` makes a journey.
    pub fn start(addresses: &Addresses, people: Vec<Client>) -> Self {
        let mut traffic =
            Self { addresses: addresses.clone(), journeys: JoinSet::new(), finished: Arc::default(), record: Arc::default(), started: 0 };
        traffic.add(people);
        traffic
    }

    /// These make one too, beginning now.
    pub fn add(&mut self, people: Vec<Client>) {
        self.started += people.len();
        for (place, person) in (0_u32..).zip(people) {
            let begin = PACE * place;
            let client = person.until_deadline(Instant::now() + begin + JOURNEY_LIMIT).observed(self.record.observer());
            let (addresses, finished) = (self.addresses.clone(), self.finished.clone());
            self.journeys.spawn(async move {
                sleep(begin).await;
                pay_and_finalize(&client, &addresses, Saving::Nothing, &mut Silent).await?;
                finished.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
        }
    }

    /// Whether all have ended, one way or the other.
    pub fn is_over(&mut self, run: &mut Run) -> bool {
        while let Some(ended) = self.journeys.try_join_next() {
            tell(run, ended);
        }
        self.journeys.is_empty()
    }

    /// Waits until every journey has ended and writes what was seen.
    pub async fn end(mut self, run: &mut Run) {
        while let Some(ended) = self.journeys.join_next().await {
            tell(run, ended);
        }
        run.started = self.started;
        run.finished = self.finished.load(Ordering::SeqCst);
        self.record.write(run);
    }
}

fn tell(run: &mut Run, ended: Result<anyhow::Result<()>, tokio::task::JoinError>) {
    let error = match ended {
        Ok(Ok(())) => return,
        Ok(Err(error)) => format!("{error:#}"),
        Err(error) => error.to_string(),
    };
    if run.notes.len() < 6 {
        run.notes.push(format!("a journey: {}", error.chars().take(300).collect::<String>()));
    }
}

/// Reads of manifests, one after the other at a fixed pace, however long each takes.
pub struct Reads {
    reading: JoinSet<Vec<(Duration, bool)>>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Reads {
    /// `readers` have a manifest; they take turns.
    pub fn start(readers: &[Client]) -> Self {
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let (readers, mut reading) = (readers.to_vec(), JoinSet::new());
        reading.spawn(async move {
            let (mut running, mut pace) = (JoinSet::new(), interval(READ_PACE));
            for reader in readers.into_iter().cycle() {
                tokio::select! {
                    _ = stopped.wait_for(|stopped| *stopped) => break,
                    _ = pace.tick() => {}
                }
                running.spawn(async move {
                    let begun = Instant::now();
                    let answer = reader.once(&Ask::get("/api/context/manifest")).await;
                    (begun.elapsed(), answer.is_ok_and(|answer| answer.status.is_success()))
                });
            }
            running.join_all().await
        });
        Self { reading, stop }
    }

    /// No more begin.
    pub fn stop(&self) {
        let _ = self.stop.send(true);
    }

    /// Waits for those that run, begins no more and writes how they went.
    pub async fn end(self, run: &mut Run) {
        self.stop();
        let mut reads: Vec<_> = self.reading.join_all().await.into_iter().flatten().collect();
        reads.sort_unstable();
        run.reads = reads.len();
        run.reads_failed = reads.iter().filter(|(_, succeeded)| !succeeded).count();
        run.read_p95_ms = reads.get(reads.len() * 95 / 100).map(|(took, _)| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }
}
