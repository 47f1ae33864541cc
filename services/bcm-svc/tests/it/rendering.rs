//! Parts, differences, prompts, files, counts and streams of the manifest.

use std::{io::Read, time::Duration};

use domain::{canonical::Checksum, reduce::Encoding, subscription::SubscriptionState};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::rig::{Rig, acme, code, edition, eventually, header};

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_the_content_and_their_origins_are_given_by_pointer() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let whole = rig.current(&who, "1.0.0").await;
    let answer = rig.get(&who, "manifest?fields=/company/name,/icps/0,/icps/2/role&provenance=true").await;
    let tag = header(&answer, "etag").to_owned();
    let parts: Value = answer.json().await.unwrap();
    assert_eq!(parts["record"], whole["record"]);
    assert_eq!(parts["fields"]["/company/name"], whole["content"]["company"]["name"]);
    assert_eq!(parts["fields"]["/icps/0"], whole["content"]["icps"][0]);
    assert!(parts.get("content").is_none());
    let leaves = parts["provenance"].as_object().unwrap();
    assert!(leaves.keys().all(|leaf| leaf == "/company/name" || leaf.starts_with("/icps/0/") || leaf == "/icps/2/role"), "{leaves:?}");
    assert_eq!(leaves["/company/name"], json!({"step": "company", "field": "/company_name", "context_number": 1}));

    let held = rig.ask(Method::GET, &rig.replica, &who, "manifest?fields=/icps/2/role,/icps/0,/company/name&provenance=true");
    assert_eq!(held.header("If-None-Match", &tag).send().await.unwrap().status(), 304, "the order of the pointers does not matter");
    let other =
        rig.ask(Method::GET, &rig.replica, &who, "manifest?fields=/company/name").header("If-None-Match", &tag).send().await.unwrap();
    assert_eq!(other.status(), 200);

    let all = rig.json(&who, "manifest/versions/1?provenance=true").await;
    assert_eq!(all["content"], whole["content"]);
    assert!(all["provenance"].as_object().unwrap().len() > leaves.len());
    for (path, problem) in [
        ("manifest?fields=/nothing", "400 BCM-0008"),
        ("manifest?fields=", "400 BCM-0008"),
        ("manifest?view=content&fields=/company", "400 GW-0021"),
        ("manifest?provenance=perhaps", "400 GW-0021"),
    ] {
        assert_eq!(code(rig.get(&who, path).await).await, problem, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_found_by_its_checksum_and_by_a_moment_in_its_own_workspace() {
    let rig = Rig::new().await;
    let (who, other) = (rig.person().await, rig.person().await);
    rig.finalize(&who, 1, &acme()).await;
    let first = rig.current(&who, "1.0.0").await;
    let between = first["record"]["generated_at"].as_str().unwrap().to_owned();
    rig.finalize(&who, 2, &edition(2)).await;
    rig.current(&who, "1.0.1").await;
    let checksum = first["record"]["checksum"].as_str().unwrap();
    assert_eq!(rig.json(&who, &format!("manifest/checksums/{checksum}")).await, first);
    assert_eq!(code(rig.get(&other, &format!("manifest/checksums/{checksum}")).await).await, "404 BCM-0002");
    assert_eq!(code(rig.get(&who, "manifest/checksums/abc").await).await, "404 BCM-0002");
    assert_eq!(rig.json(&who, &format!("manifest?as_of={between}")).await, first);
    assert_eq!(rig.json(&who, "manifest?as_of=2999-01-01T00:00:00Z").await["record"]["sequence"], 2);
    assert_eq!(code(rig.get(&who, "manifest?as_of=2001-01-01T00:00:00Z").await).await, "404 BCM-0002");
    for moment in ["0000-01-01T00:00:00Z", "-9999-01-01T00:00:00Z", "-262143-01-01T00:00:00Z"] {
        assert!(rig.get(&who, &format!("manifest?as_of={moment}")).await.status().is_client_error(), "{moment}");
    }
    for path in ["manifest?as_of=yesterday", "manifest?as_of=2999-01-01T00:00:00Z&alias=live"] {
        assert_eq!(code(rig.get(&who, path).await).await, "400 GW-0021", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_told_in_words_and_as_a_patch_that_gives_the_other_content() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let mut changed = edition(2);
    changed["company"]["company_name"] = json!("Acme Sensing");
    rig.finalize(&who, 2, &changed).await;
    rig.current(&who, "2.0.0").await;
    let diff = rig.json(&who, "diff").await;
    assert_eq!((&diff["from"]["version"], &diff["to"]["version"], &diff["change"]), (&json!("1.0.0"), &json!("2.0.0"), &json!("major")));
    let said = |what: &str| diff["differences"].as_array().unwrap().iter().find(|difference| difference["what"] == what).cloned();
    let name = said("company name").unwrap();
    assert_eq!((&name["kind"], &name["before"], &name["after"]), (&json!("changed"), &json!("Acme Instruments"), &json!("Acme Sensing")));
    assert!(said("messaging one liner").is_some(), "{}", diff["differences"]);

    let content = async |n: u64| rig.json(&who, &format!("manifest/versions/{n}?view=content")).await;
    let mut patched = content(1).await;
    json_patch::patch(&mut patched, &serde_json::from_value::<json_patch::Patch>(diff["patch"].clone()).unwrap()).unwrap();
    assert_eq!(patched, content(2).await);

    let none = rig.json(&who, "diff?from=2&to=2.0.0").await;
    assert_eq!((&none["change"], &none["differences"], &none["patch"]), (&json!("none"), &json!([]), &json!([])));
    assert_eq!(rig.json(&who, "diff?from=2&to=1").await["to"]["sequence"], 1, "either way");
    let first = rig.json(&who, "diff?to=1").await;
    assert!(first.get("from").is_none() && first["differences"].as_array().unwrap().iter().all(|difference| difference["kind"] == "added"));
    assert_eq!(code(rig.get(&who, "diff?from=8").await).await, "404 BCM-0002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_keeps_its_budget_and_names_what_it_was_made_of() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    let manifest = rig.current(&who, "1.0.0").await;
    let answer = rig.get(&who, "prompt?budget=300&purpose=copywriting").await;
    assert_eq!(header(&answer, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(header(&answer, "x-checksum-sha256"), manifest["record"]["checksum"]);
    assert_eq!((header(&answer, "manifest-version"), header(&answer, "manifest-freshness")), ("1.0.0", "fresh"));
    let tag = header(&answer, "etag").to_owned();
    let text = answer.text().await.unwrap();
    assert!(Encoding::Cl100k.count(&text) <= 300 && text.contains("name: Acme Instruments"), "{text}");
    let held = rig.ask(Method::GET, &rig.replica, &who, "prompt?budget=300&purpose=copywriting").header("If-None-Match", &tag).send();
    assert_eq!(held.await.unwrap().status(), 304);

    let json = rig.json(&who, "prompt?format=json&encoding=o200k&budget=4000").await;
    assert_eq!(json["tokens"], Encoding::O200k.count(json["text"].as_str().unwrap()));
    assert_eq!((&json["omitted"], &json["sequence"], &json["freshness"]), (&json!([]), &json!(1), &json!("fresh")));
    for (path, problem) in [
        ("prompt?budget=99", "422 BCM-0010"),
        ("prompt?budget=16001", "422 BCM-0010"),
        ("prompt?budget=many", "400 GW-0021"),
        ("prompt?purpose=world-domination", "400 GW-0021"),
        ("prompt?encoding=p50k", "400 GW-0021"),
        ("prompt?version=1&alias=live", "400 GW-0021"),
        ("prompt?version=7", "404 BCM-0002"),
    ] {
        assert_eq!(code(rig.get(&who, path).await).await, problem, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_hold_the_same_content_in_every_form() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    let mut answers = acme();
    answers["company"]["company_name"] = json!("No | #1 <b>Acme</b>");
    rig.finalize(&who, 1, &answers).await;
    let manifest = rig.current(&who, "1.0.0").await;
    let checksum = manifest["record"]["checksum"].as_str().unwrap().to_owned();
    let file = async |query: &str| {
        let answer = rig.get(&who, &format!("export?{query}")).await;
        assert_eq!(answer.status(), 200, "{query}");
        assert_eq!(header(&answer, "x-checksum-sha256"), checksum, "{query}");
        let name = header(&answer, "content-disposition").split('"').nth(1).unwrap().to_owned();
        (name, header(&answer, "content-type").to_owned(), answer.bytes().await.unwrap())
    };
    let (name, kind, yaml) = file("format=yaml").await;
    assert_eq!((name.as_str(), kind.as_str()), ("business-context-manifest-1.0.0.yaml", "application/yaml"));
    assert_eq!(serde_saphyr::from_slice::<Value>(&yaml).unwrap(), manifest["content"]);
    let (name, kind, markdown) = file("format=markdown").await;
    assert_eq!((name.as_str(), kind.as_str()), ("business-context-manifest-1.0.0.md", "text/markdown; charset=utf-8"));
    let markdown = std::str::from_utf8(&markdown).unwrap();
    assert!(markdown.starts_with(r"# No \| \#1 \<b\>Acme\</b\>") && markdown.contains(&checksum), "{markdown}");
    for (query, extension) in [("gz=true", "json"), ("format=yaml&gz=true", "yaml"), ("format=markdown&gz=true", "md")] {
        let (name, kind, gz) = file(query).await;
        assert_eq!((name, kind.as_str()), (format!("business-context-manifest-1.0.0.{extension}.gz"), "application/gzip"));
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(gz.as_ref()).read_to_end(&mut plain).unwrap();
        if extension == "json" {
            assert_eq!(Checksum::of(&plain).to_string(), checksum);
        }
    }
    let again = rig.ask(Method::GET, &rig.replica, &who, "export?gz=true").header("Accept-Encoding", "gzip").send().await.unwrap();
    assert!(again.headers().get("content-encoding").is_none(), "a file that is compressed itself is sent as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_and_a_sample_of_the_reads_are_told() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.finalize(&who, 2, &edition(2)).await;
    rig.current(&who, "1.0.1").await;
    let every = rig.another_replica(true, &[("GROUNDWORK__BCM__ACCESS_LOG__SAMPLE", "1")]);
    eventually("the log has a place for today", async || rig.database.number("select count(*) from pg_inherits").await >= 2).await;
    for path in ["manifest", "manifest", "manifest/versions/1", "prompt", "export"] {
        assert_eq!(rig.get_from(&every, &who, path).await.status(), 200);
    }
    eventually("the reads are written", async || rig.database.number("select count(*) from bcm.access_log").await == 5).await;
    let first = format!("select count(*) from bcm.access_log where sequence = 1 and kind = 'version' and user_id = '{}'", who.user);
    assert_eq!(rig.database.number(&first).await, 1);
    let stats = rig.json(&who, "stats").await;
    assert_eq!((&stats["versions"], &stats["by_reason"]), (&json!(2), &json!({"edit": 1, "onboarding": 1})));
    assert_eq!(stats["reads"], json!({"export": 1, "manifest": 2, "prompt": 1, "version": 1}));
    assert!(stats["token_count"].as_u64().unwrap() <= 1200 && stats["bytes"].as_u64().unwrap() > 2000);
    let stranger = rig.person().await;
    assert_eq!(rig.json(&stranger, "stats").await, json!({"versions": 0, "bytes": 0, "by_reason": {}, "reads": {}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_of_the_access_log_are_made_ahead_and_dropped_when_all_in_them_is_old() {
    let rig = Rig::new().await;
    let partitions = "select count(*) from pg_inherits where inhparent = 'bcm.access_log'::regclass";
    eventually("this month and the next", async || rig.database.number(partitions).await == 2).await;
    let keep = |at: &str| format!("set role bcm_svc; set search_path = bcm; select keep_access_log('{at}', interval '90 days')");
    rig.admin(&keep("2031-01-15T00:00:00Z")).await;
    assert_eq!(rig.database.number(partitions).await, 2, "january and february; all before are gone");
    rig.admin(&keep("2031-05-01T00:00:00Z")).await;
    assert_eq!(rig.database.number(partitions).await, 4, "the end of january is 89 days old");
    rig.admin(&keep("2031-05-02T00:00:00Z")).await;
    assert_eq!(rig.database.number(partitions).await, 3, "all of january is 90 days old");
    let bare =
        "select count(*) from pg_class c join pg_inherits i on i.inhrelid = c.oid where not (relrowsecurity and relforcerowsecurity)";
    assert_eq!(rig.database.number(&format!("{bare} and c.relkind = 'r'")).await, 0, "each has row-level security of its own");
}

/// The data of the next event of a stream.
async fn next_event(stream: &mut Response, event: &str) -> Value {
    loop {
        let chunk = tokio::time::timeout(Duration::from_secs(20), stream.chunk()).await.unwrap().unwrap().unwrap();
        let text = String::from_utf8(chunk.to_vec()).unwrap();
        if let Some(rest) = text.strip_prefix(&format!("event: {event}\n")) {
            let data = rest.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
            return serde_json::from_str(data).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_hears_of_a_new_version_and_of_a_pin() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    rig.current(&who, "1.0.0").await;
    let mut stream = rig.get(&who, "events").await;
    assert_eq!(header(&stream, "content-type"), "text/event-stream");
    let first = next_event(&mut stream, "head").await;
    assert_eq!((&first["sequence"], &first["version"], &first["pinned"]), (&json!(1), &json!("1.0.0"), &json!(false)));
    rig.finalize(&who, 2, &edition(2)).await;
    assert_eq!(next_event(&mut stream, "head").await["version"], "1.0.1");
    let pinned = rig.ask(Method::POST, &rig.replica, &who, "pin").json(&json!({"version": 1})).send().await.unwrap();
    assert_eq!(pinned.status(), 200);
    let third = next_event(&mut stream, "head").await;
    assert_eq!((&third["sequence"], &third["latest"], &third["pinned"]), (&json!(1), &json!(2), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_progress_of_a_rebuild_is_streamed_to_its_end() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.subscribe(&who, SubscriptionState::Active, 1).await;
    let job: Value = rig.rebuild(&who, &json!({})).await.json().await.unwrap();
    let path = format!("rebuild/{}/events", job["id"].as_str().unwrap());
    let text = rig.get(&who, &path).await.text().await.unwrap();
    let last = text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    assert_eq!(serde_json::from_str::<Value>(last).unwrap()["state"], "succeeded", "the stream ends with the job: {text}");
    let stranger = rig.person().await;
    assert_eq!(code(rig.get(&stranger, &path).await).await, "404 BCM-0007");
}

#[tokio::test(flavor = "multi_thread")]
async fn freshness_tells_of_a_rebuild_under_way_and_of_one_that_failed() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.finalize(&who, 1, &acme()).await;
    rig.current(&who, "1.0.0").await;
    rig.replica.drain();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let idle = rig.another_replica(false, &[]);
    let freshness = async || rig.get_from(&idle, &who, "freshness").await.json::<Value>().await.unwrap();
    assert_eq!((&freshness().await["state"], &freshness().await["changed"]), (&json!("fresh"), &json!([])));
    let job = "0199aaaa-0000-7000-8000-000000000002";
    rig.admin(&format!(
        "insert into bcm.rebuild_job (id, workspace_id, state, reason, requested_by) values ('{job}', '{}', 'queued', '', '{}')",
        who.workspace, who.user
    ))
    .await;
    assert_eq!(freshness().await["state"], "building");
    rig.admin(&format!(
        "update bcm.rebuild_job set state = 'failed', finished_at = now(), result = '{{\"outcome\": \"failed\", \"error\": \"No.\"}}' where id = '{job}'"
    ))
    .await;
    assert_eq!((&freshness().await["state"], &freshness().await["error"]), (&json!("error"), &json!("No.")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_is_being_made_for_the_first_time_is_announced() {
    let rig = Rig::new().await;
    let who = rig.person().await;
    rig.replica.drain();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let idle = rig.another_replica(false, &[]);
    rig.admin(&format!(
        "insert into bcm.rebuild_job (id, workspace_id, state, reason, requested_by) values ('0199aaaa-0000-7000-8000-000000000003', '{}', 'queued', '', '{}')",
        who.workspace, who.user
    ))
    .await;
    let answer = rig.get_from(&idle, &who, "manifest").await;
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.json::<Value>().await.unwrap()["state"], "building");
}
