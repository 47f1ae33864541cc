//! The performance table of docs/PERFORMANCE.md: each figure beside its baseline, in the same run.
//!
//! ```text
//! rows ──► stack     starts the release binaries, as they run elsewhere, and the baselines (bare)
//!      ├─► people    signs people up by SQL, with tokens of the bench's own
//!      ├─► load ──► http     one generator for both sides of every pair
//!      └─► bar ──► report    verdicts, the table, the file
//! ```
//!
//! The allocator is the services', which service-kit sets, for the baselines too.
//!
//! `make bench` prepares a fresh stack and runs `bench run`.

mod bar;
mod bare;
mod hash;
mod http;
mod load;
mod manifests;
mod people;
mod process;
mod publish;
mod report;
mod rows;
mod stack;
mod statistics;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};
use domain::{Clock, SystemClock};

use crate::{
    report::{Machine, Report},
    stack::Stack,
};

#[derive(Parser)]
#[command(about = "Measures the rows of the performance table")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure rows; exit code 1 when a bar is missed.
    Run(Run),
    /// A baseline's server.
    Bare(bare::Bare),
    /// The relay's baseline: publish with confirms.
    Publish(publish::Publish),
    /// The baseline of sign-ins: verify a password.
    Hash(hash::Hash),
}

#[derive(clap::Args)]
struct Run {
    /// The rows; all without any.
    rows: Vec<String>,
    /// Pairs of each comparison.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    pairs: u32,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Where the results go.
    #[arg(long, default_value = "target/bench/bench.json")]
    out: PathBuf,
    /// The stack's folder.
    #[arg(long, env = "STATE_DIR", default_value = ".")]
    state: PathBuf,
    /// Superuser's URL of its database.
    #[arg(long, env = "DATABASE_ADMIN_URL", default_value = "")]
    database: String,
    /// Its Redis.
    #[arg(long, env = "REDIS_URL", default_value = "")]
    redis: String,
    /// Its broker, as administrator.
    #[arg(long, env = "AMQP_ADMIN_URL", default_value = "")]
    amqp: String,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(run) => measure(run),
        // As the services: workers of actix beside a main runtime of several threads.
        Command::Bare(bare) => runtime(&mut tokio::runtime::Builder::new_multi_thread(), bare::serve(bare)).map(|()| ExitCode::SUCCESS),
        Command::Hash(hash_for) => hash::run(&hash_for).map(|()| ExitCode::SUCCESS),
        Command::Publish(publish) => {
            runtime(&mut tokio::runtime::Builder::new_multi_thread(), publish::run(publish)).map(|()| ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("bench: {error:#}");
        ExitCode::FAILURE
    })
}

fn runtime<T>(builder: &mut tokio::runtime::Builder, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    builder.enable_all().build()?.block_on(work)
}

fn measure(run: Run) -> anyhow::Result<ExitCode> {
    let known = rows::NAMES;
    if let Some(unknown) = run.rows.iter().find(|name| !known.contains(&name.as_str())) {
        anyhow::bail!("there is no row {unknown}; the rows are {}", known.join(", "));
    }
    let machine = machine()?;
    let context = rows::Context {
        pairs: run.pairs,
        seconds: run.seconds,
        stack: Stack { state: run.state, root: std::env::current_dir()?, database: run.database, redis: run.redis, amqp: run.amqp },
    };
    println!("{} × {}, load {:.2}, commit {}", machine.cpus, machine.model, machine.load_before, machine.commit);
    println!("{} pairs of {} s\n\n{}", run.pairs, run.seconds, report::heading());
    let (mut bars, mut failed) = (Vec::new(), Vec::new());
    for name in known.iter().filter(|name| run.rows.is_empty() || run.rows.iter().any(|wanted| wanted == *name)) {
        match runtime(&mut tokio::runtime::Builder::new_current_thread(), rows::measure(name, &context)) {
            Ok(measured) => {
                for bar in &measured {
                    println!("{}", report::row(bar));
                }
                bars.extend(measured);
            }
            Err(error) => {
                println!("{name:<17} could not be measured: {error:#}");
                failed.push(((*name).to_owned(), format!("{error:#}")));
            }
        }
    }
    let report = Report { machine: &machine, pairs: run.pairs, seconds: run.seconds, bars: &bars, failed: &failed };
    report.write(&run.out)?;
    let missed: Vec<_> = bars.iter().filter(|bar| !bar.holds).map(|bar| format!("{} ({})", bar.row, bar.claim)).collect();
    println!("\n{} bars, {} missed, {} rows not measured; {}", bars.len(), missed.len(), failed.len(), run.out.display());
    for name in &missed {
        println!("  missed: {name}");
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn machine() -> anyhow::Result<Machine> {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("unknown", |(_, model)| model);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git").args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_default();
    let changed = git(&["status", "--porcelain"]).is_some_and(|changes| !changes.is_empty());
    Ok(Machine {
        cpus: process::leave_the_first_processor().context("pinning")?,
        model: model.to_owned(),
        load_before: load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        commit: format!("{commit}{}", if changed { "+" } else { "" }),
        at: SystemClock.now().to_rfc3339(),
    })
}
