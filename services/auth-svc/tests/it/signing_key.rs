//! The first signing key.

use futures_util::future::join_all;
use testkit::Database;

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
