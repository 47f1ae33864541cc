//! The stack's own PostgreSQL, RabbitMQ and Redis: what may happen to the processes themselves.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::required;

/// A dependency that runs as a process of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The database.
    Postgres,
    /// The broker.
    RabbitMq,
    /// Caches, drafts, limits.
    Redis,
}

impl Part {
    const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::RabbitMq => "rabbitmq",
            Self::Redis => "redis",
        }
    }

    /// What ends it in order.
    const fn stop_signal(self) -> &'static str {
        match self {
            // PostgreSQL's fast shutdown.
            Self::Postgres => "INT",
            Self::RabbitMq | Self::Redis => "TERM",
        }
    }
}

/// The stack that the environment describes.
#[derive(Debug)]
pub struct Stack {
    root: PathBuf,
    state: PathBuf,
}

impl Stack {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), state: required("STATE_DIR").into() }
    }

    /// `kill -9`.
    pub async fn kill(&self, part: Part) -> anyhow::Result<()> {
        self.signal(part, "KILL").await
    }

    /// Lets it end in order.
    pub async fn stop(&self, part: Part) -> anyhow::Result<()> {
        self.signal(part, part.stop_signal()).await?;
        let process = format!("/proc/{}/stat", self.pid(part)?);
        // Gone, or a zombie that nobody has waited for.
        while fs::read_to_string(&process).is_ok_and(|state| !state.contains(") Z ")) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Starts what does not run, and returns when it answers.
    pub async fn start(&self) -> anyhow::Result<()> {
        let output = Command::new(self.root.join("deploy/local/stack")).arg("deps").current_dir(&self.root).output().await?;
        ensure!(output.status.success(), "the stack does not start: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Sets how much Redis may hold, for example `1` or `256mb`.
    pub async fn redis_memory(&self, limit: &str) -> anyhow::Result<()> {
        let url = url::Url::parse(&required("REDIS_URL"))?;
        let mut command = Command::new("redis-cli");
        command.env("REDISCLI_AUTH", url.password().unwrap_or_default()).args(["-p", &url.port().context("no port")?.to_string()]);
        let output = command.args(["config", "set", "maxmemory", limit]).output().await?;
        ensure!(output.status.success() && output.stdout.starts_with(b"OK"), "{}", String::from_utf8_lossy(&output.stdout));
        Ok(())
    }

    /// Sets how much memory RabbitMQ may use before it blocks publishers, for example `1MB`.
    pub async fn rabbitmq_memory(&self, limit: &str) -> anyhow::Result<()> {
        let environment = fs::read(format!("/proc/{}/environ", self.pid(Part::RabbitMq)?))?;
        let environment = String::from_utf8_lossy(&environment);
        let owner = fs::read_to_string(format!("/proc/{}/status", self.pid(Part::RabbitMq)?))?;
        let user =
            owner.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next().map(str::to_owned)).context("no user")?;
        let mut command = Command::new("setpriv");
        // As the broker's own user, whose folder holds the cookie.
        command.args(["--reuid", &user, "--clear-groups", "/usr/lib/rabbitmq/bin/rabbitmqctl"]).current_dir("/");
        command.env_clear().envs(environment.split('\0').filter_map(|pair| pair.split_once('=')).filter(|(name, _)| {
            matches!(*name, "HOME" | "PATH" | "ERL_EPMD_PORT" | "ERL_EPMD_ADDRESS" | "RABBITMQ_NODENAME" | "RABBITMQ_DIST_PORT")
        }));
        let output = command.args(["set_vm_memory_high_watermark", "absolute", limit]).output().await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    async fn signal(&self, part: Part, signal: &str) -> anyhow::Result<()> {
        let pid = self.pid(part)?;
        ensure!(Command::new("kill").args(["-s", signal, &pid]).status().await?.success(), "{} does not run", part.name());
        Ok(())
    }

    fn pid(&self, part: Part) -> anyhow::Result<String> {
        let file = self.state.join("run").join(format!("{}.pid", part.name()));
        let text = fs::read_to_string(&file).with_context(|| format!("{} is not a process of this stack", part.name()))?;
        Ok(text.split_whitespace().next().context("an empty pid file")?.to_owned())
    }
}
