//! The first signing key, and those after it.

use std::sync::Arc;

use auth_svc::{AuthService, keys::KeysCommand};
use chrono::TimeDelta;
use clap::Parser;
use domain::{Clock, SystemClock, clock::MockClock};
use futures_util::future::join_all;
use service_kit::{Kit, Lifecycle, Service};
use testkit::{Database, config};

use crate::rig::{Rig, answer, client, serve};

const SECRET: (&str, &str) = ("GROUNDWORK__EMBEDDED__KEY_ENCRYPTION_SECRET", "a-secret-that-only-this-test-knows-0123456789");

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_share_one_key() {
    let database = Database::create().await;
    let replicas: Vec<_> = (0..3).map(|_| serve(&database, &[])).collect();
    let asked = replicas.iter().map(|replica| answer(client().get(format!("{}/auth/v1/.well-known/jwks.json", replica.url))));
    let key_sets = join_all(asked).await;
    let kid = key_sets[0].text("/keys/0/kid");
    assert!(key_sets.iter().all(|set| set.text("/keys/0/kid") == kid && set.body["keys"].as_array().unwrap().len() == 1), "{key_sets:?}");
    assert!(key_sets[0].body["keys"][0].get("d").is_none(), "a private key was published");
    assert_eq!(database.number("select count(*) from identity.signing_key").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_secret_the_private_key_is_encrypted_and_needs_the_secret_again() {
    let rig = Rig::start_with(&[SECRET]).await;
    rig.sign_up().await;
    assert_eq!(rig.database.number("select get_byte(private_key, 0) from identity.signing_key").await, 1);
    let same = serve(&rig.database, &[SECRET]);
    let key_set = |url: &str| answer(client().get(format!("{url}/auth/v1/.well-known/jwks.json")));
    assert_eq!(key_set(&same.url).await.status, 200);
    let without = serve(&rig.database, &[]);
    let refused = key_set(&without.url).await;
    assert_eq!((refused.status.as_u16(), refused.error_code()), (500, "unexpected_failure"));
    assert_eq!(rig.database.number("select count(*) from identity.signing_key").await, 1, "no second key is made in its place");
}

/// auth-svc at `clock`, with nothing read yet.
fn at(database: &Database, clock: &Arc<MockClock>) -> Arc<AuthService> {
    let config = config::<AuthService>(database, None, &[]);
    let kit = Kit::with_clock(AuthService::IDENTITY, config.kit, Lifecycle::on_this_runtime(), clock.clone()).unwrap();
    Arc::new(AuthService::build(kit, config.service).unwrap())
}

/// The key that signs, and those that are published.
async fn keys(app: &AuthService) -> (String, Vec<String>) {
    let keyring = app.provider.as_ref().unwrap().keys.current().await.unwrap();
    let published = keyring.key_set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect();
    (keyring.active.kid.clone(), published)
}

async fn command(app: &AuthService, arguments: &[&str]) -> Result<String, String> {
    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: KeysCommand,
    }
    let command = Cli::try_parse_from(["keys"].iter().chain(arguments)).map_err(|usage| usage.to_string())?.command;
    let mut out = Vec::new();
    command.run(app, &mut out).await.map_err(|error| format!("{error:#}"))?;
    Ok(String::from_utf8(out).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_published_before_it_signs_and_the_old_one_until_its_last_token_has_expired() {
    let database = Database::create().await;
    let clock = Arc::new(MockClock::new(SystemClock.now()));
    let app = at(&database, &clock);
    let (old, published) = keys(&app).await;
    assert_eq!(published, std::slice::from_ref(&old));

    assert!(command(&app, &["rotate"]).await.unwrap_err().contains("--why"));
    assert!(command(&app, &["rotate", "--why", "x", "--after", "89"]).await.unwrap_err().contains("90"), "no replica may lag behind");
    let rotated = command(&app, &["rotate", "--why", "a year has passed", "--after", "90"]).await.unwrap();
    let new = rotated.split(' ').next().unwrap().to_owned();
    assert!(rotated.contains("published, signs from"), "{rotated}");
    let refused = command(&app, &["rotate", "--why", "again"]).await.unwrap_err();
    assert!(refused.contains("the last rotation is not over") && refused.contains(&new), "{refused}");

    assert_eq!(keys(&at(&database, &clock)).await, (old.clone(), vec![old.clone(), new.clone()]), "published, and not used yet");
    clock.advance(TimeDelta::seconds(91));
    assert_eq!(keys(&at(&database, &clock)).await, (new.clone(), vec![old.clone(), new.clone()]), "tokens of the old key are alive");
    let listed = command(&app, &["list"]).await.unwrap();
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines[0].starts_with(&old) && lines[0].contains(", signed until 20") && lines[0].contains(", verifies until 20"), "{listed}");
    assert!(lines[1].starts_with(&new) && lines[1].ends_with(", signs"), "{listed}");
    clock.advance(TimeDelta::hours(1) + TimeDelta::seconds(121));
    assert_eq!(keys(&at(&database, &clock)).await, (new.clone(), vec![new.clone()]), "its last token has expired");

    let audited = "select count(*) from identity.audit_log where action = 'signing_key.rotate' and resource = 'signing_key/KID' \
                   and detail ->> 'why' = 'a year has passed'";
    assert_eq!(database.number(&audited.replace("KID", &new)).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rotations_at_the_same_time_one_makes_a_key() {
    let database = Database::create().await;
    let clock = Arc::new(MockClock::new(SystemClock.now()));
    let apps: Vec<_> = (0..4).map(|_| at(&database, &clock)).collect();
    keys(&apps[0]).await;
    let done = join_all(apps.iter().map(|app| command(app, &["rotate", "--why", "x"]))).await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
    assert_eq!(database.number("select count(*) from identity.signing_key").await, 2);
}
