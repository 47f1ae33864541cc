use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use domain::{SystemClock, ids::OrderId};
use lapin::options::ExchangeDeleteOptions;
use messaging::{
    outbox::{self, Move, OutboxDesk, OutboxFilter, Pace},
    topology::EVENTS,
};
use service_kit::audit::Author;
use tokio_util::sync::CancellationToken;

use crate::rig::{DISORDERED, QUEUE, Recorder, Rig, SHARED_QUEUE, confirmed, eventually, now, within};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_has_its_effect_and_leaves_nothing_behind() {
    let rig = Rig::new().await;
    let payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::new(|_| Ok(())).on(QUEUE)]);
    onboarding.ready().await;
    rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("the effect", async || rig.effects().await == 1).await;
    eventually("the mark", async || rig.unpublished().await == 0).await;
    eventually("the acknowledgement", async || rig.held(QUEUE).await == 0).await;
    assert_eq!(rig.inboxed(QUEUE).await, 1);
    // The other bound consumer was never started, and its copy waits.
    eventually("the copy", async || rig.waiting(SHARED_QUEUE).await == 1).await;
    assert!((payments.metric("messaging_published_total") - 1.0).abs() < f64::EPSILON);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rolled_back_is_never_told_and_leaves_no_gap() {
    let rig = Rig::new().await;
    let order = OrderId::generate();
    let mut connection = rig.database.service("payments_svc", "payments").await;
    connection.batch_execute("begin").await.unwrap();
    outbox::append(&mut connection, now(), &confirmed(order)).await.unwrap();
    connection.batch_execute("rollback").await.unwrap();
    rig.tell(&[confirmed(order)]).await;
    let _payments = rig.process("payments-svc", vec![]);
    eventually("the mark", async || rig.unpublished().await == 0).await;
    assert_eq!(rig.database.number("select max(aggregate_seq) from payments.outbox").await, 1);
    eventually("the message", async || rig.waiting(QUEUE).await == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unroutable_events_stay_in_the_outbox_and_take_no_others_with_them() {
    let rig = Rig::new().await;
    let events: Vec<_> = (0..150).map(|_| confirmed(OrderId::generate())).collect();
    rig.tell(&events).await;
    // Spread over one batch: a returned message must not be taken for another one.
    let mut admin = rig.database.admin().await;
    admin.batch_execute("update payments.outbox set event_type = 'payments.nobody.listens.v1' where id % 3 = 0").await.unwrap();
    let payments = rig.process("payments-svc", vec![]);
    let stay =
        "select count(*) from payments.outbox where event_type = 'payments.nobody.listens.v1' and published_at is null and attempts >= 1";
    eventually("the failures are the rows' own", async || rig.database.number(stay).await == 50).await;
    eventually("all others are published", async || rig.unpublished().await == 50).await;
    eventually("the others arrived", async || rig.waiting(QUEUE).await == 100).await;
    assert!(payments.metric("messaging_published_total") >= 150.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_twentieth_failure_of_its_own_parks_a_row_and_its_aggregate_waits() {
    let rig = Rig::new().await;
    let order = OrderId::generate();
    rig.tell(&[confirmed(order), confirmed(order), confirmed(OrderId::generate())]).await;
    let mut admin = rig.database.admin().await;
    admin
        .batch_execute(
            "update payments.outbox set attempts = 19, event_type = 'payments.nobody.listens.v1' where id = (select min(id) from payments.outbox)",
        )
        .await
        .unwrap();
    let _payments = rig.process("payments-svc", vec![]);
    eventually("it is parked", async || rig.database.number("select count(*) from payments.outbox where parked_at is not null").await == 1)
        .await;
    eventually("the other aggregate goes on", async || rig.unpublished().await == 2).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(rig.unpublished().await, 2, "the parked row's successor must wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn four_relays_that_lose_their_connections_publish_everything_in_order() {
    let rig = Rig::new().await;
    let onboarding = rig.process("onboarding-svc", vec![Recorder::new(|_| Ok(())).on(QUEUE)]);
    onboarding.ready().await;
    let relays: Vec<_> = (0..4).map(|_| rig.process("payments-svc", vec![])).collect();
    let orders: Vec<_> = (0..20).map(|_| OrderId::generate()).collect();
    for round in 0..15 {
        let events: Vec<_> = orders.iter().map(|order| confirmed(*order)).collect();
        rig.tell(&events).await;
        if round % 5 == 4 {
            rig.vhost.close_all_connections().await;
        }
    }
    eventually("all are published", async || rig.unpublished().await == 0).await;
    eventually("all had their effect", async || rig.effects().await == 300).await;
    assert_eq!(rig.database.number(DISORDERED).await, 0);
    drop(relays);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_events_and_costs_no_row_a_try() {
    let rig = Rig::new().await;
    rig.limit(QUEUE, 1).await;
    let payments = rig.process("payments-svc", vec![]);
    // One after the other: the limit is not exact within a batch.
    let order = OrderId::generate();
    let events: Vec<_> = (0..6).map(|_| confirmed(order)).collect();
    rig.tell(&events).await;
    eventually("the broker refuses", async || payments.labelled("messaging_published_total", "nack") >= 2.0).await;
    let refused = "select count(*) from payments.outbox where published_at is null and last_error = 'refused by the broker'";
    eventually("the reason is noted", async || rig.database.number(refused).await == 1).await;
    assert!(rig.unpublished().await >= 4, "a refused event is not published");
    rig.unlimit().await;
    eventually("all are published", async || rig.unpublished().await == 0).await;
    assert!(rig.waiting(QUEUE).await >= 6);
    assert_eq!(rig.database.number("select max(attempts) from payments.outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_exchange_is_declared_again_and_nothing_told_meanwhile_is_lost() {
    let rig = Rig::new().await;
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::new(|_| Ok(())).on(QUEUE)]);
    onboarding.ready().await;
    rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("the effect", async || rig.effects().await == 1).await;
    let connection = rig.connection().await;
    let channel = connection.create_channel().await.unwrap();
    channel.exchange_delete(EVENTS.into(), ExchangeDeleteOptions::default()).await.unwrap();
    rig.tell(&[confirmed(OrderId::generate()), confirmed(OrderId::generate())]).await;
    eventually("the effects", async || rig.effects().await == 3).await;
    eventually("the marks", async || rig.unpublished().await == 0).await;
    assert_eq!(rig.database.number("select max(attempts) from payments.outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_relays_of_which_the_broker_refuses_every_tenth_event_keep_the_order_of_each_aggregate() {
    let rig = Rig::new().await;
    let orders: Vec<_> = (0..20).map(|_| OrderId::generate()).collect();
    let events: Vec<_> = (0..15).flat_map(|_| orders.iter().map(|order| confirmed(*order))).collect();
    rig.tell(&events).await;
    // The limit is below what one round of the relays sends, and the consumer makes room again.
    rig.limit(QUEUE, 5).await;
    let onboarding = rig.process("onboarding-svc", vec![Recorder::slow(Duration::from_millis(10)).on(QUEUE)]);
    onboarding.ready().await;
    let relays: Vec<_> = (0..4).map(|_| rig.process("payments-svc", vec![])).collect();
    within(120, "all are published", async || rig.unpublished().await == 0).await;
    within(60, "all have their effect", async || rig.effects().await == 300).await;
    let refused: f64 = relays.iter().map(|relay| relay.labelled("messaging_published_total", "nack")).sum();
    println!("{refused} refusals for 300 events");
    assert!(refused >= 30.0, "only {refused} refusals");
    assert_eq!(rig.database.number(DISORDERED).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_broker_forgot_is_published_again_without_a_second_effect() {
    let rig = Rig::new().await;
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::new(|_| Ok(())).on(QUEUE)]);
    rig.tell(&[confirmed(OrderId::generate()), confirmed(OrderId::generate())]).await;
    eventually("both had their effect", async || rig.effects().await == 2).await;
    let mut connection = rig.database.service("payments_svc", "payments").await;
    let author = Author::of_this_process("the broker lost its disk");
    let stop = CancellationToken::new();
    let mut desk = OutboxDesk { connection: &mut connection, clock: &SystemClock, author: &author, stop };
    let (again, filter) = (Move::Republish { since: Some(now() - chrono::TimeDelta::hours(1)), until: None }, OutboxFilter::default());
    assert_eq!(desk.shift(&filter, again, Pace { max: 10, rate: None, dry_run: true }).await.unwrap().matched, 2);
    assert_eq!(rig.unpublished().await, 0, "a dry run changes nothing");
    assert_eq!(desk.shift(&filter, again, Pace { max: 10, rate: None, dry_run: false }).await.unwrap().done, 2);
    eventually("both came again", async || onboarding.metric("messaging_consumed_total") >= 4.0).await;
    assert_eq!(rig.effects().await, 2);
}
