//! Configuration: compiled-in defaults, then a file, then the environment; unknown keys and unsafe values are errors
//! that name the setting, all reported at once.

mod source;

use std::{collections::BTreeSet, fmt, net::SocketAddr, path::PathBuf};

use config::{File, FileFormat, Value, ValueKind};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};

pub use source::Environment;

const KIT_DEFAULTS: &str = include_str!("default.toml");

/// What the process is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// One machine, one person.
    Development,
    /// Defaults that are only safe on one machine are refused.
    Production,
}

/// Settings that every service has (`default.toml` documents each).
#[derive(Debug, Clone, Deserialize)]
pub struct KitConfig {
    /// What the process is run for.
    pub profile: Profile,
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// RabbitMQ.
    pub amqp: AmqpConfig,
    /// Listeners.
    pub http: HttpConfig,
    /// Access-token verification.
    pub auth: AuthConfig,
    /// Rate limits.
    pub limits: LimitsConfig,
    /// Logs and spans.
    pub telemetry: TelemetryConfig,
}

/// PostgreSQL: addresses, pool and time-outs in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct DatabaseConfig {
    pub url: SecretString,
    pub owner_url: SecretString,
    pub pool_size: usize,
    pub worker_pool_size: usize,
    pub wait_timeout_ms: u64,
    pub create_timeout_ms: u64,
    pub recycle_timeout_ms: u64,
    pub checkout_timeout_ms: u64,
    pub statement_timeout_ms: u64,
    pub lock_timeout_ms: u64,
    pub idle_in_transaction_timeout_ms: u64,
}

/// Redis: address, shared connections, cap per command in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct RedisConfig {
    pub url: SecretString,
    pub connections: usize,
    pub command_timeout_ms: u64,
}

/// RabbitMQ.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct AmqpConfig {
    pub url: SecretString,
}

/// The two listeners.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct HttpConfig {
    pub public_addr: SocketAddr,
    pub internal_addr: SocketAddr,
    pub workers: usize,
    pub body_limit: usize,
    pub event_streams: usize,
    pub event_streams_per_user: usize,
    pub trusted_proxies: String,
}

/// How access tokens are verified.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct AuthConfig {
    pub issuer: String,
    pub audience: String,
    pub jwks_url: String,
    pub jwt_secret: SecretString,
}

/// Which set of rate limits applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitsProfile {
    /// For people.
    Default,
    /// For benchmarks and verification.
    Load,
}

/// Rate limits.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct LimitsConfig {
    pub profile: LimitsProfile,
}

/// Logs and spans.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "each key is documented in default.toml")]
pub struct TelemetryConfig {
    pub otlp_endpoint: String,
    pub log: String,
}

/// A service's own settings.
pub trait ServiceConfig: DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static {
    /// The service's `default.toml`: it documents every key, and a key that it does not have is refused.
    const DEFAULTS: &'static str;

    /// Reports every unusable value.
    fn validate(&self, kit: &KitConfig, problems: &mut Problems);
}

/// Settings of one service with those of the kit.
#[derive(Debug, Clone)]
pub struct Config<S> {
    /// Settings that every service has.
    pub kit: KitConfig,
    /// The service's own.
    pub service: S,
}

/// Everything that is wrong with a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl Problems {
    /// Adds a problem with one setting, named by its key (`phonepe.client_id`).
    pub fn add(&mut self, key: &str, what: impl fmt::Display) {
        self.0.push(format!("{key}: {what}"));
    }

    /// Requires a value.
    pub fn require(&mut self, key: &str, value: &str) {
        if value.trim().is_empty() {
            self.add(key, format_args!("is not set (environment: GROUNDWORK__{})", key.to_uppercase().replace('.', "__")));
        }
    }

    /// Requires an absolute http or https URL.
    pub fn require_url(&mut self, key: &str, value: &str) {
        match url::Url::parse(value) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {}
            _ if value.is_empty() => self.require(key, value),
            _ => self.add(key, "is not an http(s) URL"),
        }
    }

    /// True when nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One line per problem.
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not usable:")?;
        for line in &self.0 {
            write!(f, "\n  - {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Reads the configuration of the service called `section` (`payments`).
///
/// # Errors
/// [`Problems`] with everything that is wrong, not only the first thing.
pub fn load<S: ServiceConfig>(section: &str, file: Option<&PathBuf>, environment: &Environment) -> Result<Config<S>, Problems> {
    let mut problems = Problems::default();
    let defaults = match config::Config::builder()
        .add_source(File::from_str(KIT_DEFAULTS, FileFormat::Toml))
        .add_source(File::from_str(S::DEFAULTS, FileFormat::Toml))
        .build()
    {
        Ok(defaults) => defaults,
        Err(error) => {
            problems.add("default.toml", error);
            return Err(problems);
        }
    };
    let known = keys(&defaults.cache);
    let mut builder = config::Config::builder().add_source(defaults);
    if let Some(file) = file {
        builder = builder.add_source(File::from(file.as_path()).format(FileFormat::Toml));
    }
    for (key, value) in environment.settings(section) {
        if !known.contains(&key) {
            problems.add(&key, "is not a setting (from the environment)");
            continue;
        }
        builder = match builder.set_override(&key, value) {
            Ok(builder) => builder,
            Err(error) => {
                problems.add(&key, error);
                return Err(problems);
            }
        };
    }
    let merged = match builder.build() {
        Ok(merged) => merged,
        Err(error) => {
            problems.add("configuration file", error);
            return Err(problems);
        }
    };
    for key in keys(&merged.cache).difference(&known) {
        problems.add(key, "is not a setting");
    }
    let kit = merged.clone().try_deserialize::<KitConfig>();
    let service = merged.try_deserialize::<S>();
    match (kit, service) {
        (Ok(kit), Ok(service)) => {
            kit.validate(&mut problems);
            service.validate(&kit, &mut problems);
            if problems.is_empty() { Ok(Config { kit, service }) } else { Err(problems) }
        }
        (kit, service) => {
            for error in [kit.err(), service.err()].into_iter().flatten() {
                problems.add("value", error);
            }
            Err(problems)
        }
    }
}

fn keys(value: &Value) -> BTreeSet<String> {
    fn walk(prefix: &str, value: &Value, into: &mut BTreeSet<String>) {
        if let ValueKind::Table(table) = &value.kind {
            for (key, value) in table {
                walk(&if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") }, value, into);
            }
        } else {
            into.insert(prefix.to_owned());
        }
    }
    let mut all = BTreeSet::new();
    walk("", value, &mut all);
    all
}

impl KitConfig {
    fn validate(&self, problems: &mut Problems) {
        problems.require("database.url", self.database.url.expose_secret());
        problems.require("redis.url", self.redis.url.expose_secret());
        problems.require("amqp.url", self.amqp.url.expose_secret());
        problems.require("auth.issuer", &self.auth.issuer);
        let secret = self.auth.jwt_secret.expose_secret();
        if secret.is_empty() {
            problems.require_url("auth.jwks_url", &self.auth.jwks_url);
        } else if secret.len() < 32 {
            problems.add("auth.jwt_secret", "is shorter than 32 bytes");
        }
        let database = &self.database;
        if database.wait_timeout_ms > database.checkout_timeout_ms {
            problems.add("database.wait_timeout_ms", "is longer than database.checkout_timeout_ms, so it can never end first");
        }
        if database.pool_size == 0 || database.worker_pool_size == 0 {
            problems.add("database.pool_size", "must be at least 1");
        }
        if self.http.workers == 0 {
            problems.add("http.workers", "must be at least 1");
        }
        if self.http.event_streams_per_user == 0 || self.http.event_streams < self.http.event_streams_per_user {
            problems.add("http.event_streams", "must be at least http.event_streams_per_user, and both at least 1");
        }
        for address in self.http.trusted_proxies.split(',').map(str::trim).filter(|a| !a.is_empty()) {
            if address.parse::<std::net::IpAddr>().is_err() {
                problems.add("http.trusted_proxies", format_args!("{address} is not an address"));
            }
        }
        if self.profile == Profile::Production && self.limits.profile == LimitsProfile::Load {
            problems.add("limits.profile", "load is refused in production");
        }
    }
}

/// Whether the URL's host is this machine. A name that only begins like an address of it is not (`127.example.com`).
pub fn is_local_host(url: &str) -> bool {
    let url = url::Url::parse(url).ok();
    url.as_ref().and_then(|url| url.host_str()).is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
    })
}
