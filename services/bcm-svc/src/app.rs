//! The service as the kit runs it.

use std::{io::stdout, process::ExitCode, sync::Arc};

use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use messaging::{ConsumerSpec, Messaging, dead_letters, link};
use secrecy::ExposeSecret;
use service_kit::{Kit, Service, ServiceIdentity, command::Check, config::Config, http::Registration};
use tokio::sync::Notify;

use crate::{
    access_log::{self, AccessLog},
    command::Command,
    config::BcmConfig,
    consumers::{FinalizedContexts, SubscriptionEvents, WorkspaceEvents},
    http, jobs,
    metrics::Metrics,
    signing::keys::{Keys, SETTING},
    tiers::{Budgets, Tiers, listen, sweep},
};

/// The manifest store.
pub struct BcmService {
    pub(crate) kit: Kit,
    pub(crate) config: BcmConfig,
    pub(crate) metrics: Metrics,
    pub(crate) tiers: Tiers,
    pub(crate) access_log: AccessLog,
    pub(crate) signing: Keys,
    /// Wakes this process's rebuild worker; polling is the guarantee.
    pub(crate) rebuild_asked: Notify,
}

impl Service for BcmService {
    const IDENTITY: ServiceIdentity = ServiceIdentity { name: "bcm-svc", section: "bcm", schema: "bcm" };
    const ABOUT: &'static str = "The Business Context Manifest: made from finalized answers, kept in versions, read fast.";
    const OPENAPI_PATH: &'static str = "/api/context/openapi.json";
    type Config = BcmConfig;
    type Command = Command;

    fn build(kit: Kit, config: BcmConfig) -> anyhow::Result<Self> {
        let metrics = Metrics::new(&kit.metrics.registry)?;
        messaging::admin::expect(&kit.metrics);
        Ok(Self {
            tiers: Tiers::new(kit.clone(), metrics.clone(), Budgets { bytes: config.memory.bytes, redis_keys: config.memory.redis_keys }),
            metrics,
            signing: Keys::new(kit.db.clone(), kit.clock.clone(), config.signing.key_encryption_secret.expose_secret())?,
            access_log: AccessLog::new(config.access_log.sample),
            rebuild_asked: Notify::new(),
            kit,
            config,
        })
    }

    fn kit(&self) -> &Kit {
        &self.kit
    }

    fn migrations() -> EmbeddedMigrations {
        const OWN: EmbeddedMigrations = embed_migrations!("../../migrations/bcm");
        OWN
    }

    async fn after_migrate(config: &Config<BcmConfig>) -> anyhow::Result<()> {
        link::declare_topology(&config.kit.amqp.url, "bcm-svc migrate").await?;
        Ok(())
    }

    fn openapi() -> utoipa::openapi::OpenApi {
        http::document()
    }

    fn routes<R: Registration>(routes: &mut R) {
        http::routes(routes);
    }

    fn start_serving(self: &Arc<Self>) -> anyhow::Result<()> {
        self.kit.lifecycle.spawn_service("cache-invalidation", listen(self.tiers.clone()));
        self.kit.lifecycle.spawn_service("access-log", access_log::write(self.clone()));
        Ok(())
    }

    fn start_workers(self: &Arc<Self>) -> anyhow::Result<()> {
        let consumers = [
            ConsumerSpec::new("bcm-svc.onboarding.v1", FinalizedContexts(self.clone())),
            ConsumerSpec::new("bcm-svc.payments.v1", SubscriptionEvents),
            ConsumerSpec::new("bcm-svc.identity.v1", WorkspaceEvents(self.clone())),
        ];
        let consumers = consumers.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| anyhow::anyhow!("the topology lacks a queue"))?;
        Messaging::start(&self.kit, consumers)?;
        self.kit.lifecycle.spawn_service("rebuild-jobs", jobs::rebuild(self.clone()));
        self.kit.lifecycle.spawn_service("access-log-partitions", access_log::keep(self.clone()));
        self.kit.lifecycle.spawn_service("redis-keys", sweep(self.tiers.clone()));
        self.kit.lifecycle.spawn_service("retention", jobs::retention(self.clone()));
        Ok(())
    }

    async fn doctor(self: &Arc<Self>) -> Vec<Check> {
        let depths = dead_letters::depths(self.kit.identity.name, &self.kit.config.amqp.url).await;
        let seen = depths.map(|depths| format!("{} dead letters", depths.values().sum::<u32>()));
        let signs = self.signing.current().await.map(|keyring| format!("{} signs exports", keyring.active.kid));
        vec![
            Check::of("broker", seen, "check AMQP_URL, and run `bcm-svc migrate` to declare the queues"),
            Check::of("signing key", signs, &format!("check the database and {SETTING}")),
        ]
    }

    async fn run(self: &Arc<Self>, command: Command) -> anyhow::Result<ExitCode> {
        command.run(self, &mut stdout()).await
    }
}
