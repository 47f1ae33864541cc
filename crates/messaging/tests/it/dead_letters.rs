use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{
    SystemClock,
    event::{Event, EventType},
    ids::{EventId, OrderId},
};
use lapin::{BasicProperties, types::FieldTable};
use messaging::{
    HandlerError,
    dead_letters::{Act, DeadLetters, DeadLettersError, Deed, Filter, Letter, LetterSummary, Summary},
    topology,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use service_kit::{Lifecycle, audit::Author, db::Db};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    consuming::envelope,
    rig::{Process, QUEUE, Recorder, Rig, confirmed, eventually, now, pool},
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
    let listed = rig.look(Filter::default(), 100).await;
    let mut reasons: Vec<_> = listed.iter().map(|letter| letter.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["content_type", "malformed_data", "tenant_mismatch"]);
    eventually("a look takes nothing away", async || rig.waiting(DEAD).await == 3).await;
    assert_eq!(rig.look(Filter { reason: Some("content_type".into()), ..Filter::default() }, 100).await.len(), 1);
    eventually("nor does a look at one of them", async || rig.waiting(DEAD).await == 3).await;
    assert_eq!(rig.look(Filter::default(), 2).await.len(), 2);
    eventually("nor does one that stops early", async || rig.waiting(DEAD).await == 3).await;

    // What has no id is shown and dropped by a hash of its data.
    let nameless = listed.iter().find(|letter| letter.reason == "content_type").unwrap().id.clone();
    assert!(nameless.starts_with("data-"), "{nameless}");
    assert_eq!(rig.show(&nameless).await.unwrap(), [json!("nonsense")]);
    assert!(matches!(rig.show("data-0000000000000000").await, Err(DeadLettersError::NotFound(_))));
    assert!(matches!(rig.show("no\0word").await, Err(DeadLettersError::NotFound(_))));
    let looks = "select count(*) from onboarding.audit_log where action = 'dead_letter.show'";
    assert_eq!(rig.database.number(looks).await, 2, "what cannot be an id is not looked for");
    eventually("nor does showing one", async || rig.waiting(DEAD).await == 3).await;
    let dropped = rig.act(&act(Filter { id: Some(nameless), ..Filter::default() }), Deed::Drop, |_| {}).await.unwrap();
    assert_eq!((dropped.matched, dropped.done), (1, 1));
    eventually("the others stay", async || rig.waiting(DEAD).await == 2).await;
}

/// A rig whose consumer refuses every event until `mended`, and `count` dead letters of different workspaces.
async fn dead(count: usize) -> (Rig, Vec<Event>, Vec<EventId>, Arc<AtomicBool>, [Process; 2]) {
    let (rig, broken) = (Rig::new().await, Arc::new(AtomicBool::new(true)));
    let recorder = {
        let broken = broken.clone();
        Recorder::new(move |_| if broken.load(Ordering::SeqCst) { Err(HandlerError::Permanent("planted".into())) } else { Ok(()) })
    };
    let processes = [rig.process("payments-svc", vec![]), rig.process("onboarding-svc", vec![recorder.on(QUEUE)])];
    let events: Vec<_> = (0..count).map(|_| confirmed(OrderId::generate())).collect();
    let ids = rig.tell(&events).await;
    eventually("they are dead letters", async || usize::try_from(rig.waiting(DEAD).await) == Ok(count)).await;
    (rig, events, ids, broken, processes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_has_the_effect_once_and_a_second_one_none() {
    let (rig, _, ids, broken, [_payments, onboarding]) = dead(2).await;
    broken.store(false, Ordering::SeqCst);

    assert!(matches!(rig.replay(&act(Filter::default())).await, Err(DeadLettersError::Unfiltered)));
    let queue = Filter { queue: Some(QUEUE.into()), ..Filter::default() };
    assert!(matches!(rig.replay(&act(queue)).await, Err(DeadLettersError::Unfiltered)), "a queue is not a choice of letters");
    let first = Filter { id: Some(ids[0].to_string()), ..Filter::default() };
    let dry = rig.replay(&Act { dry_run: true, ..act(first.clone()) }).await.unwrap();
    assert_eq!(dry, Summary { matched: 1, done: 0, remaining: 1, complete: true });
    eventually("a dry run takes nothing away", async || rig.waiting(DEAD).await == 2).await;
    assert_eq!(rig.database.number("select count(*) from onboarding.audit_log").await, 0);
    assert_eq!(rig.effects().await, 0);

    let replayed = rig.replay(&act(first)).await.unwrap();
    assert_eq!(replayed, Summary { matched: 1, done: 1, remaining: 0, complete: true });
    eventually("the effect", async || rig.effects().await == 1).await;
    eventually("the other one stays", async || rig.waiting(DEAD).await == 1).await;
    let audited = "select count(*) from onboarding.audit_log where action = 'dead_letter.replay' and outcome in ('intended', 'done') \
                   and detail ->> 'by' like 'os:%' and detail ->> 'why' = 'a test' and workspace_id is not null";
    assert_eq!(rig.database.number(audited).await, 2);

    // The first event once more by hand: its replay was recognised, so is this.
    let before = onboarding.metric("messaging_consumed_total");
    let event = confirmed(OrderId::generate());
    let again = messaging::envelope::Envelope { id: ids[0], ..envelope(&event) };
    rig.publish(EventType::PaymentConfirmed.as_str(), again.to_properties("payments-svc").unwrap(), event.to_data().to_string().as_bytes())
        .await;
    eventually("it was taken", async || onboarding.metric("messaging_consumed_total") > before).await;
    assert_eq!(rig.effects().await, 1);

    let by_reason = Filter { reason: Some("permanent".into()), ..Filter::default() };
    assert_eq!(rig.act(&act(by_reason), Deed::Drop, |_| {}).await.unwrap().done, 1);
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

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_replay_goes_on_where_it_was_and_every_event_has_one_effect() {
    let (rig, _, _, broken, _processes) = dead(30).await;
    broken.store(false, Ordering::SeqCst);
    let all = Act { all: true, rate: 1_000, ..act(Filter::default()) };

    // An operator's Ctrl-C after three.
    let (stop, mut seen) = (CancellationToken::new(), 0);
    let summary = rig
        .act_until(&all, Deed::Replay, &stop, |_| {
            seen += 1;
            if seen == 3 {
                stop.cancel();
            }
        })
        .await
        .unwrap();
    assert_eq!(summary, Summary { matched: 3, done: 3, remaining: 0, complete: false });
    // Processes that die, each at another point of its next letters: what was in hand comes back to the queue.
    for delay_ms in [0, 3, 6, 9, 12] {
        let begun = Notify::new();
        let dies = async {
            begun.notified().await;
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        };
        tokio::select! {
            _ = rig.act(&all, Deed::Replay, |_| begun.notify_one()) => {}
            () = dies => {}
        }
    }

    eventually("the rest has been replayed", async || {
        rig.replay(&all).await.unwrap();
        rig.effects().await == 30 && rig.waiting(DEAD).await == 0
    })
    .await;
    assert_eq!(rig.database.number("select count(distinct event_id) from public.effect").await, 30);
    assert_eq!(rig.inboxed(QUEUE).await, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_the_broker_does_not_take_stays_a_dead_letter() {
    let (rig, _, _, broken, _processes) = dead(2).await;
    broken.store(false, Ordering::SeqCst);
    let channel = rig.connection().await.create_channel().await.unwrap();
    let first_is_gone = Notify::new();
    let slow = Act { all: true, rate: 1, ..act(Filter::default()) };
    let unbind = async {
        first_is_gone.notified().await;
        channel.queue_unbind(QUEUE.into(), topology::RETURN.into(), QUEUE.into(), FieldTable::default()).await.unwrap();
    };
    let (refused, ()) = tokio::join!(rig.act(&slow, Deed::Replay, |_| first_is_gone.notify_one()), unbind);
    assert!(matches!(refused, Err(DeadLettersError::NotTaken(_))), "{refused:?}");
    eventually("it is back", async || rig.waiting(DEAD).await == 1).await;
    let refusals = "select count(*) from onboarding.audit_log where action = 'dead_letter.replay' and outcome = 'refused'";
    assert_eq!(rig.database.number(refusals).await, 1);
    assert_eq!(rig.replay(&slow).await.unwrap().done, 1, "the next run declares what is missing");
    eventually("both have their effect", async || rig.effects().await == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_keeps_to_its_rate_and_its_number_and_says_what_is_left() {
    let (rig, _, _, broken, _processes) = dead(6).await;
    broken.store(false, Ordering::SeqCst);
    let mut times = Vec::new();
    let four = Act { all: true, max: 4, rate: 5, ..act(Filter::default()) };
    let summary = rig.act(&four, Deed::Replay, |_| times.push(Instant::now())).await.unwrap();
    assert_eq!(summary, Summary { matched: 6, done: 4, remaining: 2, complete: true });
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_millis(190), "five a second: {times:?}");
    }
    eventually("four had their effect", async || rig.effects().await == 4).await;
    eventually("two are left", async || rig.waiting(DEAD).await == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_chosen_by_type_workspace_and_age() {
    let (rig, events, ids, _, _processes) = dead(3).await;
    let workspace = Some(events[1].workspace_id());
    let one = rig.look(Filter { workspace, ..Filter::default() }, 10).await;
    assert_eq!(one.iter().map(|letter| letter.id.clone()).collect::<Vec<_>>(), [ids[1].to_string()]);
    eventually("all are back", async || rig.waiting(DEAD).await == 3).await;
    for (filter, expected) in [
        (Filter { event_type: Some("payments.payment.confirmed".into()), ..Filter::default() }, 3),
        (Filter { event_type: Some("payments.payment.failed".into()), ..Filter::default() }, 0),
        (Filter { before: Some(now() - chrono::TimeDelta::hours(1)), ..Filter::default() }, 0),
        (Filter { before: Some(now()), ..Filter::default() }, 3),
        (Filter { before: Some(now()), workspace, ..Filter::default() }, 1),
    ] {
        let dry = rig.replay(&Act { dry_run: true, ..act(filter.clone()) }).await.unwrap();
        assert_eq!(dry.matched, expected, "{filter:?}");
        eventually("all are back", async || rig.waiting(DEAD).await == 3).await;
    }
    assert!(matches!(
        rig.replay(&act(Filter { queue: Some("auth-svc.bcm.v1".into()), ..Filter::default() })).await,
        Err(DeadLettersError::Unfiltered)
    ));
    let foreign = Act { all: true, ..act(Filter { queue: Some("auth-svc.bcm.v1".into()), ..Filter::default() }) };
    assert!(matches!(rig.replay(&foreign).await, Err(DeadLettersError::UnknownQueue(_))));
}

fn act(filter: Filter) -> Act {
    Act { filter, all: false, max: 100, rate: 100, dry_run: false }
}

impl Rig {
    async fn look(&self, filter: Filter, limit: usize) -> Vec<LetterSummary> {
        let mut letters = Vec::new();
        let mut see = |letter: &Letter| {
            letters.push(letter.summary());
            Ok(())
        };
        let (db, amqp_url, author) = self.desk();
        let stop = CancellationToken::new();
        desk(&amqp_url, &db, &author, &stop).look(&filter, 0, limit, &mut see).await.unwrap();
        letters
    }

    async fn show(&self, id: &str) -> Result<Vec<Value>, DeadLettersError> {
        let mut data = Vec::new();
        let mut see = |letter: &Letter| {
            data.push(letter.content().data);
            Ok(())
        };
        let (db, amqp_url, author) = self.desk();
        desk(&amqp_url, &db, &author, &CancellationToken::new()).show(id, None, &mut see).await?;
        Ok(data)
    }

    async fn replay(&self, act: &Act) -> Result<Summary, DeadLettersError> {
        self.act(act, Deed::Replay, |_| {}).await
    }

    async fn act(&self, act: &Act, deed: Deed, see: impl FnMut(&Letter) + Send) -> Result<Summary, DeadLettersError> {
        self.act_until(act, deed, &CancellationToken::new(), see).await
    }

    async fn act_until(
        &self,
        act: &Act,
        deed: Deed,
        stop: &CancellationToken,
        mut see: impl FnMut(&Letter) + Send,
    ) -> Result<Summary, DeadLettersError> {
        let (db, amqp_url, author) = self.desk();
        let mut see = |letter: &Letter| {
            see(letter);
            Ok(())
        };
        desk(&amqp_url, &db, &author, stop).act(act, deed, &mut see).await
    }

    fn desk(&self) -> (Db, SecretString, Author) {
        let db = pool(&self.database_url("onboarding-svc"), "onboarding-svc", "onboarding", &Lifecycle::on_this_runtime());
        (db, self.vhost.url().into(), Author::of_this_process("a test"))
    }
}

fn desk<'a>(amqp_url: &'a SecretString, db: &'a Db, author: &'a Author, stop: &CancellationToken) -> DeadLetters<'a> {
    DeadLetters { service: "onboarding-svc", amqp_url, db, clock: &SystemClock, author, stop: stop.clone() }
}
