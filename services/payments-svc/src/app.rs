//! The service's parts, and what the kit is told about it.

use std::{io::stdout, process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Subcommand;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use mail::{Deliveries, MailCommand, Mailer};
use messaging::{Messaging, link, operator::OperatorCommand};
use service_kit::{Kit, Service, ServiceIdentity, command::Check, config::Config, http::Registration};
use tokio::sync::Notify;

use crate::{
    config::PaymentsConfig,
    console::Console,
    consumers, http,
    invoice::{Seller, file::Files},
    jobs,
    metrics::Metrics,
    phonepe::{Client, Gateway, WebhookCredentials},
    watch::OrderWatch,
};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/payments");

/// The payments service.
pub struct App {
    /// What every service has.
    pub kit: Kit,
    /// Its own settings.
    pub config: PaymentsConfig,
    /// The payment provider.
    pub gateway: Arc<dyn Gateway>,
    /// Who may send webhooks.
    pub webhook_credentials: WebhookCredentials,
    /// Who sells.
    pub seller: Seller,
    /// What it counts.
    pub metrics: Metrics,
    /// Sends the mails in its outbox.
    pub mailer: Mailer,
    /// Documents as files.
    pub files: Files,
    /// Hears what became of mails.
    pub deliveries: Deliveries,
    /// Tells event streams about orders.
    pub watch: OrderWatch,
    /// Wakes the receipt worker of this process. Polling is the guarantee.
    pub receipts_due: Notify,
    /// Wakes the reconciler of this process. Polling is the guarantee.
    pub reconciler_due: Notify,
    /// Wakes the worker of refunds of this process. Polling is the guarantee.
    pub refunds_due: Notify,
    /// Wakes the worker of mandates and debits of this process. Polling is the guarantee.
    pub autopay_due: Notify,
}

/// Sub-commands of payments-svc alone.
#[derive(Debug, Subcommand)]
pub enum PaymentsCommand {
    /// `dead-letters`, `outbox` and `audit`.
    #[command(flatten)]
    Operator(OperatorCommand),
    /// Orders, money, subscriptions and documents.
    #[command(flatten)]
    Console(Console),
    /// Mails: the addresses that get none.
    #[command(subcommand)]
    Mail(MailCommand),
}

impl Service for App {
    const IDENTITY: ServiceIdentity = ServiceIdentity { name: "payments-svc", section: "payments", schema: "payments" };
    const ABOUT: &'static str = "Plans, orders, PhonePe, subscriptions.";
    const OPENAPI_PATH: &'static str = "/api/payments/openapi.json";
    type Config = PaymentsConfig;
    type Command = PaymentsCommand;

    fn build(kit: Kit, config: PaymentsConfig) -> anyhow::Result<Self> {
        let metrics = Metrics::new(&kit.metrics.registry)?;
        messaging::admin::expect(&kit.metrics);
        let files = Files::new(kit.worker_db.clone(), kit.clock.clone());
        let mailer = Mailer::new(&kit, config.mail.transport(kit.http.clone())?)?.attaching(Arc::new(files.clone()));
        let gateway = Arc::new(Client::new(kit.http.clone(), &config.phonepe, kit.clock.clone(), metrics.clone()));
        Ok(Self {
            gateway,
            webhook_credentials: config.phonepe.webhook_credentials()?,
            seller: config.seller.seller()?,
            metrics,
            deliveries: Deliveries::new(&kit, &mailer, &config.mail)?,
            mailer,
            files,
            watch: OrderWatch::default(),
            receipts_due: Notify::new(),
            reconciler_due: Notify::new(),
            refunds_due: Notify::new(),
            autopay_due: Notify::new(),
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

    async fn after_migrate(config: &Config<PaymentsConfig>) -> anyhow::Result<()> {
        link::declare_topology(&config.kit.amqp.url, "payments-svc migrate").await.context("the broker's topology cannot be declared")
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
        Messaging::start(&self.kit, consumers::all(&self.kit))?;
        jobs::start_workers(self);
        Ok(())
    }

    async fn doctor(self: &Arc<Self>) -> Vec<Check> {
        let broker = link::connect(&self.kit.config.amqp.url, "payments-svc doctor").await;
        let provider = self.gateway.check_credentials().await;
        vec![
            Check::of("rabbitmq", broker.map(|_| "connected"), "check amqp.url and that RabbitMQ runs"),
            Check::of(
                "phonepe",
                provider.map(|()| "the credentials are accepted"),
                "check phonepe.oauth_url, phonepe.client_id, phonepe.client_secret and phonepe.client_version",
            ),
        ]
    }

    async fn run(self: &Arc<Self>, command: PaymentsCommand) -> anyhow::Result<ExitCode> {
        match command {
            PaymentsCommand::Operator(command) => Ok(command.run(&self.kit, &mut stdout()).await?),
            PaymentsCommand::Console(command) => {
                command.run(self, &mut stdout()).await?;
                Ok(ExitCode::SUCCESS)
            }
            PaymentsCommand::Mail(command) => {
                command.run(&self.kit, &mut stdout()).await?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
