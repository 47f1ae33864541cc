use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use domain::{
    event::EventType,
    ids::{EventId, OrderId},
};
use messaging::{HandlerError, envelope::Envelope, trace::TraceContext};

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
    let publish = || rig.publish(key, properties.clone(), body.as_bytes());
    tokio::join!(publish(), publish(), publish(), publish());
    let consumed = || replicas.iter().map(|replica| replica.metric("messaging_consumed_total")).sum::<f64>();
    eventually("all four are dealt with", async || consumed() >= 4.0).await;
    assert!(replicas.iter().all(|replica| replica.metric("messaging_consumed_total") >= 1.0), "both replicas had it");
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

#[tokio::test(flavor = "multi_thread")]
async fn events_out_of_order_and_with_gaps_all_arrive_and_say_where_they_belong() {
    let rig = Rig::new().await;
    let order = OrderId::generate();
    for sequence in [7, 2, 5] {
        let event = confirmed(order);
        let properties = Envelope { sequence, ..envelope(&event) }.to_properties("payments-svc").unwrap();
        rig.publish(EventType::PaymentConfirmed.as_str(), properties, event.to_data().to_string().as_bytes()).await;
    }
    let onboarding = rig.process("onboarding-svc", vec![Recorder::plain().on(QUEUE)]);
    eventually("every effect", async || onboarding.labelled("messaging_consumed_total", "done") >= 3.0).await;
    for (place, sequence) in [(1, 7), (2, 2), (3, 5)] {
        let at = format!("select sequence from public.effect order by id offset {} limit 1", place - 1);
        assert_eq!(rig.database.number(&at).await, sequence);
    }
    assert_eq!(rig.inboxed(QUEUE).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_trace_context_starts_a_new_trace_and_costs_the_event_nothing() {
    use opentelemetry::trace::TracerProvider;
    use tracing_subscriber::layer::SubscriberExt;

    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();

    let rig = Rig::new().await;
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let recorder = {
        let seen = seen.clone();
        Recorder::new(move |_| {
            seen.lock().unwrap().push(TraceContext::current().unwrap().traceparent);
            Ok(())
        })
    };
    let onboarding = rig.process("onboarding-svc", vec![recorder.on(QUEUE)]);
    onboarding.ready().await;
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let upper = good.to_uppercase();
    for traceparent in [good, &upper, "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", "\u{fffd}", &"0".repeat(8_000)] {
        let event = confirmed(OrderId::generate());
        let trace = Some(TraceContext { traceparent: traceparent.to_owned(), tracestate: Some("=,=".to_owned()) });
        let properties = Envelope { trace, ..envelope(&event) }.to_properties("payments-svc").unwrap();
        rig.publish(EventType::PaymentConfirmed.as_str(), properties, event.to_data().to_string().as_bytes()).await;
    }
    eventually("every effect", async || rig.effects().await == 5).await;
    let seen = seen.lock().unwrap().clone();
    let mut traces: Vec<_> = seen.iter().map(|traceparent| traceparent.get(3..35).unwrap()).collect();
    assert_eq!(traces.remove(0), "0af7651916cd43dd8448eb211c80319c", "a good one goes on");
    assert!(traces.iter().all(|trace| *trace != "0af7651916cd43dd8448eb211c80319c"), "{traces:?}");
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), 4, "each bad one begins a trace of its own");
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
