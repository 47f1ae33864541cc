//! What readers get.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::canonical::Checksum;
use reqwest::Method;
use serde_json::{Value, json};

use crate::rig::{Rig, acme, code, edition, eventually, header, now};

fn inflate(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

fn repr_digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Checksum::of(bytes).as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checksum_is_that_of_the_exact_bytes_everywhere() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let manifest = rig.current(&who, "1.0.0").await;
    let checksum = manifest["record"]["checksum"].as_str().unwrap().to_owned();

    let content = rig.get(&who, "manifest?view=content").await;
    assert_eq!(header(&content, "content-type"), "application/json");
    let digest = header(&content, "repr-digest").to_owned();
    let content = content.bytes().await.unwrap();
    assert_eq!(Checksum::of(&content).to_string(), checksum);
    assert_eq!(digest, repr_digest(&content));
    assert_eq!(manifest["record"]["size"], content.len());
    assert_eq!(serde_json::from_slice::<Value>(&content).unwrap(), manifest["content"]);

    let export = rig.get(&who, "export?format=json").await;
    assert_eq!(header(&export, "x-checksum-sha256"), checksum);
    assert_eq!(header(&export, "content-disposition"), r#"attachment; filename="business-context-manifest-1.0.0.json""#);
    assert_eq!(export.bytes().await.unwrap(), content);
    let meta = &manifest["record"]["meta"];
    assert!(meta["token_count"].as_u64().unwrap() <= 1200 && meta["completion_percent"] == 100, "{meta}");
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_inflates_to_the_same_bytes_and_has_a_digest_of_its_own() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    for path in ["manifest", "manifest?view=content", "export"] {
        let plain = rig.get(&who, path).await;
        assert!(plain.headers().get("content-encoding").is_none());
        assert!(header(&plain, "vary").contains("Accept-Encoding"));
        let plain = plain.bytes().await.unwrap();
        let gzip = rig.ask(Method::GET, &rig.replica, &who, path).header("Accept-Encoding", "br, gzip").send().await.unwrap();
        assert_eq!(header(&gzip, "content-encoding"), "gzip");
        let digest = header(&gzip, "repr-digest").to_owned();
        let gzip = gzip.bytes().await.unwrap();
        assert!(gzip.len() < plain.len());
        assert_eq!(inflate(&gzip), plain, "{path}");
        assert_eq!(digest, repr_digest(&gzip));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_version_gets_304_without_a_body() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let first = rig.get(&who, "manifest").await;
    let tag = header(&first, "etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    assert_eq!(header(&first, "cache-control"), "private, no-cache");
    assert!(header(&first, "last-modified").ends_with("GMT"));
    let asked =
        async |path: &str, tags: &str| rig.ask(Method::GET, &rig.replica, &who, path).header("If-None-Match", tags).send().await.unwrap();
    for held in [tag.clone(), tag.trim_start_matches("W/").to_owned(), format!(r#""other", {tag}"#), "*".to_owned()] {
        let answer = asked("manifest", &held).await;
        assert_eq!(answer.status(), 304, "{held}");
        assert_eq!(header(&answer, "etag"), tag);
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    assert_eq!(asked("manifest", r#""other""#).await.status(), 200);
    assert_eq!(asked("manifest?view=content", &tag).await.status(), 200, "another representation has another tag");
    rig.finalize(&who, 2, &edition(2)).await;
    let second = async || rig.json(&who, "manifest").await["record"]["sequence"] == 2;
    eventually("the second version", second).await;
    assert_eq!(asked("manifest", &tag).await.status(), 200, "the version is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_is_there_by_either_name_and_may_be_kept_for_ever() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let mut changed = acme();
    changed["company"]["company_name"] = json!("Acme Sensing");
    rig.finalize(&who, 2, &changed).await;
    rig.current(&who, "2.0.0").await;
    for path in ["manifest/versions/1", "manifest/versions/1.0.0"] {
        let answer = rig.get(&who, path).await;
        assert_eq!(header(&answer, "cache-control"), "private, max-age=31536000, immutable");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["content"]["company"]["name"], "Acme Instruments");
    }
    let export = rig.get(&who, "export?version=1.0.0").await;
    assert!(header(&export, "content-disposition").contains("1.0.0.json"));
    for path in ["3", "0", "1.0.1", "latest", "..%2F1", "-1", "1.0"] {
        assert_eq!(code(rig.get(&who, &format!("manifest/versions/{path}")).await).await, "404 BCM-0002", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_goes_back_page_by_page() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    for number in 1..=5 {
        rig.finalize(&who, number, &edition(number)).await;
    }
    let (mut seen, mut path) = (Vec::new(), "history?limit=2".to_owned());
    loop {
        let page = rig.json(&who, &path).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|record| record["sequence"].as_u64().unwrap()));
        let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) else { break };
        path = format!("history?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let stranger = rig.person().await;
    assert_eq!(rig.json(&stranger, "history").await, json!({"items": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_without_a_manifest_is_told_so_until_it_has_one() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    assert_eq!(code(rig.get(&who, "manifest").await).await, "404 BCM-0001");
    assert_eq!(code(rig.get(&who, "export").await).await, "404 BCM-0001");
    assert_eq!(rig.json(&who, "freshness").await["state"], "missing");
    let asked = now();
    rig.finalize(&who, 1, &acme()).await;
    rig.current(&who, "1.0.0").await;
    assert!((now() - asked).num_seconds() < 5, "the negative answer was dropped");
    let freshness = rig.json(&who, "freshness").await;
    assert_eq!((&freshness["state"], &freshness["stale_after_s"]), (&json!("fresh"), &json!(604_800)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenant_and_a_stranger_see_nothing() {
    let rig = Rig::new().await;
    let (who, mut other) = (rig.person().await, rig.person().await);
    rig.finalize(&who, 1, &acme()).await;
    rig.current(&who, "1.0.0").await;
    other.workspace = who.workspace;
    for path in [
        "manifest",
        "manifest?view=content",
        "manifest/versions/1",
        "manifest/versions/1.0.0",
        "history",
        "export",
        "freshness",
        "rebuild/0199aaaa-0000-7000-8000-000000000000",
    ] {
        assert_eq!(code(rig.get(&other, path).await).await, "404 GW-0002", "{path}");
        let anonymous = rig.anonymous(Method::GET, &rig.replica, path).send().await.unwrap();
        assert_eq!(code(anonymous).await, "401 GW-0004", "{path}");
    }
    assert_eq!(code(rig.rebuild(&other, &json!({})).await).await, "404 GW-0002");
    let anonymous = rig.anonymous(Method::POST, &rig.replica, "rebuild").json(&json!({})).send().await.unwrap();
    assert_eq!(code(anonymous).await, "401 GW-0004");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_refused_with_a_problem() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    for (path, problem) in [
        ("manifest?view=raw", "400 GW-0021"),
        ("manifest?unknown=1", "400 GW-0021"),
        ("history?limit=0", "400 GW-0021"),
        ("history?limit=101", "400 GW-0021"),
        ("history?limit=many", "400 GW-0021"),
        ("history?cursor=nonsense", "400 GW-0029"),
        ("export?format=pdf", "400 BCM-0009"),
        ("export?version=latest", "404 BCM-0002"),
        ("rebuild/nonsense", "404 BCM-0007"),
        ("nothing", "404 GW-0002"),
    ] {
        assert_eq!(code(rig.get(&who, path).await).await, problem, "{path}");
    }
    let bad_header = rig.anonymous(Method::GET, &rig.replica, "manifest").bearer_auth(&who.token).header("X-Workspace-Id", "mine");
    assert_eq!(code(bad_header.send().await.unwrap()).await, "400 GW-0017");
}
