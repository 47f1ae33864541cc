//! Breaks one thing after the other under the running system and proves that nothing was lost or done twice.

mod clocks;
mod dead_letters;
mod disk;
mod fault;
mod figures;
mod invariants;
mod keys;
mod kill_point;
mod more;
mod page;
mod report;
mod results;
mod scenario;
mod storm;
mod traffic;

use std::{fs, panic::AssertUnwindSafe, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Parser, Subcommand};
use futures_util::FutureExt;
use testkit::system::{Build, Stack, System, repository};
use tokio::time::Instant;

use crate::{figures::Run, results::Results, scenario::Scenario, storm::Storm};

/// The most that the scenarios of `make test` may take together.
const SHORT_LIMIT: Duration = Duration::from_secs(12 * 60);

#[derive(Parser)]
#[command(version, about = "Breaks one thing after the other under the running system, with journeys flowing")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every scenario with what it breaks.
    List,
    /// Runs scenarios, all of them when none is named, and writes the results. Needs the addresses of a started stack in its
    /// environment (`deploy/local/stack exec`).
    Run {
        /// Names, or beginnings of names: `K3`, `redis`, `rabbitmq-hang`.
        names: Vec<String>,
        /// Only those of `make test`, within 12 minutes.
        #[arg(long)]
        short: bool,
        /// How often the kill points are run.
        #[arg(long, default_value_t = 1)]
        runs: u32,
        /// Times by which every bar of time is wider, for a machine that is slow or shared. The invariants have none.
        #[arg(long, default_value_t = 1.0)]
        slack: f64,
        /// Where the results go. Those of scenarios that are not run now stay, if they come from the same commit and slack.
        #[arg(long, default_value = "target/verify/chaos.json")]
        results: PathBuf,
        /// The folder of the plain binaries.
        #[arg(long)]
        plain: PathBuf,
        /// The folder of the binaries with kill points.
        #[arg(long)]
        armed: PathBuf,
    },
    /// Lets many orders at once go through bad weather while replicas of payments-svc are killed, and compares the books with
    /// `PhonePe`'s. Writes one line for each thing: `holds` or `falls short`, what, and a figure, separated by tabs.
    Storm {
        /// How many orders.
        #[arg(long, default_value_t = 2000)]
        orders: usize,
        /// The same seed is the same storm.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Every webhook is lost.
        #[arg(long)]
        lost: bool,
        /// The folder of the binaries.
        #[arg(long)]
        plain: PathBuf,
    },
    /// Prints the page of results, in Markdown.
    Report {
        /// The results of `run`.
        #[arg(long, default_value = "target/verify/chaos.json")]
        results: PathBuf,
        /// Fails unless every scenario has a result.
        #[arg(long)]
        whole: bool,
    },
}

/// What is to be run, and on what.
struct Plan {
    scenarios: Vec<Scenario>,
    runs: u32,
    slack: f64,
    limit: Option<Duration>,
    build: Build,
    stack: Arc<Stack>,
    results: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::List => {
            for scenario in scenario::all() {
                println!("{:<28} {}", scenario.name, scenario.says);
            }
            Ok(true)
        }
        Command::Run { names, short, runs, slack, results, plain, armed } => {
            let root = repository();
            let (stack, limit) = (Arc::new(Stack::new(&root)), short.then_some(SHORT_LIMIT));
            let build = Build { plain, armed, folder: root.join("target/verify/chaos"), root };
            match scenario::chosen(&names, short) {
                Ok(scenarios) => interruptible(&Plan { scenarios, runs, slack, limit, build, stack, results }).await,
                Err(error) => Err(error),
            }
        }
        Command::Storm { orders, seed, lost, plain } => {
            let root = repository();
            let build = Build { armed: plain.clone(), plain, folder: root.join("target/verify/storm"), root: root.clone() };
            tokio::select! {
                done = blow(build, Arc::new(Stack::new(&root)), Storm { orders, seed, lost }) => done,
                () = interrupted() => Err(anyhow::anyhow!("interrupted")),
            }
        }
        Command::Report { results, whole } => Results::read(&results).and_then(|results| page::markdown(&results, whole)).map(|page| {
            print!("{page}");
            true
        }),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn blow(build: Build, stack: Arc<Stack>, storm: Storm) -> anyhow::Result<bool> {
    // The logs of the last run.
    let _ = fs::remove_dir_all(&build.folder);
    let mut system = Box::pin(System::start(build, stack, invariants::REPLICAS)).await;
    let blown = storm::run(&mut system, storm).await;
    system.end().await;
    let rows = blown?;
    for (what, figure, holds) in &rows {
        println!("{}\t{what}\t{figure}", if *holds { "holds" } else { "falls short" });
    }
    Ok(rows.iter().all(|(.., holds)| *holds))
}

/// Runs the plan until its end or a signal. Either way nothing stays broken and nothing is left behind.
async fn interruptible(plan: &Plan) -> anyhow::Result<bool> {
    let mut system = None;
    let done = tokio::select! {
        done = run(plan, &mut system) => done,
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
    };
    let healed = plan.stack.heal().await;
    if let Some(system) = system {
        system.end().await;
    }
    healed.and(done)
}

async fn interrupted() {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = async { match &mut terminated {
            Some(signal) => { signal.recv().await; }
            None => std::future::pending().await,
        } } => {}
    }
}

async fn run(plan: &Plan, system: &mut Option<System>) -> anyhow::Result<bool> {
    let begun = Instant::now();
    kill_point::only_in_armed_binaries(&plan.build)?;
    // The logs of the last run.
    let _ = fs::remove_dir_all(&plan.build.folder);
    let mut results = Results::begin(&plan.results, &plan.build.root, plan.slack)?;
    let mut done = Vec::new();
    report::heading();
    for scenario in &plan.scenarios {
        results.forget(&scenario.name);
        for number in 0..if scenario.repeats() { plan.runs } else { 1 } {
            let run = one(plan, scenario, number, system).await;
            report::line(&run);
            if !run.holds() {
                plan.stack.heal().await?;
                // What a broken run left behind would be found again by the next one.
                if let Some(broken) = system.take() {
                    broken.end().await;
                }
            }
            results.keep(run.clone())?;
            done.push(run);
        }
    }
    report::summary(&done, begun.elapsed());
    if let Some(limit) = plan.limit.filter(|limit| begun.elapsed() > *limit) {
        println!("    not so: it took longer than {} minutes", limit.as_secs() / 60);
        return Ok(false);
    }
    Ok(done.iter().all(Run::holds))
}

/// One run on the running system, or on a new one. A panic is a failure of this run alone.
async fn one(plan: &Plan, scenario: &Scenario, number: u32, system: &mut Option<System>) -> Run {
    let attempt = async {
        let running = match system {
            Some(running) => running,
            None => system.insert(Box::pin(System::start(plan.build.clone(), plan.stack.clone(), invariants::REPLICAS)).await),
        };
        Box::pin(scenario.run(running, number, plan.slack)).await
    };
    AssertUnwindSafe(attempt).catch_unwind().await.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        let failures = vec![format!("a panic: {}", said.unwrap_or("without words"))];
        Run { scenario: scenario.name.clone(), failures, ..Run::default() }
    })
}
