//! PostgreSQL: the pool, the two roles of a transaction, and what its errors mean to a caller.

mod statement;

use std::time::Duration;

use deadpool::Runtime;
use diesel::{ConnectionError, ConnectionResult, sql_types::Text};
use diesel_async::{
    AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{Hook, HookError, Object, Pool},
    },
};
use futures_util::FutureExt;
use secrecy::{ExposeSecret, SecretString};

pub use statement::{Bound, Statement, Text as StatementText, sql_query};

use crate::{config::DatabaseConfig, lifecycle::Lifecycle};

/// A connection that rested for so long is asked whether it still lives before it is lent. One that was closed is
/// recognised at any time; this is for a network that went silent.
const RESTED: Duration = Duration::from_secs(1);

/// A connection on loan from the pool.
pub type PooledConnection = Object<AsyncPgConnection>;

/// Why a database operation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection within the pool's time-outs, or the connection died: try again later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A lock was not granted in time.
    #[error("a lock was not granted in time")]
    LockTimeout,
    /// PostgreSQL refused the statement.
    #[error("query failed: {0}")]
    Query(diesel::result::Error),
}

impl From<diesel::result::Error> for DbError {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind, Error};
        match error {
            Error::BrokenTransactionManager => Self::Unavailable("the connection is broken".into()),
            Error::DatabaseError(DatabaseErrorKind::ClosedConnection, info) => Self::Unavailable(info.message().to_owned()),
            Error::DatabaseError(_, ref info) => {
                let message = info.message();
                if message.contains("lock timeout") {
                    Self::LockTimeout
                } else if UNAVAILABLE.iter().any(|phrase| message.contains(phrase)) {
                    Self::Unavailable(message.to_owned())
                } else {
                    Self::Query(error)
                }
            }
            other => Self::Query(other),
        }
    }
}

/// Phrases of PostgreSQL and its driver that mean "not now" (classes 08, 53, 57): diesel does not hand the SQLSTATE on.
const UNAVAILABLE: [&str; 10] = [
    "terminating connection",
    "the database system is",
    "connection closed",
    "error communicating with the server",
    "error connecting to server",
    "statement timeout",
    "too many clients",
    "remaining connection slots",
    "No space left on device",
    "out of memory",
];

/// The pool of one process.
#[derive(Clone)]
pub struct Db {
    pool: Pool<AsyncPgConnection>,
    checkout: Duration,
}

impl Db {
    /// Builds the pool without connecting. Connections are opened on the main runtime whichever thread asks for one.
    ///
    /// # Errors
    /// When the pool's settings contradict each other.
    pub fn new(config: &DatabaseConfig, application: &str, schema: &str, size: usize, lifecycle: &Lifecycle) -> anyhow::Result<Self> {
        let main = lifecycle.main().clone();
        let mut manager = ManagerConfig::<AsyncPgConnection>::default();
        manager.recycling_method = RecyclingMethod::Fast;
        manager.custom_setup = Box::new(move |url| {
            let (main, url) = (main.clone(), url.to_owned());
            async move {
                main.spawn(async move { AsyncPgConnection::establish(&url).await })
                    .await
                    .map_err(|error| ConnectionError::BadConnection(error.to_string()))?
            }
            .boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(config.url.expose_secret(), manager);
        let settings = session_settings(config, application, schema);
        let recycle = Duration::from_millis(config.recycle_timeout_ms);
        let pool = Pool::builder(manager)
            .runtime(Runtime::Tokio1)
            .max_size(size)
            .wait_timeout(Some(Duration::from_millis(config.wait_timeout_ms)))
            .create_timeout(Some(Duration::from_millis(config.create_timeout_ms)))
            .recycle_timeout(Some(recycle))
            .post_create(Hook::async_fn(move |connection: &mut AsyncPgConnection, _| {
                let settings = settings.clone();
                Box::pin(async move { connection.batch_execute(&settings).await.map_err(|error| HookError::message(error.to_string())) })
            }))
            .pre_recycle(Hook::async_fn(move |connection: &mut AsyncPgConnection, metrics| {
                let rested = metrics.last_used() >= RESTED;
                Box::pin(async move {
                    if rested {
                        // The pool's time-out for recycling is not for its hooks.
                        tokio::time::timeout(recycle, connection.batch_execute("select 1"))
                            .await
                            .map_err(|_| HookError::message("no answer in time"))?
                            .map_err(|error| HookError::message(error.to_string()))?;
                    }
                    Ok(())
                })
            }))
            .build()?;
        Ok(Self { pool, checkout: Duration::from_millis(config.checkout_timeout_ms) })
    }

    /// A connection, or [`DbError::Unavailable`] within the whole check-out's time-out.
    pub async fn get(&self) -> Result<PooledConnection, DbError> {
        match tokio::time::timeout(self.checkout, self.pool.get()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(DbError::Unavailable(error.to_string())),
            Err(_) => Err(DbError::Unavailable("no connection in time".into())),
        }
    }

    /// Size, available connections and waiting callers of the pool, for metrics.
    pub fn status(&self) -> deadpool::Status {
        self.pool.status()
    }
}

fn session_settings(config: &DatabaseConfig, application: &str, schema: &str) -> String {
    format!(
        "set application_name = '{application}'; set search_path = {schema}; set timezone = 'UTC'; \
         set statement_timeout = {}; set lock_timeout = {}; set idle_in_transaction_session_timeout = {};",
        config.statement_timeout_ms, config.lock_timeout_ms, config.idle_in_transaction_timeout_ms
    )
}

/// Opens a single connection outside the pool, for migrations and operators' commands.
///
/// # Errors
/// When the server does not answer within five seconds or refuses the login.
pub async fn connect(url: &SecretString) -> ConnectionResult<AsyncPgConnection> {
    tokio::time::timeout(Duration::from_secs(5), AsyncPgConnection::establish(url.expose_secret()))
        .await
        .unwrap_or_else(|_| Err(ConnectionError::BadConnection("no answer within 5 s".into())))
}

/// Acts as the signed-in user for the rest of the transaction: the same row-level policies guard our own reads and a
/// direct Supabase client (decisions: *Roles*). Must be called inside a transaction.
///
/// Its statements are planned for their values each time: a plan for any values knows neither how many rows a tenant has nor
/// what a policy's array holds, and was seen to read all 10,000 versions of a workspace for one of them.
pub async fn act_as_user(connection: &mut AsyncPgConnection, claims_json: &str) -> Result<(), diesel::result::Error> {
    const ROLE: &str = "select set_config('request.jwt.claims', $1, true), set_config('role', 'authenticated', true), \
                        set_config('plan_cache_mode', 'force_custom_plan', true)";
    sql_query(ROLE).bind::<Text, _>(claims_json).execute(connection).await.map(|_| ())
}

/// Goes back to the service's runtime role to write.
pub async fn act_as_service(connection: &mut AsyncPgConnection) -> Result<(), diesel::result::Error> {
    sql_query("select set_config('role', 'none', true)").execute(connection).await.map(|_| ())
}
