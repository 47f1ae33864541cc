//! Where the test stack is.

use service_kit::cache::client as redis;

/// The value of a variable of the test stack.
///
/// # Panics
/// When it is not set, saying how to start the stack.
#[expect(clippy::disallowed_methods, reason = "where the test stack is, no service's setting says")]
pub fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: start the test stack with `STACK=test deploy/local/stack deps` and load `.local/test/env`, or run `make test`")
    })
}

/// A Redis database that no test running at the same moment uses, so that a test may flush it.
#[expect(clippy::disallowed_methods, reason = "nextest tells a test its slot this way")]
pub fn redis_url() -> String {
    let slot: u32 = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").ok().and_then(|slot| slot.parse().ok()).unwrap_or(0);
    let mut url = url::Url::parse(&required("REDIS_URL")).unwrap();
    url.set_path(&format!("/{}", slot % 15 + 1));
    url.into()
}

/// Empties the test's Redis database: the test that had it before may have left limits there that are used up.
///
/// # Panics
/// When Redis does not answer.
pub async fn empty_redis() {
    let client = redis::Client::open(redis_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap_or_else(|error| panic!("Redis does not answer: {error}"));
    redis::cmd("FLUSHDB").query_async::<()>(&mut connection).await.unwrap();
}
