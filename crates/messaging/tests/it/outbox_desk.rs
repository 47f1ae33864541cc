use std::time::{Duration, Instant};

use diesel_async::SimpleAsyncConnection;
use domain::{SystemClock, ids::OrderId};
use messaging::outbox::{Move, Moved, OutboxDesk, OutboxFilter, Pace, RowState};
use service_kit::audit::Author;
use tokio_util::sync::CancellationToken;

use crate::rig::{QUEUE, Recorder, Rig, confirmed, eventually, now};

async fn shift(rig: &Rig, filter: &OutboxFilter, which: Move, pace: Pace) -> Moved {
    let mut connection = rig.database.service("payments_svc", "payments").await;
    let (author, stop) = (Author::of_this_process("a test"), CancellationToken::new());
    let mut desk = OutboxDesk { connection: &mut connection, clock: &SystemClock, author: &author, stop };
    desk.shift(filter, which, pace).await.unwrap()
}

async fn listed(rig: &Rig, filter: &OutboxFilter, state: RowState) -> Vec<i64> {
    let mut connection = rig.database.service("payments_svc", "payments").await;
    let (author, stop) = (Author::of_this_process("a test"), CancellationToken::new());
    let mut desk = OutboxDesk { connection: &mut connection, clock: &SystemClock, author: &author, stop };
    desk.list(filter, state, 0, 100).await.unwrap().into_iter().map(|row| row.position).collect()
}

const FAST: Pace = Pace { max: 100, rate: None, dry_run: false };

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_event_is_listed_and_goes_out_after_it_is_unparked() {
    let rig = Rig::new().await;
    let ids = rig.tell(&[confirmed(OrderId::generate()), confirmed(OrderId::generate())]).await;
    let park = "update payments.outbox set parked_at = now(), attempts = 20, last_error = 'planted' where event_id = ";
    rig.database.admin().await.batch_execute(&format!("{park}'{}'", ids[0])).await.unwrap();
    let _payments = rig.process("payments-svc", vec![]);
    eventually("the other goes out", async || rig.unpublished().await == 1).await;

    let all = OutboxFilter::default();
    assert_eq!(listed(&rig, &all, RowState::Parked).await.len(), 1);
    assert_eq!(listed(&rig, &all, RowState::Published).await.len(), 1);
    assert_eq!(listed(&rig, &all, RowState::Pending).await.len(), 0);
    let dry = shift(&rig, &all, Move::Unpark, Pace { dry_run: true, ..FAST }).await;
    assert_eq!((dry.matched, dry.done), (1, 0));
    let other = OutboxFilter { id: Some(ids[1]), ..all.clone() };
    assert_eq!(shift(&rig, &other, Move::Unpark, FAST).await.matched, 0, "another event is not meant");
    assert_eq!(listed(&rig, &all, RowState::Parked).await.len(), 1);
    assert_eq!(rig.database.number("select count(*) from payments.audit_log").await, 0);

    assert_eq!(shift(&rig, &OutboxFilter { id: Some(ids[0]), ..all }, Move::Unpark, FAST).await.done, 1);
    eventually("it goes out", async || rig.unpublished().await == 0).await;
    let audited = "select count(*) from payments.audit_log where action = 'outbox.unpark' and outcome = 'done' \
                   and detail ->> 'by' like 'os:%' and detail ->> 'why' = 'a test'";
    assert_eq!(rig.database.number(audited).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn republishing_in_parts_sends_each_event_once_more_and_no_effect_twice() {
    let rig = Rig::new().await;
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::new(|_| Ok(())).on(QUEUE)]);
    let order = OrderId::generate();
    let events: Vec<_> = (0..6).map(|number| confirmed(if number % 2 == 0 { order } else { OrderId::generate() })).collect();
    rig.tell(&events).await;
    eventually("all had their effect", async || rig.effects().await == 6).await;
    eventually("all are published", async || rig.unpublished().await == 0).await;

    let since = Some(now() - chrono::TimeDelta::hours(1));
    let first = Move::Republish { since, until: None };
    let part = shift(&rig, &OutboxFilter::default(), first, Pace { max: 4, ..FAST }).await;
    assert_eq!((part.matched, part.done, part.remaining), (6, 4, 2));
    eventually("the relay has sent them", async || rig.unpublished().await == 0).await;
    let rest = shift(&rig, &OutboxFilter::default(), Move::Republish { since, until: part.until }, FAST).await;
    assert_eq!((rest.matched, rest.done, rest.remaining), (2, 2, 0), "what was sent again is not sent a third time");
    eventually("all came again", async || onboarding.metric("messaging_consumed_total") >= 12.0).await;
    eventually("the relay has sent the rest", async || rig.unpublished().await == 0).await;
    assert_eq!(rig.effects().await, 6);
    let rows = "select sum((detail ->> 'rows')::int) from payments.audit_log where action = 'outbox.republish'";
    assert_eq!(rig.database.number(rows).await, 6);
    let spans = "select count(*) from payments.audit_log join (select min(id) as low, max(id) as high from payments.outbox) as all_rows \
                 on detail ->> 'first' = low::text and detail ->> 'last' = (high - 2)::text \
                 or detail ->> 'first' = (high - 1)::text and detail ->> 'last' = high::text";
    assert_eq!(rig.database.number(spans).await, 2, "the log says which rows were moved");
}

/// Five parked events, each of its own order, and no relay.
async fn parked() -> Rig {
    let rig = Rig::new().await;
    rig.tell(&(0..5).map(|_| confirmed(OrderId::generate())).collect::<Vec<_>>()).await;
    rig.database.admin().await.batch_execute("update payments.outbox set parked_at = now(), attempts = 20").await.unwrap();
    rig
}

const BATCHES: &str = "select count(*) from payments.audit_log where action = 'outbox.unpark'";

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_moved_at_their_rate_in_transactions_of_a_second() {
    let (rig, started) = (parked().await, Instant::now());
    let moved = shift(&rig, &OutboxFilter::default(), Move::Unpark, Pace { rate: Some(2), ..FAST }).await;
    assert_eq!((moved.matched, moved.done, moved.remaining), (5, 5, 0));
    assert!(started.elapsed() >= Duration::from_secs(2), "two, a second, two, a second, one: {:?}", started.elapsed());
    assert_eq!(rig.database.number(BATCHES).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_between_two_transactions_leaves_the_rest_for_the_next_run() {
    let rig = parked().await;
    let mut connection = rig.database.service("payments_svc", "payments").await;
    let (author, stop) = (Author::of_this_process("a test"), CancellationToken::new());
    let mut desk = OutboxDesk { connection: &mut connection, clock: &SystemClock, author: &author, stop: stop.clone() };
    let (all, pace) = (OutboxFilter::default(), Pace { rate: Some(2), ..FAST });
    let interrupt = async {
        eventually("the first transaction", async || rig.database.number(BATCHES).await == 1).await;
        stop.cancel();
    };
    let (moved, ()) = tokio::join!(desk.shift(&all, Move::Unpark, pace), interrupt);
    let moved = moved.unwrap();
    assert_eq!((moved.matched, moved.done, moved.remaining), (5, 2, 3));
    assert_eq!(listed(&rig, &all, RowState::Parked).await.len(), 3);
    assert_eq!(shift(&rig, &all, Move::Unpark, FAST).await.done, 3);
}
