//! The service as the kit runs it.

use std::{io::stdout, process::ExitCode, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use clap::Subcommand;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use domain::{ids::WorkspaceId, step::Versions};
use mail::{Deliveries, MailCommand, Mailer};
use messaging::{ConsumerSpec, Messaging, dead_letters, link, operator::OperatorCommand};
use service_kit::{Kit, Service, ServiceIdentity, command::Check, config::Config, http::Registration};
use uuid::Uuid;

use crate::{
    config::OnboardingConfig,
    console::Console,
    consumers::{ManifestEvents, PaymentEvents, WorkspaceEvents},
    drafts::{AUTOSAVE, DraftCache},
    http, jobs,
    metrics::Metrics,
    standing::Onboarding,
    suggest::PAGES,
    transfer::import::IMPORTS,
    watch::StandingWatch,
};

/// In-process standings live at most this long, which is the guarantee of the cache (decisions: *Replicas' caches*).
const STANDING_LIFE: Duration = Duration::from_secs(5);

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/onboarding");

/// The onboarding service.
pub struct OnboardingService {
    pub(crate) kit: Kit,
    pub(crate) config: OnboardingConfig,
    pub(crate) drafts: DraftCache,
    pub(crate) metrics: Metrics,
    /// The versions of the steps that this build knows.
    pub(crate) versions: Versions,
    /// Sends the mails in its outbox.
    pub(crate) mailer: Mailer,
    /// Hears what became of them.
    pub(crate) deliveries: Deliveries,
    /// Tells event streams about onboardings.
    pub(crate) watch: StandingWatch,
    /// What this process is called where only one may be at work.
    pub(crate) instance: Uuid,
    /// When it was built.
    pub(crate) started_at: DateTime<Utc>,
    /// Standings that accept edits; any other is read each time, so that an unlock is seen at once.
    pub(crate) standings: moka::sync::Cache<WorkspaceId, Arc<Onboarding>>,
}

/// Sub-commands of onboarding-svc alone.
#[derive(Debug, Subcommand)]
pub enum OnboardingCommand {
    /// `dead-letters`, `outbox` and `audit`.
    #[command(flatten)]
    Operator(OperatorCommand),
    /// Sessions.
    #[command(flatten)]
    Console(Console),
    /// Mails: the addresses that get none.
    #[command(subcommand)]
    Mail(MailCommand),
}

impl Service for OnboardingService {
    const IDENTITY: ServiceIdentity = ServiceIdentity { name: "onboarding-svc", section: "onboarding", schema: "onboarding" };
    const ABOUT: &'static str = "The 23 onboarding steps: drafts, completion, finalize.";
    const OPENAPI_PATH: &'static str = "/api/onboarding/openapi.json";
    type Config = OnboardingConfig;
    type Command = OnboardingCommand;

    fn build(kit: Kit, config: OnboardingConfig) -> anyhow::Result<Self> {
        messaging::admin::expect(&kit.metrics);
        for limit in [AUTOSAVE, IMPORTS, PAGES] {
            kit.metrics.rate_limited_total.with_label_values(&[limit.name]);
        }
        let mailer = Mailer::new(&kit, config.mail.transport(kit.http.clone())?)?;
        Ok(Self {
            deliveries: Deliveries::new(&kit, &mailer, &config.mail)?,
            mailer,
            watch: StandingWatch::default(),
            instance: Uuid::now_v7(),
            started_at: kit.clock.now(),
            drafts: DraftCache::new(kit.cache.clone(), &config.drafts, kit.config.limits.profile),
            metrics: Metrics::new(&kit.metrics.registry)?,
            versions: Versions::RELEASED,
            standings: moka::sync::Cache::builder().max_capacity(20_000).time_to_live(STANDING_LIFE).build(),
            kit,
            config,
        })
    }

    fn kit(&self) -> &Kit {
        &self.kit
    }

    fn migrations() -> EmbeddedMigrations {
        MIGRATIONS
    }

    async fn after_migrate(config: &Config<OnboardingConfig>) -> anyhow::Result<()> {
        link::declare_topology(&config.kit.amqp.url, "onboarding-svc migrate").await?;
        Ok(())
    }

    fn openapi() -> utoipa::openapi::OpenApi {
        http::document()
    }

    fn routes<R: Registration>(routes: &mut R) {
        http::routes(routes);
    }

    fn start_serving(self: &Arc<Self>) -> anyhow::Result<()> {
        jobs::start_watch(self);
        Ok(())
    }

    fn start_workers(self: &Arc<Self>) -> anyhow::Result<()> {
        let consumers = [
            ConsumerSpec::new("onboarding-svc.identity.v1", WorkspaceEvents(self.clone())),
            ConsumerSpec::new("onboarding-svc.payments.v1", PaymentEvents(self.clone())),
            ConsumerSpec::new("onboarding-svc.bcm.v1", ManifestEvents(self.clone())),
        ];
        let consumers = consumers.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| anyhow::anyhow!("the topology lacks a queue"))?;
        Messaging::start(&self.kit, consumers)?;
        jobs::start(self);
        Ok(())
    }

    async fn doctor(self: &Arc<Self>) -> Vec<Check> {
        let depths = dead_letters::depths(self.kit.identity.name, &self.kit.config.amqp.url).await;
        let seen = depths.map(|depths| format!("{} dead letters", depths.values().sum::<u32>()));
        vec![Check::of("broker", seen, "check AMQP_URL, and run `onboarding-svc migrate` to declare the queues")]
    }

    async fn run(self: &Arc<Self>, command: OnboardingCommand) -> anyhow::Result<ExitCode> {
        match command {
            OnboardingCommand::Operator(command) => Ok(command.run(&self.kit, &mut stdout()).await?),
            OnboardingCommand::Console(command) => {
                command.run(self, &mut stdout()).await?;
                Ok(ExitCode::SUCCESS)
            }
            OnboardingCommand::Mail(command) => {
                command.run(&self.kit, &mut stdout()).await?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
