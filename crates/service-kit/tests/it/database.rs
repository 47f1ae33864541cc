//! The two roles of a transaction, and migrations that two processes run at once.

use diesel::{QueryableByName, sql_types::BigInt};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use secrecy::SecretString;
use service_kit::{
    Lifecycle,
    auth::{AuthoriseError, authorise},
    db::{self, Db},
    migrate,
};
use testkit::{Database, config, person};

use crate::probe::Probe;

const BCM: EmbeddedMigrations = embed_migrations!("../../migrations/bcm");

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

async fn workspaces_seen(connection: &mut AsyncPgConnection) -> i64 {
    // Prepared once for the connection, so the roles share its plan.
    db::sql_query("select count(*) as n from identity.workspaces").get_result::<Count>(connection).await.unwrap().n
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_transaction_sees_their_own_rows_only_and_writes_as_the_service() {
    let database = Database::create().await;
    let (mine, _other) = (person(&database).await, person(&database).await);
    let mut connection = database.service("auth_svc", "identity").await;
    connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            assert_eq!(workspaces_seen(connection).await, 2, "the runtime role sees every tenant");
            db::act_as_user(connection, &format!(r#"{{"sub":"{}","role":"authenticated"}}"#, mine.user)).await?;
            assert_eq!(workspaces_seen(connection).await, 1, "the user sees their own");
            db::act_as_service(connection).await?;
            assert_eq!(workspaces_seen(connection).await, 2);
            Ok::<_, diesel::result::Error>(())
        })
        .await
        .unwrap();
    assert_eq!(workspaces_seen(&mut connection).await, 2, "nothing of the user is left on the connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_prepared_once_and_planned_for_its_values_when_it_is_a_users() {
    let database = Database::create().await;
    let settings = config::<Probe>(&database, None, &[]).kit.database;
    let db = Db::new(&settings, "probe", "identity", 1, &Lifecycle::on_this_runtime()).unwrap();
    let mut connection = db.get().await.unwrap();
    for as_user in [false, true] {
        let text = format!("select $1 + {}::bigint as n", i32::from(as_user));
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                if as_user {
                    db::act_as_user(connection, r#"{"role":"authenticated"}"#).await?;
                }
                for number in 0..10 {
                    db::sql_query(&text).bind::<BigInt, _>(number).get_result::<Count>(connection).await?;
                }
                diesel::QueryResult::Ok(())
            })
            .await
            .unwrap();
        let count = format!(
            "select generic_plans::bigint as n from pg_prepared_statements where statement = '{text}' and custom_plans + generic_plans = 10"
        );
        let generic = diesel::sql_query(count).get_result::<Count>(&mut connection).await.unwrap().n;
        assert_eq!(generic > 0, !as_user, "{generic} of 10 plans were for any values");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_asked_for_in_the_transaction_itself() {
    use domain::{
        ids::{UserId, WorkspaceId},
        role::Role,
    };
    let database = Database::create().await;
    let (owner, stranger) = (person(&database).await, person(&database).await);
    let mut connection = database.service("payments_svc", "payments").await;
    let workspace = WorkspaceId::from_uuid(owner.workspace);
    let owner = authorise(&mut connection, workspace, UserId::from_uuid(owner.user), Role::Admin).await;
    assert_eq!(owner.unwrap(), Role::Owner);
    let stranger = authorise(&mut connection, workspace, UserId::from_uuid(stranger.user), Role::Member).await;
    assert!(matches!(stranger, Err(AuthoriseError::NotAMember)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_migrators_at_once_apply_each_migration_once() {
    let database = Database::create().await;
    let mut admin = database.admin().await;
    for statement in ["drop schema bcm cascade", "create schema bcm authorization bcm_svc_owner", "grant usage on schema bcm to bcm_svc"] {
        diesel::sql_query(statement).execute(&mut admin).await.unwrap();
    }
    let owner = SecretString::from(database.url("bcm_svc_owner"));
    let all = migrate::pending(&owner, "bcm", BCM).await.unwrap().len();
    assert!(all >= 3, "{all} migrations");
    // Each migrator is a process: a runtime of its own.
    let migrator = || {
        let owner = owner.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(migrate::run(&owner, "bcm", BCM)).unwrap().len()
        })
    };
    let (first, second) = (migrator(), migrator());
    let mut applied = [first.join().unwrap(), second.join().unwrap()];
    applied.sort_unstable();
    assert_eq!(applied, [0, all], "one applied everything, the other found nothing to do");
    assert!(migrate::pending(&owner, "bcm", BCM).await.unwrap().is_empty());
}
