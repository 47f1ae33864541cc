//! The job that provisions users whose trigger failed.

use auth_svc::{
    AuthService,
    jobs::{Turn, repair_one},
};
use diesel_async::RunQueryDsl;
use domain::ids::UserId;
use service_kit::{Kit, Lifecycle, Service};
use testkit::{Database, config};
use uuid::Uuid;

async fn run(database: &Database, sql: &str) {
    diesel::sql_query(sql).execute(&mut database.admin().await).await.unwrap();
}

fn service(database: &Database) -> AuthService {
    let config = config::<AuthService>(database, None, &[("GROUNDWORK__AUTH__JWKS_URL", "http://127.0.0.1:1/none")]);
    let kit = Kit::new(AuthService::IDENTITY, config.kit, Lifecycle::on_this_runtime()).unwrap();
    AuthService::build(kit, config.service).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_whose_provisioning_failed_is_repaired_once_the_cause_is_gone() {
    let database = Database::create().await;
    let app = service(&database);
    run(&database, "alter table identity.workspaces add constraint broken check (name = 'never') not valid").await;
    let user = Uuid::now_v7();
    run(
        &database,
        &format!("insert into auth.users (id, email, raw_user_meta_data) values ('{user}', 'd@example.test', '{{\"name\": \"Dee\"}}')"),
    )
    .await;
    assert_eq!(database.number("select count(*) from identity.user_repair").await, 1);

    assert_eq!(repair_one(&app).await.unwrap(), Turn::Failed(UserId::from_uuid(user)));
    assert_eq!(database.number("select attempts from identity.user_repair").await, 1);
    assert_eq!(repair_one(&app).await.unwrap(), Turn::Idle, "a failed attempt waits");

    run(&database, "alter table identity.workspaces drop constraint broken").await;
    run(&database, "update identity.user_repair set available_at = now() - interval '1 minute'").await;
    assert_eq!(repair_one(&app).await.unwrap(), Turn::Repaired(UserId::from_uuid(user)));
    assert_eq!(database.number("select count(*) from identity.workspaces where name = 'Dee''s workspace'").await, 1);
    assert_eq!(database.number("select count(*) from identity.profiles where email = 'd@example.test'").await, 1);
    assert_eq!(repair_one(&app).await.unwrap(), Turn::Idle);
}
