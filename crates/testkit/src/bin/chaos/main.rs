//! Breaks one thing after the other under the running system and proves that nothing was lost or done twice.

mod dead_letters;
mod fault;
mod figures;
mod invariants;
mod kill_point;
mod more;
mod report;
mod scenario;
mod traffic;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use testkit::system::{Build, System, repository};

use crate::{figures::Run, scenario::Scenario};

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
        /// Only those of `make test`.
        #[arg(long)]
        short: bool,
        /// How often the kill points are run.
        #[arg(long, default_value_t = 1)]
        runs: u32,
        /// Times by which every bar of time is wider, for a machine that is slow or shared. The invariants have none.
        #[arg(long, default_value_t = 1.0)]
        slack: f64,
        /// Prints the results as JSON as well.
        #[arg(long)]
        json: bool,
        /// Where the results go; those of scenarios that are not run now stay.
        #[arg(long, default_value = "target/verify/chaos.json")]
        results: PathBuf,
        /// The folder of the plain binaries.
        #[arg(long, env = "CHAOS_PLAIN")]
        plain: PathBuf,
        /// The folder of the binaries with kill points.
        #[arg(long, env = "CHAOS_ARMED")]
        armed: PathBuf,
    },
    /// Prints the page of results, in Markdown.
    Report {
        /// The results of `run`.
        #[arg(long, default_value = "target/verify/chaos.json")]
        results: PathBuf,
    },
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
        Command::Run { names, short, runs, slack, json, results, plain, armed } => {
            let root = repository();
            let build = Build { plain, armed, folder: root.join("target/verify/chaos"), root };
            let scenarios = scenario::chosen(&names, short);
            tokio::select! {
                done = run(&scenarios, runs, slack, build, &results, json) => done,
                () = interrupted() => Err(anyhow::anyhow!("interrupted")),
            }
        }
        Command::Report { results } => report::markdown(&results).map(|page| {
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

/// Everything started ends with the value that holds it, so that leaving `main` in order leaves nothing behind.
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

async fn run(scenarios: &[Scenario], runs: u32, slack: f64, build: Build, results: &Path, json: bool) -> anyhow::Result<bool> {
    anyhow::ensure!(!scenarios.is_empty(), "no scenario has that name; `chaos list` shows them");
    kill_point::only_in_armed_binaries(&build)?;
    let mut done = Vec::new();
    let mut system = None;
    report::heading();
    for scenario in scenarios {
        for number in 0..if scenario.repeats() { runs } else { 1 } {
            let mut running = match system.take() {
                Some(running) => running,
                None => Box::pin(System::start(build.clone(), 2)).await,
            };
            let run = Box::pin(scenario.run(&mut running, number, slack)).await;
            report::line(&run);
            // What a broken run left behind would be found again by the next one.
            if run.holds() {
                system = Some(running);
            } else {
                running.end().await;
            }
            done.push(run);
            report::keep(results, &done)?;
        }
    }
    if let Some(running) = system {
        running.end().await;
    }
    if json {
        println!("{}", serde_json::to_string_pretty(&done)?);
    }
    report::summary(&done);
    Ok(done.iter().all(Run::holds))
}
