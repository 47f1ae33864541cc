//! The baselines that are handlers: actix with the settings of `service_kit::http`, and nothing between the request and
//! the one thing that has to be done.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    web::{self, Bytes, Data},
};
use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::{Parser, Subcommand};
use deadpool_redis::redis::{self, AsyncCommands, Client, Script, aio::MultiplexedConnection};
use diesel::{
    QueryableByName,
    sql_types::{Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{
    AsyncPgConnection, RunQueryDsl,
    pooled_connection::{AsyncDieselConnectionManager, deadpool::Pool},
};
use serde::Serialize;
use service_kit::db::sql_query;
use uuid::Uuid;

/// The script of `services/onboarding-svc/src/drafts`, as it is there.
const SAVE: &str = include_str!("../../../services/onboarding-svc/src/drafts/save.lua");

/// A bare server.
#[derive(Debug, Parser)]
pub struct Bare {
    /// Where it listens.
    #[arg(long)]
    listen: SocketAddr,
    /// Threads, as `http.workers`.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Redis.
    #[arg(long, env = "REDIS_URL", default_value = "")]
    redis: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// The bytes of an answer that was recorded.
    Fixed {
        /// The answer.
        answer: PathBuf,
        /// What a request with `If-None-Match` gets.
        not_modified: PathBuf,
    },
    /// The same, but its body is one GET of this key away.
    Redis {
        /// The answer.
        answer: PathBuf,
        /// Prefix of the key; the workspace follows.
        key: String,
    },
    /// One call of the script that saves a draft.
    Save,
    /// One indexed read of PostgreSQL.
    Profile {
        /// The database, as a service reaches it.
        #[arg(long, env = "DATABASE_URL")]
        database: String,
    },
}

/// A recorded answer.
#[derive(Debug, Clone)]
struct Recorded {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Recorded {
    fn read(path: &PathBuf) -> anyhow::Result<Self> {
        Self::parse(&std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?)
    }

    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").context("no end of the head")?;
        let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())?;
        let status = head.get(9..12).context("no status")?.parse()?;
        let mut headers = Vec::new();
        for (name, value) in head.split("\r\n").skip(1).filter_map(|line| line.split_once(':')) {
            // actix writes these itself.
            if !["content-length", "date", "connection"].contains(&name.to_ascii_lowercase().as_str()) {
                headers.push((name.to_ascii_lowercase().parse()?, HeaderValue::from_str(value.trim())?));
            }
        }
        Ok(Self { status, headers, body: Bytes::copy_from_slice(bytes.get(end + 4..).unwrap_or_default()) })
    }

    fn answer(&self, body: Bytes) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        response.body(body)
    }
}

#[derive(Clone)]
struct Shared {
    whole: Option<Recorded>,
    not_modified: Option<Recorded>,
    key: String,
    redis: Option<MultiplexedConnection>,
    save: Script,
    database: Option<Pool<AsyncPgConnection>>,
}

async fn fixed(request: HttpRequest, shared: Data<Shared>) -> HttpResponse {
    let recorded = if request.headers().contains_key("if-none-match") { &shared.not_modified } else { &shared.whole };
    recorded.as_ref().map_or_else(|| HttpResponse::NotFound().finish(), |recorded| recorded.answer(recorded.body.clone()))
}

fn workspace(request: &HttpRequest) -> &str {
    request.headers().get("x-workspace-id").and_then(|id| id.to_str().ok()).unwrap_or_default()
}

async fn one_get(request: HttpRequest, shared: Data<Shared>) -> HttpResponse {
    let (Some(mut connection), Some(whole)) = (shared.redis.clone(), &shared.whole) else { return HttpResponse::NotFound().finish() };
    match connection.get::<_, Vec<u8>>(format!("{}{}", shared.key, workspace(&request))).await {
        Ok(body) => whole.answer(body.into()),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

/// Runs the script with what the client sent. Everything that onboarding-svc checks is left out.
async fn save(request: HttpRequest, slug: web::Path<String>, shared: Data<Shared>, body: Bytes) -> HttpResponse {
    let Some(mut connection) = shared.redis.clone() else { return HttpResponse::NotFound().finish() };
    let workspace = workspace(&request);
    let expected = request.headers().get("if-match").and_then(|revision| revision.to_str().ok()).unwrap_or_default().trim_matches('"');
    let mut call = shared.save.prepare_invoke();
    call.key(format!("bench:drafts:{workspace}")).key("bench:dirty").key(format!("bench:limit:{workspace}"));
    call.key(format!("bench:revisions:{workspace}"));
    call.arg(1).arg(expected).arg(slug.as_str()).arg(workspace).arg("draft").arg("invalid").arg("1");
    call.arg(body.as_ref()).arg(body.len()).arg(workspace).arg(1_795_600_800_000_000_i64).arg("0");
    call.arg(2_592_000).arg(184_320).arg(1_000).arg(10).arg(150_000).arg(60).arg("").arg(64);
    match call.invoke_async::<Vec<String>>(&mut connection).await.as_deref() {
        Ok([saved, epoch, n, state]) if saved == "saved" => {
            HttpResponse::Ok().insert_header(("ETag", format!("\"{epoch}.{n}\""))).content_type("application/json").body(format!(
                r#"{{"slug":"{slug}","state":"{state}","revision":"{epoch}.{n}","saved_at":"2026-11-25T10:00:00Z","durable":false}}"#
            ))
        }
        Ok(other) => HttpResponse::PreconditionFailed().body(other.join(" ")),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

#[derive(Serialize, QueryableByName)]
struct Profile {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    email: Option<String>,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    onboarding_status: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
}

/// The profile of the user that the client names.
async fn profile(request: HttpRequest, shared: Data<Shared>) -> HttpResponse {
    let user = request.headers().get("x-bench-user").and_then(|id| id.to_str().ok()?.parse::<Uuid>().ok());
    let (Some(pool), Some(user)) = (&shared.database, user) else { return HttpResponse::NotFound().finish() };
    let mut connection = match pool.get().await {
        Ok(connection) => connection,
        Err(error) => return HttpResponse::InternalServerError().body(error.to_string()),
    };
    let read = sql_query("select user_id, email, name, onboarding_status, created_at from identity.profiles where user_id = $1");
    match read.bind::<SqlUuid, _>(user).get_result::<Profile>(&mut connection).await {
        Ok(profile) => HttpResponse::Ok().json(profile),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

/// Serves until it is killed. Redis is driven by the main runtime, as in a service.
///
/// # Errors
/// When it cannot listen.
pub async fn serve(bare: Bare) -> anyhow::Result<()> {
    let redis = if bare.redis.is_empty() {
        None
    } else {
        Some(Client::open(bare.redis.as_str())?.get_multiplexed_async_connection().await.context("Redis")?)
    };
    let mut shared = Shared { whole: None, not_modified: None, key: String::new(), redis, save: Script::new(SAVE), database: None };
    match &bare.what {
        What::Fixed { answer, not_modified } => {
            shared.whole = Some(Recorded::read(answer)?);
            shared.not_modified = Some(Recorded::read(not_modified)?);
        }
        What::Redis { answer, key } => {
            shared.whole = Some(Recorded::read(answer)?);
            shared.key.clone_from(key);
        }
        What::Save => {}
        What::Profile { database } => {
            let manager = AsyncDieselConnectionManager::new(database.as_str());
            shared.database = Some(Pool::builder(manager).max_size(8).build()?);
        }
    }
    let what = bare.what.clone();
    let server = HttpServer::new(move || {
        let app = App::new().app_data(Data::new(shared.clone())).route("/livez", web::get().to(async || HttpResponse::Ok().body("ok\n")));
        match &what {
            What::Fixed { .. } => app.route("/api/context/manifest", web::get().to(fixed)),
            What::Redis { .. } => app.route("/api/context/manifest", web::get().to(one_get)),
            What::Save => app.route("/api/onboarding/steps/{slug}/draft", web::put().to(save)),
            What::Profile { .. } => app.route("/api/auth/verify-profile", web::get().to(profile)),
        }
    });
    server
        .workers(bare.workers)
        .client_request_timeout(Duration::from_secs(10))
        .keep_alive(Duration::from_secs(75))
        .bind(bare.listen)?
        .run()
        .await?;
    Ok(())
}

/// What Redis has counted so far, by command.
///
/// # Errors
/// When Redis does not answer.
pub async fn command_counts(url: &str) -> anyhow::Result<std::collections::BTreeMap<String, u64>> {
    let mut connection = Client::open(url)?.get_multiplexed_async_connection().await.context("Redis")?;
    let text: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await?;
    Ok(parse_counts(&text))
}

fn parse_counts(text: &str) -> std::collections::BTreeMap<String, u64> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="));
    lines.filter_map(|(name, rest)| Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_answer_keeps_all_headers_but_those_that_actix_writes() {
        let recorded = Recorded::parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: W/\"a\"\r\nDate: now\r\n\r\nhi").unwrap();
        assert_eq!((recorded.status, recorded.body.as_ref()), (StatusCode::OK, &b"hi"[..]));
        let names: Vec<_> = recorded.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["etag"]);
    }

    #[test]
    fn counts_are_those_of_calls() {
        let text = "# Commandstats\r\ncmdstat_evalsha:calls=12,usec=3,usec_per_call=0.2\r\ncmdstat_config|get:calls=1,usec=3\r\n";
        let counts = parse_counts(text);
        assert_eq!((counts.get("evalsha"), counts.get("config|get")), (Some(&12), Some(&1)));
    }
}
