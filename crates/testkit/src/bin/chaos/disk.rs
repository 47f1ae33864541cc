//! PostgreSQL without space: it refuses what writes as it does when a table cannot grow (SQLSTATE 53100).
//!
//! A disk that is really full would also stop the write-ahead log, and with it every database of the stack.

use diesel_async::SimpleAsyncConnection;
use testkit::Database;

/// The tables of the services' schemas.
const TABLES: &str = "select format('%I.%I', schemaname, tablename) as name from pg_tables \
                      where schemaname in ('auth', 'identity', 'payments', 'onboarding', 'bcm') order by 1";

/// Nothing can be inserted or changed from now on.
pub async fn fill(database: &Database) -> anyhow::Result<()> {
    let mut connection = database.admin().await;
    let refuses = "create or replace function public.no_space() returns trigger language plpgsql as $$ begin \
                   raise exception 'could not extend file \"base/16384/24576\": No space left on device' using errcode = '53100'; end $$";
    connection.batch_execute(refuses).await?;
    for_each_table(
        &mut connection,
        "create trigger no_space before insert or update on %s for each statement execute function public.no_space()",
    )
    .await
}

/// There is space again.
pub async fn free(database: &Database) -> anyhow::Result<()> {
    for_each_table(&mut database.admin().await, "drop trigger if exists no_space on %s").await
}

/// Events that a relay has given up.
pub async fn parked(database: &Database) -> i64 {
    let of = |schema: &str| format!("select count(*) from {schema}.outbox where parked_at is not null");
    database.number(&["identity", "payments", "onboarding", "bcm"].map(|schema| format!("({})", of(schema))).join(" + ")).await
}

/// A transaction for each table: one for all would wait for a service that waits for it.
async fn for_each_table(connection: &mut diesel_async::AsyncPgConnection, statement: &str) -> anyhow::Result<()> {
    let block = format!(
        "do $$ declare tables text[] := array(select name from ({TABLES}) as t); name text; \
         begin foreach name in array tables loop execute format('{statement}', name); commit; end loop; end $$"
    );
    Ok(connection.batch_execute(&block).await?)
}
