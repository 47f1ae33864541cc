//! `operators find | grant | revoke | list`, and the admin API.

use auth_svc::AuthService;
use diesel_async::SimpleAsyncConnection;
use serde_json::Value;
use testkit::{Database, Running, Vhost, config, operators::Operator, person};

use crate::rig::Rig;

async fn run(rig: &Rig, arguments: &[&str], more: &[(&str, &str)]) -> Result<String, String> {
    rig.console(&[&["operators"], arguments].concat(), more).await
}

fn role(token: &str) -> Value {
    jsonwebtoken::dangerous::insecure_decode::<Value>(token).unwrap().claims["app_metadata"]["groundwork_role"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_role_is_in_the_next_token_and_a_revoked_one_is_not() {
    let rig = Rig::start().await;
    let (first, other) = (rig.sign_up().await, rig.sign_up().await);
    let (id, email) = (first.text("/user/id"), first.text("/user/email"));
    assert_eq!(role(&first.text("/access_token")), Value::Null);
    assert!(run(&rig, &["grant", &id], &[]).await.unwrap_err().contains("--why"));
    assert!(run(&rig, &["grant", &email, "--why", "x"], &[]).await.unwrap_err().contains("invalid value"), "an address proves nothing");
    let nobody = "0199a2b4-0000-7000-8000-000000000000";
    assert!(run(&rig, &["grant", nobody, "--why", "x"], &[]).await.unwrap_err().contains("there is no user"));

    let found = run(&rig, &["find", &email.to_uppercase()], &[]).await.unwrap();
    assert!(found.starts_with(&format!("{id} {email}, made 20")) && found.contains(", last sign-in 20"), "{found}");
    assert!(run(&rig, &["find", "nobody@example.test"], &[]).await.unwrap_err().contains("no user has this address"));
    let granted = run(&rig, &["grant", &id, "--why", "on call"], &[]).await.unwrap();
    assert!(granted.starts_with(found.trim_end()), "{granted}");
    let second = rig.refresh(&first.text("/refresh_token")).await;
    assert_eq!(role(&second.text("/access_token")), "operator");
    assert_eq!(second.body["user"]["app_metadata"]["provider"], "email", "the rest stays");
    assert_eq!(role(&rig.refresh(&other.text("/refresh_token")).await.text("/access_token")), Value::Null);
    assert_eq!(run(&rig, &["list"], &[]).await.unwrap(), run(&rig, &["find", &email], &[]).await.unwrap());

    run(&rig, &["revoke", &id, "--why", "left"], &[]).await.unwrap();
    let third = rig.refresh(&second.text("/refresh_token")).await;
    assert_eq!(role(&third.text("/access_token")), Value::Null);
    assert_eq!(run(&rig, &["list", "--json"], &[]).await.unwrap(), "");
    let audited = "select count(*) from identity.audit_log where resource = 'user/ID' and detail ->> 'by' like 'os:%' \
                   and (action, detail ->> 'why') in (('operator.grant', 'on call'), ('operator.revoke', 'left'))";
    assert_eq!(rig.database.number(&audited.replace("ID", &id)).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_banned_and_the_anonymous_do_not_become_operators() {
    let rig = Rig::start().await;
    let user = rig.sign_up().await;
    let (id, token) = (user.text("/user/id"), user.text("/refresh_token"));
    for (change, refusal) in [
        ("banned_until = now() + interval '1 day', is_anonymous = false", "is banned"),
        ("banned_until = null, is_anonymous = true", "is anonymous"),
    ] {
        rig.database.admin().await.batch_execute(&format!("update auth.users set {change} where id = '{id}'")).await.unwrap();
        assert!(run(&rig, &["grant", &id, "--why", "x"], &[]).await.unwrap_err().contains(refusal));
    }
    assert_eq!(rig.database.number("select count(*) from auth.users where raw_app_meta_data ? 'groundwork_role'").await, 0);
    assert_eq!(rig.database.number("select count(*) from identity.audit_log where action = 'operator.grant'").await, 0);
    let past = format!("update auth.users set banned_until = now() - interval '1 day', is_anonymous = false where id = '{id}'");
    rig.database.admin().await.batch_execute(&past).await.unwrap();
    run(&rig, &["grant", &id, "--why", "x"], &[]).await.unwrap();
    assert_eq!(role(&rig.refresh(&token).await.text("/access_token")), "operator");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_with_a_second_factor_acts_and_nobody_else_does() {
    let (database, vhost) = (Database::create().await, Vhost::create().await);
    messaging::link::declare_topology(&vhost.url().into(), "a test").await.unwrap();
    let running = Running::start::<AuthService>(config::<AuthService>(&database, Some(&vhost), &[]), false);
    let operator = Operator::new(&database, format!("{}/api/admin/auth", running.url)).await;
    operator.assert_others_are_refused(&person(&database).await.token, &[]).await;
    operator.assert_every_act_works(&database, &vhost, "identity", "auth-svc.payments.v1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_another_provider_is_not_ours_to_give() {
    let rig = Rig::start().await;
    let external = [("GROUNDWORK__EMBEDDED__ENABLED", "false")];
    assert!(run(&rig, &["list"], &external).await.unwrap_err().contains("set app_metadata.groundwork_role"));
}
