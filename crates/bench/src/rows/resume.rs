//! `resume`: the resume answer with all answers, beside a bare handler that reads the same bytes from Redis with one command.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{Context, autosave::unlock, manifest::pair, reduce::FIXTURES};
use crate::{
    bar::{Bar, Limit},
    bare::command_counts,
    http::{self, request},
    load::{self, Plan, Same},
    people::{Person, people},
    process::Processor,
};

const CLIENTS: usize = 16;
const PATH: &str = "/api/onboarding?answers=true";
const FIXED_KEY: &str = "bench:resume:";

fn read(person: &Person) -> Vec<u8> {
    let workspace = person.workspace.to_string();
    request("GET", PATH, &[("Authorization", person.bearer.as_str()), ("X-Workspace-Id", &workspace)], b"")
}

/// Saves an answer to every step.
async fn answer_all(at: std::net::SocketAddr, person: &Person) -> anyhow::Result<()> {
    let (workspace, fixture) = (person.workspace.to_string(), serde_json::from_str::<Value>(FIXTURES[0].1)?);
    for (slug, answer) in fixture.as_object().context("the fixture is no object")? {
        let headers = [
            ("Authorization", person.bearer.as_str()),
            ("X-Workspace-Id", &workspace),
            ("Content-Type", "application/json"),
            ("If-Match", "\"0\""),
        ];
        let body = serde_json::to_vec(&json!({ "answer": answer }))?;
        let (head, answered) = http::once(at, &request("PUT", &format!("/api/onboarding/steps/{slug}/draft"), &headers, &body)).await?;
        ensure!(head.starts_with("HTTP/1.1 200"), "{slug} was not saved: {}", String::from_utf8_lossy(&answered));
    }
    Ok(())
}

pub async fn measure(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let stack = &run.stack;
    let mut connection = stack.connect().await?;
    let people = people(stack, &mut connection, CLIENTS).await?;
    unlock(&mut connection, &people).await?;
    let service = stack.service("onboarding-svc", &["serve"], &[], Processor::Measured).await?;
    let mut redis = deadpool_redis::redis::Client::open(stack.redis.as_str())?.get_multiplexed_async_connection().await?;
    let mut file = None;
    for person in &people {
        answer_all(service.public, person).await?;
        let (head, body) = http::once(service.public, &read(person)).await?;
        ensure!(head.to_ascii_lowercase().contains("redis"), "the resume answer came from elsewhere than Redis: {head}");
        let mut set = deadpool_redis::redis::cmd("SET");
        set.arg(format!("{FIXED_KEY}{}", person.workspace)).arg(&body);
        set.query_async::<()>(&mut redis).await?;
        if file.is_none() {
            file = Some(stack.file("resume.http", &[head.as_bytes(), b"\r\n\r\n", &body].concat())?);
        }
    }
    let file = file.context("nobody")?.to_string_lossy().into_owned();
    let bare = stack.bare(&["redis", &file, FIXED_KEY]).await?;
    let clients = || people.iter().map(|person| Same::new(read(person), 200)).collect::<Vec<_>>();
    let ratio = pair(run, "resume", "all 23 steps ÷ a bare handler, same bytes", (&service, &bare), clients, 0.50).await?;
    // What an answer asks of Redis: the hash, in one pipeline with its lifetime and whether it is dirty. Any other command would be a
    // round trip of its own; what these connections themselves ask is far less than one for a hundred answers.
    let before = command_counts(&stack.redis).await?;
    let answers = load::run(service.public, &mut clients(), Plan::full(1)).await?.answers;
    let after = command_counts(&stack.redis).await?;
    let (mut hashes, mut others) = (0.0, 0.0);
    for (name, calls) in &after {
        let calls = calls.saturating_sub(before.get(name).copied().unwrap_or(0));
        let calls = f64::from(u32::try_from(calls).unwrap_or(u32::MAX)) / f64::from(answers.max(1));
        match name.as_str() {
            "hmget" => hashes += calls,
            "pttl" | "zscore" | "info" => {}
            _ => others += calls,
        }
    }
    ensure!(hashes > 0.99, "resume answers came from elsewhere than the hash: {hashes:.2} reads of it for an answer");
    let trips = hashes + if others > 0.01 { others } else { 0.0 };
    service.process.stop().await?;
    bare.process.stop().await?;
    Ok(vec![ratio, Bar::value("resume", "Redis round trips of an answer", "", &[(trips * 1000.0).round() / 1000.0], Limit::AtMost(1.0))?])
}
