//! Checks of a live deployment, each with what to do about it.

use std::{process::ExitCode, sync::Arc};

use diesel::{
    QueryableByName,
    sql_types::{Bool, Text, Timestamptz},
};
use diesel_async::RunQueryDsl;
use serde::Serialize;

use crate::{
    cache::client as redis,
    config::{Config, Problems},
    kit::Kit,
    lifecycle::Lifecycle,
    migrate,
    service::Service,
};

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Works, but should be looked at.
    Warning,
    /// Does not work.
    Failed,
}

/// One line of `doctor`.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it went.
    pub verdict: Verdict,
    /// What was seen and, unless it is fine, what to do.
    pub detail: String,
}

impl Check {
    /// From an attempt, with advice for when it failed.
    pub fn of<T: std::fmt::Display, E: std::fmt::Display>(name: &str, attempt: Result<T, E>, advice: &str) -> Self {
        match attempt {
            Ok(seen) => Self { name: name.into(), verdict: Verdict::Ok, detail: seen.to_string() },
            Err(error) => Self { name: name.into(), verdict: Verdict::Failed, detail: format!("{error}; {advice}") },
        }
    }
}

pub(super) async fn run<S: Service>(loaded: Result<Config<S::Config>, Problems>, json: bool) -> anyhow::Result<ExitCode> {
    let config = match loaded {
        Ok(config) => config,
        Err(problems) => {
            let checks: Vec<_> = problems
                .lines()
                .iter()
                .map(|line| Check { name: "configuration".into(), verdict: Verdict::Failed, detail: line.clone() })
                .collect();
            return Ok(print(&checks, json));
        }
    };
    let mut checks = vec![Check { name: "configuration".into(), verdict: Verdict::Ok, detail: "every setting is usable".into() }];
    let owner = config.kit.database.owner_url.clone();
    let kit = Kit::new(S::IDENTITY, config.kit, Lifecycle::on_this_runtime())?;
    checks.extend(database(&kit).await);
    checks.push(match migrate::pending(&owner, S::IDENTITY.schema, S::migrations()).await {
        Ok(pending) if pending.is_empty() => Check { name: "migrations".into(), verdict: Verdict::Ok, detail: "up to date".into() },
        Ok(pending) => Check {
            name: "migrations".into(),
            verdict: Verdict::Failed,
            detail: format!("{} pending; run `{} migrate`", pending.len(), S::IDENTITY.name),
        },
        Err(error) => Check { name: "migrations".into(), verdict: Verdict::Warning, detail: format!("{error:#}") },
    });
    checks.extend(cache(&kit).await);
    checks.push(Check::of(
        "signing keys",
        kit.verifier.check_keys().await.map(|count| format!("{count} public keys")),
        "check auth.jwks_url and that the identity provider runs",
    ));
    let app = Arc::new(S::build(kit, config.service)?);
    checks.extend(app.doctor().await);
    Ok(print(&checks, json))
}

#[derive(QueryableByName)]
struct Session {
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Bool)]
    powerful: bool,
    #[diesel(sql_type = Timestamptz)]
    now: chrono::DateTime<chrono::Utc>,
}

async fn database(kit: &Kit) -> Vec<Check> {
    let asked = async {
        let mut connection = kit.db.get().await.map_err(|error| error.to_string())?;
        diesel::sql_query(
            "select current_user::text as role, (rolsuper or rolbypassrls) as powerful, clock_timestamp() as now from pg_roles where rolname = current_user",
        )
        .get_result::<Session>(&mut connection)
        .await
        .map_err(|error| error.to_string())
    }
    .await;
    match asked {
        Err(error) => vec![Check::of("database", Err::<String, _>(error), "check database.url and that PostgreSQL runs")],
        Ok(session) => {
            let skew_ms = (kit.clock.now() - session.now).num_milliseconds().abs();
            vec![
                if session.powerful {
                    Check {
                        name: "database role".into(),
                        verdict: Verdict::Failed,
                        detail: format!("{} is a superuser or bypasses row-level security; use the service's runtime role", session.role),
                    }
                } else {
                    Check { name: "database role".into(), verdict: Verdict::Ok, detail: session.role }
                },
                Check {
                    name: "clock".into(),
                    verdict: if skew_ms < 5_000 { Verdict::Ok } else { Verdict::Failed },
                    detail: format!("{skew_ms} ms from the database's clock"),
                },
            ]
        }
    }
}

async fn cache(kit: &Kit) -> Vec<Check> {
    let policy: Result<Vec<String>, _> = kit.cache.query(redis::cmd("CONFIG").arg("GET").arg("maxmemory-policy")).await;
    match policy {
        Err(error) => vec![Check::of("redis", Err::<String, _>(error), "check redis.url and that Redis runs")],
        Ok(policy) => {
            let policy = policy.get(1).cloned().unwrap_or_default();
            let verdict = if policy == "noeviction" { Verdict::Ok } else { Verdict::Warning };
            vec![Check { name: "redis".into(), verdict, detail: format!("maxmemory-policy {policy} (drafts need noeviction)") }]
        }
    }
}

fn print(checks: &[Check], json: bool) -> ExitCode {
    if json {
        println!("{}", serde_json::to_string_pretty(checks).unwrap_or_default());
    } else {
        for check in checks {
            let mark = match check.verdict {
                Verdict::Ok => "ok  ",
                Verdict::Warning => "warn",
                Verdict::Failed => "FAIL",
            };
            println!("{mark}  {:<18} {}", check.name, check.detail);
        }
    }
    if checks.iter().any(|check| check.verdict == Verdict::Failed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
