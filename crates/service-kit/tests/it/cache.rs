//! The connections to Redis, as they are measured.

use service_kit::{
    Kit, Lifecycle, Service,
    cache::{Cache, client::cmd},
};
use testkit::{Database, config};

use crate::probe::Probe;

fn cache(database: &Database, more: &[(&str, &str)]) -> Cache {
    Kit::new(Probe::IDENTITY, config::<Probe>(database, None, more).kit, Lifecycle::on_this_runtime()).unwrap().cache
}

/// How many are open, unused, opening, failed.
fn states(cache: &Cache) -> [i64; 4] {
    cache.states().map(|(_, connections)| connections)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_unused_then_open_or_failed() {
    let database = Database::create().await;
    let known = cache(&database, &[]);
    let [0, all, 0, 0] = states(&known) else { panic!("{:?}", known.states()) };
    assert!(all > 0);
    known.query::<String>(&cmd("PING")).await.unwrap();
    assert_eq!(states(&known), [1, all - 1, 0, 0]);
    let lost = cache(&database, &[("REDIS_URL", "redis://127.0.0.1:1/0")]);
    lost.query::<String>(&cmd("PING")).await.unwrap_err();
    assert_eq!(states(&lost), [0, all - 1, 0, 1]);
}
