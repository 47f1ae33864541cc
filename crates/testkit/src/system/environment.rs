//! Ports and settings of the system's processes.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
};

use super::Dependency;
use crate::{Database, Vhost, journey::Addresses, relay::Relay, required};

/// The settings of processes: those of the stack, with our addresses in place of its own.
pub(super) struct Environment<'a> {
    pub(super) stack: PathBuf,
    pub(super) addresses: &'a Addresses,
    pub(super) database: &'a Database,
    pub(super) vhost: &'a Vhost,
    pub(super) relays: &'a BTreeMap<(&'static str, Dependency), Relay>,
}

impl Environment<'_> {
    pub(super) fn of_sandbox(&self, port: u16) -> BTreeMap<String, String> {
        let mut environment = self.of_stack("sandbox", &self.addresses.sandbox);
        environment.insert("SANDBOX_ADDR".to_owned(), format!("127.0.0.1:{port}"));
        environment
    }

    pub(super) fn of_service(&self, service: &'static str, public: u16, internal: u16) -> BTreeMap<String, String> {
        let through = |dependency, url: &str| self.relays.get(&(service, dependency)).unwrap().through(url);
        let mut environment = self.of_stack(service, through(Dependency::PhonePe, &self.addresses.sandbox).trim_end_matches('/'));
        let role = service.replace('-', "_");
        let mut redis = url::Url::parse(&required("REDIS_URL")).unwrap();
        redis.set_path("/15");
        let keys = "http://127.0.0.1:1/auth/v1/.well-known/jwks.json";
        for (name, value) in [
            ("DATABASE_URL", through(Dependency::Postgres, &self.database.url(&role))),
            ("DATABASE_OWNER_URL", self.database.url(&format!("{role}_owner"))),
            ("REDIS_URL", through(Dependency::Redis, redis.as_str())),
            ("AMQP_URL", through(Dependency::RabbitMq, &self.vhost.url())),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", through(Dependency::Collector, "http://127.0.0.1:1").trim_end_matches('/').to_owned()),
            ("GROUNDWORK__AUTH__JWKS_URL", through(Dependency::Keys, keys)),
            ("GROUNDWORK__HTTP__PUBLIC_ADDR", format!("127.0.0.1:{public}")),
            ("GROUNDWORK__HTTP__INTERNAL_ADDR", format!("127.0.0.1:{internal}")),
            ("GROUNDWORK__LIMITS__PROFILE", "load".to_owned()),
        ] {
            environment.insert(name.to_owned(), value);
        }
        environment
    }

    /// The stack's settings of `part`.
    fn of_stack(&self, part: &str, sandbox: &str) -> BTreeMap<String, String> {
        let file = self.stack.join("services").join(format!("{part}.env"));
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (old_gateway, old_sandbox) = (required("GATEWAY_URL"), required("SANDBOX_URL"));
        text.lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.replace(&old_gateway, &self.addresses.gateway).replace(&old_sandbox, sandbox)))
            .collect()
    }
}

/// `host:port` of an address of the stack.
pub(super) fn host_of(url: &str) -> String {
    let url = url::Url::parse(url).unwrap();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or_else(|| panic!("an address of the stack has no port")))
}

/// Ports below those that the system gives to outgoing connections: a listener must find its port again.
pub(super) struct Ports(u16);

impl Ports {
    pub(super) fn new() -> Self {
        Self(24_000 + u16::try_from(std::process::id() % 4_000).unwrap_or_default())
    }

    pub(super) fn free(&mut self) -> u16 {
        loop {
            self.0 += 1;
            assert!(self.0 < 32_000, "no port is free");
            if TcpListener::bind(("127.0.0.1", self.0)).is_ok() {
                return self.0;
            }
        }
    }
}

/// The repository of this crate.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
