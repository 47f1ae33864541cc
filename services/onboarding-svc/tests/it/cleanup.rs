//! What time does to sessions, and what operators do with them at the console.

use clap::Parser;
use domain::{event::Event, subscription::SubscriptionState};
use onboarding_svc::console::Console;
use serde_json::{Value, json};
use service_kit::{Service, cache::client::cmd};
use testkit::{Running, person};

use crate::rig::{Rig, eventually};

const EVERY_SECOND: (&str, &str) = ("GROUNDWORK__ONBOARDING__CLEANUP__EVERY_S", "1");
const PUBLIC_URL: (&str, &str) = ("GROUNDWORK__ONBOARDING__PUBLIC_URL", "https://app.example.com");

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Console,
}

impl Rig {
    /// A process whose cleanup looks every second.
    fn cleaning(&self) -> Running {
        self.replica(&[EVERY_SECOND, PUBLIC_URL])
    }

    /// Lets it be so many days since the last edit.
    async fn silent_for(&self, days: u32) {
        self.sql(&format!("update onboarding.onboarding set last_activity_at = now() - interval '{days} days 1 hour'")).await;
    }

    async fn mails(&self) -> i64 {
        self.database.number("select count(*) from onboarding.mail_outbox where purpose_key like 'onboarding-reminder/%'").await
    }

    /// A begun session that is on disk.
    async fn begun() -> Self {
        let rig = Self::unlocked().await;
        let durable = [("Prefer", "durable")];
        rig.save_at(&rig.running.url, "company", r#""0""#, &json!({"company_name": "Acme"}), &durable).await.expect(200);
        rig
    }

    async fn command(&self, line: &str) -> anyhow::Result<String> {
        let command = Line::try_parse_from(std::iter::once("onboarding-svc").chain(line.split(' ')))?.command;
        let mut out = Vec::new();
        command.run(&self.service, &mut out).await?;
        Ok(String::from_utf8(out).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_session_is_reminded_after_two_days_and_after_six_and_each_once() {
    let rig = Rig::begun().await;
    // Two replicas; one is at it.
    let _cleaning = (rig.cleaning(), rig.cleaning());
    rig.silent_for(1).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(rig.mails().await, 0);
    rig.silent_for(2).await;
    eventually("the first reminder", async || rig.mails().await == 1).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(rig.mails().await, 1);
    rig.silent_for(6).await;
    eventually("the second reminder", async || rig.mails().await == 2).await;
    let to = format!(
        "select count(*) from onboarding.mail_outbox where recipient = '{}' and workspace_id = '{}' \
         and body_text like '%https://app.example.com/onboarding%'",
        rig.person.email, rig.person.workspace
    );
    assert_eq!(rig.database.number(&to).await, 2);
    assert_eq!(rig.database.number("select reminded from onboarding.onboarding").await, 2);
    // An edit begins it anew.
    let revision = rig.get("/api/onboarding/steps/company").await.etag();
    let durable = [("Prefer", "durable")];
    rig.save_at(&rig.running.url, "company", &revision, &json!({"company_name": "Acme 2"}), &durable).await.expect(200);
    assert_eq!(rig.database.number("select reminded from onboarding.onboarding").await, 0);
    rig.silent_for(7).await;
    eventually("one that is late by both", async || rig.mails().await == 3).await;
    assert_eq!(rig.database.number("select reminded from onboarding.onboarding").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_reminded_who_cannot_go_on_or_is_no_member_any_more() {
    let rig = Rig::begun().await;
    rig.deliver(&Event::SubscriptionExpired(rig.subscription(SubscriptionState::Expired)), 1).await;
    rig.silent_for(3).await;
    let _cleaning = rig.cleaning();
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(rig.mails().await, 0, "suspended");
    // Coming back begins the silence anew.
    rig.deliver(&Event::SubscriptionActivated(rig.subscription(SubscriptionState::Active)), 2).await;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(rig.mails().await, 0, "resumed just now");
    let other = person(&rig.database).await;
    rig.add(&other, "owner").await;
    rig.sql(&format!("delete from identity.memberships where user_id = '{}'", rig.person.user)).await;
    rig.silent_for(3).await;
    eventually("it was looked at", async || rig.database.number("select reminded from onboarding.onboarding").await == 1).await;
    assert_eq!(rig.mails().await, 0, "removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_session_is_archived_and_the_next_edit_brings_it_back_with_every_answer() {
    let rig = Rig::begun().await;
    rig.silent_for(30).await;
    let cleaning = rig.cleaning();
    eventually("it is archived", async || rig.events().await.last().is_some_and(|event| event == "archived")).await;
    drop(cleaning);
    let resume = rig.get("/api/onboarding?answers=true").await.expect(200);
    assert_eq!((&resume.body["status"], &resume.step("company")["answer"]["company_name"]), (&json!("archived"), &json!("Acme")));
    let revision = format!("\"{}\"", resume.step("company")["revision"].as_str().unwrap());
    rig.save("company", &revision, &json!({"company_name": "Acme is back"})).await.expect(200);
    eventually("it is told", async || rig.events().await.last().is_some_and(|event| event == "progressed")).await;
    assert_eq!(rig.get("/api/onboarding").await.body["status"], "in_progress");
    let audited = format!(
        "select count(*) from onboarding.audit_log where action = 'onboarding.archive' and workspace_id = '{}'",
        rig.person.workspace
    );
    assert_eq!(rig.database.number(&audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_onboarding_is_neither_reminded_nor_archived() {
    let rig = Rig::unlocked().await;
    rig.complete_all(crate::rig::ACME).await;
    rig.post("/api/onboarding/finalize", &[], None).await.expect(202);
    rig.deliver(&rig.generated(1), 1).await;
    rig.silent_for(90).await;
    let _cleaning = rig.cleaning();
    eventually("a round was done", async || {
        rig.database.number("select count(*) from onboarding.lease where done_at is not null").await == 1
    })
    .await;
    assert_eq!((rig.mails().await, rig.get("/api/onboarding").await.body["status"].clone()), (0, json!("completed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_in_redis_are_repaired_by_one_process_at_a_time() {
    let rig = Rig::begun().await;
    let cache = &rig.service.kit().cache;
    let own = format!("onboarding:drafts:{}", rig.person.workspace);
    cache.query::<i64>(cmd("PERSIST").arg(&own)).await.unwrap();
    let gone = uuid::Uuid::now_v7();
    for kind in ["drafts", "revisions"] {
        let key = format!("onboarding:{kind}:{gone}");
        match kind {
            "drafts" => cache.query::<i64>(cmd("HSET").arg(key).arg("epoch").arg(3)).await.unwrap(),
            _ => cache.query::<i64>(cmd("RPUSH").arg(key).arg("x")).await.unwrap(),
        };
    }
    let listed = rig.command("sessions repair --dry-run --json").await.unwrap();
    let lines: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |workspace: &str| {
        lines.iter().filter(|line| line["workspace_id"] == workspace).map(|line| line["fault"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(&rig.person.workspace.to_string()), [json!("lifetime")]);
    assert_eq!(of(&gone.to_string()), [json!("orphan"), json!("orphan")]);
    assert!(cache.query::<i64>(cmd("PTTL").arg(&own)).await.unwrap() < 0, "a dry run");
    let _cleaning = rig.cleaning();
    eventually("the key has a lifetime, the orphans are gone", async || {
        let life = cache.query::<i64>(cmd("PTTL").arg(&own)).await.unwrap();
        let orphans: i64 =
            cache.query(cmd("EXISTS").arg(format!("onboarding:drafts:{gone}")).arg(format!("onboarding:revisions:{gone}"))).await.unwrap();
        life > 0 && orphans == 0
    })
    .await;
    // The session itself was left alone.
    let step = rig.get("/api/onboarding/steps/company").await;
    assert_eq!((step.body["answer"]["company_name"].clone(), step.header("server-timing").contains("redis")), (json!("Acme"), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_list_show_archive_and_repair_sessions_and_never_see_an_answer() {
    let rig = Rig::begun().await;
    let workspace = rig.person.workspace;
    let listed = rig.command("sessions list --status in_progress").await.unwrap();
    assert!(listed.starts_with(&format!("{workspace} in_progress, last edit at ")), "{listed}");
    assert_eq!(rig.command("sessions list --status archived").await.unwrap(), "");
    assert_eq!(rig.command("sessions list --silent-for 1").await.unwrap(), "");
    let shown = rig.command(&format!("sessions show {workspace}")).await.unwrap();
    assert!(
        shown.contains("0 of 23 steps are done, next is company\n  company draft, revision 2.1, at ")
            && shown.contains("Redis has its drafts"),
        "{shown}"
    );
    let json: Value = serde_json::from_str(&rig.command(&format!("sessions show {workspace} --json")).await.unwrap()).unwrap();
    assert_eq!((&json["steps"][0]["slug"], &json["schema_version"]), (&json!("company"), &json!("2026.11")));
    assert!(!shown.contains("Acme") && !json.to_string().contains("Acme"));

    let needs_why = rig.command(&format!("sessions archive {workspace}")).await.unwrap_err().to_string();
    assert!(needs_why.contains("--why"), "{needs_why}");
    let dry = rig.command(&format!("sessions archive {workspace} --why ticket-7 --dry-run")).await.unwrap();
    assert!(dry.contains("would be archived"), "{dry}");
    assert_eq!(rig.get("/api/onboarding").await.body["status"], "in_progress");
    rig.command(&format!("sessions archive {workspace} --why ticket-7")).await.unwrap();
    eventually("it is seen", async || rig.get("/api/onboarding").await.body["status"] == "archived").await;
    let again = rig.command(&format!("sessions archive {workspace} --why ticket-7")).await.unwrap_err().to_string();
    assert!(again.contains("that is archived cannot be archived"), "{again}");
    let unknown = rig.command("sessions show 019c2d6e-0000-7000-8000-000000000002").await.unwrap_err().to_string();
    assert_eq!(unknown, "the workspace has no onboarding");
    assert!(rig.command(&format!("sessions repair --workspace {workspace} --why ticket-7")).await.unwrap().ends_with("keys repaired\n"));
    let audited = format!(
        "select count(*) from onboarding.audit_log where workspace_id = '{workspace}' and detail ->> 'why' = 'ticket-7' \
         and action in ('onboarding.archive', 'onboarding.repair') and detail ->> 'by' like 'os:%'"
    );
    assert_eq!(rig.database.number(&audited).await, 2);
}
