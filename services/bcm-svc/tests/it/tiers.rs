//! Memory, Redis, PostgreSQL: which one answers, and what damage in one of them does.

use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use domain::{
    event::{Event, MemberChanged, Open},
    ids::{EventId, UserId, WorkspaceId},
    role::Role,
};
use serde_json::{Value, json};
use service_kit::cache::client as redis;
use testkit::Person;

use crate::rig::{Replica, Rig, acme, code, edition, eventually, finalized, header, raw_redis, redis_key};

async fn timing(rig: &Rig, replica: &Replica, who: &Person) -> String {
    let answer = rig.get_from(replica, who, "manifest").await;
    assert_eq!(answer.status(), 200);
    header(&answer, "server-timing").to_owned()
}

async fn in_redis(key: &str) -> Option<Vec<u8>> {
    redis::cmd("GET").arg(key).query_async(&mut raw_redis().await).await.unwrap()
}

async fn put(key: &str, value: &[u8]) {
    redis::cmd("SET").arg(key).arg(value).exec_async(&mut raw_redis().await).await.unwrap();
}

async fn remove(who: &Person) {
    for rest in ["head", "content:1", "content:2"] {
        redis::cmd("DEL").arg(redis_key(who, rest)).exec_async(&mut raw_redis().await).await.unwrap();
    }
}

async fn filled(who: &Person, sequence: u64) -> Vec<u8> {
    let key = redis_key(who, &format!("content:{sequence}"));
    eventually("Redis has the version", async || in_redis(&key).await.is_some()).await;
    in_redis(&key).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_comes_from_redis_once_and_then_from_memory() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    filled(&who, 1).await;
    let life: i64 = redis::cmd("TTL").arg(redis_key(&who, "content:1")).query_async(&mut raw_redis().await).await.unwrap();
    assert!((86_000..96_000).contains(&life), "{life}");
    let second = rig.another_replica(false, &[]);
    assert!(timing(&rig, &second, &who).await.contains(r#"content;desc="redis""#));
    assert_eq!(timing(&rig, &second, &who).await, r#"head;desc="memory", content;desc="memory""#);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_replica_says_that_there_is_no_manifest_once_there_is_one() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    let deaf = rig.another_replica(false, &[("REDIS_URL", "redis://127.0.0.1:1/0")]);
    assert_eq!(rig.get_from(&deaf, &who, "manifest").await.status().as_u16(), 404);
    rig.publish(EventId::generate(), &finalized(&who, 1, &acme()), 1).await;
    loop {
        let there = rig.versions(&who).await == 1;
        let status = rig.get_from(&deaf, &who, "manifest").await.status();
        assert!(status == 200 || (status == 404 && !there), "{status}, although the first version was committed");
        if there {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_there_is_no_manifest_is_never_taken_from_the_question_of_another_reader() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    let fresh = rig.another_replica(false, &[]);
    let mut heads = rig.database.admin().await;
    // The first question cannot be answered before the others were asked.
    heads.batch_execute("begin; lock table bcm.manifest_head in access exclusive mode").await.unwrap();
    let asked = async { futures_util::future::join_all((0..10).map(|_| rig.get_from(&fresh, &who, "manifest"))).await };
    let opened = async {
        let waiting = "select count(*) from pg_locks where not granted and relation = 'bcm.manifest_head'::regclass";
        eventually("the question waits", async || rig.database.number(waiting).await > 0).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        heads.batch_execute("commit").await.unwrap();
    };
    let (answers, ()) = tokio::join!(asked, opened);
    assert!(answers.iter().all(|answer| answer.status() == 404));
    let own = fresh.metric(r#"bcm_tier_reads_total{tier="postgres",what="head"}"#).await;
    assert!((own - 10.0).abs() < f64::EPSILON, "{own}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_version_in_redis_is_never_served_and_repaired() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let genuine = filled(&who, 1).await;
    let expected = rig.json(&who, "manifest").await;
    let key = redis_key(&who, "content:1");
    for position in [0, 5, 10, 20, 30, 50, 80, genuine.len() - 1] {
        let mut damaged = genuine.clone();
        damaged[position] ^= 0x10;
        // Again when Redis was too slow to be asked, which counts as a miss and not as damage.
        eventually(&format!("byte {position} is recognised"), async || {
            put(&key, &damaged).await;
            let fresh = rig.another_replica(false, &[]);
            let answer = rig.get_from(&fresh, &who, "manifest").await;
            assert!(header(&answer, "server-timing").contains(r#"content;desc="postgres""#), "byte {position}");
            assert_eq!(answer.json::<Value>().await.unwrap(), expected);
            fresh.metric(r#"bcm_integrity_failures_total{tier="redis"}"#).await > 0.5
        })
        .await;
        eventually("it is repaired", async || in_redis(&key).await.as_ref() == Some(&genuine)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_another_workspace_under_the_key_is_never_served() {
    let rig = Rig::new().await;
    let (who, other) = (rig.person().await, rig.person().await);
    let mut foreign = acme();
    foreign["company"]["company_name"] = json!("Somebody Else");
    rig.finalize(&who, 1, &acme()).await;
    rig.finalize(&other, 1, &foreign).await;
    filled(&who, 1).await;
    put(&redis_key(&who, "content:1"), &filled(&other, 1).await).await;
    let fresh = rig.another_replica(false, &[]);
    let answer: Value = rig.get_from(&fresh, &who, "manifest").await.json().await.unwrap();
    assert_eq!(answer["content"]["company"]["name"], "Acme Instruments");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_head_pointer_in_redis_leads_nowhere_and_back() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    filled(&who, 1).await;
    for pointer in
        [format!("999 999 999 {}", crate::rig::now().timestamp_millis()), "nonsense".to_owned(), "1 1 1 99999999999999".to_owned()]
    {
        put(&redis_key(&who, "head"), pointer.as_bytes()).await;
        let fresh = rig.another_replica(false, &[]);
        assert_eq!(rig.get_from(&fresh, &who, "manifest").await.status(), 200, "{pointer}");
        eventually(&format!("{pointer} is repaired"), async || {
            let head = in_redis(&redis_key(&who, "head")).await.unwrap_or_default();
            head.starts_with(b"1 1 1 ") && head != pointer.as_bytes()
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_redis_is_filled_again_from_postgresql() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let genuine = filled(&who, 1).await;
    remove(&who).await;
    let fresh = rig.another_replica(false, &[]);
    assert_eq!(timing(&rig, &fresh, &who).await, r#"head;desc="postgres", content;desc="postgres""#);
    assert_eq!(filled(&who, 1).await, genuine);
    eventually("the head is back", async || in_redis(&redis_key(&who, "head")).await.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_nothing_fails() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let without = rig.another_replica(true, &[("REDIS_URL", "redis://127.0.0.1:1/0")]);
    let begun = Instant::now();
    assert_eq!(timing(&rig, &without, &who).await, r#"head;desc="postgres", content;desc="postgres""#);
    assert!(begun.elapsed().as_secs() < 2);
    assert_eq!(timing(&rig, &without, &who).await, r#"head;desc="memory", content;desc="memory""#);
    rig.finalize(&who, 2, &edition(2)).await;
    eventually("the new version is seen within the head's life", async || {
        rig.get_from(&without, &who, "manifest").await.json::<Value>().await.unwrap()["record"]["sequence"] == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_is_seen_by_every_replica_before_its_head_has_lived_out() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    let replicas = [rig.another_replica(false, &[]), rig.another_replica(false, &[])];
    rig.finalize(&who, 1, &acme()).await;
    // A replica that has not subscribed yet is told nothing: the head's life of five seconds is the promise.
    for replica in &replicas {
        assert_eq!(rig.get_from(replica, &who, "manifest").await.status(), 200);
    }
    rig.finalize(&who, 2, &edition(2)).await;
    let begun = Instant::now();
    for replica in &replicas {
        eventually("version 2", async || {
            rig.get_from(replica, &who, "manifest").await.json::<Value>().await.unwrap()["record"]["sequence"] == 2
        })
        .await;
    }
    assert!(begun.elapsed().as_millis() < 5_500, "{:?}", begun.elapsed());
    let head = String::from_utf8(in_redis(&redis_key(&who, "head")).await.unwrap()).unwrap();
    assert!(head.starts_with("2 2 2 "), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_readers_of_a_cold_version_make_one_load() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    filled(&who, 1).await;
    remove(&who).await;
    let fresh = rig.another_replica(false, &[]);
    let answers = futures_util::future::join_all((0..100).map(|_| rig.get_from(&fresh, &who, "manifest"))).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    let loads = fresh.metric(r#"bcm_tier_reads_total{tier="postgres",what="content"}"#).await;
    assert!((loads - 1.0).abs() < f64::EPSILON, "{loads}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_damaged_in_postgresql_is_made_again_from_its_context_or_not_served() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    filled(&who, 1).await;
    let expected = rig.json(&who, "manifest").await;
    rig.admin("update bcm.business_context_manifests set content = set_byte(content, 40, get_byte(content, 40) # 1)").await;
    remove(&who).await;
    let fresh = rig.another_replica(false, &[]);
    assert_eq!(rig.get_from(&fresh, &who, "manifest").await.json::<Value>().await.unwrap(), expected);
    assert!(fresh.metric(r#"bcm_integrity_failures_total{tier="postgres"}"#).await >= 1.0);

    rig.admin("update bcm.source_context set bytes = set_byte(bytes, 40, get_byte(bytes, 40) # 1)").await;
    filled(&who, 1).await;
    remove(&who).await;
    let fresh = rig.another_replica(false, &[]);
    assert_eq!(code(rig.get_from(&fresh, &who, "manifest").await).await, "500 BCM-0005");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_was_removed_is_refused_although_everything_is_cached() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    let member = rig.member(&who, "member").await;
    rig.finalize(&who, 1, &acme()).await;
    assert_eq!(rig.get(&member, "manifest").await.status(), 200);
    rig.admin(&format!("delete from identity.memberships where user_id = '{}' and workspace_id = '{}'", member.user, who.workspace)).await;
    let removed = Event::MemberRemoved(MemberChanged {
        workspace_id: WorkspaceId::from_uuid(who.workspace),
        user_id: UserId::from_uuid(member.user),
        role: Open::Known(Role::Member),
    });
    let id = EventId::generate();
    rig.publish(id, &removed, 2).await;
    rig.effect_of(id).await;
    let begun = Instant::now();
    eventually("the role is forgotten", async || rig.get(&member, "manifest").await.status() == 404).await;
    assert!(begun.elapsed().as_millis() < 3_000, "by the event, not by the life of the entry: {:?}", begun.elapsed());
}
