//! What every endpoint answers to bad requests, and that a caller who leaves cuts nothing.

use std::time::Duration;

use reqwest::Method;
use service_kit::{Lifecycle, command::start};
use testkit::{Database, Running, config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::probe::Probe;

async fn probe() -> (Database, Running) {
    let database = Database::create().await;
    let running = Running::start::<Probe>(config::<Probe>(&database, None, &[]), false);
    (database, running)
}

fn client() -> reqwest::Client {
    service_kit::http_client(Duration::from_secs(10)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_bodies_are_client_errors_with_a_code_and_a_pointer() {
    let (_database, running) = probe().await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let huge = format!(r#"{{"items":[{}]}}"#, vec![r#"{"count":1}"#; 60_000].join(","));
    let cases: [(&str, &str, u16, &str, Option<&str>); 9] = [
        ("application/json", r#"{"items":[{"count":1},{"count":2}]}"#, 200, "", None),
        ("application/json", r#"{"items":[{"count":1},{"count":"x"}]}"#, 422, "GW-0006", Some("/items/1/count")),
        ("application/json", r#"{"items":[{"count":300}]}"#, 422, "GW-0006", Some("/items/0/count")),
        ("application/json", r#"{"items":[],"more":1}"#, 422, "GW-0006", Some("/more")),
        ("application/json", "", 400, "GW-0007", None),
        ("application/json", r#"{"items":"#, 400, "GW-0007", None),
        ("application/json", &deep, 422, "GW-0006", None),
        ("text/plain", "{}", 415, "GW-0008", None),
        ("application/json", &huge, 413, "GW-0009", None),
    ];
    for (kind, body, status, code, pointer) in cases {
        let answer =
            client().post(format!("{}/echo", running.url)).header("content-type", kind).body(body.to_owned()).send().await.unwrap();
        let shown: String = body.chars().take(60).collect();
        assert_eq!(answer.status().as_u16(), status, "{shown}");
        if status != 200 {
            let problem: serde_json::Value = answer.json().await.unwrap();
            assert_eq!(problem["code"], code, "{shown}");
            if let Some(pointer) = pointer {
                assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_are_problems_and_request_ids_are_kept_when_well_formed() {
    let (_database, running) = probe().await;
    let unknown = client().get(format!("{}/nowhere", running.url)).header("x-request-id", "caller-chosen-1").send().await.unwrap();
    assert_eq!((unknown.status().as_u16(), unknown.headers()["x-request-id"].to_str().unwrap()), (404, "caller-chosen-1"));
    assert!(!unknown.headers().contains_key("allow"));
    assert_eq!(unknown.json::<serde_json::Value>().await.unwrap()["request_id"], "caller-chosen-1");
    let malformed = client().get(format!("{}/nowhere", running.url)).header("x-request-id", "bad id !").send().await.unwrap();
    assert_ne!(malformed.headers()["x-request-id"], "bad id !");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_method_than_the_paths_is_a_405_that_names_them() {
    let (_database, running) = probe().await;
    for (method, path, allowed) in [
        (Method::DELETE, "/whoami", "GET"),
        (Method::GET, "/echo", "POST"),
        (Method::PUT, "/panic/7", "GET, POST"),
        (Method::POST, "/openapi.json", "GET"),
    ] {
        let answer = client().request(method, format!("{}{path}", running.url)).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["allow"].to_str().unwrap()), (405, allowed), "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["code"], "GW-0003");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_is_a_counted_500_and_the_process_lives_on() {
    let (_database, running) = probe().await;
    for method in [Method::GET, Method::POST] {
        let answer = client()
            .request(method.clone(), format!("{}/panic/7", running.url))
            .header("x-request-id", "caller-chosen-2")
            .send()
            .await
            .unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["x-request-id"].to_str().unwrap()), (500, "caller-chosen-2"), "{method}");
        let problem: serde_json::Value = answer.json().await.unwrap();
        assert_eq!((&problem["code"], &problem["request_id"]), (&"GW-0001".into(), &"caller-chosen-2".into()));
        assert!(!problem.to_string().contains("planted"), "{problem}");
    }
    assert_eq!(client().get(format!("{}/whoami", running.url)).send().await.unwrap().status().as_u16(), 401);
    let metrics = client().get(format!("{}/metrics", running.internal_url)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\npanics_total 2\n"), "{metrics}");
    assert!(metrics.contains(r#"method="GET",route="/panic/{id}",status="500"} 1"#), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_nobody_needs_is_refused() {
    let (_database, running) = probe().await;
    let long = "x".repeat(9 * 1024);
    let answer = client().get(format!("{}/whoami?{long}", running.url)).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.json::<serde_json::Value>().await.unwrap()["code"]), (414, &"GW-0023".into()));
    let request =
        ["x-a", "x-b", "x-c", "x-d"].iter().fold(client().get(format!("{}/whoami", running.url)), |r, name| r.header(*name, &long));
    let answer = request.send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.json::<serde_json::Value>().await.unwrap()["code"]), (431, &"GW-0018".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_drips_is_cut_after_ten_seconds() {
    let (_database, running) = probe().await;
    let mut stream = tokio::net::TcpStream::connect(running.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let dripping = running.lifecycle.spawn(async move {
        while writer.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut answer = Vec::new();
    // The close may be a reset, since bytes that nobody read are under way.
    let _ = tokio::time::timeout(Duration::from_secs(30), reader.read_to_end(&mut answer)).await.unwrap();
    dripping.abort();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("GW-0026"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_resets_the_connection_does_not_cut_a_write() {
    let (database, running) = probe().await;
    let address = running.url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"POST /slow-write HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    // Linger zero makes the close a reset.
    stream.set_zero_linger().unwrap();
    drop(stream);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(database.number("select count(*) from identity.audit_log where action = 'probe.write'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_name_routes_by_pattern_and_never_by_path() {
    let (_database, running) = probe().await;
    client().get(format!("{}/nowhere/01990000-0000-7000-8000-000000000000", running.url)).send().await.unwrap();
    client().get(format!("{}/whoami", running.url)).send().await.unwrap();
    for invented in ["BREW", "WHEN"] {
        client().request(invented.parse().unwrap(), format!("{}/whoami", running.url)).send().await.unwrap();
    }
    let metrics = client().get(format!("{}/metrics", running.internal_url)).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains(r#"http_request_duration_seconds_count{method="GET",route="/whoami",status="401"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"route="unmatched",status="404"} 1"#) && !metrics.contains("01990000"), "{metrics}");
    assert!(metrics.contains(r#"method="other""#) && !metrics.contains("BREW"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_of_the_process_and_of_what_it_depends_on() {
    let (_database, running) = probe().await;
    let up = client().get(format!("{}/metrics", running.internal_url)).send().await.unwrap().text().await.unwrap();
    for wanted in [
        "\nservice_ready 1\n",
        "\ncache_failures_total{reason=\"unavailable\"} 0\n",
        "\nprocess_open_fds ",
        "\nprocess_resident_memory_bytes ",
        "build_info{profile=\"debug\"",
        "db_pool_connections{pool=\"worker\",state=\"waiting\"} 0\n",
    ] {
        assert!(up.contains(wanted), "{wanted:?} is not in {up}");
    }
    let settings = [("DATABASE_URL", "postgres://auth_svc:x@127.0.0.1:1/none"), ("REDIS_URL", "redis://127.0.0.1:1/0")];
    let database = Database::create().await;
    let down = Running::start::<Probe>(config::<Probe>(&database, None, &settings), false);
    let said = client().get(format!("{}/metrics", down.internal_url)).send().await.unwrap().text().await.unwrap();
    assert!(said.contains("\nservice_ready 0\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_database_and_the_drain() {
    let (_database, running) = probe().await;
    let ready = |url: String| async move { client().get(format!("{url}/readyz")).send().await.unwrap().status().as_u16() };
    assert_eq!(ready(running.internal_url.clone()).await, 200);
    let database = Database::create().await;
    let settings = [("DATABASE_URL", "postgres://auth_svc:x@127.0.0.1:1/none")];
    let down = Running::start::<Probe>(config::<Probe>(&database, None, &settings), false);
    assert_eq!(ready(down.internal_url.clone()).await, 503);
    let started = std::time::Instant::now();
    let answer = client().get(format!("{}/workspace", down.url)).bearer_auth(issue()).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    assert!(started.elapsed() < Duration::from_secs(3), "a lost database must be answered quickly");
}

fn issue() -> String {
    testkit::issue_token(uuid::Uuid::now_v7(), "a@example.test", chrono::TimeDelta::hours(1))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_called_ready_before_requests_are_taken() {
    let database = Database::create().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let internal = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (public, internal_addr) = (taken.local_addr().unwrap().to_string(), internal.to_string());
    let addresses = [("GROUNDWORK__HTTP__PUBLIC_ADDR", public.as_str()), ("GROUNDWORK__HTTP__INTERNAL_ADDR", &internal_addr)];
    let lifecycle = Lifecycle::on_this_runtime();
    assert!(start::<Probe>(config::<Probe>(&database, None, &addresses), &lifecycle, true, false).is_err(), "the address is taken");
    assert!(tokio::net::TcpStream::connect(internal).await.is_err(), "readyz answers for a service that takes no requests");
}
