//! What operators run.

use std::{process::ExitCode, sync::Arc};

use bcm_svc::{BcmService, Command};
use clap::Parser;
use service_kit::{Kit, Lifecycle, Service};
use testkit::config;

use crate::rig::{Rig, acme};

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

async fn run(rig: &Rig, arguments: &[&str]) -> anyhow::Result<ExitCode> {
    let config = config::<BcmService>(&rig.database, None, &[]);
    let kit = Kit::new(BcmService::IDENTITY, config.kit, Lifecycle::on_this_runtime())?;
    let app = Arc::new(BcmService::build(kit, config.service)?);
    let cli = Cli::try_parse_from(["bcm-svc"].iter().chain(arguments))?;
    app.run(cli.command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_fails_when_a_stored_version_is_not_what_its_checksum_says() {
    let rig = Rig::new().await;
    let (who, other) = (rig.person().await, rig.person().await);
    rig.finalize(&who, 1, &acme()).await;
    rig.finalize(&other, 1, &acme()).await;
    run(&rig, &["verify", "--all"]).await.unwrap();
    let damage = "update bcm.business_context_manifests set content = set_byte(content, 9, get_byte(content, 9) # 1)";
    rig.admin(&format!("{damage} where workspace_id = '{}'", other.workspace)).await;
    run(&rig, &["verify", "--workspace", &who.workspace.to_string()]).await.unwrap();
    assert!(run(&rig, &["verify", "--workspace", &other.workspace.to_string()]).await.is_err());
    assert!(run(&rig, &["verify", "--all"]).await.is_err());
    assert!(run(&rig, &["verify"]).await.is_err(), "one has to say which");
}
