//! `sign-in`: sessions begun with a password beside raw argon2id on the same processors.

use anyhow::{Context as _, bail};
use diesel::{
    sql_query,
    sql_types::{Array, Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use serde_json::json;
use uuid::Uuid;

use super::Context;
use crate::{
    bar::{Bar, Limit},
    hash,
    http::request,
    load::{self, Plan, Same},
    people::people,
    process::{Processor, Program, processors},
};

/// For each hash at once, so that nobody hashes only while all others wait for the database.
const CLIENTS_OF_A_HASH: usize = 2;

async fn raw(run: &Context, at_once: usize) -> anyhow::Result<f64> {
    let path = std::env::current_exe()?;
    let program = Program {
        name: "hash",
        path: &path,
        arguments: ["hash", "--threads", &at_once.to_string(), "--seconds", &run.seconds.to_string()].iter().map(Into::into).collect(),
        environment: Vec::new(),
        on: Processor::Any,
    };
    let output = program.command().output().await?;
    if !output.status.success() {
        bail!("hash: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8_lossy(&output.stdout).trim().parse().context("hash printed no number")
}

pub async fn measure(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let mut connection = run.stack.connect().await?;
    // Everything that a sign-in needs shares these processors: hashing, the service, the database and this generator.
    let at_once = processors();
    let people = people(&run.stack, &mut connection, at_once * CLIENTS_OF_A_HASH).await?;
    let users: Vec<Uuid> = people.iter().map(|person| person.user).collect();
    sql_query("update auth.users set encrypted_password = $2 where id = any($1)")
        .bind::<Array<SqlUuid>, _>(&users)
        .bind::<Text, _>(hash::hash()?)
        .execute(&mut connection)
        .await?;
    let setting = ("GROUNDWORK__EMBEDDED__HASHING_CONCURRENCY", at_once.to_string());
    let service = run.stack.service("auth-svc", &["serve"], &[(setting.0, &setting.1)], Processor::Any).await?;
    let mut clients: Vec<Same> = users
        .iter()
        .map(|user| {
            let body = json!({"email": format!("bench-{user}@example.test"), "password": hash::PASSWORD}).to_string();
            let headers = [("Content-Type", "application/json")];
            Same::new(request("POST", "/auth/v1/token?grant_type=password", &headers, body.as_bytes()), 200)
        })
        .collect();
    let (signed_in, hashed) = load::alternate(
        run.pairs,
        async || Ok(load::run(service.public, &mut clients, Plan::full(run.seconds)).await?.per_second),
        async || raw(run, at_once).await,
    )
    .await?;
    service.process.stop().await?;
    Ok(vec![Bar::ratio("sign-in", "sign-ins/s ÷ raw argon2id on the same processors", "1/s", (&signed_in, &hashed), Limit::AtLeast(0.85))?])
}
