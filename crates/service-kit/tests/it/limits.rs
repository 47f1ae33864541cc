//! Rate limits by Redis, and without it.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{Clock, clock::MockClock};
use service_kit::{
    Kit, Lifecycle, Service,
    config::{KitConfig, LimitsProfile},
    rate_limit::{Limit, RateLimiter},
};
use testkit::{Database, config};

use crate::probe::Probe;

const LIMIT: Limit = Limit { name: "probe", burst: 3, per_s: 30 };

fn limiter(config: KitConfig, clock: Arc<MockClock>) -> RateLimiter {
    let kit = Kit::new(Probe::IDENTITY, config, Lifecycle::on_this_runtime()).unwrap();
    RateLimiter::new(kit.cache, clock, kit.metrics, LimitsProfile::Default)
}

async fn a_bucket_empties_refuses_and_fills(limiter: RateLimiter, clock: &MockClock) {
    let subject = uuid::Uuid::now_v7().to_string();
    for left in [2, 1, 0] {
        let decision = limiter.take(LIMIT, &subject).await;
        assert!(decision.allowed && decision.remaining == left, "{decision:?}");
    }
    let refused = limiter.take(LIMIT, &subject).await;
    assert!(!refused.allowed && refused.retry_after_s == 10, "{refused:?}");
    assert!(limiter.take(LIMIT, "somebody else").await.allowed);
    clock.advance(TimeDelta::seconds(10));
    assert!(limiter.take(LIMIT, &subject).await.allowed);
    assert!(!limiter.take(LIMIT, &subject).await.allowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_in_redis_empties_refuses_and_fills() {
    let database = Database::create().await;
    let clock = Arc::new(MockClock::new(domain::SystemClock.now()));
    a_bucket_empties_refuses_and_fills(limiter(config::<Probe>(&database, None, &[]).kit, clock.clone()), &clock).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_limit_holds_in_process() {
    let database = Database::create().await;
    let clock = Arc::new(MockClock::new(domain::SystemClock.now()));
    let settings = [("REDIS_URL", "redis://127.0.0.1:1")];
    a_bucket_empties_refuses_and_fills(limiter(config::<Probe>(&database, None, &settings).kit, clock.clone()), &clock).await;
}
