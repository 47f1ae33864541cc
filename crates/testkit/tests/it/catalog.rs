//! Rules about tables, read from `pg_catalog`. Each query lists offenders.

use diesel::{QueryableByName, sql_types::Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
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

/// Plants something that a check must find.
async fn plant(database: &Database, sql: &str) {
    database.admin().await.batch_execute(sql).await.unwrap();
}

const TABLES_WITHOUT_RLS: &str = "select c.oid::regclass::text as name from pg_class c \
   where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text in ('identity', 'payments', 'onboarding', 'bcm') \
     and c.relname <> '__diesel_schema_migrations' and not (c.relrowsecurity and c.relforcerowsecurity)";

#[tokio::test(flavor = "multi_thread")]
async fn every_table_of_ours_has_forced_row_level_security_tenant_or_not() {
    let database = Database::create().await;
    assert_eq!(offenders(&database, TABLES_WITHOUT_RLS).await, Vec::<String>::new());
    plant(&database, "create table payments.planted (id int); alter table payments.planted enable row level security").await;
    assert_eq!(offenders(&database, TABLES_WITHOUT_RLS).await, ["payments.planted"], "enabled is not forced");
}

const FOREIGN_KEYS_WITHOUT_INDEX: &str = "select conrelid::regclass::text || '.' || conname as name from pg_constraint k where contype = 'f' \
   and connamespace::regnamespace::text in ('identity', 'payments', 'onboarding', 'bcm') \
   and not exists (select 1 from pg_index i where i.indrelid = k.conrelid and i.indpred is null \
     and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey and k.conkey @> (i.indkey::int2[])[0:cardinality(k.conkey) - 1])";

#[tokio::test(flavor = "multi_thread")]
async fn every_foreign_key_has_an_index_that_begins_with_its_columns() {
    let database = Database::create().await;
    assert_eq!(offenders(&database, FOREIGN_KEYS_WITHOUT_INDEX).await, Vec::<String>::new());
    plant(&database, "create table bcm.planted (id int primary key, of_id int constraint planted_of references bcm.planted)").await;
    assert_eq!(offenders(&database, FOREIGN_KEYS_WITHOUT_INDEX).await, ["bcm.planted.planted_of"]);
}

const FOREIGN_KEYS_THAT_LEAVE_A_SCHEMA: &str = "select k.conrelid::regclass::text || '.' || k.conname as name from pg_constraint k \
   join pg_class referring on referring.oid = k.conrelid join pg_class referred on referred.oid = k.confrelid \
   where k.contype = 'f' and referring.relnamespace <> referred.relnamespace \
     and referring.relnamespace::regnamespace::text in ('identity', 'payments', 'onboarding', 'bcm')";

#[tokio::test(flavor = "multi_thread")]
async fn no_foreign_key_leaves_a_schema() {
    let database = Database::create().await;
    assert_eq!(offenders(&database, FOREIGN_KEYS_THAT_LEAVE_A_SCHEMA).await, Vec::<String>::new());
    plant(&database, "create table bcm.planted (id uuid constraint planted_out references identity.workspaces (id))").await;
    assert_eq!(offenders(&database, FOREIGN_KEYS_THAT_LEAVE_A_SCHEMA).await, ["bcm.planted.planted_out"]);
}

const PLATFORM_GRANTS: &str = "select table_schema || '.' || table_name || ' ' || privilege_type || ' ' || grantee as name from information_schema.role_table_grants \
   where table_name in ('outbox', 'outbox_aggregate', 'inbox', 'idempotency_key', 'audit_log', 'mail_outbox') \
     and grantee in ('anon', 'authenticated', 'service_role', 'PUBLIC') order by 1";

const WRITABLE: &str = "select table_schema || '.' || table_name || '.' || column_name || ' ' || privilege_type as name from information_schema.column_privileges \
   where grantee in ('anon', 'authenticated', 'PUBLIC') and privilege_type <> 'SELECT' \
     and table_schema in ('identity', 'payments', 'onboarding', 'bcm') order by 1";

const READABLE_BY_ANYBODY: &str = "select distinct table_schema || '.' || table_name || ' ' || privilege_type as name from information_schema.column_privileges \
   where grantee in ('anon', 'PUBLIC') and table_schema in ('identity', 'payments', 'onboarding', 'bcm') order by 1";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_outside_reaches_the_platform_tables_and_a_users_client_writes_names_only() {
    let database = Database::create().await;
    assert_eq!(offenders(&database, PLATFORM_GRANTS).await, Vec::<String>::new());
    assert_eq!(offenders(&database, READABLE_BY_ANYBODY).await, Vec::<String>::new());
    assert_eq!(offenders(&database, WRITABLE).await, ["identity.profiles.name UPDATE", "identity.workspaces.name UPDATE"]);
    plant(&database, "grant select on payments.outbox to anon; grant insert (workspace_id) on payments.subscription to authenticated")
        .await;
    assert_eq!(offenders(&database, PLATFORM_GRANTS).await, ["payments.outbox SELECT anon"]);
    assert_eq!(offenders(&database, READABLE_BY_ANYBODY).await, ["payments.outbox SELECT"]);
    assert!(offenders(&database, WRITABLE).await.contains(&"payments.subscription.workspace_id INSERT".to_owned()));
}

const CHANGEABLE_HISTORY: &str = "select table_schema || '.' || table_name || ' ' || privilege_type || ' ' || grantee as name from information_schema.role_table_grants \
   where table_name in ('audit_log', 'business_context', 'business_context_manifests') and privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE') \
     and grantee in ('auth_svc', 'payments_svc', 'onboarding_svc', 'bcm_svc', 'authenticated') order by 1";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_append_only_cannot_be_changed_by_a_running_service() {
    let database = Database::create().await;
    assert_eq!(offenders(&database, CHANGEABLE_HISTORY).await, Vec::<String>::new());
    plant(&database, "grant delete on bcm.audit_log to bcm_svc").await;
    assert_eq!(offenders(&database, CHANGEABLE_HISTORY).await, ["bcm.audit_log DELETE bcm_svc"]);
}

const OPEN_FUNCTIONS: &str = "select p.oid::regprocedure::text as name from pg_proc p \
   where p.pronamespace::regnamespace::text in ('identity', 'payments', 'onboarding', 'bcm') and ( \
     has_function_privilege('public', p.oid, 'execute') and p.prorettype <> 'trigger'::regtype \
     or p.prosecdef and not exists (select from unnest(p.proconfig) as setting where setting like 'search_path=%')) order by 1";

#[tokio::test(flavor = "multi_thread")]
async fn no_function_is_open_to_everybody_and_a_definers_function_fixes_its_search_path() {
    let database = Database::create().await;
    assert_eq!(offenders(&database, OPEN_FUNCTIONS).await, Vec::<String>::new());
    plant(
        &database,
        "create function bcm.planted_open() returns int language sql as 'select 1'; \
         create function bcm.planted_definer() returns int language sql security definer as 'select 1'; \
         revoke execute on function bcm.planted_definer() from public",
    )
    .await;
    assert_eq!(offenders(&database, OPEN_FUNCTIONS).await, ["bcm.planted_definer()", "bcm.planted_open()"]);
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

const DEFINERS_FUNCTIONS_FOR_USERS: &str = "select p.oid::regprocedure::text as name from pg_proc p \
   where p.prosecdef and p.pronamespace::regnamespace::text in ('identity', 'payments', 'onboarding', 'bcm') \
     and (has_function_privilege('authenticated', p.oid, 'execute') or has_function_privilege('anon', p.oid, 'execute')) order by 1";

/// Each of them looks past row-level security, so that each has to ask itself who calls.
#[tokio::test(flavor = "multi_thread")]
async fn two_definers_functions_answer_users_and_no_other_does() {
    let database = Database::create().await;
    let known = ["identity.member_role(uuid,uuid)", "identity.my_workspace_ids()"];
    assert_eq!(offenders(&database, DEFINERS_FUNCTIONS_FOR_USERS).await, known);
    plant(
        &database,
        "create function bcm.planted() returns int language sql security definer set search_path = '' as 'select 1'; \
         grant execute on function bcm.planted() to authenticated",
    )
    .await;
    assert_eq!(offenders(&database, DEFINERS_FUNCTIONS_FOR_USERS).await, ["bcm.planted()", known[0], known[1]]);
}
