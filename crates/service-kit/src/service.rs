//! What a service tells the kit about itself.

use std::{future::Future, process::ExitCode, sync::Arc};

use diesel_migrations::EmbeddedMigrations;

use crate::{
    command::Check,
    config::{Config, ServiceConfig},
    http::Registration,
    kit::{Kit, ServiceIdentity},
};

/// One of our services. The kit runs it: configuration, listeners, workers, migrations and sub-commands.
pub trait Service: Send + Sync + Sized + 'static {
    /// Name, configuration section and schema.
    const IDENTITY: ServiceIdentity;
    /// One line for `--help`.
    const ABOUT: &'static str;
    /// Where the OpenAPI document is served, for example `/api/payments/openapi.json`.
    const OPENAPI_PATH: &'static str;
    /// The service's own settings.
    type Config: ServiceConfig;
    /// Sub-commands beyond those that every service has.
    type Command: clap::Subcommand + Send;

    /// Builds the service without connecting to anything.
    fn build(kit: Kit, config: Self::Config) -> anyhow::Result<Self>;

    /// The kit it was built on.
    fn kit(&self) -> &Kit;

    /// The service's migrations.
    fn migrations() -> EmbeddedMigrations;

    /// Prepares the whole database: shim, roles, schemas. Only auth-svc does.
    fn bootstrap(_config: &Config<Self::Config>) -> impl Future<Output = anyhow::Result<()>> + Send {
        async { anyhow::bail!("only auth-svc prepares the database: run `auth-svc migrate --bootstrap`") }
    }

    /// Runs after the service's migrations have been applied (broker topology, seeds).
    fn after_migrate(_config: &Config<Self::Config>) -> impl Future<Output = anyhow::Result<()>> + Send {
        async { Ok(()) }
    }

    /// Title and description of the OpenAPI document.
    fn openapi() -> utoipa::openapi::OpenApi;

    /// Registers the public routes.
    fn routes<R: Registration>(routes: &mut R);

    /// Starts what a process that only serves needs in the background (cache invalidation, for example).
    fn start_serving(self: &Arc<Self>) -> anyhow::Result<()> {
        Ok(())
    }

    /// Starts relay, consumers and jobs.
    fn start_workers(self: &Arc<Self>) -> anyhow::Result<()>;

    /// Checks of a live deployment beyond the kit's.
    fn doctor(self: &Arc<Self>) -> impl Future<Output = Vec<Check>> + Send;

    /// Runs one of the service's own sub-commands; its exit code is the process's.
    fn run(self: &Arc<Self>, command: Self::Command) -> impl Future<Output = anyhow::Result<ExitCode>> + Send;
}
