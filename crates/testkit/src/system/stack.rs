//! The stack's own PostgreSQL, RabbitMQ and Redis: what may happen to the processes themselves.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::{process::Command, sync::Mutex, time::sleep};

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

/// What the dependencies held before they were changed.
#[derive(Debug, Default)]
struct Former {
    /// Redis' `maxmemory`.
    redis: Option<String>,
    /// RabbitMQ's watermark, as the Erlang term that sets it.
    rabbitmq: Option<String>,
}

/// The stack that the environment describes. It outlives the systems on it, so that it can be healed after any of them.
#[derive(Debug)]
pub struct Stack {
    root: PathBuf,
    state: PathBuf,
    former: Mutex<Former>,
}

impl Stack {
    /// The started stack of the repository at `root`.
    ///
    /// # Panics
    /// When the environment describes none.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), state: required("STATE_DIR").into(), former: Mutex::default() }
    }

    /// Undoes everything that was done to it.
    pub async fn heal(&self) -> anyhow::Result<()> {
        self.start().await?;
        self.free_redis().await?;
        self.free_rabbitmq().await
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
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Starts what does not run, and returns when it answers.
    pub async fn start(&self) -> anyhow::Result<()> {
        let output = Command::new(self.root.join("deploy/local/stack")).arg("deps").current_dir(&self.root).output().await?;
        ensure!(output.status.success(), "the stack does not start: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Lets Redis take no more writes.
    pub async fn fill_redis(&self) -> anyhow::Result<()> {
        let answer = self.redis(&["config", "get", "maxmemory"]).await?;
        let former = answer.lines().nth(1).with_context(|| format!("Redis answers {answer:?}"))?.to_owned();
        self.former.lock().await.redis.get_or_insert(former);
        self.redis(&["config", "set", "maxmemory", "1"]).await.map(drop)
    }

    /// Gives Redis the memory that it had.
    pub async fn free_redis(&self) -> anyhow::Result<()> {
        let former = self.former.lock().await.redis.take();
        if let Some(former) = former {
            self.redis(&["config", "set", "maxmemory", &former]).await?;
        }
        Ok(())
    }

    /// Lets RabbitMQ block publishers, as if it were out of memory.
    pub async fn fill_rabbitmq(&self) -> anyhow::Result<()> {
        let former = self.rabbitmq("vm_memory_monitor:get_vm_memory_high_watermark().").await?;
        self.former.lock().await.rabbitmq.get_or_insert(former);
        self.rabbitmq(r#"vm_memory_monitor:set_vm_memory_high_watermark({absolute, "1MB"})."#).await.map(drop)
    }

    /// Gives RabbitMQ the memory that it had.
    pub async fn free_rabbitmq(&self) -> anyhow::Result<()> {
        let former = self.former.lock().await.rabbitmq.take();
        if let Some(former) = former {
            self.rabbitmq(&format!("vm_memory_monitor:set_vm_memory_high_watermark({former}).")).await?;
        }
        Ok(())
    }

    async fn redis(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let url = url::Url::parse(&required("REDIS_URL"))?;
        let mut command = Command::new("redis-cli");
        command.env("REDISCLI_AUTH", url.password().unwrap_or_default()).args(["-p", &url.port().context("no port")?.to_string()]);
        let output = command.args(arguments).output().await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success() && !said.starts_with("ERR") && !said.starts_with("NOAUTH"), "redis-cli: {said}");
        Ok(said)
    }

    /// What the node answers to an Erlang expression.
    async fn rabbitmq(&self, expression: &str) -> anyhow::Result<String> {
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
        let output = command.args(["eval", expression]).output().await?;
        ensure!(output.status.success(), "rabbitmqctl: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
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
