//! Redis over a few shared multiplexed connections, opened on the main runtime, with a cap on every command.
//!
//! A cache that fails is a miss: callers get [`CacheError`] quickly and go on without it.

mod breaker;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_redis::{
    Config, Connection, Pool, Runtime,
    redis::{self, FromRedisValue, RedisError, aio::MultiplexedConnection},
};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use crate::{config::RedisConfig, lifecycle::Lifecycle, metrics::Metrics};
use breaker::Breaker;

pub use deadpool_redis::redis as client;

/// Why a cache command had no answer.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Not reachable, too slow, or failing a moment ago.
    #[error("the cache is unavailable: {0}")]
    Unavailable(String),
    /// Redis answered with an error (for example `OOM` or a script error).
    #[error("the cache refused: {0}")]
    Refused(RedisError),
}

/// After a failed connection attempt, callers of that connection are refused at once for this long.
const REFUSED: Duration = Duration::from_millis(500);

enum Slot {
    Empty,
    Open(MultiplexedConnection),
    Failed(Instant),
}

struct Inner {
    pool: Pool,
    slots: Vec<Mutex<Slot>>,
    next: AtomicUsize,
    cap: Duration,
    url: String,
    metrics: Metrics,
    lifecycle: Lifecycle,
    breaker: Breaker,
}

/// The process's Redis.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

impl Cache {
    /// Prepares the connections without opening them.
    ///
    /// # Errors
    /// When the URL is not a Redis URL.
    pub fn new(config: &RedisConfig, metrics: Metrics, lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let url = config.url.expose_secret().to_owned();
        let pool = Config::from_url(&url)
            .builder()?
            .max_size(config.connections.max(1) * 2)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(Duration::from_secs(1)))
            .create_timeout(Some(Duration::from_secs(1)))
            .recycle_timeout(Some(Duration::from_millis(500)))
            .build()?;
        Ok(Self(Arc::new(Inner {
            pool,
            slots: (0..config.connections.max(1)).map(|_| Mutex::new(Slot::Empty)).collect(),
            next: AtomicUsize::new(0),
            cap: Duration::from_millis(config.command_timeout_ms),
            url,
            metrics,
            lifecycle: lifecycle.clone(),
            breaker: Breaker::default(),
        })))
    }

    /// Runs one command.
    pub async fn query<T: FromRedisValue + Send>(&self, command: &redis::Cmd) -> Result<T, CacheError> {
        self.run(|mut connection| async move { command.query_async(&mut connection).await }).await
    }

    /// Runs a pipeline in one round trip.
    pub async fn pipeline<T: FromRedisValue + Send>(&self, pipeline: &redis::Pipeline) -> Result<T, CacheError> {
        self.run(|mut connection| async move { pipeline.query_async(&mut connection).await }).await
    }

    /// Runs a script by its hash (one round trip; a second only when Redis has forgotten it).
    pub async fn script<T: FromRedisValue + Send>(&self, invocation: &redis::ScriptInvocation<'_>) -> Result<T, CacheError> {
        self.run(|mut connection| async move { invocation.invoke_async(&mut connection).await }).await
    }

    /// Opens a connection of its own for subscriptions.
    ///
    /// # Errors
    /// [`CacheError::Unavailable`] when Redis does not answer.
    pub async fn subscriber(&self) -> Result<redis::aio::PubSub, CacheError> {
        let client = redis::Client::open(self.0.url.as_str()).map_err(CacheError::Refused)?;
        match tokio::time::timeout(Duration::from_secs(2), client.get_async_pubsub()).await {
            Ok(Ok(subscriber)) => Ok(subscriber),
            Ok(Err(error)) => Err(CacheError::Unavailable(error.to_string())),
            Err(_) => Err(CacheError::Unavailable("no answer within 2 s".into())),
        }
    }

    /// How many connections are `open`, `unused`, being opened (`opening`), or `failed`: refused a moment ago or at their
    /// last use, and not tried since.
    pub fn states(&self) -> [(&'static str, i64); 4] {
        let [mut open, mut unused, mut opening, mut failed] = [0; 4];
        for slot in &self.0.slots {
            match slot.try_lock().as_deref() {
                Ok(Slot::Open(_)) => open += 1,
                Ok(Slot::Empty) => unused += 1,
                Ok(Slot::Failed(_)) => failed += 1,
                Err(_) => opening += 1,
            }
        }
        [("open", open), ("unused", unused), ("opening", opening), ("failed", failed)]
    }

    /// Whether Redis is not asked at present, because it kept failing.
    pub fn is_given_up(&self) -> bool {
        self.0.breaker.is_open()
    }

    async fn run<T, F, Fut>(&self, command: F) -> Result<T, CacheError>
    where
        F: FnOnce(MultiplexedConnection) -> Fut,
        Fut: Future<Output = Result<T, RedisError>>,
    {
        if !self.0.breaker.lets_through() {
            self.0.metrics.cache_failures_total.with_label_values(&["unavailable"]).inc();
            return Err(CacheError::Unavailable("it keeps failing".into()));
        }
        let answer = self.attempt(command).await;
        match &answer {
            Ok(_) => self.0.breaker.succeeded(),
            Err(CacheError::Unavailable(_)) => {
                self.0.breaker.failed();
                self.0.metrics.cache_failures_total.with_label_values(&["unavailable"]).inc();
            }
            // It is there, and says no.
            Err(CacheError::Refused(_)) => {
                self.0.breaker.succeeded();
                self.0.metrics.cache_failures_total.with_label_values(&["refused"]).inc();
            }
        }
        answer
    }

    async fn attempt<T, F, Fut>(&self, command: F) -> Result<T, CacheError>
    where
        F: FnOnce(MultiplexedConnection) -> Fut,
        Fut: Future<Output = Result<T, RedisError>>,
    {
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed) % self.0.slots.len();
        let slot = self.0.slots.get(turn).ok_or_else(|| CacheError::Unavailable("no slot".into()))?;
        let Ok(connection) = tokio::time::timeout(self.0.cap, self.connection(slot)).await else {
            return Err(CacheError::Unavailable("no connection in time".into()));
        };
        let connection = connection?;
        match tokio::time::timeout(self.0.cap, command(connection)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() => {
                *slot.lock().await = Slot::Empty;
                Err(CacheError::Unavailable(error.to_string()))
            }
            Ok(Err(error)) => Err(CacheError::Refused(error)),
            Err(_) => {
                *slot.lock().await = Slot::Failed(Instant::now());
                Err(CacheError::Unavailable(format!("no answer within {} ms", self.0.cap.as_millis())))
            }
        }
    }

    async fn connection(&self, slot: &Mutex<Slot>) -> Result<MultiplexedConnection, CacheError> {
        let mut slot = slot.lock().await;
        match &*slot {
            Slot::Open(connection) => return Ok(connection.clone()),
            Slot::Failed(at) if at.elapsed() < REFUSED => {
                return Err(CacheError::Unavailable("failing a moment ago".into()));
            }
            Slot::Failed(_) | Slot::Empty => {}
        }
        let pool = self.0.pool.clone();
        let opened = self.0.lifecycle.main().spawn(async move { pool.get().await.map(Connection::take) }).await;
        match opened {
            Ok(Ok(connection)) => {
                *slot = Slot::Open(connection.clone());
                Ok(connection)
            }
            Ok(Err(error)) => {
                *slot = Slot::Failed(Instant::now());
                Err(CacheError::Unavailable(error.to_string()))
            }
            Err(error) => Err(CacheError::Unavailable(error.to_string())),
        }
    }
}
