//! The stack's addresses, and its services started as they run elsewhere.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use diesel_async::{AsyncConnection, AsyncPgConnection};

use crate::process::{Process, Processor, Program};

/// Services accept tokens signed with it, besides those of auth-svc: the bench makes people without their passwords.
pub const JWT_SECRET: &str = "a-secret-that-only-the-bench-knows-0123456789";

/// A stack whose dependencies run and are migrated, and whose services do not run.
pub struct Stack {
    /// Where data, logs and settings are.
    pub state: PathBuf,
    /// The repository.
    pub root: PathBuf,
    /// Superuser's URL of the database.
    pub database: String,
    /// Redis.
    pub redis: String,
    /// The broker, as administrator.
    pub amqp: String,
}

/// A running service.
pub struct Service {
    /// Its process.
    pub process: Process,
    /// Its public listener.
    pub public: SocketAddr,
    /// From the start of the process to ready.
    pub ready_after: Duration,
}

impl Stack {
    /// Where this run's logs and files go.
    pub fn folder(&self) -> PathBuf {
        self.state.join("bench")
    }

    /// The settings that the stack gives to a service.
    ///
    /// # Errors
    /// When the stack has none for it.
    pub fn settings(&self, service: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let path = self.state.join("services").join(format!("{service}.env"));
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(text.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// When it is not set.
    pub fn setting(&self, service: &str, name: &str) -> anyhow::Result<String> {
        self.settings(service)?.remove(name).with_context(|| format!("{service} has no setting {name}"))
    }

    /// A connection of the superuser.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn connect(&self) -> anyhow::Result<AsyncPgConnection> {
        AsyncPgConnection::establish(&self.database).await.context("the database")
    }

    /// Starts a service and waits until it is ready. `changes` go over the stack's settings.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn service(&self, name: &str, arguments: &[&str], changes: &[(&str, &str)], on: Processor) -> anyhow::Result<Service> {
        let mut settings = self.settings(name)?;
        settings.insert("GROUNDWORK__LIMITS__PROFILE".to_owned(), "load".to_owned());
        settings.insert("GROUNDWORK__AUTH__JWT_SECRET".to_owned(), JWT_SECRET.to_owned());
        settings.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let address = |name: &str| -> anyhow::Result<SocketAddr> {
            settings.get(name).with_context(|| format!("{name} is not set"))?.parse().with_context(|| format!("{name} is no address"))
        };
        let (public, internal) = (address("GROUNDWORK__HTTP__PUBLIC_ADDR")?, address("GROUNDWORK__HTTP__INTERNAL_ADDR")?);
        let path = binary(name)?;
        let program = Program {
            name,
            path: &path,
            arguments: arguments.iter().map(Into::into).collect(),
            environment: settings.clone().into_iter().collect(),
            on,
        };
        let begun = tokio::time::Instant::now();
        let mut process = program.start(&self.folder())?;
        process.ready(internal, "/readyz").await?;
        Ok(Service { process, public, ready_after: begun.elapsed() })
    }

    /// Starts the sandbox.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn sandbox(&self) -> anyhow::Result<Service> {
        let settings = self.settings("sandbox")?;
        let public = settings.get("SANDBOX_ADDR").context("SANDBOX_ADDR")?.parse()?;
        let path = binary("sandbox")?;
        let program = Program {
            name: "sandbox",
            path: &path,
            arguments: vec!["serve".into()],
            environment: settings.into_iter().collect(),
            on: Processor::Any,
        };
        let mut process = program.start(&self.folder())?;
        let ready_after = process.ready(public, "/livez").await?;
        Ok(Service { process, public, ready_after })
    }

    /// Starts a baseline of this binary (`bench bare …`).
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn bare(&self, arguments: &[&str]) -> anyhow::Result<Service> {
        let public = free_address()?;
        let path = std::env::current_exe()?;
        let listen = public.to_string();
        let program = Program {
            name: "bare",
            path: &path,
            arguments: ["bare", "--listen", &listen].iter().chain(arguments).map(Into::into).collect(),
            environment: vec![("REDIS_URL".to_owned(), self.redis.clone())],
            on: Processor::Measured,
        };
        let mut process = program.start(&self.folder())?;
        let ready_after = process.ready(public, "/livez").await?;
        Ok(Service { process, public, ready_after })
    }

    /// Writes a file into the run's folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&self, name: &str, content: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.folder().join(name);
        fs::create_dir_all(self.folder())?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// A file of the repository.
    pub fn source(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }
}

/// An address that nobody has now.
///
/// # Errors
/// When there is none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// A binary of the same build.
fn binary(name: &str) -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}
