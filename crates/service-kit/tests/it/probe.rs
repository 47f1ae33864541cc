//! The smallest service there is, with one endpoint of each kind.

use std::{process::ExitCode, sync::Arc};

use actix_web::{HttpResponse, get, post, web};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use serde::Deserialize;
use service_kit::{
    Kit, Service, ServiceIdentity,
    auth::{Authenticated, Member, Operator},
    command::Check,
    config::{KitConfig, Problems, ServiceConfig},
    http::{JsonBody, Problem, Registration},
};

#[derive(Debug, Clone, Deserialize)]
pub struct ProbeConfig {
    pub greeting: String,
}

impl ServiceConfig for ProbeConfig {
    const DEFAULTS: &'static str = "greeting = \"hello\"\n";

    fn validate(&self, _: &KitConfig, problems: &mut Problems) {
        problems.require("greeting", &self.greeting);
    }
}

/// Poses as auth-svc, whose role and schema exist in every test database.
pub struct Probe(Kit);

#[derive(clap::Subcommand)]
pub enum NoCommand {}

impl Service for Probe {
    const IDENTITY: ServiceIdentity = ServiceIdentity { name: "auth-svc", section: "auth_svc", schema: "identity" };
    const ABOUT: &'static str = "a probe";
    const OPENAPI_PATH: &'static str = "/openapi.json";
    type Config = ProbeConfig;
    type Command = NoCommand;

    fn build(kit: Kit, _: ProbeConfig) -> anyhow::Result<Self> {
        Ok(Self(kit))
    }

    fn kit(&self) -> &Kit {
        &self.0
    }

    fn migrations() -> EmbeddedMigrations {
        const NONE: EmbeddedMigrations = embed_migrations!("../../migrations/identity");
        NONE
    }

    fn openapi() -> utoipa::openapi::OpenApi {
        utoipa::openapi::OpenApi::default()
    }

    fn routes<R: Registration>(routes: &mut R) {
        routes
            .service(whoami)
            .service(workspace)
            .service(operator)
            .service(echo)
            .service(signed_echo)
            .service(panicking)
            .service(panicking_write)
            .service(slow_write);
    }

    fn start_workers(self: &Arc<Self>) -> anyhow::Result<()> {
        Ok(())
    }

    async fn doctor(self: &Arc<Self>) -> Vec<Check> {
        Vec::new()
    }

    async fn run(self: &Arc<Self>, command: NoCommand) -> anyhow::Result<ExitCode> {
        match command {}
    }
}

#[utoipa::path]
#[get("/whoami")]
async fn whoami(user: Authenticated) -> HttpResponse {
    HttpResponse::Ok().body(user.claims.user.to_string())
}

#[utoipa::path]
#[get("/workspace")]
async fn workspace(member: Member) -> HttpResponse {
    HttpResponse::Ok().body(format!("{} {}", member.workspace, member.role))
}

#[utoipa::path]
#[get("/operator")]
async fn operator(operator: Operator) -> HttpResponse {
    HttpResponse::Ok().body(operator.user().to_string())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    pub items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub count: u8,
}

#[utoipa::path]
#[post("/echo")]
async fn echo(body: JsonBody<Echo>) -> HttpResponse {
    HttpResponse::Ok().body(body.items.iter().map(|item| u32::from(item.count)).sum::<u32>().to_string())
}

#[utoipa::path]
#[post("/signed-echo")]
async fn signed_echo(_: Authenticated, body: JsonBody<Echo>) -> HttpResponse {
    HttpResponse::Ok().body(body.items.len().to_string())
}

#[utoipa::path]
#[get("/panic/{id}")]
async fn panicking() -> HttpResponse {
    panic!("planted")
}

#[utoipa::path]
#[post("/panic/{id}")]
async fn panicking_write(kit: web::Data<Kit>) -> Result<HttpResponse, Problem> {
    kit.lifecycle.detached(async { panic!("planted") }).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Writes a row half a second after the request came, whether or not the caller is still there.
#[utoipa::path]
#[post("/slow-write")]
async fn slow_write(kit: web::Data<Kit>) -> Result<HttpResponse, Problem> {
    let worker = kit.get_ref().clone();
    kit.lifecycle
        .detached(async move {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            let mut connection = worker.db.get().await?;
            let entry = service_kit::audit::Entry {
                workspace: None,
                actor: None,
                action: "probe.write",
                resource: "probe",
                outcome: "done",
                request_id: None,
                detail: serde_json::json!({}),
            };
            service_kit::audit::record(&mut connection, worker.clock.now(), &entry).await?;
            Ok::<_, service_kit::db::DbError>(())
        })
        .await??;
    Ok(HttpResponse::NoContent().finish())
}
