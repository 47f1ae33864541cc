//! A database per test, copied from a template that has every schema and role.

use std::{collections::BTreeMap, fs, path::PathBuf};

use diesel::{
    QueryableByName,
    sql_types::{Bool, Text},
};
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::environment::{empty_redis, required};

/// Migration sets with their schema and owner, in the order in which they are applied.
const SETS: [(&str, &str, &str); 4] = [
    ("identity", "identity", "auth_svc"),
    ("payments", "payments", "payments_svc"),
    ("onboarding", "onboarding", "onboarding_svc"),
    ("bcm", "bcm", "bcm_svc"),
];

/// Roles as on hosted Supabase: whoever administers is no superuser, and the identity provider has a role of its own.
const SUPABASE_ROLES: &str = r"
do $$
begin
    if to_regrole('supabase_auth_admin') is null then
        create role supabase_auth_admin nologin noinherit createrole;
        create role supabase_postgres login createdb createrole bypassrls password 'supabase_postgres';
        grant anon, authenticated, service_role to supabase_postgres;
    end if;
end
$$";

/// What the bootstrap and the migrations see of Supabase Auth's schema, with the rights that Supabase gives its administrator.
const SUPABASE_AUTH: &str = r"
create schema auth authorization supabase_auth_admin;
create table auth.users (
    instance_id uuid, id uuid not null primary key, aud varchar(255), role varchar(255), email varchar(255),
    encrypted_password varchar(255), email_confirmed_at timestamptz, invited_at timestamptz, confirmation_token varchar(255),
    confirmation_sent_at timestamptz, recovery_token varchar(255), recovery_sent_at timestamptz, last_sign_in_at timestamptz,
    raw_app_meta_data jsonb, raw_user_meta_data jsonb, is_super_admin boolean, created_at timestamptz, updated_at timestamptz,
    phone text unique, phone_confirmed_at timestamptz,
    confirmed_at timestamptz generated always as (least(email_confirmed_at, phone_confirmed_at)) stored,
    banned_until timestamptz, is_sso_user boolean not null default false, deleted_at timestamptz,
    is_anonymous boolean not null default false
);
create function auth.uid() returns uuid language sql stable as
    $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
create function auth.role() returns text language sql stable as
    $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role' $$;
create function auth.jwt() returns jsonb language sql stable as
    $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
alter table auth.users owner to supabase_auth_admin;
alter table auth.users enable row level security;
alter function auth.uid() owner to supabase_auth_admin;
alter function auth.role() owner to supabase_auth_admin;
alter function auth.jwt() owner to supabase_auth_admin;
grant usage on schema auth to anon, authenticated, service_role;
grant usage on schema auth to supabase_postgres with grant option;
grant select on auth.users to supabase_postgres with grant option;
grant insert, update, delete, trigger on auth.users to supabase_postgres;
";

/// A fresh database with all schemas migrated. It is dropped with the value.
#[derive(Debug)]
pub struct Database {
    name: String,
    passwords: BTreeMap<String, String>,
}

impl Database {
    /// Copies the template, making it first when the migrations have changed since. Redis is emptied as well.
    ///
    /// # Panics
    /// When the test stack's PostgreSQL or Redis does not answer or a migration fails.
    pub async fn create() -> Self {
        empty_redis().await;
        let passwords = role_passwords();
        let mut admin = connect(&admin_url("postgres")).await;
        let template = format!("gw_template_{}", migrations_digest());
        // Copying and making a template exclude each other across all test processes.
        run(&mut admin, "select pg_advisory_lock(7426001)").await;
        if !exists(&mut admin, &template).await {
            make_template(&mut admin, &template, &passwords).await;
        }
        let name = format!("gw_test_{}", Uuid::now_v7().simple());
        run(&mut admin, &format!("create database {name} template {template}")).await;
        run(&mut admin, "select pg_advisory_unlock(7426001)").await;
        Self { name, passwords }
    }

    /// A database as Supabase hands it out: schema `auth` belongs to another role and the administrator is no superuser. The
    /// bootstrap ran before the migrations and again after them.
    ///
    /// # Panics
    /// When the test stack's PostgreSQL does not answer, or bootstrap or a migration fails.
    pub async fn of_supabase() -> Self {
        empty_redis().await;
        let passwords = role_passwords();
        let mut admin = connect(&admin_url("postgres")).await;
        let name = format!("gw_test_{}", Uuid::now_v7().simple());
        // Roles belong to the cluster: one test at a time makes them.
        run(&mut admin, "select pg_advisory_lock(7426001)").await;
        admin.batch_execute(SUPABASE_ROLES).await.expect("Supabase's roles");
        run(&mut admin, &format!("create database {name} owner supabase_postgres")).await;
        let database = Self { name, passwords };
        database.admin().await.batch_execute(SUPABASE_AUTH).await.expect("Supabase's schema auth");
        let mut owner = url::Url::parse(&database.admin_url()).unwrap();
        owner.set_username("supabase_postgres").unwrap();
        owner.set_password(Some("supabase_postgres")).unwrap();
        for again in [false, true] {
            let mut connection = connect(owner.as_str()).await;
            connection.batch_execute(&bootstrap()).await.expect("bootstrap/up.sql failed on Supabase");
            if !again {
                migrate(&database.name, &database.passwords).await;
            }
        }
        run(&mut admin, "select pg_advisory_unlock(7426001)").await;
        database
    }

    /// URL for a role of the database, for example `payments_svc` or `payments_svc_owner`.
    pub fn url(&self, role: &str) -> String {
        role_url(&self.name, role, &self.passwords)
    }

    /// URL of the superuser, for looking at what a test did.
    pub fn admin_url(&self) -> String {
        admin_url(&self.name)
    }

    /// A superuser's connection, which sees every row.
    pub async fn admin(&self) -> AsyncPgConnection {
        connect(&self.admin_url()).await
    }

    /// A connection as a runtime role with its schema as search path, as the pool of that service has it.
    pub async fn service(&self, role: &str, schema: &str) -> AsyncPgConnection {
        let mut connection = connect(&self.url(role)).await;
        run(&mut connection, &format!("set search_path = {schema}")).await;
        connection
    }

    /// A single text, if there is a row, asked as the superuser; the query calls it `value`.
    pub async fn text(&self, sql: &str) -> Option<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            value: String,
        }
        let mut connection = self.admin().await;
        let rows = diesel::sql_query(sql).load::<Row>(&mut connection).await.unwrap();
        rows.into_iter().next().map(|row| row.value)
    }

    /// A single number, such as a count, asked as the superuser.
    pub async fn number(&self, sql: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        let mut connection = self.admin().await;
        diesel::sql_query(format!("select ({sql})::bigint as n")).get_result::<Row>(&mut connection).await.unwrap().n
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("drop database if exists {} with (force)", self.name);
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { run(&mut connect(&admin_url("postgres")).await, &sql).await });
        });
        // A database that stays behind is only untidy: the next run of the stack may start from an empty folder.
        drop(dropped.join());
    }
}

async fn make_template(admin: &mut AsyncPgConnection, template: &str, passwords: &BTreeMap<String, String>) {
    let unfinished = format!("{template}_unfinished");
    run(admin, &format!("drop database if exists {unfinished} with (force)")).await;
    run(admin, &format!("create database {unfinished}")).await;
    {
        let mut connection = connect(&admin_url(&unfinished)).await;
        connection.batch_execute(&bootstrap()).await.expect("bootstrap/up.sql failed");
        for (role, password) in passwords {
            run(&mut connection, &format!("alter role {role} password '{}'", password.replace('\'', "''"))).await;
        }
    }
    migrate(&unfinished, passwords).await;
    run(admin, &format!("alter database {unfinished} rename to {template}")).await;
}

fn bootstrap() -> String {
    fs::read_to_string(migrations().join("bootstrap/up.sql")).unwrap()
}

async fn migrate(database: &str, passwords: &BTreeMap<String, String>) {
    for (set, schema, role) in SETS {
        let mut connection = connect(&role_url(database, &format!("{role}_owner"), passwords)).await;
        run(&mut connection, &format!("set search_path = {schema}")).await;
        let mut harness = AsyncMigrationHarness::new(connection);
        for folder in ["platform", set] {
            let source = FileBasedMigrations::from_path(migrations().join(folder)).unwrap();
            tokio::task::block_in_place(|| harness.run_pending_migrations(source).map(|_| ()))
                .unwrap_or_else(|error| panic!("migrations/{folder}: {error}"));
        }
    }
}

fn migrations() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../migrations")
}

fn migrations_digest() -> String {
    let mut files = Vec::new();
    let mut folders = vec![migrations()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.to_string_lossy().as_bytes());
        digest.update(fs::read(file).unwrap());
    }
    hex::encode(digest.finalize()).chars().take(16).collect()
}

/// `role=password,…`, the same that the stack gives to `auth-svc migrate --bootstrap`.
fn role_passwords() -> BTreeMap<String, String> {
    required("TEST_ROLE_PASSWORDS")
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(role, password)| (role.trim().to_owned(), password.to_owned()))
        .collect()
}

fn admin_url(database: &str) -> String {
    let mut url = url::Url::parse(&required("DATABASE_ADMIN_URL")).unwrap();
    url.set_path(database);
    url.into()
}

fn role_url(database: &str, role: &str, passwords: &BTreeMap<String, String>) -> String {
    let mut url = url::Url::parse(&admin_url(database)).unwrap();
    let password = passwords.get(role).unwrap_or_else(|| panic!("TEST_ROLE_PASSWORDS has no password for {role}"));
    url.set_username(role).unwrap();
    url.set_password(Some(password)).unwrap();
    url.into()
}

async fn connect(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url).await.unwrap_or_else(|error| panic!("the test stack's PostgreSQL: {error}"))
}

async fn run(connection: &mut AsyncPgConnection, sql: &str) {
    diesel::sql_query(sql).execute(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn exists(admin: &mut AsyncPgConnection, database: &str) -> bool {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    diesel::sql_query("select exists(select 1 from pg_database where datname = $1) as found")
        .bind::<Text, _>(database)
        .get_result::<Row>(admin)
        .await
        .unwrap()
        .found
}
