//! `relay`: outbox rows a second beside a publish with a hundred confirms in flight, and what a row costs as they pile up.

use std::time::Duration;

use anyhow::{Context as _, bail};
use diesel::{QueryableByName, sql_query, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::time::{Instant, sleep};

use super::Context;
use crate::{
    bar::{Bar, Limit},
    process::{Processor, Program},
    publish,
};

const EVENT: &str = "payments.payment.confirmed.v1";
const AGGREGATES: u32 = 1_000;
const ROWS: u32 = 20_000;
const FEW: u32 = 1_000;
const MANY: u32 = 100_000;

/// As large as the event is.
const DATA: &str = r#"{"workspace_id":"019ab0c4-5d2e-7c5b-9f3a-2f6f0c1e4a11","order_id":"019ab0c4-5d2e-7c5b-9f3a-2f6f0c1e4a12","user_id":"019ab0c4-5d2e-7c5b-9f3a-2f6f0c1e4a13","plan":"glide","cycle":"monthly","amount":700000,"currency":"INR","provider_order_id":"OMO2511251000000000000001","provider_transaction_id":"OM2511251000000000000001","confirmed_at":"2026-11-25T10:00:00.123456Z","period_start":"2026-11-25T10:00:00Z","period_end":"2026-12-25T10:00:00Z"}"#;

#[derive(QueryableByName)]
struct Progress {
    #[diesel(sql_type = sql_types::Bool)]
    pending: bool,
}

#[derive(QueryableByName)]
struct Measured {
    #[diesel(sql_type = sql_types::BigInt)]
    rows: i64,
    #[diesel(sql_type = sql_types::Double)]
    seconds: f64,
}

/// Rows of a thousand aggregates in no order, each aggregate's sequence without gaps.
async fn fill(connection: &mut AsyncPgConnection, rows: u32) -> anyhow::Result<()> {
    sql_query("truncate payments.outbox").execute(connection).await?;
    sql_query(format!(
        "insert into payments.outbox (event_id, aggregate_type, aggregate_id, aggregate_seq, event_type, subject, workspace_id, dataschema, \
           payload, occurred_at) \
         select gen_random_uuid(), 'payment', md5('bench' || a)::uuid, row_number() over (partition by a order by n), '{EVENT}', \
           'payment/' || a, md5('bench' || a)::uuid, 'urn:groundwork:event:{EVENT}', convert_to('{DATA}', 'utf8'), now() \
         from (select n, (abs(hashint4(n)) % {AGGREGATES}) as a from generate_series(1, {rows}) n) s order by n"
    ))
    .execute(connection)
    .await?;
    sql_query("analyze payments.outbox").execute(connection).await?;
    Ok(())
}

/// Lets a relay empty the outbox; rows a second, from the first batch that was marked to the last.
async fn drain(run: &Context, connection: &mut AsyncPgConnection, rows: u32) -> anyhow::Result<f64> {
    fill(connection, rows).await?;
    let worker = run.stack.service("payments-svc", &["worker"], &[], Processor::Any).await?;
    let deadline = Instant::now() + Duration::from_secs(300);
    // By the index: a look at the whole table would take from the relay what is to be measured.
    sql_query("set enable_seqscan = off").execute(connection).await?;
    let pending = "select exists (select from payments.outbox where published_at is null) as pending";
    while sql_query(pending).get_result::<Progress>(connection).await?.pending {
        if Instant::now() > deadline {
            bail!("{rows} rows were not published within 300 s");
        }
        sleep(Duration::from_millis(50)).await;
    }
    let measured: Measured = sql_query(
        "select count(*) filter (where published_at > first) as rows, extract(epoch from max(published_at) - min(published_at))::float8 as seconds \
         from payments.outbox, (select min(published_at) as first from payments.outbox) f",
    )
    .get_result(connection)
    .await?;
    worker.process.stop().await?;
    let (_broker, channel) = publish::channel(&run.stack.amqp).await?;
    publish::purge(&channel, &["auth-svc.payments.v1", "onboarding-svc.payments.v1"]).await?;
    Ok(f64::from(u32::try_from(measured.rows)?) / measured.seconds)
}

async fn publish_alone(run: &Context) -> anyhow::Result<f64> {
    let body = run.stack.file("event.json", DATA.as_bytes())?;
    let path = std::env::current_exe()?;
    let program = Program {
        name: "publish",
        path: &path,
        arguments: ["publish", "--count", &ROWS.to_string(), "--event", EVENT, "--body"]
            .iter()
            .map(Into::into)
            .chain([body.into()])
            .collect(),
        environment: vec![("AMQP_URL".to_owned(), run.stack.amqp.clone())],
        on: Processor::Any,
    };
    let output = program.command().output().await?;
    if !output.status.success() {
        bail!("publish: {}", String::from_utf8_lossy(&output.stderr));
    }
    let (_broker, channel) = publish::channel(&run.stack.amqp).await?;
    publish::purge(&channel, &["auth-svc.payments.v1", "onboarding-svc.payments.v1"]).await?;
    String::from_utf8_lossy(&output.stdout).trim().parse().context("publish printed no number")
}

pub async fn measure(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let mut connection = run.stack.connect().await?;
    let (mut relayed, mut published) = (Vec::new(), Vec::new());
    for pair in 0..run.pairs {
        if pair % 2 == 0 {
            relayed.push(drain(run, &mut connection, ROWS).await?);
            published.push(publish_alone(run).await?);
        } else {
            published.push(publish_alone(run).await?);
            relayed.push(drain(run, &mut connection, ROWS).await?);
        }
    }
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for _ in 0..run.pairs {
        few.push(1000.0 / drain(run, &mut connection, FEW).await?);
        many.push(1000.0 / drain(run, &mut connection, MANY).await?);
    }
    sql_query("truncate payments.outbox").execute(&mut connection).await?;
    Ok(vec![
        Bar::ratio("relay", "rows/s ÷ publish, 100 confirms in flight", "1/s", (&relayed, &published), Limit::AtLeast(0.40))?,
        Bar::ratio("relay", "a row's cost at 100,000 pending ÷ at 1,000", "ms", (&many, &few), Limit::AtMost(1.2))?,
    ])
}
