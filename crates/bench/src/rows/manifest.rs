//! `manifest-hot`, `manifest-redis`, `manifest-gateway`: reads of the current manifest beside handlers that do nothing
//! but send its bytes, and beside a `FastAPI` service of the usual shape.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::process::Command;

use super::Context;
use crate::{
    bar::{Bar, Limit},
    http::{self, request},
    load::{self, Plan, Same},
    manifests::manifests,
    people::{Person, people},
    process::{Process, Processor, Program},
    stack::{JWT_SECRET, Service, free_address},
};

/// Connections, each of a person of their own: no two ask for the same key.
const CLIENTS: usize = 32;
const PATH: &str = "/api/context/manifest";
const FIXED_KEY: &str = "bench:manifest:";

fn read(person: &Person, tag: Option<&str>) -> Vec<u8> {
    let workspace = person.workspace.to_string();
    let mut headers = vec![("Authorization", person.bearer.as_str()), ("X-Workspace-Id", &workspace), ("Accept-Encoding", "gzip")];
    headers.extend(tag.map(|tag| ("If-None-Match", tag)));
    request("GET", PATH, &headers, b"")
}

struct Rig {
    people: Vec<Person>,
    tags: Vec<String>,
    service: Service,
}

impl Rig {
    /// bcm-svc with a manifest for each client.
    async fn new(run: &Context, changes: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut connection = run.stack.connect().await?;
        let people = people(&run.stack, &mut connection, CLIENTS).await?;
        manifests(&mut connection, &people, 1).await?;
        let service = run.stack.service("bcm-svc", &["serve"], changes, Processor::Measured).await?;
        let mut tags = Vec::new();
        for person in &people {
            let (head, _) = http::once(service.public, &read(person, None)).await?;
            tags.push(header(&head, "etag").context("no entity tag")?.to_owned());
        }
        Ok(Self { people, tags, service })
    }

    fn whole(&self) -> Vec<Same> {
        self.people.iter().map(|person| Same::new(read(person, None), 200)).collect()
    }

    fn revalidating(&self) -> Vec<Same> {
        self.people.iter().zip(&self.tags).map(|(person, tag)| Same::new(read(person, Some(tag)), 304)).collect()
    }

    /// The files of an answer of the service: whole, and not modified.
    async fn recorded(&self, run: &Context) -> anyhow::Result<(String, String)> {
        let person = self.people.first().context("nobody")?;
        let tag = self.tags.first().map(String::as_str);
        let mut names = Vec::new();
        for (name, tag) in [("whole.http", None), ("not-modified.http", tag)] {
            let (head, body) = http::once(self.service.public, &read(person, tag)).await?;
            let file = run.stack.file(name, &[head.as_bytes(), b"\r\n\r\n", &body].concat())?;
            names.push(file.to_string_lossy().into_owned());
        }
        let mut names = names.into_iter();
        Ok((names.next().unwrap_or_default(), names.next().unwrap_or_default()))
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

async fn per_second(run: &Context, to: SocketAddr, mut clients: Vec<Same>) -> anyhow::Result<f64> {
    Ok(load::run(to, &mut clients, Plan::full(run.seconds)).await?.per_second)
}

/// Requests a second and the microseconds of processor time that each took the server.
async fn with_cost(run: &Context, server: &Service, mut clients: Vec<Same>) -> anyhow::Result<(f64, f64)> {
    let before = server.process.processor_time()?;
    let load = load::run(server.public, &mut clients, Plan::full(run.seconds)).await?;
    let used = server.process.processor_time()?.saturating_sub(before);
    Ok((load.per_second, used.as_secs_f64() * 1e6 / f64::from(load.answers.max(1))))
}

/// Ours beside a bare handler, with what a request costs each.
pub(super) async fn pair(
    run: &Context,
    row: &'static str,
    claim: &str,
    (ours, bare): (&Service, &Service),
    clients: impl Fn() -> Vec<Same>,
    limit: f64,
) -> anyhow::Result<Bar> {
    let (mut cost, mut bare_cost) = (0.0, 0.0);
    let (a, b) = load::alternate(
        run.pairs,
        async || {
            let (rate, used) = with_cost(run, ours, clients()).await?;
            cost = used;
            Ok(rate)
        },
        async || {
            let (rate, used) = with_cost(run, bare, clients()).await?;
            bare_cost = used;
            Ok(rate)
        },
    )
    .await?;
    let bar = Bar::ratio(row, claim, "1/s", (&a, &b), Limit::AtLeast(limit))?;
    Ok(bar.noting(format!("processor time of a request: {cost:.1} µs, bare {bare_cost:.1} µs")))
}

pub async fn hot(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let rig = Rig::new(run, &[]).await?;
    let (whole, not_modified) = rig.recorded(run).await?;
    let handler = run.stack.bare(&["fixed", &whole, &not_modified]).await?;
    let pair = async |claim, clients: &dyn Fn() -> Vec<Same>, limit| {
        pair(run, "manifest-hot", claim, (&rig.service, &handler), clients, limit).await
    };
    let mut bars = vec![
        pair("200 with gzip ÷ a bare handler, same bytes", &|| rig.whole(), 0.60).await?,
        pair("304 ÷ a bare handler, same bytes", &|| rig.revalidating(), 0.75).await?,
    ];
    handler.process.stop().await?;
    let (address, usual) = fastapi(run).await?;
    let beside = beside(run, &rig, ("manifest-hot", "200 with gzip ÷ FastAPI"), (rig.service.public, address), 10.0).await;
    usual.stop().await?;
    bars.push(beside?);
    rig.service.process.stop().await?;
    Ok(bars)
}

pub async fn redis(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let rig = Rig::new(run, &[("GROUNDWORK__BCM__MEMORY__BYTES", "0")]).await?;
    let (whole, _) = rig.recorded(run).await?;
    let mut connection = deadpool_redis::redis::Client::open(run.stack.redis.as_str())?.get_multiplexed_async_connection().await?;
    for person in &rig.people {
        let (_, body) = http::once(rig.service.public, &read(person, None)).await?;
        let mut command = deadpool_redis::redis::cmd("SET");
        command.arg(format!("{FIXED_KEY}{}", person.workspace)).arg(body);
        command.query_async::<()>(&mut connection).await?;
    }
    let handler = run.stack.bare(&["redis", &whole, FIXED_KEY]).await?;
    let claim = "200 without tier 0 ÷ a bare handler with one GET";
    let bar = pair(run, "manifest-redis", claim, (&rig.service, &handler), || rig.whole(), 0.60).await?;
    handler.process.stop().await?;
    let (address, usual) = fastapi(run).await?;
    let beside = beside(run, &rig, ("manifest-redis", "200 without tier 0 ÷ FastAPI"), (rig.service.public, address), 5.0).await;
    usual.stop().await?;
    rig.service.process.stop().await?;
    Ok(vec![bar, beside?])
}

pub async fn gateway(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let rig = Rig::new(run, &[]).await?;
    let (whole, not_modified) = rig.recorded(run).await?;
    let handler = run.stack.bare(&["fixed", &whole, &not_modified]).await?;
    let (ours_at, ours_gateway) = nginx(run, "gateway", rig.service.public).await?;
    let (bare_at, bare_gateway) = nginx(run, "gateway-bare", handler.public).await?;
    let (ours, theirs) = load::alternate(
        run.pairs,
        async || per_second(run, ours_at, rig.whole()).await,
        async || per_second(run, bare_at, rig.whole()).await,
    )
    .await?;
    let bare =
        Bar::ratio("manifest-gateway", "200 through nginx ÷ nginx and a bare handler", "1/s", (&ours, &theirs), Limit::AtLeast(0.70))?;
    for process in [bare_gateway, handler.process] {
        process.stop().await?;
    }
    let (address, usual) = fastapi(run).await?;
    let (usual_at, usual_gateway) = nginx(run, "gateway-fastapi", address).await?;
    let beside = beside(run, &rig, ("manifest-gateway", "200 through nginx ÷ nginx and FastAPI"), (ours_at, usual_at), 4.0).await;
    for process in [ours_gateway, usual_gateway, usual, rig.service.process] {
        process.stop().await?;
    }
    Ok(vec![bare, beside?])
}

/// The same reads of ours and of the `FastAPI` service, in turn.
async fn beside(
    run: &Context,
    rig: &Rig,
    (row, claim): (&'static str, &str),
    (ours, usual): (SocketAddr, SocketAddr),
    limit: f64,
) -> anyhow::Result<Bar> {
    let (ours, theirs) =
        load::alternate(run.pairs, async || per_second(run, ours, rig.whole()).await, async || per_second(run, usual, rig.whole()).await)
            .await?;
    Bar::ratio(row, claim, "1/s", (&ours, &theirs), Limit::AtLeast(limit))
}

/// A gateway in front of this manifest store.
async fn nginx(run: &Context, name: &str, upstream: SocketAddr) -> anyhow::Result<(SocketAddr, Process)> {
    let address = free_address()?;
    let script = run.stack.source("deploy/bench/gateway");
    let program = Program {
        name,
        path: &script,
        arguments: [address.to_string(), upstream.to_string(), name.to_owned()].into_iter().map(Into::into).collect(),
        environment: vec![("STATE_DIR".to_owned(), run.stack.state.to_string_lossy().into_owned())],
        on: Processor::Measured,
    };
    let mut process = program.start(&run.stack.folder())?;
    process.ready(address, "/gateway/livez").await?;
    Ok((address, process))
}

/// The `FastAPI` service: two workers, on the PostgreSQL and Redis of ours. Its packages are installed once for each user. Stop it
/// whatever happened: killing it would leave its workers behind.
async fn fastapi(run: &Context) -> anyhow::Result<(SocketAddr, Process)> {
    let python = Command::new(run.stack.source("deploy/bench/fastapi/venv")).output().await?;
    anyhow::ensure!(python.status.success(), "the FastAPI service: {}", String::from_utf8_lossy(&python.stderr));
    let uvicorn = std::path::PathBuf::from(String::from_utf8(python.stdout)?.trim()).join("bin/uvicorn");
    let address = free_address()?;
    let folder = run.stack.source("deploy/bench/fastapi");
    let arguments =
        format!("app:app --host {} --port {} --workers 2 --loop uvloop --http httptools --no-access-log", address.ip(), address.port());
    let program = Program {
        name: "fastapi",
        path: &uvicorn,
        arguments: arguments.split(' ').map(Into::into).chain(["--app-dir".into(), folder.into()]).collect(),
        environment: vec![
            ("DATABASE_URL".to_owned(), run.stack.setting("bcm-svc", "DATABASE_URL")?),
            ("REDIS_URL".to_owned(), run.stack.redis.clone()),
            ("JWT_SECRET".to_owned(), JWT_SECRET.to_owned()),
            ("JWT_ISSUER".to_owned(), run.stack.setting("bcm-svc", "GROUNDWORK__AUTH__ISSUER")?),
        ],
        on: Processor::Measured,
    };
    let mut process = program.start(&run.stack.folder())?;
    process.ready(address, "/livez").await?;
    Ok((address, process))
}
