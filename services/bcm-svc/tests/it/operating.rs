//! What operators run.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use bcm_svc::{BcmService, Command};
use clap::Parser;
use diesel_async::SimpleAsyncConnection;
use domain::{canonical::Checksum, ids::EventId, subscription::SubscriptionState};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service_kit::{Kit, Lifecycle, Service};
use testkit::config;

use crate::rig::{Rig, acme, code, context, edition, eventually, header};

const SECRET: (&str, &str) = ("GROUNDWORK__BCM__SIGNING__KEY_ENCRYPTION_SECRET", "a-secret-that-only-this-test-knows-0123456789");

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// bcm-svc as a command starts it, with settings of its own.
pub fn app(rig: &Rig, more: &[(&str, &str)]) -> Arc<BcmService> {
    let config = config::<BcmService>(&rig.database, None, more);
    let kit = Kit::new(BcmService::IDENTITY, config.kit, Lifecycle::on_this_runtime()).unwrap();
    Arc::new(BcmService::build(kit, config.service).unwrap())
}

/// What a command prints, and how it ends.
pub async fn command(app: &Arc<BcmService>, arguments: &[&str]) -> anyhow::Result<String> {
    let cli = Cli::try_parse_from(["bcm-svc"].iter().chain(arguments))?;
    let mut out = Vec::new();
    let code = cli.command.run(app, &mut out).await?;
    anyhow::ensure!(code == ExitCode::SUCCESS, "it failed");
    Ok(String::from_utf8(out)?)
}

async fn run(rig: &Rig, arguments: &[&str]) -> anyhow::Result<String> {
    command(&app(rig, &[]), arguments).await
}

/// A file that is removed with the value.
struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("{}-{name}", EventId::generate()));
        std::fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_export_verifies_from_the_file_and_the_published_keys_alone() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.current(&who, "1.0.0").await;
    let keys = rig.anonymous(Method::GET, &rig.replica, "keys").send().await.unwrap();
    assert_eq!((keys.status(), header(&keys, "cache-control")), (StatusCode::OK, "public, max-age=300"));
    let keys = File::new("keys.json", &keys.bytes().await.unwrap());
    let export = rig.get(&who, "export?signed=true").await;
    assert_eq!(header(&export, "content-disposition"), r#"attachment; filename="business-context-manifest-1.0.0.signed.json""#);
    let bytes = export.bytes().await.unwrap();
    let file = File::new("signed.json", &bytes);
    let packed = File::new("signed.json.gz", &rig.get(&who, "export?signed=true&gz=true").await.bytes().await.unwrap());
    // No database, no Redis, no broker.
    let alone = app(&rig, &[("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"), ("REDIS_URL", "redis://127.0.0.1:1/0")]);
    for path in [file.path(), packed.path()] {
        let said = command(&alone, &["verify", path, "--keys", keys.path()]).await.unwrap();
        assert!(said.starts_with(&format!("version 1.0.0 (1) of workspace {}, checksum ", who.workspace)), "{said}");
    }
    let signed: Value = serde_json::from_slice(&bytes).unwrap();
    let kid = signed["keys"]["keys"][0]["kid"].as_str().unwrap();
    let said: Value = serde_json::from_str(&command(&alone, &["verify", file.path(), "--kid", kid, "--json"]).await.unwrap()).unwrap();
    assert_eq!((&said["kid"], &said["record"]), (&json!(kid), &signed["record"]));

    let refused = async |path: &str, more: &[&str]| command(&alone, &[&["verify", path], more].concat()).await.unwrap_err().to_string();
    assert!(refused(file.path(), &[]).await.contains("whose keys are to be believed"), "a key that only the file brings proves nothing");
    let tampered =
        File::new("tampered.json", String::from_utf8(bytes.to_vec()).unwrap().replace("Acme Instruments", "Acme Instrumentz").as_bytes());
    assert!(refused(tampered.path(), &["--keys", keys.path()]).await.contains("the content has the checksum"));
    let plain = rig.get(&who, "export").await.bytes().await.unwrap();
    let unsigned = File::new("plain.json", &plain);
    assert!(refused(unsigned.path(), &["--keys", keys.path()]).await.contains("not signed"), "a missing signature is a failure");
    let checksum = Checksum::of(&plain).to_string();
    assert!(command(&alone, &["verify", unsigned.path(), "--checksum", &checksum]).await.is_ok());
    assert!(refused(unsigned.path(), &["--checksum", &"0".repeat(64)]).await.contains(&checksum));
    let both = ["--checksum", checksum.as_str(), "--keys", keys.path()];
    assert!(refused(unsigned.path(), &both).await.contains("cannot be used with"), "a checksum does not set a signature aside");
    assert_eq!(code(rig.get(&who, "export?signed=true&format=yaml").await).await, "400 GW-0021");
    let audited = format!("select count(*) from bcm.audit_log where action = 'manifest.export_signed' and actor_id = '{}'", who.user);
    assert_eq!(rig.database.number(&audited).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_retired_key_signed_verifies_for_ever_and_its_private_half_is_destroyed() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.current(&who, "1.0.0").await;
    let service = app(&rig, &[SECRET]);
    let replica = rig.another_replica(false, &[SECRET]);
    let first = File::new("first.json", &rig.get_from(&replica, &who, "export?signed=true").await.bytes().await.unwrap());
    assert_eq!(rig.database.number("select get_byte(private_key, 0)::bigint from bcm.signing_key").await, 1, "it is encrypted");
    let without = rig.another_replica(false, &[]);
    let refused = rig.get_from(&without, &who, "export?signed=true").await;
    assert_eq!(header(&refused, "retry-after"), "60");
    assert_eq!(code(refused).await, "503 BCM-0012");
    assert_eq!(rig.get_from(&without, &who, "export").await.status(), 200, "without a signature as ever");

    assert!(command(&service, &["keys", "rotate"]).await.unwrap_err().to_string().contains("--why"));
    let rotated = command(&service, &["keys", "rotate", "--why", "a year has passed"]).await.unwrap();
    let listed = command(&service, &["keys", "list"]).await.unwrap();
    assert_eq!(listed.lines().count(), 2);
    assert!(listed.lines().next().unwrap().starts_with(rotated.split(' ').next().unwrap()), "{listed}");
    assert_eq!(rig.database.number("select count(*) from bcm.signing_key where private_key is not null").await, 1);
    let keys = File::new("keys.json", command(&service, &["keys", "export"]).await.unwrap().as_bytes());
    let later = rig.another_replica(false, &[SECRET]);
    let second = File::new("second.json", &rig.get_from(&later, &who, "export?signed=true").await.bytes().await.unwrap());
    for file in [&first, &second] {
        command(&service, &["verify", file.path(), "--keys", keys.path()]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_change_of_the_policy_every_manifest_is_made_again_once() {
    let rig = Rig::new().await;
    let people = [rig.person().await, rig.person().await, rig.person().await];
    for who in &people {
        rig.finalize(who, 1, &acme()).await;
    }
    rig.finalize(&people[1], 2, &edition(2)).await;
    rig.subscribe(&people[1], SubscriptionState::Active, 1).await;
    let back = rig.ask(Method::POST, &rig.replica, &people[1], "rollback").json(&json!({"to": 1})).send().await.unwrap();
    assert_eq!(back.status(), 201);

    let changed = app(&rig, &[("GROUNDWORK__BCM__MANIFEST__POLICY", "cl100k/300")]);
    assert_eq!(command(&changed, &["rebuild", "--all", "--dry-run"]).await.unwrap(), "3 manifests would be made again\n");
    assert!(command(&changed, &["rebuild", "--all"]).await.is_err(), "one has to say why");
    let why = ["--rate", "100", "--why", "a smaller budget", "--json"];
    let one = ["rebuild", "--workspace", &people[0].workspace.to_string()];
    assert_eq!(
        command(&changed, &[&one[..], &why].concat()).await.unwrap(),
        "{\"found\":1,\"new\":1,\"unchanged\":0,\"failed\":0,\"dry_run\":false}\n"
    );
    let all = [&["rebuild", "--all"][..], &why].concat();
    let (first, second) = tokio::join!(command(&changed, &all), command(&changed, &all));
    first.unwrap();
    second.unwrap();
    assert_eq!(command(&changed, &all).await.unwrap(), "{\"found\":0,\"new\":0,\"unchanged\":0,\"failed\":0,\"dry_run\":false}\n");
    for (who, versions) in people.iter().zip([2, 4, 2]) {
        assert_eq!(rig.versions(who).await, versions, "one version of it");
    }
    let gone_back = rig.json(&people[1], "manifest").await;
    assert_eq!(gone_back["record"]["source"]["context_number"], 1, "what was gone back to stays");
    assert_eq!((&gone_back["record"]["reason"], &gone_back["record"]["source"]["policy"]), (&json!("rebuild"), &json!("cl100k/300")));
    assert_eq!(rig.database.number("select count(*) from bcm.audit_log where action = 'manifest.upgrade'").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_while_a_manifest_is_made_again_is_not_undone() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.finalize(&who, 2, &edition(2)).await;
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    let changed = app(&rig, &[("GROUNDWORK__BCM__MANIFEST__POLICY", "cl100k/300")]);
    let mut heads = rig.database.admin().await;
    heads.batch_execute("begin; select 1 from bcm.manifest_head for update").await.unwrap();
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let back = rig.ask(Method::POST, &rig.replica, &who, "rollback").json(&json!({"to": 1})).send();
    // It looks at the second version while going back to the first one waits, and comes after it.
    let again = async {
        eventually("going back waits", async || rig.database.number(waiting).await == 1).await;
        command(&changed, &["rebuild", "--all", "--rate", "100", "--why", "a smaller budget"]).await
    };
    let opened = async {
        eventually("both wait", async || rig.database.number(waiting).await == 2).await;
        heads.batch_execute("commit").await.unwrap();
    };
    let (back, again, ()) = tokio::join!(back, again, opened);
    assert_eq!(back.unwrap().status(), 201);
    again.unwrap();
    assert_eq!(rig.versions(&who).await, 4);
    let newest = "select context_number::bigint from bcm.business_context_manifests order by sequence desc limit 1";
    assert_eq!(rig.database.number(newest).await, 1, "what was gone back to stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_in_a_file_is_reduced_to_the_bytes_that_would_be_served() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.current(&who, "1.0.0").await;
    let served = rig.get(&who, "manifest?view=content").await.bytes().await.unwrap();
    let file = File::new("context.json", &context(&who, 1, &acme()).canonical().unwrap());
    assert_eq!(run(&rig, &["reduce", file.path(), "--content"]).await.unwrap().as_bytes(), served);
    let shown: Value = serde_json::from_str(&run(&rig, &["reduce", file.path(), "--policy", "o200k/600"]).await.unwrap()).unwrap();
    assert!(shown["meta"]["token_count"].as_u64().unwrap() <= 600);
    assert!(run(&rig, &["reduce", File::new("no.json", b"{}").path()]).await.unwrap_err().to_string().contains("not a business context"));
    assert!(run(&rig, &["reduce", "/nowhere.json"]).await.unwrap_err().to_string().contains("cannot read"));
}
