//! A service that dies at one place of its code while journeys flow.

use std::{fs, time::Duration};

use anyhow::{Context, ensure};
use testkit::system::{Build, SERVICES, System};
use tokio::time::{Instant, sleep};

use crate::{
    figures::Run,
    invariants,
    traffic::{Traffic, provision},
};

/// Journeys that flow over a kill point.
const JOURNEYS: usize = 8;
/// The passage at which the process dies is one of so many, so that many runs meet many moments. Of eight journeys one of
/// two replicas takes four: a later passage may never come.
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
}

/// What makes the passage numbered by the run deadly.
pub fn armed(name: &str, number: u32) -> String {
    format!("{name}:{}", number % PASSAGES + 1)
}

/// Both replicas are armed; whichever dies is started again without the point.
pub async fn run(system: &mut System, point: &KillPoint, number: u32, run: &mut Run) {
    let Some(people) = run.tried("before the crash", provision(system, JOURNEYS).await) else { return };
    let armed = armed(point.name, number);
    let mut variables = vec![("GROUNDWORK_KILL_POINT", armed.as_str())];
    variables.extend(point.fails.map(|fails| ("GROUNDWORK_FAIL_EVENT", fails)));
    system.stop_service(point.service).await;
    system.start_service_as(point.service, 2, Some(&variables));
    system.ready().await;
    let mut traffic = Traffic::start(&system.addresses, people);
    let (begun, mut deaths) = (Instant::now(), 0);
    while !traffic.is_over(run) && (deaths > 0 || begun.elapsed() < REACHED_WITHIN) {
        sleep(Duration::from_millis(20)).await;
        let dead = 2_usize.saturating_sub(system.running(point.service));
        if dead > 0 {
            deaths += dead;
            sleep(DEAD_FOR).await;
            // A replica that died meanwhile is started and counted as well.
            deaths += 2_usize.saturating_sub(system.running(point.service)).saturating_sub(dead);
            system.start_service_as(point.service, 2, variables.get(1..));
        }
    }
    traffic.end(run).await;
    run.notes.push(format!("{armed}: {deaths} replicas died"));
    run.require(deaths > 0, || format!("{armed} was never reached"));
    // The other replica may still be armed.
    system.stop_service(point.service).await;
    system.start_service(point.service);
    system.ready().await;
    run.consumers_back_s = invariants::consumers_back(system).await;
    invariants::check(system, run).await;
}

/// The points exist in the binaries that were built for them and in no other.
pub fn only_in_armed_binaries(build: &Build) -> anyhow::Result<()> {
    for service in SERVICES {
        for (folder, wanted) in [(&build.plain, false), (&build.armed, true)] {
            let path = folder.join(service);
            let binary = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            for word in ["GROUNDWORK_KILL_POINT", "GROUNDWORK_FAIL_EVENT"] {
                let found = binary.windows(word.len()).any(|window| window == word.as_bytes());
                ensure!(found == wanted, "{} {} {word}", path.display(), if found { "knows" } else { "does not know" });
            }
        }
    }
    Ok(())
}
