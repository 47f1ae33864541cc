//! `verify-profile`: the gate beside a bare handler with one indexed read of PostgreSQL.

use super::Context;
use crate::{
    bar::{Bar, Limit},
    http::request,
    load::{self, Plan, Same},
    people::{Person, people},
    process::Processor,
};

/// As many as the service's pool has connections.
const CLIENTS: usize = 8;

pub async fn measure(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let people = people(&run.stack, &mut run.stack.connect().await?, CLIENTS).await?;
    let service = run.stack.service("auth-svc", &["serve"], &[], Processor::Measured).await?;
    let bare = run.stack.bare(&["profile", "--database", &run.stack.setting("auth-svc", "DATABASE_URL")?]).await?;
    let clients = || -> Vec<Same> {
        let read = |person: &Person| {
            // The bare handler does not look into the token.
            let user = person.user.to_string();
            let headers = [("Authorization", person.bearer.as_str()), ("X-Bench-User", &user)];
            Same::new(request("GET", "/api/auth/verify-profile", &headers, b""), 200)
        };
        people.iter().map(read).collect()
    };
    let per_second = async |to| Ok(load::run(to, &mut clients(), Plan::full(run.seconds)).await?.per_second);
    let (ours, theirs) =
        load::alternate(run.pairs, async || per_second(service.public).await, async || per_second(bare.public).await).await?;
    service.process.stop().await?;
    bare.process.stop().await?;
    let claim = "answers/s ÷ a bare handler with one indexed read";
    Ok(vec![Bar::ratio("verify-profile", claim, "1/s", (&ours, &theirs), Limit::AtLeast(0.50))?])
}
