//! `footprint`: how soon a service is ready, and the memory it holds idle and under load, workers included.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::sleep;

use super::{
    Context,
    autosave::{Editor, unlock},
    webhook::{Provider, forget},
};
use crate::{
    bar::{Bar, Limit},
    http::{Connection, request},
    load::{self, Plan, Same},
    manifests::manifests,
    people::people,
    process::Processor,
    stack::Service,
};

const SERVICES: [&str; 4] = ["auth-svc", "payments-svc", "onboarding-svc", "bcm-svc"];
const CLIENTS: usize = 16;

pub async fn measure(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let mut connection = run.stack.connect().await?;
    let people = people(&run.stack, &mut connection, CLIENTS).await?;
    unlock(&mut connection, &people).await?;
    manifests(&mut connection, &people, 1).await?;
    let plan = Plan::full(run.seconds);
    let mut bars = Vec::new();
    for name in SERVICES {
        let (mut ready, mut idle, mut busy) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..run.pairs {
            let service = run.stack.service(name, &["serve", "--with-worker"], &[], Processor::Any).await?;
            ready.push(service.ready_after.as_secs_f64());
            sleep(Duration::from_secs(3)).await;
            idle.push(service.process.memory()?.now);
            let to = service.public;
            match name {
                "auth-svc" => sign_in(&service, plan).await?,
                "payments-svc" => {
                    let mut providers = (0..CLIENTS).map(|_| Provider::new(run)).collect::<anyhow::Result<Vec<_>>>()?;
                    load::run(to, &mut providers, plan).await?;
                }
                "onboarding-svc" => {
                    let mut editors = people.iter().map(Editor::new).collect::<anyhow::Result<Vec<_>>>()?;
                    for (editor, person) in editors.iter_mut().zip(&people) {
                        editor.resume(to, person).await?;
                    }
                    load::run(to, &mut editors, plan).await?;
                }
                _ => {
                    let get = |person: &crate::people::Person| {
                        let workspace = person.workspace.to_string();
                        let headers =
                            [("Authorization", person.bearer.as_str()), ("X-Workspace-Id", &workspace), ("Accept-Encoding", "gzip")];
                        Same::new(request("GET", "/api/context/manifest", &headers, b""), 200)
                    };
                    // Rebuilding is what takes memory there: the vocabulary of the tokeniser.
                    for person in &people {
                        let workspace = person.workspace.to_string();
                        let headers = [
                            ("Authorization", person.bearer.as_str()),
                            ("X-Workspace-Id", &workspace),
                            ("Content-Type", "application/json"),
                        ];
                        crate::http::once(to, &request("POST", "/api/context/rebuild", &headers, br#"{"force":true}"#)).await?;
                    }
                    let mut readers: Vec<_> = people.iter().map(get).collect();
                    load::run(to, &mut readers, plan).await?;
                }
            }
            busy.push(service.process.memory()?.peak);
            service.process.stop().await?;
            forget(run).await?;
        }
        bars.push(Bar::value("footprint", format!("{name}: start to ready"), "s", &ready, Limit::Below(0.5))?);
        bars.push(Bar::value("footprint", format!("{name}: resident, idle"), "MiB", &idle, Limit::Below(40.0))?);
        bars.push(Bar::value("footprint", format!("{name}: resident, most under load"), "MiB", &busy, Limit::Below(120.0))?);
    }
    Ok(bars)
}

/// Sign-ins by password from many connections at once.
async fn sign_in(service: &Service, plan: Plan) -> anyhow::Result<()> {
    let json = [("Content-Type", "application/json")];
    let mut clients = Vec::new();
    let mut connection = Connection::open(service.public).await?;
    for _ in 0..CLIENTS {
        let body = format!(r#"{{"email":"bench-{}@example.test","password":"a long enough password"}}"#, uuid::Uuid::now_v7().simple());
        let answer = connection.exchange(&request("POST", "/auth/v1/signup", &json, body.as_bytes())).await?;
        anyhow::ensure!(answer.status == 200, "sign-up answered {}", answer.head);
        answer.json()?.pointer("/access_token").context("no token")?;
        clients.push(Same::new(request("POST", "/auth/v1/token?grant_type=password", &json, body.as_bytes()), 200));
    }
    load::run(service.public, &mut clients, plan).await?;
    Ok(())
}
