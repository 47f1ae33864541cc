//! A service run inside the test's process, on free ports.

use service_kit::{
    Lifecycle, Service,
    command::{Started, start},
    config::{self, Config, Environment, ServiceConfig},
};

use crate::{database::Database, environment::redis_url, tokens, vhost::Vhost};

/// The configuration of service `S` against a test's own database and vhost, with more variables of the test's choice.
///
/// # Panics
/// When the result is not a usable configuration.
pub fn config<S: Service>(database: &Database, vhost: Option<&Vhost>, more: &[(&str, &str)]) -> Config<S::Config>
where
    S::Config: ServiceConfig,
{
    let role = S::IDENTITY.name.replace('-', "_");
    let (url, owner, redis) = (database.url(&role), database.url(&format!("{role}_owner")), redis_url());
    let amqp = vhost.map_or_else(|| "amqp://nobody:nothing@127.0.0.1:1/none".to_owned(), Vhost::url);
    let mut pairs = vec![
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_OWNER_URL", owner.as_str()),
        ("REDIS_URL", redis.as_str()),
        ("AMQP_URL", amqp.as_str()),
        ("GROUNDWORK__AUTH__ISSUER", tokens::ISSUER),
        ("SUPABASE_JWT_SECRET", tokens::JWT_SECRET),
        ("GROUNDWORK__HTTP__WORKERS", "1"),
        ("GROUNDWORK__DATABASE__POOL_SIZE", "4"),
        ("GROUNDWORK__DATABASE__WORKER_POOL_SIZE", "4"),
    ];
    pairs.extend_from_slice(more);
    config::load::<S::Config>(S::IDENTITY.section, None, &Environment::from_pairs(pairs)).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A running service; it drains when the value is dropped.
#[derive(Debug)]
pub struct Running {
    /// Base URL of the public listener, without a slash at the end.
    pub url: String,
    /// Base URL of the internal listener.
    pub internal_url: String,
    /// Its life.
    pub lifecycle: Lifecycle,
}

impl Running {
    /// Starts the service, with its workers when asked. Needs a multi-thread test runtime.
    ///
    /// # Panics
    /// When it cannot start.
    pub fn start<S: Service>(config: Config<S::Config>, with_worker: bool) -> Self {
        let lifecycle = Lifecycle::on_this_runtime();
        let Started { public, internal } = start::<S>(config, &lifecycle, true, with_worker).unwrap();
        Self { url: format!("http://{}", public.unwrap()), internal_url: format!("http://{internal}"), lifecycle }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.lifecycle.drain();
        self.lifecycle.stopped().cancel();
    }
}
