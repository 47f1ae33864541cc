//! Rules about tables, read from `pg_catalog`. Each query lists offenders.

use diesel::{QueryableByName, sql_types::Text};
use diesel_async::RunQueryDsl;
use testkit::Database;

#[derive(QueryableByName)]
struct Offender {
    #[diesel(sql_type = Text)]
    name: String,
}

async fn offenders(database: &Database, sql: &str) -> Vec<String> {
    let mut connection = database.admin().await;
    let rows = diesel::sql_query(sql).load::<Offender>(&mut connection).await.unwrap();
    rows.into_iter().map(|row| row.name).collect()
}

const TENANT_TABLES_WITHOUT_RLS: &str = "select c.oid::regclass::text as name from pg_class c join pg_attribute a on a.attrelid = c.oid \
   where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text in ('identity', 'payments', 'onboarding', 'bcm') \
     and a.attname = 'workspace_id' and not a.attisdropped and not (c.relrowsecurity and c.relforcerowsecurity)";

#[tokio::test(flavor = "multi_thread")]
async fn every_table_with_a_workspace_has_forced_row_level_security() {
    let database = Database::create().await;
    assert_eq!(offenders(&database, TENANT_TABLES_WITHOUT_RLS).await, Vec::<String>::new());
    let mut admin = database.admin().await;
    diesel::sql_query("create table bcm.planted (workspace_id uuid)").execute(&mut admin).await.unwrap();
    assert_eq!(offenders(&database, TENANT_TABLES_WITHOUT_RLS).await, ["bcm.planted"], "the check can fail");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_foreign_key_has_an_index_that_begins_with_its_columns() {
    let database = Database::create().await;
    let found = offenders(
        &database,
        "select conrelid::regclass::text || '.' || conname as name from pg_constraint k where contype = 'f' \
           and connamespace::regnamespace::text in ('identity', 'payments', 'onboarding', 'bcm') \
           and not exists (select 1 from pg_index i where i.indrelid = k.conrelid \
             and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey and k.conkey @> (i.indkey::int2[])[0:cardinality(k.conkey) - 1])",
    )
    .await;
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_outside_reaches_the_platform_tables_and_a_users_client_writes_names_only() {
    let database = Database::create().await;
    let platform = offenders(
        &database,
        "select table_schema || '.' || table_name || ' ' || privilege_type || ' ' || grantee as name from information_schema.role_table_grants \
         where table_name in ('outbox', 'outbox_aggregate', 'inbox', 'idempotency_key', 'audit_log', 'mail_outbox') \
           and grantee in ('anon', 'authenticated', 'PUBLIC')",
    )
    .await;
    assert_eq!(platform, Vec::<String>::new());
    let writable = offenders(
        &database,
        "select table_schema || '.' || table_name || '.' || column_name || ' ' || privilege_type as name from information_schema.column_privileges \
         where grantee in ('anon', 'authenticated', 'PUBLIC') and privilege_type <> 'SELECT' \
           and table_schema in ('identity', 'payments', 'onboarding', 'bcm') order by 1",
    )
    .await;
    assert_eq!(writable, ["identity.profiles.name UPDATE", "identity.workspaces.name UPDATE"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn runtime_roles_own_nothing_and_cannot_bypass_row_level_security() {
    let database = Database::create().await;
    let found = offenders(
        &database,
        "select rolname::text as name from pg_roles r where rolname in ('auth_svc', 'payments_svc', 'onboarding_svc', 'bcm_svc') \
           and (rolsuper or rolbypassrls or rolcreaterole or exists (select 1 from pg_class c where c.relowner = r.oid))",
    )
    .await;
    assert_eq!(found, Vec::<String>::new());
}
