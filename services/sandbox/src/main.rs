//! `sandbox serve` and `sandbox healthcheck`.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use chrono::TimeDelta;
use clap::{Args, Parser, Subcommand};
use sandbox::{Merchant, ResendWebhook, SandboxConfig, WebhookTarget};
use secrecy::{ExposeSecret, SecretString};
use service_kit::{config::TelemetryConfig, http_client, telemetry::Telemetry};
use url::Url;

/// Stands in for the outside world in development and tests: `PhonePe` and Resend.
#[derive(Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until a signal comes.
    Serve(Box<Serve>),
    /// Ask the running sandbox whether it is alive (for containers).
    Healthcheck {
        /// Where it listens.
        #[arg(long, env = "SANDBOX_ADDR", default_value = "127.0.0.1:8090")]
        addr: SocketAddr,
    },
}

#[derive(Args)]
struct Serve {
    /// Where to listen.
    #[arg(long, env = "SANDBOX_ADDR", default_value = "127.0.0.1:8090")]
    addr: SocketAddr,
    /// Base of the pay page's addresses; the listener's own address when absent.
    #[arg(long, env = "SANDBOX_PUBLIC_URL")]
    public_url: Option<Url>,
    /// `merchantId` in webhooks.
    #[arg(long, env = "SANDBOX_MERCHANT_ID", default_value = "MERCHANTUAT")]
    merchant_id: String,
    /// The merchant's `client_id`.
    #[arg(long, env = "SANDBOX_CLIENT_ID", default_value = "groundwork-local")]
    client_id: String,
    /// The merchant's `client_secret`.
    #[arg(long, env = "SANDBOX_CLIENT_SECRET", hide_env_values = true)]
    client_secret: Option<SecretString>,
    /// The merchant's `client_version`.
    #[arg(long, env = "SANDBOX_CLIENT_VERSION", default_value_t = 1)]
    client_version: u32,
    /// Where webhooks go; nothing is sent without it.
    #[arg(long, env = "SANDBOX_WEBHOOK_URL")]
    webhook_url: Option<Url>,
    /// Username of the webhook's credentials.
    #[arg(long, env = "SANDBOX_WEBHOOK_USERNAME", default_value = "groundwork")]
    webhook_username: String,
    /// Password of the webhook's credentials.
    #[arg(long, env = "SANDBOX_WEBHOOK_PASSWORD", hide_env_values = true)]
    webhook_password: Option<SecretString>,
    /// Signs webhooks (HMAC-SHA256 of the body), instead of username and password.
    #[arg(long, env = "SANDBOX_WEBHOOK_SECRET", hide_env_values = true)]
    webhook_secret: Option<SecretString>,
    /// Pauses before each further try to deliver a webhook, in milliseconds.
    #[arg(long, env = "SANDBOX_WEBHOOK_RETRY_MS", value_delimiter = ',', default_value = "2000,10000,30000")]
    webhook_retry_ms: Vec<u64>,
    /// The key that mails must come with.
    #[arg(long, env = "SANDBOX_RESEND_API_KEY", hide_env_values = true)]
    resend_api_key: Option<SecretString>,
    /// Where webhooks about mails go, separated by commas; nothing is sent without it.
    #[arg(long, env = "SANDBOX_RESEND_WEBHOOK_URLS", value_delimiter = ',')]
    resend_webhook_urls: Vec<Url>,
    /// Signs them: `whsec_` and base64; of several, separated by commas, the first does.
    #[arg(long, env = "SANDBOX_RESEND_WEBHOOK_SECRET", hide_env_values = true)]
    resend_webhook_secret: Option<SecretString>,
    /// How long an access token lives, in seconds.
    #[arg(long, env = "SANDBOX_TOKEN_LIFETIME_S", default_value_t = 624_600)]
    token_lifetime_s: u32,
    /// What is logged.
    #[arg(long, env = "SANDBOX_LOG", default_value = "info")]
    log: String,
}

impl Serve {
    fn config(self) -> SandboxConfig {
        let default = SandboxConfig::default();
        SandboxConfig {
            addr: self.addr,
            public_url: self.public_url,
            merchant: Merchant {
                id: self.merchant_id,
                client_id: self.client_id,
                client_secret: self.client_secret.unwrap_or(default.merchant.client_secret),
                client_version: self.client_version,
            },
            webhook: WebhookTarget {
                url: self.webhook_url,
                username: self.webhook_username,
                password: self.webhook_password.unwrap_or(default.webhook.password),
                secret: self.webhook_secret.filter(|secret| !secret.expose_secret().is_empty()),
                retries: self.webhook_retry_ms.into_iter().map(Duration::from_millis).collect(),
            },
            resend_api_key: self.resend_api_key.unwrap_or(default.resend_api_key),
            resend_webhook: ResendWebhook {
                urls: self.resend_webhook_urls,
                secret: self.resend_webhook_secret.filter(|secret| !secret.expose_secret().is_empty()),
            },
            token_lifetime: TimeDelta::seconds(self.token_lifetime_s.into()),
            clock: default.clock,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Serve(serve) => run(*serve).await,
        Command::Healthcheck { addr } => healthcheck(addr).await,
    };
    ended.unwrap_or_else(|error| {
        eprintln!("sandbox: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(serve: Serve) -> anyhow::Result<ExitCode> {
    let telemetry = Telemetry::install(&TelemetryConfig { otlp_endpoint: String::new(), log: serve.log.clone() }, "sandbox")?;
    let running = sandbox::start(serve.config())?;
    tracing::info!(addr = %running.addr, url = running.url, "started");
    let code = running.run_to_end().await;
    telemetry.shutdown();
    Ok(code)
}

async fn healthcheck(addr: SocketAddr) -> anyhow::Result<ExitCode> {
    let url = format!("http://{addr}/livez");
    let alive = http_client(Duration::from_secs(3))?.get(url).send().await?.status().is_success();
    println!("{}", if alive { "ok" } else { "not alive" });
    Ok(if alive { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
