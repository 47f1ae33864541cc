//! Embedded migrations: the platform tables and a service's own, in its schema, one process at a time.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use diesel::QueryableByName;
use diesel::migration::Migration;
use diesel::pg::Pg;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use secrecy::SecretString;

use crate::db;

/// How long a migrator waits for another one.
const TURN_LIMIT: Duration = Duration::from_secs(60);
const TURN_POLL: Duration = Duration::from_millis(200);

/// Tables that every service's schema has: outbox, inbox, idempotency, audit, mail.
pub const PLATFORM: EmbeddedMigrations = embed_migrations!("../../migrations/platform");

/// Applies what is pending, the platform set first, and returns the names applied. Two processes at once are safe: a
/// PostgreSQL advisory lock admits one (diesel itself takes no lock).
///
/// Must run on a multi-thread runtime, because diesel's harness blocks in place.
///
/// # Errors
/// When the owner cannot connect or a migration fails; the failing one is rolled back, if it runs in a transaction.
pub async fn run(owner_url: &SecretString, schema: &str, own: EmbeddedMigrations) -> anyhow::Result<Vec<String>> {
    let mut connection = db::connect(owner_url).await.context("cannot connect as the owner role (database.owner_url)")?;
    connection.batch_execute(&format!("set search_path = {schema}; set lock_timeout = '60s'")).await?;
    wait_for_turn(&mut connection, schema).await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let mut applied = Vec::new();
    for set in [PLATFORM, own] {
        let versions = harness.run_pending_migrations(set).map_err(|error| anyhow::anyhow!("migration failed: {error}"))?;
        applied.extend(versions.iter().map(ToString::to_string));
    }
    Ok(applied)
}

#[derive(QueryableByName)]
struct Turn {
    #[diesel(sql_type = Bool)]
    mine: bool,
}

/// Takes the lock, which the connection holds until it ends. It is asked for again and again: who waits inside a statement
/// is waited for by `create index concurrently`, and both would wait for ever.
async fn wait_for_turn(connection: &mut AsyncPgConnection, schema: &str) -> anyhow::Result<()> {
    let waiting_since = Instant::now();
    loop {
        let turn = diesel::sql_query("select pg_try_advisory_lock(hashtextextended($1, 0)) as mine")
            .bind::<Text, _>(format!("groundwork-migrate-{schema}"))
            .get_result::<Turn>(connection)
            .await?;
        if turn.mine {
            return Ok(());
        }
        ensure!(waiting_since.elapsed() < TURN_LIMIT, "another migration has been running for {} s", TURN_LIMIT.as_secs());
        tokio::time::sleep(TURN_POLL).await;
    }
}

/// Names of migrations that are compiled in and not applied.
///
/// # Errors
/// When the owner cannot connect or the version table cannot be read.
pub async fn pending(owner_url: &SecretString, schema: &str, own: EmbeddedMigrations) -> anyhow::Result<Vec<String>> {
    let mut connection = db::connect(owner_url).await.context("cannot connect as the owner role (database.owner_url)")?;
    connection.batch_execute(&format!("set search_path = {schema}")).await?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let mut names = Vec::new();
    for set in [PLATFORM, own] {
        let missing: Vec<Box<dyn Migration<Pg>>> =
            harness.pending_migrations(set).map_err(|error| anyhow::anyhow!("cannot read the version table: {error}"))?;
        names.extend(missing.iter().map(|migration| migration.name().to_string()));
    }
    Ok(names)
}
