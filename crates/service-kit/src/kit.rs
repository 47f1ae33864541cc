//! What every service is built on.

use std::{sync::Arc, time::Duration};

use domain::{Clock, SystemClock};

use crate::{
    auth::{Membership, Verifier},
    cache::Cache,
    config::KitConfig,
    db::Db,
    http::EventStreams,
    lifecycle::Lifecycle,
    metrics::Metrics,
    rate_limit::RateLimiter,
    readiness::Readiness,
};

/// Which service this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceIdentity {
    /// Name of the binary, for example `payments-svc`.
    pub name: &'static str,
    /// Section of the configuration's environment, for example `payments`.
    pub section: &'static str,
    /// Its schema in PostgreSQL.
    pub schema: &'static str,
}

/// The process's shared parts. Cheap to clone.
#[derive(Clone)]
pub struct Kit {
    /// Which service this is.
    pub identity: ServiceIdentity,
    /// Settings that every service has.
    pub config: Arc<KitConfig>,
    /// Pool for requests.
    pub db: Db,
    /// Pool for relay, consumers and jobs, so that neither side can starve the other.
    pub worker_db: Db,
    /// Redis.
    pub cache: Cache,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Metrics and their registry.
    pub metrics: Metrics,
    /// Drain, stop and tracked tasks.
    pub lifecycle: Lifecycle,
    /// What `/readyz` asks.
    pub readiness: Readiness,
    /// Access-token verification.
    pub verifier: Arc<Verifier>,
    /// Cached roles of members.
    pub membership: Membership,
    /// Token buckets.
    pub limits: RateLimiter,
    /// Bounds on open event streams.
    pub streams: EventStreams,
    /// HTTP client with every time-out set.
    pub http: reqwest::Client,
}

impl Kit {
    /// Builds everything without connecting to anything: a dependency that is down at start is retried for ever.
    ///
    /// # Errors
    /// When a setting cannot be used (a URL that does not parse, for example).
    pub fn new(identity: ServiceIdentity, config: KitConfig, lifecycle: Lifecycle) -> anyhow::Result<Self> {
        Self::with_clock(identity, config, lifecycle, Arc::new(SystemClock))
    }

    /// The same with a clock of the caller's.
    ///
    /// # Errors
    /// As [`Kit::new`].
    pub fn with_clock(identity: ServiceIdentity, config: KitConfig, lifecycle: Lifecycle, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let metrics = Metrics::new()?;
        let db = Db::new(&config.database, identity.name, identity.schema, config.database.pool_size, &lifecycle)?;
        let worker_name = format!("{}-worker", identity.name);
        let worker_db = Db::new(&config.database, &worker_name, identity.schema, config.database.worker_pool_size, &lifecycle)?;
        let cache = Cache::new(&config.redis, metrics.clone(), &lifecycle)?;
        let http = http_client(Duration::from_secs(5))?;
        let verifier = Arc::new(Verifier::new(&config.auth, http.clone(), clock.clone(), &lifecycle));
        Ok(Self {
            identity,
            membership: Membership::new(db.clone()),
            limits: RateLimiter::new(cache.clone(), clock.clone(), metrics.clone(), config.limits.profile),
            streams: EventStreams::new(&config.http, metrics.event_streams_open.clone()),
            readiness: Readiness::new(db.clone(), lifecycle.clone()),
            config: Arc::new(config),
            db,
            worker_db,
            cache,
            clock,
            metrics,
            lifecycle,
            verifier,
            http,
        })
    }
}

/// An HTTP client whose whole request ends within `limit`; it follows no redirects and keeps no cookies.
///
/// # Errors
/// When the TLS roots cannot be loaded.
pub fn http_client(limit: Duration) -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(3))
        .timeout(limit)
        .pool_idle_timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}
