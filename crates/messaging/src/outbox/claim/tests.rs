use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use diesel_async::SimpleAsyncConnection;
use domain::{
    Clock, SystemClock,
    event::{Event, Open, PaymentEvent},
    ids::OrderId,
    money::{Currency, Paise},
    plan::{Cycle, PlanCode},
};
use service_kit::audit::Author;
use testkit::Database;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::outbox::{Move, OutboxDesk, OutboxFilter, Pace, append, channel, purge};

fn pending(order: OrderId) -> Event {
    Event::PaymentPending(PaymentEvent {
        workspace_id: WorkspaceId::generate(),
        order_id: order,
        plan: Open::Known(PlanCode::Ascent),
        cycle: Open::Known(Cycle::Monthly),
        amount: Paise::new(500_000),
        currency: Open::Known(Currency::Inr),
        provider_reference: None,
        failure: None,
    })
}

async fn runtime(database: &Database) -> AsyncPgConnection {
    database.service("payments_svc", "payments").await
}

#[tokio::test(flavor = "multi_thread")]
async fn four_relays_with_a_tenth_of_failures_publish_each_row_once_and_in_order() {
    let database = Database::create().await;
    let mut connection = runtime(&database).await;
    let orders: Vec<_> = (0..40).map(|_| OrderId::generate()).collect();
    for _ in 0..25 {
        for order in &orders {
            append(&mut connection, SystemClock.now(), &pending(*order)).await.unwrap();
        }
    }
    let published: Arc<Mutex<Vec<(String, i64)>>> = Arc::default();
    let mut relays = JoinSet::new();
    for _ in 0..4 {
        let (mut connection, published) = (runtime(&database).await, published.clone());
        relays.spawn(async move {
            while published.lock().unwrap().len() < 1_000 {
                let token = Uuid::now_v7();
                let rows = claim(&mut connection, token, 20).await.unwrap();
                let sent: Vec<_> = rows.iter().filter(|_| rand::random_range(0..10) > 0).collect();
                published.lock().unwrap().extend(sent.iter().map(|row| (row.subject.clone(), row.aggregate_seq)));
                let ids: Vec<_> = sent.iter().map(|row| row.id).collect();
                assert_eq!(mark_published(&mut connection, token, &ids).await.unwrap(), ids.len());
                release(&mut connection, token).await.unwrap();
            }
        });
    }
    relays.join_all().await;
    let mut last = HashMap::new();
    for (aggregate, sequence) in published.lock().unwrap().drain(..) {
        let before = last.insert(aggregate, sequence).unwrap_or(0);
        assert_eq!(sequence, before + 1);
    }
    assert_eq!(last.len(), 40);
    assert!(last.values().all(|sequence| *sequence == 25));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lease_refuses_the_late_mark() {
    let database = Database::create().await;
    let mut connection = runtime(&database).await;
    append(&mut connection, SystemClock.now(), &pending(OrderId::generate())).await.unwrap();
    let (slow, quick) = (Uuid::now_v7(), Uuid::now_v7());
    let rows = claim(&mut connection, slow, 10).await.unwrap();
    assert!(claim(&mut connection, quick, 10).await.unwrap().is_empty(), "the lease holds");
    connection.batch_execute("update outbox set lease_until = now() - interval '1 second'").await.unwrap();
    let ids: Vec<_> = claim(&mut connection, quick, 10).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(ids, [rows[0].id]);
    assert_eq!(mark_published(&mut connection, slow, &ids).await.unwrap(), 0);
    assert_eq!(mark_published(&mut connection, quick, &ids).await.unwrap(), 1);
    assert_eq!(release(&mut connection, quick).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_reads_what_it_takes_and_not_the_whole_table() {
    let database = Database::create().await;
    let mut admin = database.admin().await;
    // 50,000 published rows and 20,000 due ones, of which one aggregate alone has 2,000.
    admin
        .batch_execute(
            "insert into payments.outbox (event_id, aggregate_type, aggregate_id, aggregate_seq, event_type, subject, dataschema, payload, occurred_at, published_at)
             select gen_random_uuid(), 'order', gen_random_uuid(), 1, 'a.b.v1', 's', 'd', 'x', now(), now() from generate_series(1, 50000);
             insert into payments.outbox (event_id, aggregate_type, aggregate_id, aggregate_seq, event_type, subject, dataschema, payload, occurred_at)
             select gen_random_uuid(), 'order', '00000000-0000-7000-8000-000000000001', n, 'a.b.v1', 's', 'd', 'x', now() from generate_series(1, 2000) n;
             insert into payments.outbox (event_id, aggregate_type, aggregate_id, aggregate_seq, event_type, subject, dataschema, payload, occurred_at)
             select gen_random_uuid(), 'order', gen_random_uuid(), 1, 'a.b.v1', 's', 'd', 'x', now() from generate_series(1, 18000);
             analyze payments.outbox;",
        )
        .await
        .unwrap();
    let mut connection = runtime(&database).await;
    let mut fastest = std::time::Duration::MAX;
    for _ in 0..5 {
        let started = std::time::Instant::now();
        assert_eq!(claim(&mut connection, Uuid::now_v7(), 100).await.unwrap().len(), 100);
        fastest = fastest.min(started.elapsed());
    }
    assert!(fastest.as_millis() < 100, "{fastest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_from_a_hundred_thousand_rows_reads_no_more_than_one_from_a_thousand() {
    let (few, many) = (pages_read(1).await, pages_read(100).await);
    println!("a claim of 256 rows reads {few} pages of 1,000 pending rows and {many} of 100,000");
    assert!(many <= few * 2, "{few} pages of 1,000 rows, {many} of 100,000");
}

/// Pages that a claim touches when each of a thousand aggregates has this many rows.
async fn pages_read(each: u32) -> i64 {
    let database = Database::create().await;
    let mut admin = database.admin().await;
    admin
        .batch_execute(&format!(
            "set search_path = payments;
             insert into outbox (event_id, aggregate_type, aggregate_id, aggregate_seq, event_type, subject, dataschema, payload, occurred_at)
             select gen_random_uuid(), 'order', ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, sequence, 'a.b.v1', 's', 'd', 'x', now()
             from generate_series(1, {each}) sequence, generate_series(1, 1000) n;
             analyze outbox;
             create function public.pages_of(statement text) returns bigint language plpgsql set search_path = payments as $$
             declare plan jsonb;
             begin
               execute 'explain (analyze, buffers, format json) ' || statement into plan;
               return (plan #>> '{{0,Plan,Shared Hit Blocks}}')::bigint + (plan #>> '{{0,Plan,Shared Read Blocks}}')::bigint;
             end $$;"
        ))
        .await
        .unwrap();
    let statement = CLAIM.replace("$1", "'00000000-0000-7000-8000-000000000001'").replace("$2", "256");
    database.number(&format!("public.pages_of($claim${statement}$claim$)")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_parked_unparked_counted_and_purged() {
    let database = Database::create().await;
    let mut connection = runtime(&database).await;
    let order = OrderId::generate();
    append(&mut connection, SystemClock.now(), &pending(order)).await.unwrap();
    append(&mut connection, SystemClock.now(), &pending(order)).await.unwrap();
    let token = Uuid::now_v7();
    let row = claim(&mut connection, token, 10).await.unwrap().remove(0);
    connection.batch_execute("update outbox set attempts = 19").await.unwrap();
    assert!(record_failure(&mut connection, token, row.id, "planted").await.unwrap(), "the twentieth parks");
    let waiting = backlog(&mut connection).await.unwrap();
    assert_eq!((waiting.pending, waiting.parked), (1, 1));
    assert!(claim(&mut connection, token, 10).await.unwrap().is_empty(), "its aggregate waits");
    let author = Author::of_this_process("a test");
    let stop = CancellationToken::new();
    let mut desk = OutboxDesk { connection: &mut connection, clock: &SystemClock, author: &author, stop };
    let pace = Pace { max: 10, rate: None, dry_run: false };
    assert_eq!(desk.shift(&OutboxFilter::default(), Move::Unpark, pace).await.unwrap().done, 1);
    let again = claim(&mut connection, token, 10).await.unwrap();
    assert_eq!(again.len(), 1);
    mark_published(&mut connection, token, &[again[0].id]).await.unwrap();

    let mut owner = database.service("payments_svc_owner", "payments").await;
    let later = SystemClock.now() + chrono::TimeDelta::days(8);
    assert_eq!(purge(&mut owner, later, 1_000).await.unwrap(), 1, "what is not published is never purged");
    assert_eq!(claim(&mut connection, token, 10).await.unwrap().len(), 1, "a purged predecessor is a published one");
}

#[test]
fn the_channel_is_the_one_of_the_trigger() {
    assert_eq!(channel("payments"), "groundwork_outbox_payments");
}
