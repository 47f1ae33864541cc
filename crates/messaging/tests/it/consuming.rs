use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use domain::{
    event::EventType,
    ids::{EventId, OrderId},
};
use messaging::{HandlerError, envelope::Envelope};

use crate::rig::{QUEUE, Recorder, Rig, SHARED_QUEUE, confirmed, eventually, now};

#[tokio::test(flavor = "multi_thread")]
async fn one_event_delivered_twice_at_once_to_two_replicas_has_one_effect() {
    let rig = Rig::new().await;
    let replicas: Vec<_> =
        (0..2).map(|_| rig.process("auth-svc", vec![Recorder::slow(Duration::from_millis(500)).on(SHARED_QUEUE)])).collect();
    for replica in &replicas {
        replica.ready().await;
    }
    let event = confirmed(OrderId::generate());
    let properties = envelope(&event).to_properties("payments-svc").unwrap();
    let body = event.to_data().to_string();
    let key = EventType::PaymentConfirmed.as_str();
    for _ in 0..4 {
        rig.publish(key, properties.clone(), body.as_bytes()).await;
    }
    let consumed = || replicas.iter().map(|replica| replica.metric("messaging_consumed_total")).sum::<f64>();
    eventually("all four are dealt with", async || consumed() >= 4.0).await;
    assert_eq!(rig.effects().await, 1);
    assert_eq!(rig.inboxed(SHARED_QUEUE).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_tried_again_after_five_seconds_and_only_where_it_failed() {
    let rig = Rig::new().await;
    let recorder = Recorder::new(|event| if event.retries == 0 { Err(HandlerError::Transient("not yet".into())) } else { Ok(()) });
    let committed = recorder.committed.clone();
    let _payments = rig.process("payments-svc", vec![]);
    let _onboarding = rig.process("onboarding-svc", vec![recorder.on(QUEUE)]);
    let ids = rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("it waits", async || rig.waiting("onboarding-svc.payments.v1.retry.5s").await == 1).await;
    assert_eq!((rig.effects().await, rig.inboxed(QUEUE).await), (0, 0), "the failed attempt left nothing");
    eventually("the effect", async || rig.effects().await == 1).await;
    assert_eq!(rig.database.number("select retries from public.effect").await, 1);
    eventually("the hook", async || *committed.lock().unwrap() == ids).await;
    assert_eq!(rig.waiting(SHARED_QUEUE).await, 1, "another consumer's copy is not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_failure_like_another() {
    let rig = Rig::new().await;
    let recorder = Recorder::new(|event| {
        assert!(event.retries > 0, "planted");
        Ok(())
    });
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![recorder.on(QUEUE)]);
    rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("the effect", async || rig.effects().await == 1).await;
    assert!((onboarding.metric("messaging_handler_panics_total") - 1.0).abs() < f64::EPSILON);
    assert!(!onboarding.lifecycle.draining().is_cancelled());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_moves_nothing_to_the_dead_queue_and_ends_by_itself() {
    let rig = Rig::new().await;
    let (down, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
    let recorder = {
        let (down, calls) = (down.clone(), calls.clone());
        Recorder::new(move |_| {
            calls.fetch_add(1, Ordering::SeqCst);
            if down.load(Ordering::SeqCst) { Err(HandlerError::Transient("down".into())) } else { Ok(()) }
        })
    };
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![recorder.on(QUEUE)]);
    let events: Vec<_> = (0..60).map(|_| confirmed(OrderId::generate())).collect();
    rig.tell(&events).await;
    eventually("the guard", async || onboarding.metric("messaging_consumer_guarded") > 0.5).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(calls.load(Ordering::SeqCst) <= 22, "it only probes: {} calls", calls.load(Ordering::SeqCst));
    assert_eq!(rig.waiting("onboarding-svc.payments.v1.dead").await, 0);
    down.store(false, Ordering::SeqCst);
    eventually("every effect", async || rig.effects().await == 60).await;
    assert_eq!(rig.waiting("onboarding-svc.payments.v1.dead").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_process_finishes_what_runs_and_gives_back_the_rest() {
    let rig = Rig::new().await;
    let _payments = rig.process("payments-svc", vec![]);
    let first = rig.process("onboarding-svc", vec![Recorder::slow(Duration::from_secs(2)).on(QUEUE)]);
    first.ready().await;
    let events: Vec<_> = (0..3).map(|_| confirmed(OrderId::generate())).collect();
    rig.tell(&events).await;
    eventually("all wait or run", async || rig.unpublished().await == 0).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    first.lifecycle.drain();
    eventually("the running one commits", async || rig.effects().await == 1).await;
    eventually("the others are back", async || rig.waiting(QUEUE).await == 2).await;
    let _second = rig.process("onboarding-svc", vec![Recorder::new(|_| Ok(())).on(QUEUE)]);
    eventually("every effect", async || rig.effects().await == 3).await;
}

pub fn envelope(event: &domain::event::Event) -> Envelope {
    Envelope {
        id: EventId::generate(),
        source: event.event_type().source().to_owned(),
        event_type: event.event_type().as_str().to_owned(),
        subject: event.subject(),
        time: now(),
        dataschema: event.dataschema().to_owned(),
        sequence: 1,
        workspace_id: Some(event.workspace_id()),
        trace: None,
    }
}
