//! `webhook`: accepted webhooks beside pgbench inserting the same row.

use anyhow::{Context as _, bail};
use diesel::sql_query;
use diesel_async::RunQueryDsl;
use sha2::{Digest, Sha256};
use tokio::process::Command;
use uuid::Uuid;

use super::Context;
use crate::{
    bar::{Bar, Limit},
    http::{Answer, request},
    load::{self, Client, Plan},
    process::Processor,
};

/// As many as the service's pool has connections.
const CLIENTS: u32 = 8;

const INSERT: &str = r#"with w as (select convert_to('{"type":"CHECKOUT_ORDER_COMPLETED","event":"checkout.order.completed","payload":{"orderId":"OMO' || gen_random_uuid() || '","merchantId":"M22BENCH","merchantOrderId":"bench-' || gen_random_uuid() || '","state":"COMPLETED","amount":700000,"expireAt":1795600800000,"metaInfo":{},"paymentDetails":[{"transactionId":"OM2511251000000000000001","paymentMode":"UPI_QR","timestamp":1795600800000,"amount":700000,"state":"COMPLETED"}]}}', 'utf8') as body)
insert into webhook_receipt (id, body_sha256, body, event, merchant_order_id, received_at, last_seen_at, available_at)
select gen_random_uuid(), sha256(body), body, 'checkout.order.completed', 'bench-' || gen_random_uuid(), now(), now(), now() from w;
"#;

/// Sends webhooks, each with bytes of its own.
pub struct Provider {
    authorization: String,
    bytes: Vec<u8>,
}

impl Provider {
    /// With the stack's credentials.
    ///
    /// # Errors
    /// When the stack has none.
    pub fn new(run: &Context) -> anyhow::Result<Self> {
        let mut provider = Self { authorization: authorization(run)?, bytes: Vec::new() };
        provider.write();
        Ok(provider)
    }

    fn write(&mut self) {
        let body = body(&format!("bench-{}", Uuid::now_v7()));
        self.bytes = webhook(&self.authorization, &body);
    }
}

/// Forgets the webhooks of the bench: nobody has their orders, and workers would ask about them for days.
///
/// # Errors
/// When the database refuses.
pub async fn forget(run: &Context) -> anyhow::Result<()> {
    sql_query("truncate payments.webhook_receipt").execute(&mut run.stack.connect().await?).await?;
    Ok(())
}

/// What the header of a webhook is.
///
/// # Errors
/// When the stack has no credentials.
pub fn authorization(run: &Context) -> anyhow::Result<String> {
    let setting = |name: &str| run.stack.setting("payments-svc", &format!("GROUNDWORK__PAYMENTS__PHONEPE__WEBHOOK_{name}"));
    Ok(hex::encode(Sha256::digest(format!("{}:{}", setting("USERNAME")?, setting("PASSWORD")?))))
}

/// A completed payment, as the provider tells it.
pub fn body(merchant_order_id: &str) -> String {
    format!(
        r#"{{"type":"CHECKOUT_ORDER_COMPLETED","event":"checkout.order.completed","payload":{{"orderId":"OMO{}","merchantId":"M22BENCH","merchantOrderId":"{merchant_order_id}","state":"COMPLETED","amount":700000,"expireAt":1795600800000,"metaInfo":{{}},"paymentDetails":[{{"transactionId":"OM2511251000000000000001","paymentMode":"UPI_QR","timestamp":1795600800000,"amount":700000,"state":"COMPLETED"}}]}}}}"#,
        Uuid::now_v7()
    )
}

/// The request.
pub fn webhook(authorization: &str, body: &str) -> Vec<u8> {
    let headers = [("Authorization", authorization), ("Content-Type", "application/json")];
    request("POST", "/api/payments/v2/webhook", &headers, body.as_bytes())
}

impl Client for Provider {
    fn request(&mut self) -> &[u8] {
        &self.bytes
    }

    fn answered(&mut self, answer: &Answer<'_>) -> bool {
        self.write();
        answer.status == 200
    }
}

/// Inserts a second, and the mean latency in milliseconds.
async fn pgbench(run: &Context, seconds: u64) -> anyhow::Result<(f64, f64)> {
    let script = run.stack.file("webhook.sql", INSERT.as_bytes())?;
    let url = run.stack.setting("payments-svc", "DATABASE_URL")?;
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol=prepared", &format!("--client={CLIENTS}"), "--jobs=1", &format!("--time={seconds}")])
        .arg("--file")
        .arg(script)
        .arg(url)
        .env("PGOPTIONS", "-c search_path=payments")
        .output()
        .await
        .context("pgbench (of the package postgresql) is needed")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("pgbench: {}", String::from_utf8_lossy(&output.stderr));
    }
    let after = |prefix: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(prefix))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    Ok((after("tps = ").context("pgbench printed no tps")?, after("latency average = ").context("pgbench printed no latency")?))
}

pub async fn measure(run: &Context) -> anyhow::Result<Vec<Bar>> {
    let service = run.stack.service("payments-svc", &["serve"], &[], Processor::Any).await?;
    let clients = || (0..CLIENTS).map(|_| Provider::new(run)).collect::<anyhow::Result<Vec<_>>>();
    let (accepted, inserted) = load::alternate(
        run.pairs,
        async || Ok(load::run(service.public, &mut clients()?, Plan::full(run.seconds)).await?.per_second),
        async || Ok(pgbench(run, run.seconds).await?.0),
    )
    .await?;
    let half = crate::statistics::Spread::of(&accepted).context("nothing was accepted")?.median / 2.0;
    let plan = Plan { pace: Some(half), ..Plan::full(run.seconds) };
    let (p99, means) = load::alternate(
        run.pairs,
        async || Ok(load::run(service.public, &mut clients()?, plan).await?.latency_ms(0.99)),
        async || Ok(pgbench(run, run.seconds).await?.1),
    )
    .await?;
    service.process.stop().await?;
    forget(run).await?;
    Ok(vec![
        Bar::ratio("webhook", "accepted/s ÷ pgbench inserting the row", "1/s", (&accepted, &inserted), Limit::AtLeast(0.60))?,
        Bar::ratio("webhook", "p99 at half of it ÷ pgbench's mean", "ms", (&p99, &means), Limit::Below(25.0))?,
    ])
}
