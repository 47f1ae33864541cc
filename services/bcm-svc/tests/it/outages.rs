//! Reading while something that a read depends on is down, slow or full of rubbish; and afterwards, without a restart.

use std::time::{Duration, Instant};

use domain::subscription::SubscriptionState;
use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use service_kit::cache::client as redis;
use testkit::{
    Person,
    relay::{Mode, Relay},
};

use crate::rig::{Replica, Rig, acme, code, edition, eventually, header, raw_redis, redis_key};

const NO_MEMORY: (&str, &str) = ("GROUNDWORK__BCM__MEMORY__BYTES", "0");
/// Longer than a head or a role is believed while all is well.
const LIVED_OUT: Duration = Duration::from_millis(5_200);

async fn filled(who: &Person, sequence: u64) -> Vec<u8> {
    let key = redis_key(who, &format!("content:{sequence}"));
    eventually("Redis has the version", async || get(&key).await.is_some()).await;
    get(&key).await.unwrap()
}

async fn get(key: &str) -> Option<Vec<u8>> {
    redis::cmd("GET").arg(key).query_async(&mut raw_redis().await).await.unwrap()
}

async fn put(key: &str, value: &[u8]) {
    redis::cmd("SET").arg(key).arg(value).exec_async(&mut raw_redis().await).await.unwrap();
}

async fn forget_everything() {
    redis::cmd("FLUSHDB").exec_async(&mut raw_redis().await).await.unwrap();
}

fn is_stale(answer: &Response) -> bool {
    answer.headers().get("warning").is_some()
}

async fn loads(replica: &Replica) -> f64 {
    replica.metric(r#"bcm_tier_reads_total{tier="postgres",what="content"}"#).await
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgresql_is_down_what_was_read_is_served_and_says_that_it_may_be_old() {
    let rig = Rig::new().await;
    let (who, other) = (rig.person().await, rig.person().await);
    for person in [&who, &other] {
        rig.finalize(person, 1, &acme()).await;
    }
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    for more in [None, Some(NO_MEMORY)] {
        let (relay, through) = Relay::before(&rig.database.url("bcm_svc")).await;
        let settings: Vec<_> = [("DATABASE_URL", through.as_str())].into_iter().chain(more).collect();
        let replica = rig.another_replica(false, &settings);
        let before = rig.get_from(&replica, &who, "manifest").await;
        assert!(before.status() == 200 && !is_stale(&before));
        let before: Value = before.json().await.unwrap();
        relay.set(Mode::Cut).await;
        tokio::time::sleep(LIVED_OUT).await;

        let begun = Instant::now();
        let stale = rig.get_from(&replica, &who, "manifest").await;
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert_eq!((stale.status().as_u16(), header(&stale, "warning")), (200, r#"110 - "Response is Stale""#), "{more:?}");
        assert!(header(&stale, "age").parse::<u64>().unwrap() >= 5);
        assert!(header(&stale, "cache-status").starts_with("groundwork; hit; ttl=-"));
        assert_eq!(stale.json::<Value>().await.unwrap(), before);
        let begun = Instant::now();
        let again = join_all((0..50).map(|_| rig.get_from(&replica, &who, "manifest"))).await;
        assert!(again.iter().all(|answer| answer.status() == 200));
        assert!(begun.elapsed() < Duration::from_secs(4), "one asks, the others do not wait: {:?}", begun.elapsed());
        assert!(replica.metric("bcm_stale_heads_total").await >= 2.0);
        // Who was never seen here cannot be authorised, and nothing can be changed.
        assert_eq!(rig.get_from(&replica, &other, "manifest").await.status(), 503);
        let changed = rig.ask(Method::POST, &replica, &who, "pin").json(&json!({"version": 1})).send().await.unwrap();
        assert_eq!(changed.status(), 503);

        relay.set(Mode::Pass).await;
        eventually("it is fresh again", async || {
            let answer = rig.get_from(&replica, &who, "manifest").await;
            answer.status() == 200 && !is_stale(&answer)
        })
        .await;
        assert_eq!(rig.get_from(&replica, &other, "manifest").await.status(), 200, "without a restart");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_the_keys_while_postgresql_hangs_waits_for_it_once() {
    let rig = Rig::new().await;
    let (relay, through) = Relay::before(&rig.database.url("bcm_svc")).await;
    let replica = rig.another_replica(false, &[("DATABASE_URL", through.as_str())]);
    relay.set(Mode::Hang).await;
    // A connection that rested is tried before it is used.
    tokio::time::sleep(LIVED_OUT).await;
    let ask = || rig.anonymous(Method::GET, &replica, "keys").send();
    let begun = Instant::now();
    let answers = join_all((0..20).map(|_| ask())).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().status() == 503));
    assert!(begun.elapsed() < Duration::from_secs(8), "one asks, the others do not ask after it: {:?}", begun.elapsed());
    relay.set(Mode::Pass).await;
    eventually("the keys are there", async || ask().await.unwrap().status() == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_is_seen_as_soon_as_postgresql_answers_again() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let (relay, through) = Relay::before(&rig.database.url("bcm_svc")).await;
    // Without Redis nothing else could tell of it.
    let replica = rig.another_replica(false, &[("DATABASE_URL", through.as_str()), ("REDIS_URL", "redis://127.0.0.1:1/0")]);
    assert_eq!(rig.get_from(&replica, &who, "manifest").await.status(), 200);
    relay.set(Mode::Hang).await;
    rig.finalize(&who, 2, &edition(2)).await;
    tokio::time::sleep(LIVED_OUT).await;
    let stale = rig.get_from(&replica, &who, "manifest").await;
    assert!(stale.status() == 200 && is_stale(&stale));
    assert_eq!(stale.json::<Value>().await.unwrap()["record"]["sequence"], 1);
    relay.set(Mode::Pass).await;
    eventually("version 2", async || {
        let answer = rig.get_from(&replica, &who, "manifest").await;
        answer.status() == 200 && answer.json::<Value>().await.unwrap()["record"]["sequence"] == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_readers_of_a_cold_manifest_make_one_load_and_two_processes_share_it() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let genuine = filled(&who, 1).await;
    forget_everything().await;
    let alone = rig.another_replica(false, &[("REDIS_URL", "redis://127.0.0.1:1/0")]);
    let answers = join_all((0..500).map(|_| rig.get_from(&alone, &who, "manifest"))).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    assert!((loads(&alone).await - 1.0).abs() < f64::EPSILON, "one database read per process, without Redis too");

    // Where one process has the lock, the others wait for what it fills.
    let (content, lock) = (redis_key(&who, "content:1"), redis_key(&who, "lock:1"));
    let waiting = rig.another_replica(false, &[]);
    put(&lock, b"somebody").await;
    let filling = async {
        tokio::time::sleep(Duration::from_millis(80)).await;
        put(&content, &genuine).await;
    };
    let (answer, ()) = tokio::join!(rig.get_from(&waiting, &who, "manifest"), filling);
    assert!(header(&answer, "server-timing").contains(r#"content;desc="redis""#));
    assert!(loads(&waiting).await < 0.5);

    // A lock whose holder is gone holds nobody up for long, and is not taken from it.
    redis::cmd("DEL").arg(&content).exec_async(&mut raw_redis().await).await.unwrap();
    let late = rig.another_replica(false, &[]);
    let begun = Instant::now();
    assert_eq!(rig.get_from(&late, &who, "manifest").await.status(), 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    eventually("it is filled again", async || get(&content).await.is_some()).await;
    assert_eq!(get(&lock).await.as_deref(), Some(&b"somebody"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_lies_in_redis_the_right_bytes_are_served_and_it_is_repaired() {
    let rig = Rig::new().await;
    let (who, other) = (rig.person().await, rig.person().await);
    rig.finalize(&who, 1, &acme()).await;
    rig.finalize(&who, 2, &edition(2)).await;
    rig.finalize(&other, 1, &edition(3)).await;
    rig.current(&who, "1.0.1").await;
    let expected = rig.json(&who, "manifest").await;
    let (genuine, older, foreign) = (filled(&who, 2).await, filled(&who, 1).await, filled(&other, 1).await);
    let mut rubbish: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"GWB2".to_vec(),
        b"nonsense".repeat(100),
        vec![0xff; 70_000],
        older,
        foreign,
        [&genuine[..], b"x"].concat(),
        genuine[..genuine.len() / 2].to_vec(),
        serde_json::to_vec(&expected).unwrap(),
    ];
    // A flipped bit in each part of the frame, and then all over it.
    rubbish.extend((0..genuine.len()).step_by(genuine.len() / 60).chain(0..48).map(|at| {
        let mut flipped = genuine.clone();
        flipped[at] ^= 1 << (at % 8);
        flipped
    }));
    let direct = rig.another_replica(false, &[NO_MEMORY]);
    let key = redis_key(&who, "content:2");
    for (index, bytes) in rubbish.iter().enumerate() {
        put(&key, bytes).await;
        let answer = rig.get_from(&direct, &who, "manifest").await;
        assert_eq!(answer.status(), 200, "{index}");
        assert_eq!(answer.json::<Value>().await.unwrap(), expected, "{index}");
        eventually("it is repaired", async || get(&key).await.as_ref() == Some(&genuine)).await;
    }
    assert!(direct.metric(r#"bcm_integrity_failures_total{tier="redis"}"#).await >= 60.0);
    // Of another type than a string, and a pointer that says too much.
    for kind in [("LPUSH", key.clone()), ("LPUSH", redis_key(&who, "head"))] {
        redis::cmd("DEL").arg(&kind.1).exec_async(&mut raw_redis().await).await.unwrap();
        redis::cmd(kind.0).arg(&kind.1).arg("x").exec_async(&mut raw_redis().await).await.unwrap();
        let answer: Value = rig.get_from(&direct, &who, "manifest").await.json().await.unwrap();
        assert_eq!(answer, expected, "{}", kind.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_slow_hangs_or_forgets_makes_no_read_fail_or_wait_long() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    filled(&who, 1).await;
    let (relay, through) = Relay::before(&testkit::redis_url()).await;
    let direct = rig.another_replica(false, &[("REDIS_URL", through.as_str()), NO_MEMORY]);
    let read = async || {
        let begun = Instant::now();
        let answer = rig.get_from(&direct, &who, "manifest").await;
        assert_eq!(answer.status(), 200);
        (begun.elapsed(), header(&answer, "server-timing").to_owned())
    };
    assert!(read().await.1.contains("redis"));
    for mode in [Mode::Slow(Duration::from_secs(2)), Mode::Hang, Mode::Cut, Mode::Reset] {
        relay.set(mode).await;
        let mut took = Vec::new();
        for _ in 0..30 {
            let (elapsed, timing) = read().await;
            assert!(timing.contains(r#"content;desc="postgres""#), "{mode:?}: {timing}");
            took.push(elapsed);
        }
        took.sort();
        assert!(took[15] < Duration::from_millis(500), "{mode:?}: {took:?}");
        relay.set(Mode::Pass).await;
        eventually("Redis is used again", async || read().await.1 == r#"head;desc="redis", content;desc="redis""#).await;
    }
    forget_everything().await;
    assert!(read().await.1.contains("postgres"));
    eventually("it is filled again", async || read().await.1.contains(r#"content;desc="redis""#)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_without_a_workspace_a_life_or_a_place_in_the_budget_are_removed() {
    let rig = Rig::new().await;
    testkit::empty_redis().await;
    let who = rig.person().await;
    for number in 1..=4 {
        rig.finalize(&who, number, &edition(number)).await;
        filled(&who, number).await;
    }
    let nobody = Person { workspace: uuid::Uuid::now_v7(), ..who.clone() };
    for (key, text) in [
        (redis_key(&nobody, "content:1"), "x"),
        (redis_key(&nobody, "head"), "1 1 1 1"),
        (redis_key(&who, "content:9"), "of no version"),
        (redis_key(&who, "lock:1"), "for ever"),
        (redis_key(&who, "content:2"), "without a life"),
        ("draft:of:another:service".to_owned(), "kept"),
    ] {
        put(&key, text.as_bytes()).await;
    }
    let sweep =
        async |more: &[(&str, &str)]| crate::operating::command(&crate::operating::app(&rig, more), &["sweep", "--json"]).await.unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&sweep(&[]).await).unwrap(),
        json!({"versions": 4, "locks": 1, "without_life": 4, "orphans": 3, "over_budget": 0})
    );
    assert!(get("draft:of:another:service").await.is_some(), "what is not ours is let alone");
    assert!(get(&redis_key(&who, "content:2")).await.is_some());
    let small = serde_json::from_str::<Value>(&sweep(&[("GROUNDWORK__BCM__MEMORY__REDIS_KEYS", "2")]).await).unwrap();
    assert_eq!((&small["versions"], &small["over_budget"]), (&json!(2), &json!(2)));
    assert!(get(&redis_key(&who, "content:4")).await.is_some(), "what is read stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_keeps_no_more_than_its_budget() {
    let rig = Rig::new().await;
    let small = rig.another_replica(false, &[("GROUNDWORK__BCM__MEMORY__BYTES", "1048576")]);
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.admin(
        "insert into bcm.business_context_manifests (workspace_id, sequence, version, checksum, content, record, provenance, context_number, \
           context_sha256, reducer_version, policy, reason, created_at) \
         select workspace_id, n, '1.0.' || n, checksum, content, jsonb_set(record, '{sequence}', to_jsonb(n)), provenance, context_number, \
           context_sha256, reducer_version, policy, reason, created_at \
         from bcm.business_context_manifests, generate_series(2, 150) n",
    )
    .await;
    for sequence in 1..=150 {
        assert_eq!(rig.get_from(&small, &who, &format!("manifest/versions/{sequence}")).await.status(), 200);
    }
    eventually("old ones made room", async || {
        let (kept, budget) = (small.metric("bcm_memory_tier_bytes").await, small.metric("bcm_memory_tier_budget_bytes").await);
        small.metric("bcm_memory_tier_evictions_total").await > 10.0 && kept <= budget * 1.1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_is_late_cannot_bring_an_old_head_back() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    rig.finalize(&who, 2, &edition(2)).await;
    rig.current(&who, "1.0.1").await;
    let pinned = rig.ask(Method::POST, &rig.replica, &who, "pin").json(&json!({"version": 1})).send().await.unwrap();
    assert_eq!(pinned.status(), 200);
    let head = String::from_utf8(get(&redis_key(&who, "head")).await.unwrap()).unwrap();
    let generation: u64 = head.split(' ').next().unwrap().parse().unwrap();
    assert!(head.starts_with(&format!("{generation} 2 1 ")), "{head}");
    // What a reader writes that asked before the pin and was held up.
    let script = include_str!("../../src/tiers/head_forward.lua");
    let late = |generation: u64, confirmed: i64| {
        let mut eval = redis::cmd("EVAL");
        eval.arg(script).arg(1).arg(redis_key(&who, "head")).arg(generation).arg(2).arg(2).arg(confirmed).arg(60);
        async move { eval.query_async::<i64>(&mut raw_redis().await).await.unwrap() }
    };
    let now = crate::rig::now().timestamp_millis();
    assert_eq!(late(generation - 1, now + 1000).await, 0);
    assert_eq!(String::from_utf8(get(&redis_key(&who, "head")).await.unwrap()).unwrap(), head);
    assert_eq!(code(rig.get(&who, "manifest/versions/9").await).await, "404 BCM-0002");
}
