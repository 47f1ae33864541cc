//! `autosave`: draft saves beside a bare handler that runs the same script.

use anyhow::Context as _;
use diesel::{
    sql_query,
    sql_types::{Array, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Context, reduce::FIXTURES};
use crate::{
    bar::{Bar, Limit},
    bare::command_counts,
    http::{Answer, request},
    load::{self, Client, Plan},
    people::{Person, people},
    process::Processor,
};

const CLIENTS: usize = 16;
const STEP: &str = "messaging";

/// Saves one draft again and again, each time on the revision that the last save made.
pub struct Editor {
    path: String,
    bearer: String,
    workspace: String,
    body: Vec<u8>,
    revision: String,
    bytes: Vec<u8>,
}

impl Editor {
    /// Of this person.
    ///
    /// # Errors
    /// When the fixture has no such step.
    pub fn new(person: &Person) -> anyhow::Result<Self> {
        let fixture: Value = serde_json::from_str(FIXTURES[0].1)?;
        let answer = fixture.get(STEP).context("the fixture has no such step")?;
        let mut editor = Self {
            path: format!("/api/onboarding/steps/{STEP}/draft"),
            bearer: person.bearer.clone(),
            workspace: person.workspace.to_string(),
            body: serde_json::to_vec(&json!({"answer": answer}))?,
            revision: "\"0\"".to_owned(),
            bytes: Vec::new(),
        };
        editor.write();
        Ok(editor)
    }

    /// Goes on from the revision that the service has.
    ///
    /// # Errors
    /// When it does not tell.
    pub async fn resume(&mut self, at: std::net::SocketAddr, person: &Person) -> anyhow::Result<()> {
        let headers = [("Authorization", person.bearer.as_str()), ("X-Workspace-Id", &self.workspace)];
        let (head, _) = crate::http::once(at, &request("GET", &format!("/api/onboarding/steps/{STEP}"), &headers, b"")).await?;
        let tag = head.split("\r\n").filter_map(|line| line.split_once(": ")).find(|(name, _)| name.eq_ignore_ascii_case("etag"));
        tag.context("no revision")?.1.clone_into(&mut self.revision);
        self.write();
        Ok(())
    }

    fn write(&mut self) {
        let headers = [
            ("Authorization", self.bearer.as_str()),
            ("X-Workspace-Id", &self.workspace),
            ("Content-Type", "application/json"),
            ("If-Match", &self.revision),
        ];
        self.bytes = request("PUT", &self.path, &headers, &self.body);
    }
}

impl Client for Editor {
    fn request(&mut self) -> &[u8] {
        &self.bytes
    }

    fn answered(&mut self, answer: &Answer<'_>) -> bool {
        let Some(revision) = answer.header("etag") else { return false };
        revision.clone_into(&mut self.revision);
        self.write();
        answer.status == 200
    }
}

/// Opens the onboardings of these people, as a paid order would.
///
/// # Errors
/// When the database refuses.
pub async fn unlock(connection: &mut diesel_async::AsyncPgConnection, people: &[Person]) -> anyhow::Result<()> {
    let workspaces: Vec<Uuid> = people.iter().map(|person| person.workspace).collect();
    sql_query(
        "insert into onboarding.onboarding (workspace_id, unlocked_by, unlocked_at, subscription_status, subscription_period_end, \
           progress, announced_status) \
         select w, gen_random_uuid(), now(), 'active', now() + interval '30 days', 'in_progress', 'in_progress' from unnest($1) as w \
         on conflict (workspace_id) do update set unlocked_by = excluded.unlocked_by, unlocked_at = excluded.unlocked_at, \
           subscription_status = excluded.subscription_status, subscription_period_end = excluded.subscription_period_end, \
           progress = excluded.progress, announced_status = excluded.announced_status",
    )
    .bind::<Array<SqlUuid>, _>(workspaces)
    .execute(connection)
    .await?;
    Ok(())
}

async fn prepare_bare(redis: &str, people: &[Person]) -> anyhow::Result<()> {
    let mut connection = deadpool_redis::redis::Client::open(redis)?.get_multiplexed_async_connection().await?;
    for person in people {
        let mut command = deadpool_redis::redis::cmd("HSET");
        command.arg(format!("bench:drafts:{}", person.workspace)).arg("epoch").arg(1);
        command.query_async::<i64>(&mut connection).await?;
    }
    Ok(())
}

pub async fn measure(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let stack = &run.stack;
    let mut connection = stack.connect().await?;
    let people = people(stack, &mut connection, CLIENTS).await?;
    unlock(&mut connection, &people).await?;
    prepare_bare(&stack.redis, &people).await?;
    let service = stack.service("onboarding-svc", &["serve"], &[], Processor::Measured).await?;
    let bare = stack.bare(&["save"]).await?;
    let editors = || people.iter().map(Editor::new).collect::<anyhow::Result<Vec<_>>>();
    let (mut ours, mut theirs) = (editors()?, editors()?);
    let (saves, baseline) = load::alternate(
        run.pairs,
        async || Ok(load::run(service.public, &mut ours, Plan::full(run.seconds)).await?.per_second),
        async || Ok(load::run(bare.public, &mut theirs, Plan::full(run.seconds)).await?.per_second),
    )
    .await?;
    // Whatever Redis was asked besides the script shows as a command that the bare handler did not cause.
    let counted = async |to, editors: &mut Vec<Editor>| {
        let before = command_counts(&stack.redis).await?;
        let answers = load::run(to, editors, Plan::full(1)).await?.answers;
        let after = command_counts(&stack.redis).await?;
        let calls = after.into_iter().filter(|(name, _)| name != "info").map(|(name, calls)| {
            let calls = calls - before.get(&name).copied().unwrap_or(0);
            (name, f64::from(u32::try_from(calls).unwrap_or(u32::MAX)) / f64::from(answers))
        });
        anyhow::Ok(calls.filter(|(_, calls)| *calls > 0.001).collect::<std::collections::BTreeMap<_, _>>())
    };
    let with_bare = counted(bare.public, &mut theirs).await?;
    let with_ours = counted(service.public, &mut ours).await?;
    let script = with_ours.get("evalsha").copied().unwrap_or_default();
    let others: f64 = with_ours
        .iter()
        .filter(|(name, _)| *name != "evalsha")
        .map(|(name, calls)| (calls - with_bare.get(name).copied().unwrap_or_default()).max(0.0))
        .sum();
    service.process.stop().await?;
    bare.process.stop().await?;
    anyhow::ensure!(script > 0.99, "saves went by the script: {}", describe(&with_ours));
    let trips = script + if others > 0.01 { others } else { 0.0 };
    Ok(vec![
        Bar::ratio("autosave", "saves/s ÷ a bare handler with the script", "1/s", (&saves, &baseline), Limit::AtLeast(0.60))?,
        Bar::value("autosave", "Redis round trips of a save", "", &[(trips * 1000.0).round() / 1000.0], Limit::AtMost(1.0))?
            .noting(format!("calls of a save: {}", describe(&with_ours))),
    ])
}

fn describe(calls: &std::collections::BTreeMap<String, f64>) -> String {
    calls.iter().map(|(name, calls)| format!("{name} {calls:.2}")).collect::<Vec<_>>().join(", ")
}
