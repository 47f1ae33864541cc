//! Drives the whole journey from outside, as a web app would: `demo` once with every step printed, `load` many times,
//! `check` asks the databases and the broker whether anything was lost or done twice.

mod check;
mod demo;
mod load;

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use testkit::journey::{Addresses, Places};

#[derive(Parser)]
#[command(version, about = "Drives Groundwork's journey through the gateway")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One journey, each step with its time, and the manifest at the end.
    Demo {
        #[command(flatten)]
        addresses: Addresses,
        /// Sign in with this address instead of a new one.
        #[arg(long)]
        email: Option<String>,
        /// Password of the demo login.
        #[arg(long, env = "DEMO_PASSWORD", default_value = "groundwork-demo-2026")]
        password: String,
        /// Where to write the exported manifest content.
        #[arg(long)]
        export: Option<std::path::PathBuf>,
    },
    /// Many journeys; prints one line of JSON with counts and percentiles.
    Load {
        #[command(flatten)]
        addresses: Addresses,
        /// How many journeys.
        #[arg(long, default_value_t = 100)]
        count: usize,
        /// How many at a time.
        #[arg(long, default_value_t = 10)]
        concurrency: usize,
        /// Seconds within which each journey must end, retries included.
        #[arg(long, default_value_t = 180)]
        limit_s: u64,
        /// Start this many a minute, evenly, instead of each as soon as another ends.
        #[arg(long)]
        per_minute: Option<u32>,
        /// How often each person finalizes, with another name of the company each time.
        #[arg(long, default_value_t = 1)]
        finalizes: u64,
    },
    /// The invariants J1–J8 and the count of mails, by SQL and broker queries of our own.
    Check {
        #[command(flatten)]
        places: Places,
        /// Seconds to wait for the system to come to rest.
        #[arg(long, default_value_t = 60)]
        settle_s: u64,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo { addresses, email, password, export } => demo::demo(&addresses, email, &password, export.as_deref()).await,
        Command::Load { addresses, count, concurrency, limit_s, per_minute, finalizes } => {
            let pause = per_minute.map(|rate| Duration::from_secs(60) / rate.max(1));
            load::run(&addresses, count, concurrency, limit_s, pause, finalizes).await
        }
        Command::Check { places, settle_s } => check::check(&places, settle_s).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("journey: {error:#}");
            ExitCode::FAILURE
        }
    }
}
