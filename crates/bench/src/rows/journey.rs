//! `confirm` and `finalize`: the two ways of an event through the system, beside the sum of their parts measured alone.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, bail, ensure};
use diesel::{QueryableByName, sql_query, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::StreamExt;
use serde_json::json;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use uuid::Uuid;

use super::{
    Context,
    autosave::unlock,
    reduce::{FIXTURES, context, policy},
    webhook::{authorization, body, webhook},
};
use crate::{
    bar::{Bar, Limit},
    http::{Answer, Connection, once, request},
    people::{Person, people},
    process::Processor,
    publish,
    stack::Service,
    statistics::Spread,
};

/// Journeys of a run.
const CONFIRMS: usize = 60;
const FINALIZES: usize = 12;
const CONFIRMS_PER_S: f64 = 20.0;
const FINALIZES_PER_S: f64 = 4.0;
const PART_CALLS: u32 = 100;
/// No service is bound to it: a message of the bench would be a dead letter there.
const PROBE: &str = "bench.delivery";
const LIMIT: Duration = Duration::from_secs(60);

fn median(values: &[f64]) -> anyhow::Result<f64> {
    Ok(Spread::of(values).context("nothing was measured")?.median)
}

fn ms_since(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

/// The median of a commit of one row, alone.
async fn commit_ms(connection: &mut AsyncPgConnection) -> anyhow::Result<f64> {
    sql_query("create table if not exists public.bench_commit (id bigint generated always as identity, body text not null)")
        .execute(connection)
        .await?;
    let mut times = Vec::new();
    for _ in 0..PART_CALLS {
        let begun = Instant::now();
        // One round trip: Diesel would prepare the statement each time.
        connection.batch_execute("insert into public.bench_commit (body) values (repeat('x', 500))").await?;
        times.push(ms_since(begun));
    }
    median(&times)
}

async fn exchange_json(connection: &mut Connection, bytes: &[u8]) -> anyhow::Result<serde_json::Value> {
    let answer: Answer<'_> = connection.exchange(bytes).await?;
    ensure!(answer.status < 300, "{} {}", answer.head, String::from_utf8_lossy(answer.body));
    answer.json()
}

/// The median of a status call at the sandbox, alone.
async fn status_ms(run: &Context, sandbox: &Service, merchant_order_id: &str) -> anyhow::Result<f64> {
    let setting = |name: &str| run.stack.setting("sandbox", &format!("SANDBOX_{name}"));
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&client_version={}",
        setting("CLIENT_ID")?,
        setting("CLIENT_SECRET")?,
        setting("CLIENT_VERSION")?
    );
    let mut connection = Connection::open(sandbox.public).await?;
    let ask =
        request("POST", "/apis/identity-manager/v1/oauth/token", &[("Content-Type", "application/x-www-form-urlencoded")], form.as_bytes());
    let token = exchange_json(&mut connection, &ask).await?;
    let token = format!("O-Bearer {}", token.pointer("/access_token").and_then(serde_json::Value::as_str).context("no token")?);
    let path = format!("/apis/pg/checkout/v2/order/{merchant_order_id}/status");
    let ask = request("GET", &path, &[("Authorization", &token)], b"");
    let mut times = Vec::new();
    for _ in 0..PART_CALLS {
        let begun = Instant::now();
        exchange_json(&mut connection, &ask).await?;
        times.push(ms_since(begun));
    }
    median(&times)
}

async fn message_ms(run: &Context, event: &str, body: &[u8]) -> anyhow::Result<(f64, f64)> {
    let (publishes, deliveries) = publish::message_times(&run.stack.amqp, event, body, PART_CALLS).await?;
    Ok((median(&publishes)?, median(&deliveries)?))
}

/// Orders to be paid, one for each of these people; answers their ids at the provider.
async fn orders(payments: SocketAddr, people: &[Person]) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut connection = Connection::open(payments).await?;
    for person in people {
        let workspace = person.workspace.to_string();
        let headers = [("Authorization", person.bearer.as_str()), ("X-Workspace-Id", &workspace), ("Content-Type", "application/json")];
        let ask = request("POST", "/api/payments/v2/initiate", &headers, br#"{"plan":"glide","cycle":"monthly"}"#);
        let order = exchange_json(&mut connection, &ask).await?;
        let id = order.pointer("/order_id").and_then(serde_json::Value::as_str).context("no order")?;
        ids.push(format!("{id}-1"));
    }
    Ok(ids)
}

#[derive(QueryableByName)]
struct Unlocked {
    #[diesel(sql_type = sql_types::Uuid)]
    workspace_id: Uuid,
}

/// When each of these workspaces was seen unlocked: the unlock's own outbox row wakes this at its commit.
async fn unlocks(run: &Context, wanted: &[Person]) -> anyhow::Result<HashMap<Uuid, Instant>> {
    let (mut listening, mut asking) = (run.stack.connect().await?, run.stack.connect().await?);
    sql_query("listen groundwork_outbox_onboarding").execute(&mut listening).await?;
    let mut seen = HashMap::new();
    let mut notifications = std::pin::pin!(listening.notifications_stream());
    while seen.len() < wanted.len() {
        match timeout(LIMIT, notifications.next()).await {
            Ok(Some(notification)) => drop(notification?),
            Ok(None) => bail!("the database ended the session"),
            Err(_) => bail!("{} of {} workspaces were unlocked", seen.len(), wanted.len()),
        }
        let at = Instant::now();
        let rows: Vec<Unlocked> = sql_query("select workspace_id from onboarding.unlock where unlocked_at > now() - interval '10 seconds'")
            .load(&mut asking)
            .await?;
        for row in rows.iter().filter(|row| wanted.iter().any(|person| person.workspace == row.workspace_id)) {
            seen.entry(row.workspace_id).or_insert(at);
        }
    }
    Ok(seen)
}

/// Sends the webhooks at their pace; when each was accepted.
async fn send(payments: SocketAddr, people: &[Person], webhooks: &[Vec<u8>]) -> anyhow::Result<HashMap<Uuid, Instant>> {
    let begun = Instant::now() + Duration::from_millis(200);
    let mut connection = Connection::open(payments).await?;
    let mut accepted = HashMap::new();
    for (number, (person, bytes)) in (0_u32..).zip(people.iter().zip(webhooks)) {
        sleep_until(begun + Duration::from_secs_f64(f64::from(number) / CONFIRMS_PER_S)).await;
        let answer = connection.exchange(bytes).await?;
        ensure!(answer.status == 200, "a webhook was answered {}", answer.head);
        accepted.insert(person.workspace, Instant::now());
    }
    Ok(accepted)
}

pub async fn confirm(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let stack = &run.stack;
    let mut connection = stack.connect().await?;
    let sandbox = stack.sandbox().await?;
    once(sandbox.public, &request("PUT", "/control/webhook-url", &[("Content-Type", "application/json")], br#"{"url":null}"#)).await?;
    let all = &["serve", "--with-worker"];
    let auth = stack.service("auth-svc", all, &[], Processor::Any).await?;
    let payments = stack.service("payments-svc", all, &[], Processor::Any).await?;
    let onboarding = stack.service("onboarding-svc", all, &[], Processor::Any).await?;
    let authorization = authorization(run)?;
    let (mut whole, mut sums, mut parts) = (Vec::new(), Vec::new(), String::new());
    for _ in 0..run.pairs {
        let people = people(stack, &mut connection, CONFIRMS).await?;
        let ids = orders(payments.public, &people).await?;
        let mut control = Connection::open(sandbox.public).await?;
        for id in &ids {
            let path = format!("/control/orders/{id}/pay");
            let pay = request("POST", &path, &[("Content-Type", "application/json")], br#"{"outcome":"success"}"#);
            exchange_json(&mut control, &pay).await?;
        }
        sleep(Duration::from_secs(2)).await;
        let (commit, status) =
            (commit_ms(&mut connection).await?, status_ms(run, &sandbox, ids.as_slice().first().context("no order")?).await?);
        let (publish, delivery) = message_ms(run, PROBE, &[b'x'; 600]).await?;
        sums.push(5.0 * commit + status + publish + delivery);
        parts = format!("a commit {commit:.2} ms, status call {status:.2} ms, publish {publish:.2} ms, delivery {delivery:.2} ms");
        let webhooks: Vec<_> = ids.iter().map(|id| webhook(&authorization, &body(id))).collect();
        let (accepted, seen) = tokio::try_join!(send(payments.public, &people, &webhooks), unlocks(run, &people))?;
        let times: Vec<f64> = accepted
            .iter()
            .filter_map(|(workspace, at)| Some(seen.get(workspace)?.saturating_duration_since(*at).as_secs_f64() * 1000.0))
            .collect();
        whole.push(median(&times)?);
    }
    for service in [onboarding, payments, auth, sandbox] {
        service.process.stop().await?;
    }
    let claim = "webhook accepted → unlocked ÷ its parts alone";
    Ok(vec![Bar::ratio("confirm", claim, "ms", (&whole, &sums), Limit::AtMost(3.0))?.noting(parts)])
}

/// Completes every step of the fixture.
async fn complete_all(onboarding: SocketAddr, person: &Person) -> anyhow::Result<()> {
    let answers: serde_json::Value = serde_json::from_str(FIXTURES[0].1)?;
    let workspace = person.workspace.to_string();
    let headers = [
        ("Authorization", person.bearer.as_str()),
        ("X-Workspace-Id", &workspace),
        ("Content-Type", "application/json"),
        ("If-Match", "\"0\""),
    ];
    let mut connection = Connection::open(onboarding).await?;
    for (slug, answer) in answers.as_object().context("the fixture is no object")? {
        let body = serde_json::to_vec(&json!({"answer": answer}))?;
        let answer = connection.exchange(&request("POST", &format!("/api/onboarding/steps/{slug}/complete"), &headers, &body)).await?;
        ensure!(answer.status == 200, "{slug}: {} {}", answer.head, String::from_utf8_lossy(answer.body));
    }
    Ok(())
}

/// Counts the commits of manifests: their outbox rows wake this. Asking again and again instead would slow down what is measured.
async fn count_manifests(run: &Context, commits: &watch::Sender<u64>) -> anyhow::Result<()> {
    let mut listening = run.stack.connect().await?;
    sql_query("listen groundwork_outbox_bcm").execute(&mut listening).await?;
    let mut notifications = std::pin::pin!(listening.notifications_stream());
    while let Some(notification) = notifications.next().await {
        drop(notification?);
        commits.send_modify(|count| *count += 1);
    }
    bail!("the database ended the session")
}

/// From the request to finalize to the first manifest that is answered, in milliseconds. The manifest is asked for after each
/// commit of one.
async fn finalized(
    at: Instant,
    (onboarding, store): (SocketAddr, SocketAddr),
    person: &Person,
    mut commits: watch::Receiver<u64>,
) -> anyhow::Result<f64> {
    let workspace = person.workspace.to_string();
    let headers = [("Authorization", person.bearer.as_str()), ("X-Workspace-Id", workspace.as_str())];
    let (mut asking, mut reading) = (Connection::open(onboarding).await?, Connection::open(store).await?);
    sleep_until(at).await;
    let begun = Instant::now();
    let answer = asking.exchange(&request("POST", "/api/onboarding/finalize", &headers, b"")).await?;
    ensure!(answer.status == 202, "finalize: {} {}", answer.head, String::from_utf8_lossy(answer.body));
    let ask = request("GET", "/api/context/manifest", &headers, b"");
    loop {
        timeout(LIMIT, commits.changed()).await.context("no manifest was made")??;
        if reading.exchange(&ask).await?.status == 200 {
            return Ok(ms_since(begun));
        }
    }
}

pub async fn finalize(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let stack = &run.stack;
    let mut connection = stack.connect().await?;
    let all = &["serve", "--with-worker"];
    let onboarding = stack.service("onboarding-svc", all, &[], Processor::Any).await?;
    let store = stack.service("bcm-svc", all, &[], Processor::Any).await?;
    let event = serde_json::to_vec(&context(FIXTURES[0].1, Uuid::from_u128(1), Uuid::from_u128(2))?)?;
    let (mut whole, mut sums, mut parts) = (Vec::new(), Vec::new(), String::new());
    // The first one loads the vocabulary of the tokeniser.
    for round in 0..=run.pairs {
        let people = people(stack, &mut connection, FINALIZES).await?;
        unlock(&mut connection, &people).await?;
        for person in &people {
            complete_all(onboarding.public, person).await?;
        }
        sleep(Duration::from_secs(2)).await;
        let commit = commit_ms(&mut connection).await?;
        let (publish, delivery) = message_ms(run, PROBE, &event).await?;
        let reduction = reduction_ms()?;
        let begun = Instant::now() + Duration::from_millis(200);
        let commits = watch::Sender::new(0);
        let journeys = (0_u32..).zip(&people).map(|(number, person)| {
            let at = begun + Duration::from_secs_f64(f64::from(number) / FINALIZES_PER_S);
            finalized(at, (onboarding.public, store.public), person, commits.subscribe())
        });
        let times = tokio::select! {
            times = futures_util::future::try_join_all(journeys) => times?,
            ended = count_manifests(run, &commits) => bail!("no commit was seen: {ended:?}"),
        };
        if round > 0 {
            sums.push(3.0 * commit + publish + delivery + reduction);
            whole.push(median(&times)?);
            parts = format!("a commit {commit:.2} ms, publish {publish:.2} ms, delivery {delivery:.2} ms, reduction {reduction:.2} ms");
        }
    }
    for service in [store, onboarding] {
        service.process.stop().await?;
    }
    let claim = "finalize → manifest readable ÷ its parts alone";
    Ok(vec![Bar::ratio("finalize", claim, "ms", (&whole, &sums), Limit::AtMost(3.0))?.noting(parts)])
}

fn reduction_ms() -> anyhow::Result<f64> {
    let (context, policy) = (context(FIXTURES[0].1, Uuid::from_u128(1), Uuid::from_u128(2))?, policy()?);
    let mut times = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        std::hint::black_box(domain::reduce::reduce(&context, policy)?);
        times.push(ms_since(begun));
    }
    median(&times)
}
