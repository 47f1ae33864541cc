use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{SystemClock, event::EventType, ids::OrderId};
use lapin::BasicProperties;
use messaging::{
    HandlerError,
    dead_letters::{Act, DeadLetters, DeadLettersCommand, DeadLettersError, Filter, Summary},
};

use crate::{
    consuming::envelope,
    rig::{QUEUE, Recorder, Rig, confirmed, eventually},
};

const DEAD: &str = "onboarding-svc.payments.v1.dead";

#[tokio::test(flavor = "multi_thread")]
async fn poison_goes_to_the_dead_queue_at_once_and_the_consumer_lives() {
    let rig = Rig::new().await;
    let _payments = rig.process("payments-svc", vec![]);
    let _onboarding = rig.process("onboarding-svc", vec![Recorder::new(|_| Ok(())).on(QUEUE)]);
    let key = EventType::PaymentConfirmed.as_str();
    let (event, stranger) = (confirmed(OrderId::generate()), confirmed(OrderId::generate()));
    rig.publish(key, BasicProperties::default(), b"nonsense").await;
    rig.publish(key, envelope(&event).to_properties("payments-svc").unwrap(), b"{\"order_id\":").await;
    rig.publish(key, envelope(&event).to_properties("payments-svc").unwrap(), stranger.to_data().to_string().as_bytes()).await;
    eventually("three dead letters", async || rig.waiting(DEAD).await == 3).await;
    rig.tell(&[event]).await;
    eventually("the next event has its effect", async || rig.effects().await == 1).await;
    let (summary, lines) = run(&rig, DeadLettersCommand::List { filter: Filter::default(), max: 100 }).await.unwrap();
    assert_eq!(summary.matched, 3);
    for reason in ["content_type", "malformed_data", "tenant_mismatch"] {
        assert!(lines.contains(&format!("\"reason\":\"{reason}\"")), "{reason} in {lines}");
    }
    assert_eq!(rig.waiting(DEAD).await, 3, "a look takes nothing away");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_has_the_effect_once_and_a_second_one_none() {
    let rig = Rig::new().await;
    let broken = Arc::new(AtomicBool::new(true));
    let recorder = {
        let broken = broken.clone();
        Recorder::new(move |_| if broken.load(Ordering::SeqCst) { Err(HandlerError::Permanent("planted".into())) } else { Ok(()) })
    };
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![recorder.on(QUEUE)]);
    let ids = rig.tell(&[confirmed(OrderId::generate()), confirmed(OrderId::generate())]).await;
    eventually("two dead letters", async || rig.waiting(DEAD).await == 2).await;
    broken.store(false, Ordering::SeqCst);

    assert!(matches!(run(&rig, DeadLettersCommand::Replay(act(Filter::default(), false))).await, Err(DeadLettersError::Unfiltered)));
    let first = Filter { id: Some(ids[0]), ..Filter::default() };
    let (shown, text) = run(&rig, DeadLettersCommand::Show { id: ids[0], queue: None }).await.unwrap();
    assert!(shown.matched == 1 && text.contains("\"order_id\""), "{text}");
    let dry = DeadLettersCommand::Replay(Act { dry_run: true, ..act(first.clone(), false) });
    assert_eq!(run(&rig, dry).await.unwrap().0, Summary { matched: 1, done: 0 });
    assert_eq!(rig.effects().await, 0);

    assert_eq!(run(&rig, DeadLettersCommand::Replay(act(first, false))).await.unwrap().0, Summary { matched: 1, done: 1 });
    eventually("the effect", async || rig.effects().await == 1).await;
    eventually("the other one stays", async || rig.waiting(DEAD).await == 1).await;
    assert_eq!(rig.database.number("select count(*) from onboarding.audit_log where action = 'dead_letter.replay'").await, 2);

    // The first event once more by hand: its replay was recognised, so is this.
    let before = onboarding.metric("messaging_consumed_total");
    let event = confirmed(OrderId::generate());
    let again = messaging::envelope::Envelope { id: ids[0], ..envelope(&event) };
    rig.publish(EventType::PaymentConfirmed.as_str(), again.to_properties("payments-svc").unwrap(), event.to_data().to_string().as_bytes())
        .await;
    eventually("it was taken", async || onboarding.metric("messaging_consumed_total") > before).await;
    assert_eq!(rig.effects().await, 1);

    let by_reason = Filter { reason: Some("permanent".into()), ..Filter::default() };
    assert_eq!(run(&rig, DeadLettersCommand::Drop(act(by_reason, false))).await.unwrap().0, Summary { matched: 1, done: 1 });
    eventually("nothing is left", async || rig.waiting(DEAD).await == 0).await;
    assert_eq!(rig.effects().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_dead_queue_holds_poison_back_and_loses_nothing() {
    let rig = Rig::new().await;
    rig.limit(DEAD, 1).await;
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::plain().on(QUEUE)]);
    onboarding.ready().await;
    let event = confirmed(OrderId::generate());
    let key = EventType::PaymentConfirmed.as_str();
    for _ in 0..6 {
        rig.publish(key, envelope(&event).to_properties("payments-svc").unwrap(), b"{").await;
    }
    rig.tell(&[event]).await;
    eventually("the first is a dead letter", async || rig.waiting(DEAD).await >= 1).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(rig.waiting(DEAD).await < 6, "the dead queue refuses");
    assert_eq!(rig.effects().await, 0, "the queue is in order, so the next event waits");
    assert!(onboarding.metric("messaging_consumer_rebuilds_total") < 0.5, "the consumer holds what it cannot bury");
    rig.unlimit().await;
    eventually("all six are dead letters", async || rig.waiting(DEAD).await == 6).await;
    eventually("the next event has its effect", async || rig.effects().await == 1).await;
}

fn act(filter: Filter, all: bool) -> Act {
    Act { filter, all, max: 100, rate: 100, dry_run: false }
}

async fn run(rig: &Rig, command: DeadLettersCommand) -> Result<(Summary, String), DeadLettersError> {
    let mut connection = rig.database.service("onboarding_svc", "onboarding").await;
    let mut out = Vec::new();
    let amqp_url = rig.vhost.url().into();
    let on = DeadLetters { service: "onboarding-svc", amqp_url: &amqp_url, connection: &mut connection, clock: &SystemClock };
    let summary = command.run(on, &mut out).await?;
    Ok((summary, String::from_utf8(out).unwrap()))
}
