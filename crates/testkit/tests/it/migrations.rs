//! Migrations go up, down and up again to the same schema.

use std::process::Command;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use testkit::Database;

fn dump(database: &Database) -> String {
    let out =
        Command::new("pg_dump").args(["--schema-only", "--no-owner", &format!("--dbname={}", database.admin_url())]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).unwrap();
    // `\restrict` carries a key that differs from dump to dump.
    text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")).collect::<Vec<_>>().join("\n")
}

fn set(name: &str) -> FileBasedMigrations {
    FileBasedMigrations::from_path(format!("{}/../../migrations/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

async fn harness(database: &Database, owner: &str, schema: &str) -> AsyncMigrationHarness<AsyncPgConnection> {
    let mut connection = AsyncPgConnection::establish(&database.url(owner)).await.unwrap();
    connection.batch_execute(&format!("set search_path = {schema}")).await.unwrap();
    AsyncMigrationHarness::new(connection)
}

/// Sets in the order in which they are applied.
const SETS: [(&str, &str, &str); 4] = [
    ("identity", "identity", "auth_svc_owner"),
    ("payments", "payments", "payments_svc_owner"),
    ("onboarding", "onboarding", "onboarding_svc_owner"),
    ("bcm", "bcm", "bcm_svc_owner"),
];

#[tokio::test(flavor = "multi_thread")]
async fn down_and_up_again_gives_the_same_schema() {
    let database = Database::create().await;
    let before = dump(&database);
    for (name, schema, owner) in SETS.into_iter().rev() {
        let mut harness = harness(&database, owner, schema).await;
        for folder in [name, "platform"] {
            let versions = MigrationSource::<Pg>::migrations(&set(folder)).unwrap();
            let mut versions: Vec<_> = versions.into_iter().map(|migration| (migration.name().to_string(), migration)).collect();
            versions.sort_by(|a, b| b.0.cmp(&a.0));
            for (version, migration) in versions {
                tokio::task::block_in_place(|| harness.revert_migration(&*migration).map(|_| ()))
                    .unwrap_or_else(|error| panic!("{version} down: {error}"));
            }
        }
    }
    let emptied = dump(&database);
    let ours = |line: &&str| SETS.iter().any(|(_, schema, _)| line.contains(&format!("Schema: {schema};")));
    let left: Vec<_> = emptied.lines().filter(|line| line.starts_with("-- Name:") && line.contains("; Type: ")).filter(ours).collect();
    // What is left belongs to diesel's own version tables.
    let left: Vec<_> = left.into_iter().filter(|line| !line.contains("__diesel_schema_migrations")).collect();
    assert_eq!(left, Vec::<&str>::new(), "all of it goes down");
    for (name, schema, owner) in SETS {
        let mut harness = harness(&database, owner, schema).await;
        for folder in ["platform", name] {
            tokio::task::block_in_place(|| harness.run_pending_migrations(set(folder)).map(|_| ()))
                .unwrap_or_else(|error| panic!("{folder} up: {error}"));
        }
    }
    similar(&before, &dump(&database));
}

fn similar(before: &str, after: &str) {
    let differing: Vec<_> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).take(5).collect();
    assert!(differing.is_empty() && before.lines().count() == after.lines().count(), "the schemas differ: {differing:?}");
}
