//! Embedded migrations: the platform tables and a service's own, in its schema, one process at a time.

use anyhow::Context;
use diesel::migration::Migration;
use diesel::pg::Pg;
use diesel::sql_types::Text;
use diesel_async::{AsyncMigrationHarness, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use secrecy::SecretString;

use crate::db;

/// Tables that every service's schema has: outbox, inbox, idempotency, audit, mail.
pub const PLATFORM: EmbeddedMigrations = embed_migrations!("../../migrations/platform");

/// Applies what is pending, the platform set first, and returns the names applied. Two processes at once are safe: a
/// PostgreSQL advisory lock admits one (diesel itself takes no lock).
///
/// Must run on a multi-thread runtime, because diesel's harness blocks in place.
///
/// # Errors
/// When the owner cannot connect or a migration fails; the failing one is rolled back.
pub async fn run(owner_url: &SecretString, schema: &str, own: EmbeddedMigrations) -> anyhow::Result<Vec<String>> {
    let mut connection = db::connect(owner_url).await.context("cannot connect as the owner role (database.owner_url)")?;
    connection.batch_execute(&format!("set search_path = {schema}; set lock_timeout = '60s'")).await?;
    diesel::sql_query("select pg_advisory_lock(hashtextextended($1, 0))")
        .bind::<Text, _>(format!("groundwork-migrate-{schema}"))
        .execute(&mut connection)
        .await
        .context("another migration is running")?;
    let mut harness = AsyncMigrationHarness::new(connection);
    let mut applied = Vec::new();
    for set in [PLATFORM, own] {
        let versions = harness.run_pending_migrations(set).map_err(|error| anyhow::anyhow!("migration failed: {error}"))?;
        applied.extend(versions.iter().map(ToString::to_string));
    }
    Ok(applied)
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
