//! A process that is killed while it fills the tiers: the others and its successor answer the right bytes, and nothing stays locked.

use std::time::{Duration, Instant};

use reqwest::Response;
use service_kit::cache::client as redis;
use testkit::{
    Person,
    relay::{Mode, Relay},
};

use crate::{
    rig::{Rig, acme, eventually, raw_redis, redis_key},
    service_process::{ServiceProcess, ask},
};

/// Read without the head, so that nothing but the version has to be loaded.
const VERSION: &str = "manifest/versions/1";

async fn get(key: &str) -> Option<Vec<u8>> {
    redis::cmd("GET").arg(key).query_async(&mut raw_redis().await).await.unwrap()
}

async fn body(answer: Response) -> Vec<u8> {
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap().to_vec()
}

/// A version that Redis has lost, and a process that has not read it yet and whose database hangs.
struct Cold {
    rig: Rig,
    who: Person,
    process: ServiceProcess,
    database: Relay,
    cache: Relay,
    /// What belongs into Redis.
    frame: Vec<u8>,
    /// What a reader gets.
    expected: Vec<u8>,
}

impl Cold {
    async fn new(name: &str) -> Self {
        let rig = Rig::new().await;
        let who = rig.person().await;
        rig.finalize(&who, 1, &acme()).await;
        let content = redis_key(&who, "content:1");
        eventually("Redis has the version", async || get(&content).await.is_some()).await;
        let frame = get(&content).await.unwrap();
        let expected = body(rig.get(&who, VERSION).await).await;
        let (database, through_database) = Relay::before(&rig.database.url("bcm_svc")).await;
        let (cache, through_cache) = Relay::before(&testkit::redis_url()).await;
        let process = ServiceProcess::start(&rig, name, &through_database, &through_cache).await;
        redis::cmd("DEL").arg(&content).exec_async(&mut raw_redis().await).await.unwrap();
        // From here on the process knows who is a member, for longer than it takes to ask for the version.
        assert_eq!(ask(&process.url, &who, "manifest/versions/9").await.unwrap().status(), 404);
        database.set(Mode::Hang).await;
        Self { rig, who, process, database, cache, frame, expected }
    }

    fn lock(&self) -> String {
        redis_key(&self.who, "lock:1")
    }

    /// Until the process has the lock: it is to fill Redis, and waits for PostgreSQL.
    async fn locked(&self) {
        let lock = self.lock();
        eventually("the process has the lock", async || get(&lock).await.is_some()).await;
    }

    async fn survived(mut self) {
        let other = self.rig.another_replica(false, &[]);
        let begun = Instant::now();
        assert_eq!(body(self.rig.get_from(&other, &self.who, VERSION).await).await, self.expected);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        let content = redis_key(&self.who, "content:1");
        eventually("Redis is filled", async || get(&content).await.as_ref() == Some(&self.frame)).await;

        self.database.set(Mode::Pass).await;
        self.cache.set(Mode::Pass).await;
        self.process.restart().await;
        assert_eq!(body(ask(&self.process.url, &self.who, VERSION).await.unwrap()).await, self.expected);
        assert_eq!(get(&content).await.as_ref(), Some(&self.frame));
        let lock = self.lock();
        eventually("nothing is locked", async || get(&lock).await.is_none()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_while_it_waits_for_postgresql_keeps_nobody_waiting() {
    let mut cold = Cold::new("bcm-killed-reading").await;
    let (url, who) = (cold.process.url.clone(), cold.who.clone());
    let killed = async {
        cold.locked().await;
        cold.process.kill().await;
    };
    let (answer, ()) = tokio::join!(ask(&url, &who, VERSION), killed);
    assert!(answer.is_err(), "it died over the question");
    cold.survived().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_dies_while_it_writes_to_redis_leaves_nothing_wrong_there() {
    let mut cold = Cold::new("bcm-killed-writing").await;
    let (url, who) = (cold.process.url.clone(), cold.who.clone());
    let writing = async {
        cold.locked().await;
        cold.cache.set(Mode::Hang).await;
        cold.database.set(Mode::Pass).await;
    };
    let (answer, ()) = tokio::join!(ask(&url, &who, VERSION), writing);
    assert_eq!(body(answer.unwrap()).await, cold.expected, "the reader does not wait for Redis");
    cold.process.kill().await;
    cold.survived().await;
}
