//! The sub-commands of every service.

mod doctor;

use std::{path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use diesel::{QueryableByName, sql_types::Bool};
use diesel_async::RunQueryDsl;

pub use doctor::{Check, Verdict};

use crate::{
    config::{self, Config, Environment},
    db, http,
    kit::{Kit, http_client},
    lifecycle::Lifecycle,
    migrate,
    service::Service,
    telemetry::Telemetry,
};

#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli<Own: Subcommand> {
    /// Configuration file (TOML), read between the defaults and the environment.
    #[arg(long, env = "GROUNDWORK_CONFIG", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command<Own>,
}

#[derive(Subcommand)]
enum Command<Own: Subcommand> {
    /// Serve the API.
    Serve {
        /// Also run relay, consumers and jobs in this process.
        #[arg(long)]
        with_worker: bool,
    },
    /// Run relay, consumers and jobs.
    Worker,
    /// Apply pending migrations as the owner role.
    Migrate {
        /// First prepare the database itself as its administrator (auth-svc only).
        #[arg(long)]
        bootstrap: bool,
        /// Only list what is pending; exit code 1 when something is.
        #[arg(long)]
        pending: bool,
    },
    /// Check a live deployment: configuration, every dependency, migrations, keys, clock.
    Doctor {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask the running process whether it is ready (for containers).
    Healthcheck,
    /// Print the OpenAPI document.
    Openapi,
    #[command(flatten)]
    Own(Own),
}

/// `main` of a service.
pub fn main<S: Service>() -> ExitCode {
    let matches = Cli::<S::Command>::command().name(S::IDENTITY.name).about(S::ABOUT).get_matches();
    let cli = match Cli::<S::Command>::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("{}: cannot start the runtime: {error}", S::IDENTITY.name);
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(dispatch::<S>(cli)).unwrap_or_else(|error| {
        eprintln!("{}: {error:#}", S::IDENTITY.name);
        ExitCode::FAILURE
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    code
}

async fn dispatch<S: Service>(cli: Cli<S::Command>) -> anyhow::Result<ExitCode> {
    if matches!(cli.command, Command::Openapi) {
        println!("{}", http::openapi::<S>().to_pretty_json()?);
        return Ok(ExitCode::SUCCESS);
    }
    let loaded = config::load::<S::Config>(S::IDENTITY.section, cli.config.as_ref(), &Environment::of_this_process());
    if let Command::Doctor { json } = cli.command {
        return doctor::run::<S>(loaded, json).await;
    }
    let config = loaded?;
    match cli.command {
        Command::Serve { with_worker } => run_process::<S>(config, true, with_worker).await,
        Command::Worker => run_process::<S>(config, false, true).await,
        Command::Migrate { bootstrap, pending } => run_migrations::<S>(&config, bootstrap, pending).await,
        Command::Healthcheck => healthcheck(&config).await,
        Command::Own(own) => {
            let lifecycle = Lifecycle::on_this_runtime();
            let app = Arc::new(S::build(Kit::new(S::IDENTITY, config.kit, lifecycle)?, config.service)?);
            app.run(own).await
        }
        Command::Doctor { .. } | Command::Openapi => Ok(ExitCode::SUCCESS),
    }
}

async fn run_process<S: Service>(config: Config<S::Config>, serve: bool, work: bool) -> anyhow::Result<ExitCode> {
    let telemetry = Telemetry::install(&config.kit.telemetry, S::IDENTITY.name)?;
    let lifecycle = Lifecycle::on_this_runtime();
    let started = start::<S>(config, &lifecycle, serve, work);
    let code = match started {
        Ok(_) => lifecycle.run_to_end().await,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "cannot start");
            ExitCode::FAILURE
        }
    };
    telemetry.shutdown();
    Ok(code)
}

/// A process that runs: where it listens.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    /// The public listener, when it serves.
    pub public: Option<std::net::SocketAddr>,
    /// The internal listener.
    pub internal: std::net::SocketAddr,
}

/// Starts listeners and workers on the given lifecycle. Tests use it to run a service in their own process.
///
/// # Errors
/// When an address is taken or a setting cannot be used.
pub fn start<S: Service>(config: Config<S::Config>, lifecycle: &Lifecycle, serve: bool, work: bool) -> anyhow::Result<Started> {
    let kit = Kit::new(S::IDENTITY, config.kit, lifecycle.clone())?;
    count_panics(kit.metrics.panics_total.clone());
    kit.verifier.start(lifecycle);
    let app = Arc::new(S::build(kit.clone(), config.service)?);
    // The public listener first: what `readyz` calls ready takes requests.
    let mut listening = None;
    if serve {
        app.start_serving()?;
        let (public, address) = http::public(&kit, app.clone())?;
        run_listener(lifecycle, "public-listener", public);
        listening = Some(address);
    }
    let (internal, internal_addr) = http::internal(&kit)?;
    run_listener(lifecycle, "internal-listener", internal);
    let started = Started { public: listening, internal: internal_addr };
    if work {
        app.start_workers()?;
        crate::audit::chain::start(app.kit());
        crate::erasure::start(app.kit());
    }
    tracing::info!(
        public_addr = started.public.map(|address| address.to_string()),
        internal_addr = %started.internal,
        version = env!("CARGO_PKG_VERSION"),
        workers = work,
        "started"
    );
    Ok(started)
}

/// Counts the panics of every thread, and logs where they were; what they said may hold anything and goes to the hook before.
fn count_panics(panics: prometheus::IntCounter) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        panics.inc();
        tracing::error!(location = panic.location().map(ToString::to_string), "a panic");
        before(panic);
    }));
}

fn run_listener(lifecycle: &Lifecycle, name: &'static str, server: actix_web::dev::Server) {
    let handle = server.handle();
    let draining = lifecycle.draining();
    lifecycle.spawn_service(name, async move {
        tokio::pin!(server);
        tokio::select! {
            ended = &mut server => if let Err(error) = ended {
                tracing::error!(error = %error, listener = name, "listener failed");
            },
            () = draining.cancelled() => {
                let stop = handle.stop(true);
                let ((), ended) = tokio::join!(stop, server);
                if let Err(error) = ended {
                    tracing::warn!(error = %error, listener = name, "listener stopped with an error");
                }
            }
        }
    });
}

async fn run_migrations<S: Service>(config: &Config<S::Config>, bootstrap: bool, only_list: bool) -> anyhow::Result<ExitCode> {
    let owner = &config.kit.database.owner_url;
    if only_list {
        let pending = migrate::pending(owner, S::IDENTITY.schema, S::migrations()).await?;
        for name in &pending {
            println!("pending {name}");
        }
        return Ok(if pending.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if bootstrap {
        S::bootstrap(config).await?;
        println!("{}: the database has its roles and schemas", S::IDENTITY.name);
    }
    if S::IDENTITY.schema != "identity" {
        wait_for_identity(owner).await?;
    }
    let applied = migrate::run(owner, S::IDENTITY.schema, S::migrations()).await?;
    S::after_migrate(config).await?;
    match applied.as_slice() {
        [] => println!("{}: schema {} is up to date", S::IDENTITY.name, S::IDENTITY.schema),
        applied => println!("{}: applied {} to schema {}", S::IDENTITY.name, applied.join(", "), S::IDENTITY.schema),
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    exists: bool,
}

/// Policies and authorisation of every schema call functions of schema `identity`, which auth-svc makes.
async fn wait_for_identity(owner: &secrecy::SecretString) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let found = async {
            let mut connection = db::connect(owner).await?;
            let row = diesel::sql_query("select to_regprocedure('identity.member_role(uuid,uuid)') is not null as exists")
                .get_result::<Exists>(&mut connection)
                .await?;
            anyhow::Ok(row.exists)
        }
        .await;
        match found {
            Ok(true) => return Ok(()),
            Ok(false) if tokio::time::Instant::now() > deadline => {
                anyhow::bail!("schema identity has no functions yet: run `auth-svc migrate` first")
            }
            Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
            Ok(false) | Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
}

async fn healthcheck<C>(config: &Config<C>) -> anyhow::Result<ExitCode> {
    let url = format!("http://{}/readyz", config.kit.http.internal_addr);
    let answer = http_client(Duration::from_secs(3))?.get(&url).send().await.with_context(|| format!("{url} does not answer"))?;
    let ready = answer.status().is_success();
    println!("{}", answer.text().await?);
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
