//! The storm: many orders at once under weather that changes all the time, while one of two replicas of payments-svc is killed
//! every ten seconds. Afterwards our books are PhonePe's, to the paisa.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, bail, ensure};
use diesel_async::RunQueryDsl;
use futures_util::{StreamExt, stream};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{
    journey::{Ask, Client, confirm, settle, sign_up},
    system::System,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

/// Orders that are worked on at once.
const AT_ONCE: usize = 32;
/// Workspaces that one payer has.
const WORKSPACES: usize = 100;
/// When a replica is killed first, how long it stays away, and how long both live then: one dies every ten seconds.
const FIRST_KILL: Duration = Duration::from_secs(3);
const DEAD_FOR: Duration = Duration::from_secs(2);
const ALIVE_FOR: Duration = Duration::from_secs(8);
/// How often the weather changes.
const WEATHER_EVERY: Duration = Duration::from_millis(300);
/// Within this after the last order everything is decided: the slow tail of the schedule asks once a minute.
const CALM: Duration = Duration::from_secs(240);

/// How hard it blows.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    /// How many orders.
    pub orders: usize,
    /// What happens to them, again and again the same.
    pub seed: u64,
    /// Every webhook is lost.
    pub lost: bool,
}

/// What somebody does with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Paid,
    Fails,
    /// Given up, and paid nevertheless.
    PaidLate,
    /// Given up.
    GivenUp,
}

impl Fate {
    fn of(rng: &mut StdRng) -> Self {
        match rng.random_range(0..100) {
            0..75 => Self::Paid,
            75..85 => Self::Fails,
            85..95 => Self::PaidLate,
            _ => Self::GivenUp,
        }
    }
}

/// Lets it blow, waits for calm, and says what holds: a name and a figure of each.
pub async fn run(system: &mut System, storm: Storm) -> anyhow::Result<Vec<(String, String, bool)>> {
    let begun = Instant::now();
    let clients = payers(system, storm.orders).await?;
    let (stop, stopped) = watch::channel(false);
    let sandbox = system.addresses.sandbox.clone();
    let orders = async {
        let failures = all_orders(clients, sandbox.clone(), storm).await;
        stop.send_replace(true);
        failures
    };
    let weather = change_weather(sandbox.clone(), storm, stopped.clone());
    let (failures, weather, kills) = tokio::join!(orders, weather, kill_replicas(system, stopped));
    weather?;
    let blown = begun.elapsed();
    system.ready().await;
    calm(system, &sandbox).await?;
    let mut rows = vec![(
        "every order was made and ended as its payer wanted".to_owned(),
        format!("{} orders in {:.0} s, {kills} kills, {} failed{}", storm.orders, blown.as_secs_f64(), failures.len(), first(&failures)),
        failures.is_empty(),
    )];
    rows.extend(judge(system, &sandbox, storm).await?);
    Ok(rows)
}

/// Kills one of two replicas of payments-svc every ten seconds; returns how often.
async fn kill_replicas(system: &mut System, mut stopped: watch::Receiver<bool>) -> usize {
    let (mut kills, mut wait) = (0, FIRST_KILL);
    while timeout(wait, stopped.wait_for(|stopped| *stopped)).await.is_err() {
        wait = ALIVE_FOR;
        system.kill_replica("payments-svc", kills % 2).await;
        sleep(DEAD_FOR).await;
        system.start_service("payments-svc");
        kills += 1;
    }
    kills
}

fn first(failures: &[String]) -> String {
    failures.first().map_or_else(String::new, |failure| format!(": {failure}"))
}

/// A client for each order, signed in as somebody who owns the order's workspace.
async fn payers(system: &System, orders: usize) -> anyhow::Result<Vec<(Client, Uuid)>> {
    let mut clients = Vec::with_capacity(orders);
    let mut admin = system.database().admin().await;
    for number in 0..orders.div_ceil(WORKSPACES) {
        let mut client = Client::new(&system.addresses.gateway, Instant::now() + Duration::from_secs(60))?;
        let email = format!("storm-{number}@example.test");
        if !sign_up(&mut client, &email, "a storm is coming").await? {
            confirm(&mut client, &system.addresses, &email).await?;
        }
        let profile = client.expect(&Ask::post("/api/auth/ensure-profile", json!({}))).await?;
        let owner = profile.text("/workspace/id")?.to_owned();
        for _ in 0..WORKSPACES.min(orders - clients.len()) {
            let workspace = Uuid::now_v7();
            let slug = format!("storm-{}", workspace.simple());
            for sql in [
                format!(
                    "insert into identity.workspaces (id, name, slug, owner_id) select '{workspace}', 'Storm', '{slug}', owner_id \
                     from identity.workspaces where id = '{owner}'"
                ),
                format!(
                    "insert into identity.memberships (workspace_id, user_id, role) select '{workspace}', owner_id, 'owner' \
                     from identity.workspaces where id = '{owner}' on conflict do nothing"
                ),
            ] {
                diesel::sql_query(sql).execute(&mut admin).await?;
            }
            clients.push((client.clone(), workspace));
        }
    }
    Ok(clients)
}

async fn all_orders(clients: Vec<(Client, Uuid)>, sandbox: String, storm: Storm) -> Vec<String> {
    let failed = stream::iter(clients.into_iter().enumerate()).map(|(number, (client, workspace))| {
        let mut rng = StdRng::seed_from_u64(storm.seed ^ u64::try_from(number).unwrap_or_default());
        let sandbox = Client::new(&sandbox, Instant::now() + Duration::from_secs(3600));
        let deadline = Instant::now() + Duration::from_secs(3600);
        async move {
            let fate = Fate::of(&mut rng);
            let done = one_order(&client.until_deadline(deadline), &sandbox?, workspace, fate, &mut rng).await;
            done.with_context(|| format!("order {number} ({fate:?})"))
        }
    });
    let results: Vec<anyhow::Result<()>> = failed.buffer_unordered(AT_ONCE).collect().await;
    results.into_iter().filter_map(|result| result.err().map(|error| format!("{error:#}"))).collect()
}

async fn one_order(client: &Client, sandbox: &Client, workspace: Uuid, fate: Fate, rng: &mut StdRng) -> anyhow::Result<()> {
    let (plan, cycle) = (["ascent", "glide", "soar"].choose(rng), ["monthly", "yearly"].choose(rng));
    let key = Uuid::now_v7().to_string();
    let of_workspace = |ask: Ask<'static>| ask.header("X-Workspace-Id", workspace.to_string());
    let initiate =
        of_workspace(Ask::post("/api/payments/v2/initiate", json!({ "plan": plan, "cycle": cycle }))).header("Idempotency-Key", key);
    let order = client.expect(&initiate).await?;
    let id = order.text("/order_id")?.to_owned();
    if matches!(fate, Fate::PaidLate | Fate::GivenUp) {
        let path = format!("/api/payments/v2/orders/{id}/abandon");
        let given_up = client.send(&Ask::post(&path, json!({})).header("X-Workspace-Id", workspace.to_string())).await?;
        // An answer that was lost, and asked for again.
        ensure!(given_up.status.is_success() || given_up.status == StatusCode::CONFLICT, "abandon answered {}", given_up.status);
    }
    // People look at the pay page for a while.
    sleep(Duration::from_millis(rng.random_range(0..8000))).await;
    let outcome = match fate {
        Fate::Paid | Fate::PaidLate => "success",
        Fate::Fails => "fail",
        Fate::GivenUp => return Ok(()),
    };
    end(sandbox, &id, outcome, fate == Fate::PaidLate).await
}

/// Ends the first attempt that PhonePe has. An order that was given up before it got through has none, and needs none.
async fn end(sandbox: &Client, order: &str, outcome: &str, given_up: bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(180);
    loop {
        for n in 1..=4 {
            let path = format!("/control/orders/{order}-{n}/pay");
            let answer = sandbox.once(&Ask::post(&path, json!({ "outcome": outcome }))).await?;
            if answer.status.is_success() {
                return Ok(());
            }
        }
        if given_up {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("PhonePe never had an attempt at {order}");
        }
        sleep(Duration::from_millis(500)).await;
    }
}

async fn change_weather(sandbox: String, storm: Storm, stopped: watch::Receiver<bool>) -> anyhow::Result<()> {
    let http = service_kit::http_client(Duration::from_secs(5))?;
    let mut rng = StdRng::seed_from_u64(storm.seed);
    let set = async |weather: Value| -> anyhow::Result<()> {
        http.put(format!("{sandbox}/control/weather")).json(&weather).send().await?.error_for_status()?;
        Ok(())
    };
    while !*stopped.borrow() {
        set(bad_weather(&mut rng, storm.lost)).await?;
        sleep(WEATHER_EVERY).await;
    }
    set(json!({ "webhook": { "lost": storm.lost } })).await
}

/// Something else is wrong each time. Nothing is refused for good: that would be an answer, not weather.
fn bad_weather(rng: &mut StdRng, lost: bool) -> Value {
    let mut chance = |percent: u32| rng.random_range(0..100) < percent;
    let (lost, reorder, wrong_credentials, tampered) = (lost || chance(20), chance(20), chance(10), chance(10));
    let (doubled, delayed, token_revoked) = (chance(30), chance(30), chance(5));
    let (status_fails, as_page, pay_fails, got_through, pay_hangs) = (chance(10), chance(50), chance(10), chance(50), chance(2));
    let duplicate = if doubled { rng.random_range(1..4) } else { 0 };
    let delay_ms = if delayed { rng.random_range(1..1500) } else { 0 };
    let (status_code, pay_code) = ([429, 500, 503].choose(rng).copied(), [429, 500, 502].choose(rng).copied());
    let status = if status_fails { json!({ "http_status": status_code, "html_body": as_page }) } else { json!({}) };
    let pay = match (pay_hangs, pay_fails) {
        (true, _) => json!({ "timeout_after_commit": true }),
        (false, true) => json!({ "http_status": pay_code, "after_commit": got_through }),
        (false, false) => json!({}),
    };
    json!({
        "webhook": {
            "lost": lost, "reorder": reorder, "wrong_credentials": wrong_credentials, "duplicate": duplicate, "delay_ms": delay_ms,
            "tamper_amount": tampered.then_some(1),
        },
        "status_lag_ms": rng.random_range(0..2000), "token_revoked": token_revoked, "status": status, "pay": pay,
    })
}

/// Waits until nothing is open any more, and late payments were found.
async fn calm(system: &System, sandbox: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + CALM;
    let open = "select (select count(*) from payments.orders where state in ('created', 'pending', 'refund_pending')) \
                + (select count(*) from payments.refund where state not in ('completed', 'failed')) \
                + (select count(*) from payments.webhook_receipt where processed_at is null)";
    loop {
        let (left, (_, different)) = (system.database().number(open).await, books(system, sandbox).await?);
        if left == 0 && different == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            // What is not decided by now is what the checks will name.
            return Ok(());
        }
        // What nobody pays expires; nobody waits twenty minutes for that here.
        let hasten = "update payments.orders set expires_at = now() where state in ('created', 'pending') and expires_at > now()";
        diesel::sql_query(hasten).execute(&mut system.database().admin().await).await?;
        sleep(Duration::from_secs(1)).await;
    }
}

/// An order or a refund, as the sandbox lists it.
#[derive(Deserialize)]
struct Listed {
    #[serde(alias = "original_merchant_order_id")]
    merchant_order_id: String,
    state: String,
    amount: i64,
}

/// How many orders are confirmed here, and of how many PhonePe says something else.
async fn books(system: &System, sandbox: &str) -> anyhow::Result<(usize, usize)> {
    let http = service_kit::http_client(Duration::from_secs(20))?;
    let mut theirs: BTreeMap<String, i64> = BTreeMap::new();
    for (what, sign) in [("orders", 1), ("refunds", -1)] {
        let listed: Vec<Listed> = http.get(format!("{sandbox}/control/{what}")).send().await?.error_for_status()?.json().await?;
        for listed in listed.into_iter().filter(|listed| listed.state == "COMPLETED") {
            let (order, _) = listed.merchant_order_id.rsplit_once('-').context("an id without a number")?;
            *theirs.entry(order.to_owned()).or_default() += sign * listed.amount;
        }
    }
    theirs.retain(|_, amount| *amount != 0);
    let paid =
        "select coalesce(json_agg(json_build_array(id, amount)), '[]')::text as value from payments.orders where state = 'completed'";
    let ours: Vec<(String, i64)> = match system.database().text(paid).await {
        Some(text) => serde_json::from_str(&text)?,
        None => Vec::new(),
    };
    let ours: BTreeMap<String, i64> = ours.into_iter().collect();
    let wrong = theirs.iter().filter(|(id, amount)| ours.get(*id) != Some(amount)).count();
    Ok((ours.len(), wrong + ours.keys().filter(|id| !theirs.contains_key(*id)).count()))
}

/// Compares our books with PhonePe's.
async fn judge(system: &mut System, sandbox: &str, storm: Storm) -> anyhow::Result<Vec<(String, String, bool)>> {
    let (confirmed, different) = books(system, sandbox).await?;
    let mut rows = vec![(
        "the confirmed orders are those that PhonePe says are paid, to the paisa".to_owned(),
        format!("{confirmed} orders, {different} different"),
        different == 0 && confirmed > 0,
    )];
    for (says, sql) in CHECKS {
        let wrong = system.database().number(sql).await;
        rows.push(((*says).to_owned(), format!("{wrong} wrong"), wrong == 0));
    }
    if storm.lost {
        let too_often = too_often(system).await?;
        rows.push(("no order was asked about more often than the schedule allows".to_owned(), format!("{too_often} were"), too_often == 0));
    }
    let report = settle(&system.places, system.broker.topology(), Duration::from_secs(60)).await?;
    let violated: Vec<String> = report.violated().map(|line| format!("{} ({}×)", line.says, line.violations)).collect();
    rows.push((
        "J1–J8, the books and the mails".to_owned(),
        format!("{} violated{}", violated.len(), first(&violated)),
        violated.is_empty(),
    ));
    let errors = system.internal_errors().await?;
    rows.push(("nobody was answered with 500".to_owned(), format!("{} answers", errors.len()), errors.is_empty()));
    Ok(rows)
}

/// What each of these counts is wrong.
const CHECKS: &[(&str, &str)] = &[
    (
        "one payment.confirmed for each paid order, and no other",
        "select count(*) from (select id from payments.orders where state = 'completed') o full join \
         (select aggregate_id, count(*) as n from payments.outbox where event_type = 'payments.payment.confirmed.v1' group by 1) e \
         on e.aggregate_id = o.id where o.id is null or e.n is distinct from 1",
    ),
    (
        "one invoice for each paid order, and no other",
        "select count(*) from (select id from payments.orders where state = 'completed') o full join \
         (select order_id, count(*) as n from payments.invoice where kind = 'invoice' group by 1) i on i.order_id = o.id \
         where o.id is null or i.n is distinct from 1",
    ),
    (
        "one mail for each paid order, and no other",
        "select count(*) from (select 'payment-confirmation/' || id as purpose from payments.orders where state = 'completed') o full join \
         (select purpose_key from payments.mail_outbox where purpose_key like 'payment-confirmation/%') m on m.purpose_key = o.purpose \
         where o.purpose is null or m.purpose_key is null",
    ),
    (
        "invoice numbers without a gap",
        "select count(*) from (select n, row_number() over (partition by kind, financial_year order by n) as place \
         from payments.invoice) numbered where n <> place",
    ),
    (
        "a ledger that adds up to zero, each posting too",
        "select count(*) from (select posting_id from payments.ledger_entry group by posting_id having sum(amount) <> 0) wrong",
    ),
    ("no order that is stuck", "select count(*) from payments.orders where state in ('created', 'pending', 'refund_pending')"),
    ("no order that is quarantined", "select count(*) from payments.orders where state = 'quarantined'"),
];

/// Orders that were asked about more often than PhonePe's mandatory schedule has steps until their last check (20 s after the start,
/// then every 3 s for 30 s, 6 s for 60 s, 10 s for 60 s, 30 s for 60 s, then every minute).
async fn too_often(system: &System) -> anyhow::Result<usize> {
    let checked = "select coalesce(json_agg(json_build_array(check_count, extract(epoch from last_checked_at - created_at))), '[]')::text \
                   as value from payments.orders where check_count > 0";
    let checked: Vec<(u32, f64)> = match system.database().text(checked).await {
        Some(text) => serde_json::from_str(&text)?,
        None => bail!("no order was asked about"),
    };
    Ok(checked.into_iter().filter(|(count, seconds)| *count > allowed(*seconds)).count())
}

fn allowed(seconds: f64) -> u32 {
    let (mut at, mut steps) = (20.0, 0);
    while at <= seconds + 0.5 {
        steps += 1;
        at += match at {
            at if at < 50.0 => 3.0,
            at if at < 110.0 => 6.0,
            at if at < 170.0 => 10.0,
            at if at < 230.0 => 30.0,
            _ => 60.0,
        };
    }
    steps
}
