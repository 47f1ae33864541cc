//! A network that loses one direction, between processes and a broker that are both well.

use domain::ids::OrderId;
use testkit::relay::{Direction, Mode, Relay};

use crate::rig::{Process, QUEUE, Recorder, Rig, confirmed, eventually, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_in_which_nothing_comes_back_loses_nothing() {
    survives(Direction::ToClient).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_in_which_nothing_arrives_loses_nothing() {
    survives(Direction::ToTarget).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_whose_confirms_are_lost_publishes_again_and_nothing_has_two_effects() {
    confirms_are_lost(4, &["timeout", "error"]).await;
}

/// No heartbeat ends the connection: the publisher must by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_waits_for_a_confirm_no_longer_than_its_time_limit() {
    confirms_are_lost(120, &["timeout"]).await;
}

async fn confirms_are_lost(heartbeat_s: u32, outcomes: &[&str]) {
    let rig = Rig::new().await;
    let (relay, url) = Relay::before(&rig.vhost.url()).await;
    let payments = rig.process_at(&format!("{url}?heartbeat={heartbeat_s}"), "payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::plain().on(QUEUE)]);
    rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("the effect", async || rig.effects().await == 1).await;
    relay.set(Mode::OneWay { silent: Direction::ToClient }).await;
    rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("it arrived, and nobody says so", async || rig.effects().await == 2).await;
    within(60, "the publisher gives up waiting", async || {
        outcomes.iter().map(|outcome| payments.labelled("messaging_published_total", outcome)).sum::<f64>() >= 1.0
    })
    .await;
    assert_eq!(rig.unpublished().await, 1, "what was not confirmed was not published");
    relay.set(Mode::Pass).await;
    within(90, "it is published again", async || rig.unpublished().await == 0).await;
    eventually("and recognised", async || onboarding.labelled("messaging_consumed_total", "duplicate") >= 1.0).await;
    assert_eq!((rig.effects().await, rig.inboxed(QUEUE).await), (2, 2));
    assert_eq!(rig.database.number("select max(attempts) from payments.outbox").await, 0);
}

async fn survives(silent: Direction) {
    let rig = Rig::new().await;
    let (relay, url) = Relay::before(&rig.vhost.url()).await;
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process_at(&format!("{url}?heartbeat=4"), "onboarding-svc", vec![Recorder::plain().on(QUEUE)]);
    onboarding.ready().await;
    relay.set(Mode::OneWay { silent }).await;
    rig.tell(&[confirmed(OrderId::generate()), confirmed(OrderId::generate())]).await;
    within(60, "the consumer notices", async || lost(&onboarding)).await;
    // The broker notices as well: its heartbeats go unanswered or its answers unread.
    relay.set(Mode::Pass).await;
    within(90, "both have their effect", async || rig.effects().await == 2).await;
    eventually("the broker holds nothing any more", async || rig.held(QUEUE).await == 0).await;
    onboarding.ready().await;
    assert_eq!(rig.inboxed(QUEUE).await, 2);
    assert_eq!(rig.waiting("onboarding-svc.payments.v1.dead").await, 0);
}

fn lost(process: &Process) -> bool {
    process.metric("messaging_consumer_rebuilds_total") >= 1.0
}
