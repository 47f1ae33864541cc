//! The invariants J1–J8 of a system at rest, and of its books, asked of PostgreSQL, RabbitMQ and the sandbox directly: nothing here calls
//! our services or our library code.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Context;
use diesel::{
    QueryableByName,
    sql_types::{BigInt, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::topology::{Topology, matches_topic};

/// Name, what it says, and a query that counts violations.
const BY_SQL: [(&str, &str, &str); 15] = [
    (
        "J1",
        "every completed payment's confirmation was consumed by onboarding, and every paid workspace is unlocked",
        "select count(*) from payments.orders o where o.state = 'completed' and (\
           not exists (select 1 from onboarding.unlock u where u.workspace_id = o.workspace_id) \
           or not exists (select 1 from payments.outbox e join onboarding.inbox i on i.event_id = e.event_id \
                          where e.aggregate_id = o.id and e.event_type = 'payments.payment.confirmed.v1'))",
    ),
    (
        "J1",
        "nothing was consumed as a confirmation that payments did not confirm",
        "select count(*) from onboarding.inbox i where i.event_type = 'payments.payment.confirmed.v1' and not exists (\
           select 1 from payments.outbox e join payments.orders o on o.id = e.aggregate_id \
           where e.event_id = i.event_id and e.event_type = i.event_type and o.state = 'completed')",
    ),
    (
        "J2",
        "no unlock without a completed payment of the plan's amount",
        "select count(*) from onboarding.unlock u where u.source = 'payment' and not exists (\
           select 1 from payments.orders o join payments.plan p on p.code = o.plan \
           where o.id = u.source_id and o.workspace_id = u.workspace_id and o.state = 'completed' and o.currency = 'INR' \
             and o.amount = case o.cycle when 'monthly' then p.monthly_amount else p.yearly_amount end)",
    ),
    (
        "J3",
        "one unlock and one event of each kind per payment",
        "select (select count(*) from (select 1 from onboarding.unlock group by workspace_id having count(*) > 1) a) \
              + (select count(*) from (select 1 from payments.outbox where aggregate_type = 'order' \
                                       group by aggregate_id, event_type having count(*) > 1) b)",
    ),
    (
        "J4",
        "every outbox row is published, none is parked",
        "select count(*) from (select published_at from identity.outbox union all select published_at from payments.outbox \
           union all select published_at from onboarding.outbox union all select published_at from bcm.outbox) all_rows \
         where published_at is null",
    ),
    (
        "J5",
        "onboarding: every unlock by payment comes from an event in the inbox, every confirmation in the inbox unlocked its workspace, once",
        "select (select count(*) from onboarding.unlock u where u.source = 'payment' and not exists (\
                   select 1 from onboarding.inbox i where i.event_id = u.event_id and i.consumer = 'onboarding-svc.payments.v1')) \
              + (select count(*) from onboarding.inbox i join payments.outbox e on e.event_id = i.event_id \
                 where e.event_type = 'payments.payment.confirmed.v1' \
                   and not exists (select 1 from onboarding.unlock u where u.workspace_id = e.workspace_id)) \
              + abs((select count(*) from onboarding.unlock) \
                  - (select count(*) from onboarding.outbox where event_type = 'onboarding.unlocked.v1'))",
    ),
    (
        "J5",
        "bcm: every manifest of finalized answers comes from an event in the inbox, every such event made one",
        "select (select count(*) from bcm.business_context_manifests m where m.reason in ('onboarding', 'edit') and not exists (\
                   select 1 from bcm.inbox i where i.event_id = m.cause_id and i.consumer = 'bcm-svc.onboarding.v1')) \
              + (select count(*) from bcm.inbox i join onboarding.outbox e on e.event_id = i.event_id \
                 where e.event_type = 'onboarding.finalized.v1' \
                   and not exists (select 1 from bcm.business_context_manifests m where m.cause_id = e.event_id) \
                   and 1 = (select count(*) from onboarding.business_context c where c.workspace_id = e.workspace_id)) \
              + (select count(*) from bcm.business_context_manifests m where m.reason <> 'rollback' and not exists (\
                   select 1 from bcm.outbox o where o.event_type = 'bcm.manifest.generated.v1' and o.workspace_id = m.workspace_id \
                     and (convert_from(o.payload, 'utf8')::jsonb ->> 'sequence')::bigint = m.sequence)) \
              + (select count(*) from bcm.outbox o where o.event_type = 'bcm.manifest.generated.v1' and not exists (\
                   select 1 from bcm.business_context_manifests m where m.workspace_id = o.workspace_id \
                     and (convert_from(o.payload, 'utf8')::jsonb ->> 'sequence')::bigint = m.sequence))",
    ),
    (
        "J5",
        "the gate: every completed order and every current manifest is shown as it is",
        "select (select count(*) from payments.orders o left join identity.gate_order g on g.order_id = o.id \
                 where o.state = 'completed' and g.status is distinct from 'confirmed') \
              + (select count(*) from bcm.manifest_head h left join identity.gate_manifest g on g.workspace_id = h.workspace_id \
                 where g.sequence_no is distinct from h.sequence)",
    ),
    (
        "J6",
        "the gate saw the newest state of every onboarding",
        "select count(*) from (select aggregate_id, max(aggregate_seq) as newest from onboarding.outbox \
           where aggregate_type = 'onboarding' and event_type <> 'onboarding.finalized.v1' group by aggregate_id) o \
         left join identity.gate_onboarding g on g.workspace_id = o.aggregate_id where g.sequence is distinct from o.newest",
    ),
    (
        "J7",
        "the amounts in the events are the amounts that were paid",
        "select abs(coalesce((select sum(amount) from payments.orders where state = 'completed'), 0) \
           - coalesce((select sum((convert_from(payload, 'UTF8')::jsonb ->> 'amount')::bigint) from payments.outbox \
                       where event_type = 'payments.payment.confirmed.v1'), 0))::bigint",
    ),
    (
        "J8",
        "every finalized onboarding has a manifest, and every manifest a finalized onboarding",
        "select count(*) from (select distinct workspace_id from onboarding.business_context) c \
         full join (select distinct workspace_id from bcm.business_context_manifests) m using (workspace_id) \
         where c.workspace_id is null or m.workspace_id is null",
    ),
    (
        "books",
        "every completed payment has one invoice of its amount, and no other invoice is there",
        "select count(*) from (select id, amount from payments.orders where state = 'completed') o \
         full join (select order_id, amount from payments.invoice where kind = 'invoice') i on i.order_id = o.id \
         where o.id is null or i.order_id is null or i.amount <> o.amount",
    ),
    (
        "books",
        "the numbers of documents have no gap",
        "select count(*) from (select n, row_number() over (partition by kind, financial_year order by n) as place \
         from payments.invoice) numbered where n <> place",
    ),
    (
        "books",
        "the ledger adds up to zero, and what PhonePe holds for us is what was paid",
        "select (abs(coalesce((select sum(amount) from payments.ledger_entry), 0)) \
           + abs(coalesce((select sum(amount) from payments.ledger_entry where account = 'phonepe'), 0) \
                 - coalesce((select sum(amount) from payments.orders where state = 'completed'), 0)))::bigint",
    ),
    (
        "mail",
        "every completed payment has one mail, sent",
        "select count(*) from payments.orders o where o.state = 'completed' and 1 <> (\
           select count(*) from payments.mail_outbox m where m.purpose_key = 'payment-confirmation/' || o.id and m.sent_at is not null)",
    ),
];

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Published {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Text)]
    event_type: String,
}

#[derive(QueryableByName)]
struct Consumed {
    #[diesel(sql_type = Text)]
    consumer: String,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
}

/// Where the questions go.
#[derive(Debug, Clone, clap::Args)]
pub struct Places {
    /// Superuser's URL of the database.
    #[arg(long, env = "DATABASE_ADMIN_URL")]
    pub database: String,
    /// The broker's management interface, with credentials.
    #[arg(long, env = "RABBITMQ_MANAGEMENT_URL")]
    pub management: String,
    /// Virtual host of the stack.
    #[arg(long, default_value = "groundwork")]
    pub vhost: String,
    /// The sandbox, whose inbox is counted.
    #[arg(long, env = "SANDBOX_URL")]
    pub sandbox: String,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Report {
    /// Every invariant.
    pub lines: Vec<Line>,
    /// How much there is of what.
    pub counts: Vec<(&'static str, i64)>,
    /// How long it took until nothing was violated any more.
    pub settled_after: Option<Duration>,
}

impl Report {
    /// The invariants that do not hold.
    pub fn violated(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| line.violations != 0)
    }
}

/// Asks until nothing is violated, at most for as long as `limit`. `topology` is what has to be declared.
pub async fn settle(places: &Places, topology: &Topology, limit: Duration) -> anyhow::Result<Report> {
    let mut connection = AsyncPgConnection::establish(&places.database).await.context("the database does not answer")?;
    let begun = Instant::now();
    loop {
        let lines = look(&mut connection, places, topology).await?;
        let violated = lines.iter().any(|line| line.violations != 0);
        let took = begun.elapsed();
        if !violated || took > limit {
            let mut counts = Vec::new();
            for (what, sql) in COUNTS {
                counts.push((what, number(&mut connection, sql).await?));
            }
            return Ok(Report { lines, counts, settled_after: (!violated).then_some(took) });
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

const COUNTS: [(&str, &str); 4] = [
    ("completed payments", "select count(*) from payments.orders where state = 'completed'"),
    ("unlocks", "select count(*) from onboarding.unlock"),
    ("workspaces with a manifest", "select count(distinct workspace_id) from bcm.business_context_manifests"),
    ("mails sent", "select count(*) from payments.mail_outbox where sent_at is not null"),
];

/// An invariant.
#[derive(Debug, Clone)]
pub struct Line {
    /// `J1`.
    pub name: &'static str,
    /// What holds.
    pub says: &'static str,
    /// How often it does not.
    pub violations: i64,
}

async fn look(connection: &mut AsyncPgConnection, places: &Places, topology: &Topology) -> anyhow::Result<Vec<Line>> {
    let mut report = Vec::new();
    for (name, says, sql) in BY_SQL {
        report.push(Line { name, says, violations: number(connection, sql).await.with_context(|| format!("{name}: {sql}"))? });
    }
    report.push(Line {
        name: "J4 broker",
        says: "every published event is in the inbox of every consumer bound to it; one among dead letters had no effect",
        violations: undelivered(connection, topology).await?,
    });
    report.push(Line {
        name: "topology",
        says: "every queue and binding that was there is there",
        violations: i64::try_from(topology.missing_in(&Topology::read(places).await?))?,
    });
    report.push(Line {
        name: "mail twice",
        says: "the sandbox got one mail per completed payment",
        violations: surplus_mails(connection, &places.sandbox).await?,
    });
    Ok(report)
}

async fn number(connection: &mut AsyncPgConnection, sql: &str) -> anyhow::Result<i64> {
    Ok(diesel::sql_query(format!("select ({sql})::bigint as n")).get_result::<Count>(connection).await?.n)
}

/// Events that a bound consumer does not have in its inbox.
async fn undelivered(connection: &mut AsyncPgConnection, topology: &Topology) -> anyhow::Result<i64> {
    let mut published = Vec::new();
    let mut consumed: BTreeSet<(String, Uuid)> = BTreeSet::new();
    for schema in ["identity", "payments", "onboarding", "bcm"] {
        let rows = format!("select event_id, event_type from {schema}.outbox where published_at is not null");
        published.extend(diesel::sql_query(rows).load::<Published>(connection).await?);
        let rows = format!("select consumer, event_id from {schema}.inbox");
        consumed.extend(diesel::sql_query(rows).load::<Consumed>(connection).await?.into_iter().map(|row| (row.consumer, row.event_id)));
    }
    let mut patterns: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (queue, pattern) in topology.consumers() {
        patterns.entry(queue).or_default().push(pattern);
    }
    let mut missing = 0;
    for (queue, patterns) in patterns {
        let wanted = published.iter().filter(|event| patterns.iter().any(|pattern| matches_topic(pattern, &event.event_type)));
        missing += wanted.filter(|event| !consumed.contains(&(queue.to_owned(), event.event_id))).count();
    }
    Ok(i64::try_from(missing)?)
}

async fn surplus_mails(connection: &mut AsyncPgConnection, sandbox: &str) -> anyhow::Result<i64> {
    let mails = ask(sandbox, "control/mails").await?;
    let mails = mails.as_array().context("the sandbox's mails are not a list")?;
    let of_payments = |mail: &&Value| mail["idempotency_key"].as_str().is_some_and(|key| key.starts_with("payment-confirmation/"));
    let sent = number(connection, "select count(*) from payments.mail_outbox where sent_at is not null").await?;
    Ok((i64::try_from(mails.iter().filter(of_payments).count())? - sent).max(0))
}

async fn ask(base: &str, path: &str) -> anyhow::Result<Value> {
    let url = url::Url::parse(&format!("{}/", base.trim_end_matches('/')))?.join(path)?;
    Ok(service_kit::http_client(Duration::from_secs(20))?.get(url).send().await?.error_for_status()?.json().await?)
}
