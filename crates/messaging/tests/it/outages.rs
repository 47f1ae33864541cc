//! What happens to a whole broker, on a node of the test's own.

use std::time::{Duration, Instant};

use domain::{
    SystemClock,
    event::{Event, MemberChanged, Open},
    ids::{OrderId, UserId, WorkspaceId},
    role::Role,
};
use messaging::outbox::{Move, OutboxDesk, OutboxFilter, Pace};
use service_kit::audit::Author;
use testkit::Broker;
use tokio_util::sync::CancellationToken;

use crate::rig::{Process, QUEUE, Recorder, Rig, SHARED_QUEUE, confirmed, eventually, now, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_shorter_than_any_back_off_loses_nothing() {
    let broker = Broker::start().await;
    let rig = Rig::on(broker.vhost()).await;
    let (_payments, onboarding) = flowing(&rig).await;
    let (told, ()) = tokio::join!(tell_steadily(&rig, 60), async {
        broker.control(&["eval", "rabbit:stop(), rabbit:start()."]).await;
        back(&onboarding).await;
    });
    assert!(onboarding.metric("messaging_consumer_rebuilds_total") >= 1.0, "the consumer was lost");
    nothing_is_lost(&rig, told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_longer_than_any_back_off_loses_nothing_and_costs_no_row_a_try() {
    let mut broker = Broker::start().await;
    let rig = Rig::on(broker.vhost()).await;
    let (_payments, onboarding) = flowing(&rig).await;
    let (told, ()) = tokio::join!(tell_steadily(&rig, 120), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        broker.kill();
        // Longer than one attempt to connect and the longest wait after it.
        tokio::time::sleep(Duration::from_secs(16)).await;
    });
    assert!(rig.unpublished().await > 0, "events were told while nobody took them");
    broker.run().await;
    back(&onboarding).await;
    nothing_is_lost(&rig, told).await;
    assert_eq!(rig.database.number("select coalesce(max(attempts), 0) from payments.outbox").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_alarm_stops_publishing_while_acknowledgements_still_flow() {
    const IDENTITY: &str = "payments-svc.identity.v1";
    let broker = Broker::start().await;
    let rig = Rig::on(broker.vhost()).await;
    // One process that publishes and consumes.
    let payments = rig.process("payments-svc", vec![Recorder::slow(Duration::from_secs(3)).on(IDENTITY)]);
    payments.ready().await;
    rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("its publishing connection is in use", async || rig.unpublished().await == 0).await;
    // Eight at a time for three seconds each: enough to do for as long as it takes to raise the alarm.
    rig.send(&(0..64).map(|_| member_added()).collect::<Vec<_>>()).await;
    broker.control(&["set_vm_memory_high_watermark", "absolute", "1048576"]).await;
    let already = rig.effects().await;
    rig.tell(&(0..5).map(|_| confirmed(OrderId::generate())).collect::<Vec<_>>()).await;
    within(60, "publishing is paused", async || payments.metric("messaging_publisher_blocked") > 0.5).await;
    within(60, "every effect", async || rig.effects().await == 64).await;
    assert!(already < 64, "the alarm came while events were handled");
    within(30, "every acknowledgement arrived", async || broker.held(IDENTITY).await == 0).await;
    assert_eq!(rig.unpublished().await, 5);
    assert!(payments.metric("messaging_consumer_rebuilds_total") < 0.5, "no consumer was lost");
    assert!(payments.messaging.consumers().iter().all(|consumer| consumer.gone_for.is_none()));

    broker.control(&["set_vm_memory_high_watermark", "absolute", "768MB"]).await;
    within(60, "the outbox drains", async || rig.unpublished().await == 0).await;
    assert_eq!(rig.database.number("select max(attempts) from payments.outbox").await, 0);
    assert!(payments.metric("messaging_publisher_blocked") < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_held_longer_than_the_broker_allows_comes_again_and_has_one_effect() {
    let broker = Broker::start_with("consumer_timeout = 3000").await;
    let rig = Rig::on(broker.vhost()).await;
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::slow_once(Duration::from_secs(6)).on(QUEUE)]);
    onboarding.ready().await;
    rig.tell(&[confirmed(OrderId::generate())]).await;
    within(60, "the broker closed the channel", async || onboarding.metric("messaging_consumer_rebuilds_total") >= 1.0).await;
    within(60, "the event came again", async || onboarding.labelled("messaging_consumed_total", "duplicate") >= 1.0).await;
    assert!(onboarding.metric("messaging_acks_lost_total") >= 1.0, "the late acknowledgement is counted");
    rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("the next event has its effect", async || rig.effects().await == 2).await;
    onboarding.ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_that_the_broker_closes_are_opened_anew_on_both_sides() {
    let broker = Broker::start().await;
    let rig = Rig::on(broker.vhost()).await;
    let (payments, onboarding) = flowing(&rig).await;
    // To the broker it looks as if every client had acknowledged what it never had.
    let errors = "[rabbit_channel:do(P, {'basic.ack', 999999, false}) || P <- rabbit_channel:list_local()], ok.";
    broker.control(&["eval", errors]).await;
    eventually("the consumer was lost", async || onboarding.metric("messaging_consumer_rebuilds_total") >= 1.0).await;
    rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("the effect", async || rig.effects().await == 2).await;
    onboarding.ready().await;
    assert!(payments.labelled("messaging_connected", "publish") > 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_forgot_everything_gets_its_topology_and_its_events_again() {
    let mut broker = Broker::start().await;
    let rig = Rig::on(broker.vhost()).await;
    let _payments = rig.process("payments-svc", vec![]);
    rig.tell(&[confirmed(OrderId::generate()), confirmed(OrderId::generate())]).await;
    eventually("both are confirmed", async || rig.unpublished().await == 0).await;
    broker.kill();
    broker.forget();
    broker.run().await;
    let onboarding = rig.process("onboarding-svc", vec![Recorder::plain().on(QUEUE)]);
    rig.tell(&[confirmed(OrderId::generate())]).await;
    within(90, "what is told now has its effect", async || rig.effects().await == 1).await;
    onboarding.ready().await;
    let mut connection = rig.database.service("payments_svc", "payments").await;
    let author = Author::of_this_process("the broker lost its disk");
    let mut desk = OutboxDesk { connection: &mut connection, clock: &SystemClock, author: &author, stop: CancellationToken::new() };
    let again = Move::Republish { since: Some(now() - chrono::TimeDelta::hours(1)), until: None };
    let pace = Pace { max: 10, rate: None, dry_run: false };
    assert_eq!(desk.shift(&OutboxFilter::default(), again, pace).await.unwrap().done, 3);
    eventually("what was lost has its effect, the rest no second one", async || {
        rig.unpublished().await == 0 && onboarding.metric("messaging_consumed_total") >= 4.0
    })
    .await;
    assert_eq!((rig.effects().await, rig.inboxed(QUEUE).await), (3, 3));
    assert!(rig.waiting(SHARED_QUEUE).await >= 3, "the other consumer's copies are there as well");
}

/// A publisher and a consumer that have dealt with one event.
async fn flowing(rig: &Rig) -> (Process, Process) {
    let payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::plain().on(QUEUE)]);
    onboarding.ready().await;
    rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("the effect", async || rig.effects().await == 1).await;
    (payments, onboarding)
}

/// Ten events a second; returns how many were told since the database is new.
async fn tell_steadily(rig: &Rig, count: i64) -> i64 {
    for _ in 0..count {
        rig.tell(&[confirmed(OrderId::generate())]).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    rig.database.number("select count(*) from payments.outbox").await
}

/// Waits for the consumer after the broker's return, ten seconds at most, and says how long that took.
async fn back(onboarding: &Process) {
    let returned = Instant::now();
    within(10, "the consumer is back", async || onboarding.messaging.consumers().iter().all(|consumer| consumer.gone_for.is_none())).await;
    println!("consumer back {:.1} s after the broker", returned.elapsed().as_secs_f64());
}

async fn nothing_is_lost(rig: &Rig, told: i64) {
    within(120, "every event is published", async || rig.unpublished().await == 0).await;
    within(120, "every event has its effect", async || rig.effects().await >= told).await;
    assert_eq!((rig.effects().await, rig.inboxed(QUEUE).await), (told, told));
}

fn member_added() -> Event {
    Event::MemberAdded(MemberChanged { workspace_id: WorkspaceId::generate(), user_id: UserId::generate(), role: Open::Known(Role::Admin) })
}
