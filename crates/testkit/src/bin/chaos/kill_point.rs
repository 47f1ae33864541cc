//! A process that dies at one place of its code while journeys flow.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, ensure};
use testkit::system::{Build, SERVICES, System};
use tokio::time::{Instant, sleep};

use crate::{
    dead_letters,
    figures::Run,
    invariants::{self, REPLICAS},
    traffic::{Traffic, provision},
};

/// Journeys that flow over a kill point, and then again and again until the point was reached.
const JOURNEYS: usize = 6;
const MORE_JOURNEYS: usize = 4;
const MORE_AFTER: Duration = Duration::from_secs(10);
/// The passage at which the process dies is one of so many, so that many runs meet many moments.
const PASSAGES: u32 = 4;
/// How long the process stays dead.
const DEAD_FOR: Duration = Duration::from_secs(1);
/// Within this the point has to be reached.
const REACHED_WITHIN: Duration = Duration::from_secs(90);

/// A place, and whose code it is in.
#[derive(Debug, Clone, Copy)]
pub struct KillPoint {
    pub name: &'static str,
    pub service: &'static str,
    /// `GROUNDWORK_FAIL_EVENT`, where only a failure leads to the place.
    pub fails: Option<&'static str>,
    /// Whether the failures are dead letters, without whose replay no journey ends.
    pub replay: bool,
}

/// What makes the passage numbered by the run deadly.
pub fn armed(name: &str, number: u32, passages: u32) -> String {
    format!("{name}:{}", number % passages + 1)
}

/// Starts the replicas of `service` anew, at rest, the first with kill points. It consumes before the other one does: the
/// first consumer of a queue is its active one, and the other waits for its death. What was on its way before would kill it
/// too early.
pub async fn arm(system: &mut System, service: &str, variables: &[(&str, &str)]) -> anyhow::Result<()> {
    invariants::at_rest(system).await?;
    system.kill_service(service).await;
    system.arm(service, variables).await;
    system.ready().await;
    invariants::consumers_back(system, REPLICAS - 1).await.context("the armed replica does not consume")?;
    system.start_service(service);
    system.ready().await;
    invariants::consumers_back(system, REPLICAS).await.context("the second replica does not consume")?;
    Ok(())
}

/// One of two replicas is armed, dies, and is started again without the point.
pub async fn run(system: &mut System, point: &KillPoint, number: u32, run: &mut Run) {
    let Some(people) = run.tried("before the crash", provision(system, JOURNEYS).await) else { return };
    let armed = armed(point.name, number, PASSAGES);
    let mut variables = vec![("GROUNDWORK_KILL_POINT", armed.as_str())];
    variables.extend(point.fails.map(|fails| ("GROUNDWORK_FAIL_EVENT", fails)));
    run.tried("before the crash", arm(system, point.service, &variables).await);
    let mut traffic = Traffic::start(&system.addresses, people);
    let died = wait_for_death(system, point.service, &mut traffic, run).await;
    run.require(died, || format!("{armed} was never reached"));
    run.notes.push(armed);
    sleep(DEAD_FOR).await;
    // Armed still, when it was never reached.
    if !died {
        system.stop_service(point.service).await;
    }
    system.start_service(point.service);
    if point.replay {
        system.ready().await;
        run.tried("the replay", dead_letters::replay(system, point.service).await);
    }
    traffic.end(run).await;
    system.ready().await;
    run.consumers_back_s = invariants::consumers_back(system, REPLICAS).await;
    invariants::check(system, run).await;
}

/// Whether a replica died, with more journeys as long as none does: which replica gets what is a matter of chance.
async fn wait_for_death(system: &mut System, service: &str, traffic: &mut Traffic, run: &mut Run) -> bool {
    let (begun, mut added) = (Instant::now(), Instant::now());
    while begun.elapsed() < REACHED_WITHIN {
        if system.running(service) < REPLICAS {
            return true;
        }
        if added.elapsed() > MORE_AFTER || traffic.is_over(run) {
            let Some(people) = run.tried("before the crash", provision(system, MORE_JOURNEYS).await) else { return false };
            traffic.add(people);
            added = Instant::now();
        }
        sleep(Duration::from_millis(20)).await;
    }
    false
}

/// The points exist in the binaries that were built for them and in no other.
pub fn only_in_armed_binaries(build: &Build) -> anyhow::Result<()> {
    for service in SERVICES {
        for (folder, wanted) in [(&build.plain, false), (&build.armed, true)] {
            let path = folder.join(service);
            for word in ["GROUNDWORK_KILL_POINT", "GROUNDWORK_FAIL_EVENT"] {
                let found = contains(&path, word)?;
                ensure!(found == wanted, "{} {} {word}", path.display(), if found { "knows" } else { "does not know" });
            }
        }
    }
    Ok(())
}

fn contains(path: &Path, word: &str) -> anyhow::Result<bool> {
    let status = Command::new("grep").args(["--quiet", "--fixed-strings", "--text", word]).arg(path).status()?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => None.with_context(|| format!("{} cannot be read", path.display())),
    }
}
