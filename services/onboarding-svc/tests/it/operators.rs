//! What operators do, by HTTP and at the console, seen from outside.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use messaging::operator::{EXIT_REMAINING, OperatorCommand};
use onboarding_svc::OnboardingService;
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::{Kit, Lifecycle, Service};
use testkit::{Database, Running, Vhost, config, operators::Operator, person};

use crate::rig::eventually;

const DEAD: &str = "onboarding-svc.payments.v1.dead";

struct Desk {
    database: Database,
    vhost: Vhost,
    running: Running,
    operator: Operator,
}

impl Desk {
    /// A service with its consumers, an operator, and dead letters: messages that are no events.
    async fn with_poison(count: usize) -> Self {
        Self::with_poison_and(count, &[]).await
    }

    /// The same with settings.
    async fn with_poison_and(count: usize, more: &[(&str, &str)]) -> Self {
        let (database, vhost) = (Database::create().await, Vhost::create().await);
        let running = Running::start::<OnboardingService>(config::<OnboardingService>(&database, Some(&vhost), more), true);
        let operator = Operator::new(&database, format!("{}/api/admin/onboarding", running.url)).await;
        let desk = Self { database, vhost, running, operator };
        messaging::link::declare_topology(&desk.vhost.url().into(), "a test").await.unwrap();
        for number in 0..count {
            let path = format!("api/exchanges/{}/groundwork.return/publish", desk.vhost.name());
            let poison = json!({
                "properties": {"delivery_mode": 2}, "routing_key": "onboarding-svc.payments.v1", "payload": format!("poison {number}"),
                "payload_encoding": "string",
            });
            desk.vhost.request(Method::POST, &path, Some(poison)).await;
        }
        desk.dead(count).await;
        desk
    }

    async fn dead(&self, count: usize) {
        eventually("so many dead letters", async || self.list("").await["items"].as_array().unwrap().len() == count).await;
    }

    async fn list(&self, query: &str) -> Value {
        self.operator.get(&format!("dead-letters{query}")).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.operator.post(path, body).await
    }

    /// Gives a command at the console.
    async fn command(&self, arguments: &[&str]) -> (Result<ExitCode, String>, String) {
        #[derive(Parser)]
        struct Cli {
            #[command(subcommand)]
            command: OperatorCommand,
        }
        let settings = config::<OnboardingService>(&self.database, Some(&self.vhost), &[]);
        let kit = Kit::new(OnboardingService::IDENTITY, settings.kit, Lifecycle::on_this_runtime()).unwrap();
        let mut out = Vec::new();
        let ended = match Cli::try_parse_from(["onboarding-svc"].iter().chain(arguments)) {
            Ok(Cli { command }) => command.run(&kit, &mut out).await.map_err(|error| error.to_string()),
            Err(usage) => Err(usage.to_string()),
        };
        (ended, String::from_utf8(out).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_api_is_for_operators_with_a_second_factor() {
    let desk = Desk::with_poison(0).await;
    desk.operator.assert_others_are_refused(&person(&desk.database).await.token, &[]).await;
}

/// Two acts wait between their letters; neither has the only connection meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_third_request_at_once_is_refused_and_users_are_served() {
    let desk = Desk::with_poison_and(8, &[("GROUNDWORK__DATABASE__POOL_SIZE", "1")]).await;
    let user = person(&desk.database).await;
    let slow = json!({"all": true, "max": 4, "rate": 1, "why": "ticket 7"});
    let act = || desk.post("dead-letters/drop", slow.clone());
    let third = async {
        let begun = "select count(distinct request_id) from onboarding.audit_log where action = 'dead_letter.drop'";
        eventually("two are at work", async || desk.database.number(begun).await == 2).await;
        let refused = desk.operator.send(Method::POST, "dead-letters/drop", Some(&desk.operator.token), Some(&slow)).await;
        assert_eq!(refused.status().as_u16(), 429);
        assert!(refused.headers().contains_key("retry-after"), "{refused:?}");
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "GW-0010");
        assert_eq!(desk.operator.send(Method::GET, "dead-letters", Some(&desk.operator.token), None).await.status().as_u16(), 429);
        let client = service_kit::http_client(Duration::from_secs(30)).unwrap();
        let resumed = client.get(format!("{}/api/onboarding", desk.running.url)).bearer_auth(&user.token).send().await.unwrap();
        assert_eq!(resumed.status().as_u16(), 200);
        assert_eq!(desk.database.number("select count(distinct request_id) from onboarding.audit_log").await, 2, "both are still at work");
    };
    let (first, second, ()) = tokio::join!(act(), act(), third);
    assert_eq!((first.0, second.0, &first.1["done"], &second.1["done"]), (200, 200, &json!(4), &json!(4)));
    desk.dead(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_replayed_and_dropped_by_http_and_audited() {
    let desk = Desk::with_poison(3).await;
    let page = desk.list("?limit=2").await;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["more"]), (2, &json!(true)));
    assert_eq!(page["items"][0]["reason"], "content_type");
    eventually("the second page has the third", async || desk.list("?limit=2&skip=2").await["items"].as_array().unwrap().len() == 1).await;
    assert_eq!(desk.list("?reason=permanent").await["items"], json!([]));
    let shown = desk.operator.get(&format!("dead-letters/{}", page["items"][0]["id"].as_str().unwrap())).await;
    assert_eq!((shown["items"].as_array().unwrap().len(), &shown["items"][0]["data"]), (1, &json!("poison 0")));
    let absurd = desk.operator.send(Method::GET, "dead-letters/%00", Some(&desk.operator.token), None).await;
    assert_eq!(absurd.status().as_u16(), 404);

    let (status, problem) = desk.post("dead-letters/replay", json!({"filter": {"reason": "content_type"}})).await;
    assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some("/why")));
    let (status, problem) = desk.post("dead-letters/drop", json!({"why": "x"})).await;
    assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some("/filter")));
    let (status, problem) = desk.post("dead-letters/drop", json!({"all": true, "max": 501, "why": "x"})).await;
    assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some("/max")));
    let foreign = json!({"filter": {"queue": "auth-svc.bcm.v1"}, "all": true, "why": "x"});
    assert_eq!(desk.post("dead-letters/drop", foreign).await.0, 422);
    desk.dead(3).await;

    let (status, dry) = desk.post("dead-letters/replay", json!({"filter": {"reason": "content_type"}, "dry_run": true})).await;
    assert_eq!((status, dry["matched"].as_u64(), dry["done"].as_u64(), dry["remaining"].as_u64()), (200, Some(3), Some(0), Some(3)));
    desk.dead(3).await;
    assert_eq!(desk.database.number("select count(*) from onboarding.audit_log where action <> 'dead_letter.show'").await, 0);

    // Poison dies again: it has been to its queue, which its count says.
    let (status, done) = desk.post("dead-letters/replay", json!({"all": true, "max": 2, "rate": 500, "why": "ticket 7"})).await;
    assert_eq!(
        (status, done["done"].as_u64(), done["remaining"].as_u64(), &done["complete"]),
        (200, Some(2), Some(1), &json!(true)),
        "{done}"
    );
    eventually("two died again", async || {
        let items = desk.list("").await["items"].clone();
        let redrives: u64 = items.as_array().unwrap().iter().map(|item| item["redrives"].as_u64().unwrap()).sum();
        items.as_array().unwrap().len() == 3 && redrives == 2
    })
    .await;
    let audited = format!(
        "select count(*) from onboarding.audit_log where action = 'dead_letter.replay' and actor_id = '{}' \
         and request_id is not null and detail ->> 'why' = 'ticket 7'",
        desk.operator.user
    );
    assert_eq!(desk.database.number(&audited).await, 4, "intended and done, for two");

    let (status, done) =
        desk.post("dead-letters/drop", json!({"filter": {"reason": "content_type"}, "rate": 500, "why": "no events"})).await;
    assert_eq!((status, done["done"].as_u64()), (200, Some(3)), "{done}");
    desk.dead(0).await;
    eventually("the broker's own count says so", async || desk.vhost.ready(DEAD).await == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outbox_rows_are_listed_unparked_and_republished_by_http() {
    let desk = Desk::with_poison(0).await;
    let mut admin = desk.database.admin().await;
    let row = "insert into onboarding.outbox (event_id, aggregate_type, aggregate_id, aggregate_seq, event_type, subject, dataschema, payload, \
               occurred_at, parked_at, attempts) select gen_random_uuid(), 'onboarding', gen_random_uuid(), 1, 'onboarding.progressed.v1', 'x', 'y', \
               '{}', now(), now(), 20 from generate_series(1, 3)";
    diesel_async::RunQueryDsl::execute(diesel::sql_query(row), &mut admin).await.unwrap();
    let list = async |query: &str| desk.operator.get(&format!("outbox{query}")).await;
    let first = list("?state=parked&limit=2").await;
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let second = list(&format!("?state=parked&limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!((second["items"].as_array().unwrap().len(), second.get("next_cursor")), (1, None));
    let id = second["items"][0]["id"].as_str().unwrap();
    let shown = desk.operator.get(&format!("outbox/{id}")).await;
    assert_eq!((&shown["data"], &shown["state"]), (&json!({}), &json!("parked")));
    assert_eq!(desk.database.number("select count(*) from onboarding.audit_log where action = 'outbox.show'").await, 1);

    let (_, moved) = desk.post("outbox/unpark", json!({"filter": {"id": id}, "dry_run": true})).await;
    assert_eq!((moved["matched"].as_u64(), moved["done"].as_u64()), (Some(1), Some(0)));
    let (status, moved) = desk.post("outbox/unpark", json!({"filter": {"id": id}, "why": "ticket 8"})).await;
    assert_eq!((status, moved["done"].as_u64()), (200, Some(1)), "{moved}");
    eventually("it is published", async || list("?state=published").await["items"].as_array().unwrap().len() == 1).await;
    assert_eq!(list("?state=parked").await["items"].as_array().unwrap().len(), 2);

    assert_eq!(desk.post("outbox/republish", json!({"why": "x"})).await.0, 422, "since when?");
    let published = "select count(*) from onboarding.outbox where published_at > now() - interval '1 minute'";
    assert_eq!(desk.database.number(published).await, 1);
    let (status, moved) = desk.post("outbox/republish", json!({"since": "2020-01-01T00:00:00Z", "why": "ticket 9"})).await;
    assert_eq!((status, moved["done"].as_u64(), moved["remaining"].as_u64()), (200, Some(1), Some(0)), "{moved}");
    assert!(moved["until"].is_string());
    let audited = format!(
        "select count(*) from onboarding.audit_log where action in ('outbox.unpark', 'outbox.republish') and actor_id = '{}'",
        desk.operator.user
    );
    assert_eq!(desk.database.number(&audited).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_says_what_it_did_and_its_exit_code_whether_to_go_on() {
    let desk = Desk::with_poison(3).await;
    let (ended, text) = desk.command(&["dead-letters", "list"]).await;
    assert!(
        ended == Ok(ExitCode::SUCCESS)
            && text.contains("content_type in onboarding-svc.payments.v1, died 20")
            && text.contains("\n3 dead letters\n"),
        "{text}"
    );
    desk.dead(3).await;
    let (ended, text) = desk.command(&["dead-letters", "list", "--json"]).await;
    assert_eq!(ended, Ok(ExitCode::SUCCESS));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), lines[0]["queue"].as_str()), (3, Some("onboarding-svc.payments.v1")));
    desk.dead(3).await;

    for (arguments, needed) in [
        (&["dead-letters", "replay", "--all"][..], "--why"),
        (&["dead-letters", "replay", "--why", "x"], "say which"),
        (&["dead-letters", "drop", "--all", "--why", "x", "--rate", "0"], "--rate"),
        (&["dead-letters", "drop", "--older-than", "soon", "--why", "x"], "for example 15m"),
        (&["outbox", "republish", "--why", "x"], "--since"),
        (&["outbox", "unpark"], "--why"),
    ] {
        let (ended, _) = desk.command(arguments).await;
        assert!(ended.as_ref().is_err_and(|error| error.contains(needed)), "{arguments:?}: {ended:?}");
    }
    let (ended, text) = desk.command(&["dead-letters", "drop", "--all", "--dry-run"]).await;
    assert!(ended == Ok(ExitCode::SUCCESS) && text.contains("3 dead letters would be dropped; nothing was done"), "{text}");
    desk.dead(3).await;
    let (ended, text) = desk.command(&["dead-letters", "drop", "--older-than", "0s", "--max", "1", "--why", "ticket 7"]).await;
    assert!(ended == Ok(ExitCode::from(EXIT_REMAINING)) && text.contains("2 left that match: give the same command again"), "{text}");
    desk.dead(2).await;
    let (ended, text) = desk.command(&["dead-letters", "drop", "--all", "--why", "ticket 7", "--json"]).await;
    assert_eq!(ended, Ok(ExitCode::SUCCESS));
    assert!(text.ends_with("{\"summary\":{\"matched\":2,\"done\":2,\"remaining\":0,\"complete\":true}}\n"), "{text}");
    desk.dead(0).await;
    let audited =
        "select count(*) from onboarding.audit_log where action = 'dead_letter.drop' and outcome = 'done' and detail ->> 'by' like 'os:%'";
    assert_eq!(desk.database.number(audited).await, 3);
    let (ended, text) = desk.command(&["outbox", "list"]).await;
    assert!(ended == Ok(ExitCode::SUCCESS) && text == "0 events\n", "{text}");
    let (ended, _) = desk.command(&["dead-letters", "show", "0199a2b4-0000-7000-8000-000000000000"]).await;
    assert!(ended.is_err_and(|error| error.contains("no dead letter has the id")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_republishing_in_parts_goes_on_with_the_end_that_was_printed() {
    let desk = Desk::with_poison(0).await;
    let rows = "insert into onboarding.outbox (event_id, aggregate_type, aggregate_id, aggregate_seq, event_type, subject, dataschema, payload, \
                occurred_at, published_at) select gen_random_uuid(), 'onboarding', gen_random_uuid(), 1, 'onboarding.progressed.v1', 'x', 'y', \
                '{}', now(), now() from generate_series(1, 3)";
    diesel_async::RunQueryDsl::execute(diesel::sql_query(rows), &mut desk.database.admin().await).await.unwrap();
    let again = ["outbox", "republish", "--since", "2020-01-01T00:00:00Z", "--why", "ticket 9"];
    let (ended, text) = desk.command(&[&again[..], &["--max", "1"]].concat()).await;
    assert_eq!(ended, Ok(ExitCode::from(EXIT_REMAINING)), "{text}");
    let until = text.lines().next().unwrap().strip_prefix("what was published before ").unwrap().to_owned();
    assert!(text.ends_with(&format!("2 left that match: give the same command again with --until {until}\n")), "{text}");
    eventually("the relay has sent it", async || desk.operator.get("outbox?state=published").await["items"].as_array().unwrap().len() == 3)
        .await;
    let on = [&again[..], &["--until", &until]].concat();
    let (ended, text) = desk.command(&on).await;
    assert!(ended == Ok(ExitCode::SUCCESS) && text.starts_with("2 events will be published again by the relay, none left"), "{text}");
    let (ended, text) = desk.command(&on).await;
    assert!(ended == Ok(ExitCode::SUCCESS) && text.starts_with("0 events"), "{text}");
}
