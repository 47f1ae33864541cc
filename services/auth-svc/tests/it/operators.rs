//! `operators grant | revoke | list`.

use std::sync::Arc;

use auth_svc::{AuthCommand, AuthService};
use clap::Parser;
use serde_json::Value;
use service_kit::{Kit, Lifecycle, Service};
use testkit::config;

use crate::rig::Rig;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: AuthCommand,
}

async fn run(rig: &Rig, arguments: &[&str], more: &[(&str, &str)]) -> Result<String, String> {
    let config = config::<AuthService>(&rig.database, None, more);
    let kit = Kit::new(AuthService::IDENTITY, config.kit, Lifecycle::on_this_runtime()).unwrap();
    let app = AuthService::build(kit, config.service).unwrap();
    match Cli::try_parse_from(["auth-svc", "operators"].iter().chain(arguments)).map_err(|usage| usage.to_string())?.command {
        AuthCommand::Operators(command) => {
            let mut out = Vec::new();
            command.run(&Arc::new(app), &mut out).await.map_err(|error| error.to_string())?;
            Ok(String::from_utf8(out).unwrap())
        }
        AuthCommand::Operator(other) => panic!("{other:?}"),
    }
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
    assert!(run(&rig, &["grant", &email], &[]).await.unwrap_err().contains("--why"));
    assert!(run(&rig, &["grant", "nobody@example.test", "--why", "x"], &[]).await.unwrap_err().contains("there is no user"));

    let granted = run(&rig, &["grant", &email.to_uppercase(), "--why", "on call"], &[]).await.unwrap();
    assert!(granted.contains(&id), "{granted}");
    let second = rig.refresh(&first.text("/refresh_token")).await;
    assert_eq!(role(&second.text("/access_token")), "operator");
    assert_eq!(second.body["user"]["app_metadata"]["provider"], "email", "the rest stays");
    assert_eq!(role(&rig.refresh(&other.text("/refresh_token")).await.text("/access_token")), Value::Null);
    assert_eq!(run(&rig, &["list"], &[]).await.unwrap(), format!("{id} {email}\n"));

    run(&rig, &["revoke", &id, "--why", "left"], &[]).await.unwrap();
    let third = rig.refresh(&second.text("/refresh_token")).await;
    assert_eq!(role(&third.text("/access_token")), Value::Null);
    assert_eq!(run(&rig, &["list", "--json"], &[]).await.unwrap(), "");
    let audited = "select count(*) from identity.audit_log where resource = 'user/ID' and detail ->> 'by' like 'os:%' \
                   and (action, detail ->> 'why') in (('operator.grant', 'on call'), ('operator.revoke', 'left'))";
    assert_eq!(rig.database.number(&audited.replace("ID", &id)).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_another_provider_is_not_ours_to_give() {
    let rig = Rig::start().await;
    let external = [("GROUNDWORK__EMBEDDED__ENABLED", "false")];
    assert!(run(&rig, &["list"], &external).await.unwrap_err().contains("set app_metadata.groundwork_role"));
}
