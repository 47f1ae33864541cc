//! In front of a Supabase project: its schema `auth` belongs to a role of its own, and its tokens are verified here.

use reqwest::Method;
use testkit::{Database, person};

use crate::rig::{Rig, serve};

const EXTERNAL: [(&str, &str); 1] = [("GROUNDWORK__EMBEDDED__ENABLED", "false")];

/// What schema `auth` consists of, and whose each part is.
const PARTS: &str = "select string_agg(part, ',' order by part) as value from ( \
    select relname || ':' || relowner::regrole as part from pg_class where relnamespace = 'auth'::regnamespace and relkind <> 'i' \
    union all select proname || ':' || proowner::regrole from pg_proc where pronamespace = 'auth'::regnamespace \
    union all select 'policy ' || polname from pg_policy where polrelid = 'auth.users'::regclass \
    union all select 'schema:' || nspowner::regrole from pg_namespace where nspname = 'auth') as parts";

#[tokio::test(flavor = "multi_thread")]
async fn the_same_migrations_apply_and_touch_nothing_in_schema_auth_but_the_trigger() {
    let database = Database::of_supabase().await;
    let owner = "supabase_auth_admin";
    let parts = ["jwt", "role", "schema", "uid", "users"].map(|part| format!("{part}:{owner}")).join(",");
    assert_eq!(database.text(PARTS).await.as_deref(), Some(parts.as_str()));
    let triggers = "select count(*) from pg_trigger where tgrelid = 'auth.users'::regclass and not tgisinternal";
    assert_eq!(database.number(triggers).await, 1);
    let granted = "select count(*) from information_schema.column_privileges where table_schema = 'auth' and grantee in ('auth_svc', 'payments_svc', \
                   'onboarding_svc', 'bcm_svc')";
    assert_eq!(database.number(granted).await, 0, "no service reads Supabase's users");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_supabase_are_provisioned_by_the_trigger_and_by_their_first_request() {
    let database = Database::of_supabase().await;
    let rig = Rig { running: serve(&database, &EXTERNAL), database };
    // The helper signs up in SQL, as Supabase Auth does, and finds the workspace that the trigger made.
    let ann = person(&rig.database).await;
    let gate = rig.get("/api/auth/verify-profile", &ann.token).await;
    assert_eq!((gate.status.as_u16(), gate.text("/next").as_str()), (200, "choose_plan"), "{gate:?}");

    rig.run("drop trigger on_auth_user_created on auth.users").await;
    let bob = uuid::Uuid::now_v7();
    rig.run(&format!("insert into auth.users (id, email) values ('{bob}', 'bob@example.test')")).await;
    let token = testkit::issue_token(bob, "bob@example.test", chrono::TimeDelta::hours(1));
    let ensured = rig.send(Method::POST, "/api/auth/ensure-profile", Some(&token), None).await;
    assert_eq!((ensured.status.as_u16(), ensured.text("/workspace/role").as_str()), (200, "owner"), "{ensured:?}");
    assert_eq!(rig.get("/api/auth/account/export", &token).await.text("/profile/email"), "bob@example.test");
    assert_eq!(rig.send(Method::POST, "/api/auth/account/deletion", Some(&token), None).await.status, 404, "Supabase has the account");
    assert_eq!(rig.get("/api/auth/sessions", &token).await.status, 404);
    assert_eq!(rig.get("/auth/v1/admin/users", &token).await.error_code(), "feature_disabled");
}
