//! One tenant never sees another's rows: every table with a workspace, read as each kind of user.

use diesel::{
    QueryableByName,
    sql_types::{BigInt, Text},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use testkit::{Database, person};

#[derive(QueryableByName)]
struct Table {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// Tables that a signed-in user's own client may read.
const READABLE: &str = "select c.oid::regclass::text as name from pg_class c join pg_attribute a on a.attrelid = c.oid \
   where c.relkind in ('r', 'p') and c.relnamespace::regnamespace::text in ('identity', 'payments', 'onboarding', 'bcm') \
     and a.attname = 'workspace_id' and not a.attisdropped and has_table_privilege('authenticated', c.oid, 'select')";

async fn rows_of(
    connection: &mut AsyncPgConnection,
    table: &str,
    claims: Option<&str>,
    role: &str,
    workspace: &str,
) -> Result<i64, diesel::result::Error> {
    let (table, claims, role, workspace) = (table.to_owned(), claims.unwrap_or("").to_owned(), role.to_owned(), workspace.to_owned());
    connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            diesel::sql_query("select set_config('request.jwt.claims', $1, true), set_config('role', $2, true)")
                .bind::<Text, _>(claims)
                .bind::<Text, _>(role)
                .execute(connection)
                .await?;
            let sql = format!("select count(*) as n from {table} where workspace_id = '{workspace}'");
            Ok(diesel::sql_query(sql).get_result::<Count>(connection).await?.n)
        })
        .await
}

async fn plant_rows(database: &Database, workspace: &str, user: &str) {
    let mut admin = database.admin().await;
    for sql in [
        format!("insert into onboarding.onboarding (workspace_id) values ('{workspace}') on conflict do nothing"),
        format!(
            "insert into bcm.source_context (workspace_id, context_number, sha256, bytes) values ('{workspace}', 1, repeat('a', 64), '\\x7b7d')"
        ),
        format!(
            "insert into payments.orders (id, workspace_id, user_id, plan, cycle, amount, currency, state, expires_at) \
             values (identity.uuid_v7(), '{workspace}', '{user}', 'glide', 'monthly', 700000, 'INR', 'pending', now())"
        ),
    ] {
        diesel::sql_query(&sql).execute(&mut admin).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_and_a_request_without_claims_see_no_row_of_a_tenant() {
    let database = Database::create().await;
    let (owner, stranger) = (person(&database).await, person(&database).await);
    let workspace = owner.workspace.to_string();
    plant_rows(&database, &workspace, &owner.user.to_string()).await;
    let mut admin = database.admin().await;
    let tables = diesel::sql_query(READABLE).load::<Table>(&mut admin).await.unwrap();
    assert!(tables.len() >= 6, "{} tables", tables.len());
    let claims = |user: uuid::Uuid| format!(r#"{{"sub":"{user}","role":"authenticated"}}"#);
    let mut seen_by_owner = 0;
    for Table { name } in tables {
        let mut ask = async |claims: Option<&str>, role: &str| rows_of(&mut admin, &name, claims, role, &workspace).await;
        seen_by_owner += ask(Some(&claims(owner.user)), "authenticated").await.unwrap();
        assert_eq!(ask(Some(&claims(stranger.user)), "authenticated").await.unwrap(), 0, "a stranger reads {name}");
        assert_eq!(ask(None, "authenticated").await.unwrap(), 0, "no claims read {name}");
        assert!(ask(None, "anon").await.is_err(), "anon may read {name}");
    }
    assert!(seen_by_owner >= 3, "the owner sees only {seen_by_owner} rows: the probe proves nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_append_only_cannot_be_changed_by_the_service_itself() {
    let database = Database::create().await;
    for (role, schema, table) in [
        ("bcm_svc", "bcm", "business_context_manifests"),
        ("onboarding_svc", "onboarding", "business_context"),
        ("payments_svc", "payments", "audit_log"),
        ("auth_svc", "identity", "audit_log"),
    ] {
        let mut connection = database.service(role, schema).await;
        for statement in [format!("delete from {table}"), format!("truncate {table}")] {
            let refused = diesel::sql_query(&statement).execute(&mut connection).await.unwrap_err().to_string();
            assert!(refused.contains("permission denied"), "{role}: {statement}: {refused}");
        }
    }
}
