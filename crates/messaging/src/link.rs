//! One AMQP connection of the process, opened again whenever it is needed and gone.
//!
//! lapin's automatic recovery stays off: it leaves consumers that are silently dead. Whoever uses a connection drops
//! what it had and asks the link for the next one.

use std::{sync::Arc, time::Duration};

use lapin::{Connection, ConnectionProperties, uri::AMQPUri};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    backoff::Backoff,
    metrics::Metrics,
    topology::{self, TopologyError},
};

/// Below 5 s false alarms are likely; a dead peer is noticed within two of these.
const HEARTBEAT_SECONDS: u16 = 20;
/// The largest frame, as our brokers are told as well (`frame_max`): properties have to fit into one. lapin makes and zeroes
/// buffers for 64 of them for each connection.
const FRAME_MAX: u32 = 64 * 1024;
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The URL is not an AMQP URL. Its text is not shown: it holds a password.
    #[error("the AMQP URL is not usable: {0}")]
    Url(String),
    /// The broker did not accept the connection.
    #[error("connecting to the broker failed: {0}")]
    Connect(#[from] lapin::Error),
    /// No answer in time.
    #[error("the broker did not answer within {} s", CONNECT_LIMIT.as_secs())]
    Timeout,
    /// Connected, but the topology is not there.
    #[error(transparent)]
    Topology(#[from] TopologyError),
}

/// Opens one connection that the broker lists as `name`.
pub async fn connect(url: &SecretString, name: &str) -> Result<Connection, LinkError> {
    let mut uri: AMQPUri = url.expose_secret().parse().map_err(LinkError::Url)?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT_SECONDS);
    uri.query.connection_timeout.get_or_insert(5_000);
    uri.query.frame_max.get_or_insert(FRAME_MAX);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    Ok(timeout(CONNECT_LIMIT, Connection::connect_uri(uri, properties)).await.map_err(|_| LinkError::Timeout)??)
}

/// Connects, declares the whole topology and disconnects: the last step of a migration.
pub async fn declare_topology(url: &SecretString, name: &str) -> Result<(), LinkError> {
    let connection = connect(url, name).await?;
    topology::declare_all(&connection).await?;
    close(&connection).await;
    Ok(())
}

/// Closes in order, or gives up after a moment: the broker forgets a dropped connection anyway.
pub(crate) async fn close(connection: &Connection) {
    let _ = timeout(CLOSE_LIMIT, connection.close(200, "OK".into())).await;
}

/// A connection for one purpose, shared by those who have it.
pub(crate) struct Link {
    url: SecretString,
    name: String,
    purpose: &'static str,
    metrics: Arc<Metrics>,
    current: Mutex<Option<Arc<Connection>>>,
}

impl Link {
    pub(crate) fn new(url: SecretString, instance: &str, purpose: &'static str, metrics: Arc<Metrics>) -> Self {
        metrics.connected.with_label_values(&[purpose]).set(0);
        Self { url, name: format!("{instance} {purpose}"), purpose, metrics, current: Mutex::new(None) }
    }

    /// The connection, waiting for the broker for as long as it takes.
    ///
    /// # Errors
    /// Only when the topology conflicts, which waiting does not change.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, TopologyError> {
        let mut backoff = Backoff::reconnect();
        loop {
            match self.try_connection().await {
                Ok(connection) => return Ok(connection),
                Err(LinkError::Topology(conflict @ TopologyError::Conflict { .. })) => return Err(conflict),
                Err(error) => {
                    let wait = backoff.next();
                    tracing::warn!(%error, purpose = self.purpose, wait_ms = wait.as_millis(), "no connection to the broker");
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// The connection, in one attempt; a new one has the topology declared.
    pub(crate) async fn try_connection(&self) -> Result<Arc<Connection>, LinkError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = current.as_ref().filter(|connection| connection.status().connected()) {
            return Ok(connection.clone());
        }
        *current = None;
        self.up(false);
        let connection = Arc::new(connect(&self.url, &self.name).await?);
        topology::declare_all(&connection).await?;
        self.up(true);
        tracing::info!(purpose = self.purpose, "connected to the broker");
        *current = Some(connection.clone());
        Ok(connection)
    }

    /// Gives up a connection that no longer answers, whatever it says of itself.
    pub(crate) async fn discard(&self, dead: &Arc<Connection>) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|connection| Arc::ptr_eq(connection, dead)) {
            *current = None;
            self.up(false);
        }
    }

    /// Closes in order.
    pub(crate) async fn close(&self) {
        if let Some(connection) = self.current.lock().await.take() {
            close(&connection).await;
        }
        self.up(false);
    }

    fn up(&self, up: bool) {
        self.metrics.connected.with_label_values(&[self.purpose]).set(i64::from(up));
    }
}
