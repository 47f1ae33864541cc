//! Processes that crash or are frozen at the worst moment.

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use domain::{
    event::EventType,
    ids::{EventId, OrderId},
};

use lapin::types::AMQPValue;

use crate::{
    child::{Child, Conduct},
    consuming::envelope,
    rig::{QUEUE, Recorder, Rig, SHARED_QUEUE, confirmed, eventually, within},
};

/// The broker's limit is 20 failed deliveries, so the twenty-first is the last.
const MOST_DELIVERIES: u32 = 21;

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_commit_and_acknowledgement_leaves_one_effect() {
    let rig = Rig::new().await;
    let _payments = rig.process("payments-svc", vec![]);
    let mut crashing = Child::start(&rig, "onboarding-svc", "", Some((QUEUE, Conduct::AbortsAfterCommit)));
    crashing.ready().await;
    rig.tell(&[confirmed(OrderId::generate())]).await;
    within(60, "the process crashes", async || rig.effects().await == 1).await;
    while !crashing.aborted() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let onboarding = rig.process("onboarding-svc", vec![Recorder::plain().on(QUEUE)]);
    eventually("the event comes again and is recognised", async || onboarding.labelled("messaging_consumed_total", "duplicate") >= 1.0)
        .await;
    assert_eq!((rig.effects().await, rig.inboxed(QUEUE).await), (1, 1));
    assert!(onboarding.labelled("messaging_redelivered_total", QUEUE) >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_kills_its_process_ends_in_the_dead_queue_and_takes_no_other_with_it() {
    let rig = Rig::new().await;
    let poison = rig.send(&[confirmed(OrderId::generate()), confirmed(OrderId::generate())]).await[0];
    let crashes = crash_until_it_is_dead(&rig, QUEUE, poison, 1).await;
    assert!(crashes <= MOST_DELIVERIES, "{crashes} deliveries");
    only_letter_is(&rig, QUEUE, poison).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_beside_one_that_kills_its_process_have_their_effect() {
    let rig = Rig::new().await;
    let events: Vec<_> = (0..21).map(|_| confirmed(OrderId::generate())).collect();
    let poison = rig.send(&events).await[5];
    let crashes = crash_until_it_is_dead(&rig, SHARED_QUEUE, poison, 20).await;
    assert!(crashes <= MOST_DELIVERIES, "{crashes} deliveries");
    only_letter_is(&rig, SHARED_QUEUE, poison).await;
}

/// Starts the process again after each crash, until the poison is dead and the others had their effect. Returns how
/// often it crashed.
async fn crash_until_it_is_dead(rig: &Rig, queue: &'static str, poison: EventId, others: i64) -> u32 {
    let service = queue.split('.').next().unwrap();
    let dead = format!("{queue}.dead");
    for crashes in 0..=MOST_DELIVERIES + 4 {
        let mut child = Child::start(rig, service, "", Some((queue, Conduct::AbortsOn(poison))));
        loop {
            if child.aborted() {
                break;
            }
            if rig.waiting(&dead).await >= 1 && rig.effects().await >= others {
                assert_eq!((rig.waiting(&dead).await, rig.effects().await), (1, others));
                return crashes;
            }
            assert!(rig.waiting(&dead).await <= 1, "others died with it, after {crashes} crashes");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    panic!("the loop does not end");
}

/// The broker's own words, not ours: no code of ours saw the end of that event.
async fn only_letter_is(rig: &Rig, queue: &str, poison: EventId) {
    let letters = rig.letters(&format!("{queue}.dead")).await;
    let [letter] = letters.as_slice() else { panic!("{} letters", letters.len()) };
    assert_eq!(letter.properties.message_id().as_ref().unwrap().as_str(), poison.to_string());
    let headers = letter.properties.headers().clone().unwrap();
    assert_eq!(headers.inner().get("x-first-death-reason"), Some(&AMQPValue::LongString("delivery_limit".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_frozen_past_its_lease_cannot_mark_what_another_one_holds() {
    let rig = Rig::new().await;
    let events: Vec<_> = (0..3_000).map(|_| confirmed(OrderId::generate())).collect();
    rig.tell(&events).await;
    let leased = "select count(*) from payments.outbox where lease_token is not null";
    let frozen = Child::start(&rig, "payments-svc", "", None);
    // Claimed and not yet marked: a moment too short to meet every time.
    let held = loop {
        while rig.database.number(leased).await == 0 {
            assert!(rig.unpublished().await > 0, "it was never met between claim and mark");
        }
        frozen.freeze();
        tokio::time::sleep(Duration::from_millis(300)).await;
        match rig.database.number(leased).await {
            0 => frozen.thaw(),
            held => break held,
        }
    };
    // The lease ends, and another relay claims the same rows.
    let mut admin = rig.database.admin().await;
    admin
        .batch_execute(
            "update payments.outbox set lease_token = '00000000-0000-7000-8000-000000000002', lease_until = now() + interval '1 hour'
             where lease_token is not null",
        )
        .await
        .unwrap();
    frozen.thaw();
    within(60, "its marks are refused", async || frozen.metric("messaging_stale_marks_total") >= 1.0).await;
    let others = "select count(*) from payments.outbox where lease_token = '00000000-0000-7000-8000-000000000002' and published_at is null";
    assert_eq!(rig.database.number(others).await, held, "what the other relay holds is still its own");
    drop(frozen);

    admin.batch_execute("update payments.outbox set lease_until = now() where lease_until is not null").await.unwrap();
    let _relay = rig.process("payments-svc", vec![]);
    within(120, "all are published", async || rig.unpublished().await == 0).await;
    assert!(rig.waiting(QUEUE).await >= 3_000, "some came twice, none is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_frozen_consumer_holds_has_its_effect_elsewhere_and_once() {
    let rig = Rig::new().await;
    let in_transaction = confirmed(OrderId::generate());
    let lingering = envelope(&in_transaction);
    let frozen = Child::start(&rig, "auth-svc", "?heartbeat=4", Some((SHARED_QUEUE, Conduct::LingersIn(lingering.id))));
    frozen.ready().await;
    // Until one event succeeds it fetches one at a time.
    rig.send(&[confirmed(OrderId::generate())]).await;
    eventually("it fetches more than one event", async || frozen.metric("messaging_consumed_total") >= 1.0).await;
    let key = EventType::PaymentConfirmed.as_str();
    rig.publish(key, lingering.to_properties("payments-svc").unwrap(), in_transaction.to_data().to_string().as_bytes()).await;
    rig.send(&[confirmed(OrderId::generate())]).await;
    // A sequence counts what is not committed as well.
    let begun = "select case when is_called then last_value else 0 end from public.effect_id_seq";
    eventually("one is committed, one is not", async || rig.database.number(begun).await == 3 && rig.effects().await == 2).await;
    frozen.freeze();
    let healthy = rig.process("auth-svc", vec![Recorder::plain().on(SHARED_QUEUE)]);
    within(90, "the heartbeat gives both to another process", async || rig.inboxed(SHARED_QUEUE).await == 3).await;
    eventually("one was new, one was not", async || {
        healthy.labelled("messaging_consumed_total", "done") >= 1.0 && healthy.labelled("messaging_consumed_total", "duplicate") >= 1.0
    })
    .await;
    frozen.thaw();
    within(60, "its late acknowledgement is lost, and counted", async || frozen.metric("messaging_acks_lost_total") >= 1.0).await;
    assert_eq!((rig.effects().await, rig.inboxed(SHARED_QUEUE).await), (3, 3));
}
