//! `history`: reads do not get slower as versions and orders pile up. Every read goes to PostgreSQL: memory is off and
//! Redis is not there.

use std::net::SocketAddr;

use anyhow::Context as _;
use diesel::{QueryableByName, sql_query, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::Context;
use crate::{
    bar::{Bar, Limit},
    http::request,
    load::{self, Plan, Same},
    manifests::manifests,
    people::{Person, people},
    process::Processor,
};

const CLIENTS: usize = 4;

async fn orders(connection: &mut AsyncPgConnection, person: &Person, count: i32) -> anyhow::Result<Uuid> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = sql_types::Uuid)]
        id: Uuid,
    }
    sql_query(
        "insert into payments.orders (id, workspace_id, user_id, plan, cycle, amount, state, expires_at, created_at) \
         select gen_random_uuid(), $1, $2, 'glide', 'monthly', 700000, 'failed', now(), now() - n * interval '1 second' \
         from generate_series(1, $3) n",
    )
    .bind::<sql_types::Uuid, _>(person.workspace)
    .bind::<sql_types::Uuid, _>(person.user)
    .bind::<sql_types::Integer, _>(count)
    .execute(connection)
    .await?;
    let row: Row = sql_query("select id from payments.orders where workspace_id = $1 order by created_at offset 5 limit 1")
        .bind::<sql_types::Uuid, _>(person.workspace)
        .get_result(connection)
        .await?;
    Ok(row.id)
}

async fn compare(run: &Context, to: SocketAddr, claim: &str, [small, large]: [(&Person, &str); 2]) -> anyhow::Result<Bar> {
    let milliseconds = async |(person, path): (&Person, &str)| {
        let workspace = person.workspace.to_string();
        let bytes = request("GET", path, &[("Authorization", &person.bearer), ("X-Workspace-Id", &workspace)], b"");
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| Same::new(bytes.clone(), 200)).collect();
        Ok(1000.0 / load::run(to, &mut clients, Plan::full(run.seconds)).await?.per_second)
    };
    let (b, a) = load::alternate(run.pairs, async || milliseconds(large).await, async || milliseconds(small).await).await?;
    Bar::ratio("history", claim, "ms", (&b, &a), Limit::AtMost(1.2))
}

pub async fn measure(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let mut connection = run.stack.connect().await?;
    let people = people(&run.stack, &mut connection, 2).await?;
    let [few, many] = people.as_slice() else { anyhow::bail!("two people were asked for") };
    manifests(&mut connection, std::slice::from_ref(few), 10).await?;
    manifests(&mut connection, std::slice::from_ref(many), 10_000).await?;
    let (an_order, one_of_many) = (orders(&mut connection, few, 10).await?, orders(&mut connection, many, 100_000).await?);
    sql_query("analyze").execute(&mut connection).await.context("analyze")?;

    let off = [("GROUNDWORK__BCM__MEMORY__BYTES", "0"), ("REDIS_URL", "redis://127.0.0.1:1")];
    let store = run.stack.service("bcm-svc", &["serve"], &off, Processor::Any).await?;
    let current = "/api/context/manifest";
    let page = "/api/context/history?limit=10";
    let mut bars = vec![
        compare(run, store.public, "manifest of 10,000 versions ÷ of 10", [(few, current), (many, current)]).await?,
        compare(run, store.public, "page of 10 of 10,000 versions ÷ of 10", [(few, page), (many, page)]).await?,
    ];
    store.process.stop().await?;
    let payments = run.stack.service("payments-svc", &["serve"], &[], Processor::Any).await?;
    let (small, large) = (format!("/api/payments/v2/status/{an_order}"), format!("/api/payments/v2/status/{one_of_many}"));
    bars.push(compare(run, payments.public, "an order of 100,000 ÷ of 10", [(few, &small), (many, &large)]).await?);
    payments.process.stop().await?;
    Ok(bars)
}
