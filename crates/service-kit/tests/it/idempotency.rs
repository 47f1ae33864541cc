//! An idempotency key: one effect, replays, refusals, and concurrent repeats that wait.

use std::time::Duration;

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{Clock, SystemClock, ids::UserId};
use service_kit::idempotency::{IdempotencyError, IdempotencyKey, KeyedRequest, Seen, claim, remember};
use testkit::Database;

fn request(user: UserId, body: &[u8]) -> KeyedRequest {
    KeyedRequest::new(user, "POST /orders", IdempotencyKey::parse("k-1").unwrap(), body)
}

async fn effect(database: &Database, request: KeyedRequest, resource: &str, hold: Duration) -> Result<Seen, IdempotencyError> {
    let mut connection = database.service("payments_svc", "payments").await;
    connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            let seen = claim(connection, &request, SystemClock.now()).await?;
            if seen == Seen::First {
                tokio::time::sleep(hold).await;
                remember(connection, &request, resource).await?;
            }
            Ok::<_, IdempotencyError>(seen)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_told_the_resource_and_another_body_is_refused() {
    let (database, user) = (Database::create().await, UserId::generate());
    assert_eq!(effect(&database, request(user, b"{}"), "order/1", Duration::ZERO).await.unwrap(), Seen::First);
    assert_eq!(effect(&database, request(user, b"{}"), "order/2", Duration::ZERO).await.unwrap(), Seen::Before("order/1".into()));
    assert!(matches!(effect(&database, request(user, b"{ }"), "order/3", Duration::ZERO).await, Err(IdempotencyError::Reused)));
    let somebody_else = UserId::generate();
    assert_eq!(effect(&database, request(somebody_else, b"other"), "order/4", Duration::ZERO).await.unwrap(), Seen::First);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_concurrent_repeat_waits_for_the_first_and_then_replays_it() {
    let (database, user) = (Database::create().await, UserId::generate());
    let first = effect(&database, request(user, b"{}"), "order/1", Duration::from_millis(600));
    let second = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        effect(&database, request(user, b"{}"), "order/2", Duration::ZERO).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.unwrap(), Seen::First);
    assert_eq!(second.unwrap(), Seen::Before("order/1".into()));
}

#[test]
fn a_key_is_one_to_255_visible_ascii_characters() {
    assert!(IdempotencyKey::parse("a").is_some() && IdempotencyKey::parse(&"x".repeat(255)).is_some());
    for bad in ["", "a b", "é", &"x".repeat(256)] {
        assert!(IdempotencyKey::parse(bad).is_none(), "{bad}");
    }
}
