//! The service.

use std::{io::stdout, process::ExitCode, sync::Arc, time::Duration};

use clap::Subcommand;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use mail::{Deliveries, MailCommand, Mailer};
use messaging::{Messaging, dead_letters, link, operator::OperatorCommand};
use secrecy::SecretString;
use service_kit::{
    Kit, Service, ServiceIdentity,
    command::{Check, Verdict},
    config::Config,
    http::Registration,
};

use crate::{
    bootstrap::{self, RolePasswords},
    config::AuthConfig,
    consumers,
    gate::watch::{self, GateWatch},
    http, jobs,
    keys::KeysCommand,
    metrics::AuthMetrics,
    operators::OperatorsCommand,
    provider::{Fault, Provider},
    service_keys::ServiceKeysCommand,
};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/identity");

/// auth-svc.
pub struct AuthService {
    /// The kit.
    pub kit: Kit,
    /// Its settings.
    pub config: AuthConfig,
    /// The embedded identity provider; absent when another one is used.
    pub provider: Option<Provider>,
    /// Where people reach the product, without a slash at the end.
    pub site: String,
    /// Sends the mails in its outbox.
    pub mailer: Mailer,
    /// Hears what became of them.
    pub deliveries: Deliveries,
    /// Tells event streams about workspaces.
    pub watch: Arc<GateWatch>,
    /// Its metrics.
    pub metrics: AuthMetrics,
}

/// Sub-commands of auth-svc alone.
#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// `dead-letters` and `outbox`.
    #[command(flatten)]
    Operator(OperatorCommand),
    /// Who may operate the deployment by HTTP: grant, revoke, list.
    #[command(subcommand)]
    Operators(OperatorsCommand),
    /// The keys that sign access tokens: list, rotate.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The keys of servers that manage accounts: create, list, revoke.
    #[command(subcommand)]
    ServiceKeys(ServiceKeysCommand),
    /// Mails: the addresses that get none.
    #[command(subcommand)]
    Mail(MailCommand),
}

impl Service for AuthService {
    const IDENTITY: ServiceIdentity = ServiceIdentity { name: "auth-svc", section: "auth_svc", schema: "identity" };
    const ABOUT: &'static str = "Identity, profiles, workspaces and the gate";
    const OPENAPI_PATH: &'static str = "/api/auth/openapi.json";
    type Config = AuthConfig;
    type Command = AuthCommand;

    fn build(kit: Kit, config: AuthConfig) -> anyhow::Result<Self> {
        let metrics = AuthMetrics::new(&kit.metrics.registry)?;
        let provider = if config.embedded.enabled { Some(Provider::new(&kit, &config, &metrics)?) } else { None };
        messaging::admin::expect(&kit.metrics);
        let mailer = Mailer::new(&kit, config.mail.transport(kit.http.clone())?)?;
        let deliveries = Deliveries::new(&kit, &mailer, &config.mail)?;
        let site = config.site(&kit.config.auth.issuer);
        Ok(Self { kit, config, provider, site, mailer, deliveries, watch: Arc::default(), metrics })
    }

    fn kit(&self) -> &Kit {
        &self.kit
    }

    fn migrations() -> EmbeddedMigrations {
        MIGRATIONS
    }

    #[expect(clippy::disallowed_methods, reason = "not a setting of the service: only this command, run by an operator, may hold it")]
    async fn bootstrap(config: &Config<AuthConfig>) -> anyhow::Result<()> {
        let admin_url = SecretString::from(std::env::var("DATABASE_ADMIN_URL").unwrap_or_default());
        let passwords = RolePasswords::parse(&config.service.bootstrap.role_passwords)?;
        bootstrap::run(&admin_url, &passwords).await
    }

    async fn after_migrate(config: &Config<AuthConfig>) -> anyhow::Result<()> {
        link::declare_topology(&config.kit.amqp.url, "auth-svc migrate").await?;
        Ok(())
    }

    fn openapi() -> utoipa::openapi::OpenApi {
        http::document()
    }

    fn routes<R: Registration>(routes: &mut R) {
        http::routes(routes);
    }

    fn start_serving(self: &Arc<Self>) -> anyhow::Result<()> {
        let app = self.clone();
        self.kit.lifecycle.spawn(async move { app.prepare_keys().await });
        watch::start(&self.watch, &self.kit);
        Ok(())
    }

    fn start_workers(self: &Arc<Self>) -> anyhow::Result<()> {
        Messaging::start(&self.kit, consumers::specs(&self.kit.clock)?)?;
        jobs::start(self);
        if self.provider.is_some() {
            jobs::start_sweep(self);
            jobs::start_deletions(self);
        }
        self.config.mail.start(&self.mailer, &self.kit);
        Ok(())
    }

    async fn doctor(self: &Arc<Self>) -> Vec<Check> {
        vec![self.check_signing().await, self.check_broker().await]
    }

    async fn run(self: &Arc<Self>, command: AuthCommand) -> anyhow::Result<ExitCode> {
        match command {
            AuthCommand::Operator(command) => Ok(command.run(&self.kit, &mut stdout()).await?),
            AuthCommand::Operators(command) => {
                command.run(self, &mut stdout()).await?;
                Ok(ExitCode::SUCCESS)
            }
            AuthCommand::Keys(command) => {
                command.run(self, &mut stdout()).await?;
                Ok(ExitCode::SUCCESS)
            }
            AuthCommand::ServiceKeys(command) => {
                command.run(self, &mut stdout()).await?;
                Ok(ExitCode::SUCCESS)
            }
            AuthCommand::Mail(command) => {
                command.run(&self.kit, &mut stdout()).await?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl AuthService {
    /// The embedded provider.
    ///
    /// # Errors
    /// [`Fault::Absent`] when another one is used.
    pub fn embedded(&self) -> Result<&Provider, Fault> {
        self.provider.as_ref().ok_or(Fault::Absent)
    }

    /// Makes the first signing key as soon as the database answers, so that verifiers find one before the first sign-up.
    async fn prepare_keys(&self) {
        let (Some(provider), draining) = (&self.provider, self.kit.lifecycle.draining()) else { return };
        while let Err(error) = provider.keys.current().await {
            tracing::warn!(error = %error, "the signing keys are not there yet");
            if draining.run_until_cancelled(tokio::time::sleep(Duration::from_secs(2))).await.is_none() {
                return;
            }
        }
    }

    async fn check_signing(&self) -> Check {
        let name = "identity provider";
        match &self.provider {
            None => Check { name: name.into(), verdict: Verdict::Ok, detail: format!("external: {}", self.kit.config.auth.issuer) },
            Some(provider) => Check::of(
                name,
                provider.keys.current().await.map(|keys| format!("embedded, signs with {}", keys.active.kid)),
                "check the database and embedded.key_encryption_secret",
            ),
        }
    }

    async fn check_broker(&self) -> Check {
        let depths = dead_letters::depths(Self::IDENTITY.name, &self.kit.config.amqp.url).await;
        match depths {
            Err(error) => Check::of("broker", Err::<String, _>(error), "check amqp.url and that RabbitMQ runs, then `auth-svc migrate`"),
            Ok(depths) => {
                let dead: u32 = depths.values().sum();
                let verdict = if dead == 0 { Verdict::Ok } else { Verdict::Warning };
                Check { name: "broker".into(), verdict, detail: format!("{dead} dead letters (`auth-svc dead-letters list`)") }
            }
        }
    }
}
