//! Messages that can never be read: each goes to the dead queue at once, under its reason, and the consumer lives.

use domain::{
    event::{EventType, MAX_DATA_BYTES},
    ids::{OrderId, WorkspaceId},
};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldArray, FieldTable},
};
use messaging::envelope::{DEAD_REASON, RETRY_COUNT};
use testkit::Broker;

use crate::{
    consuming::envelope,
    rig::{QUEUE, Recorder, Rig, confirmed, eventually, within},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_one_byte_too_many_is_a_dead_letter() {
    dies_of("too_large", |message| message.body = vec![b' '; MAX_DATA_BYTES + 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_json_by_its_own_word_is_a_dead_letter() {
    dies_of("content_type", |message| message.properties = message.properties.clone().with_content_type("text/plain".into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_in_bad_utf_8_is_a_dead_letter() {
    dies_of("malformed_data", |message| {
        let at = message.body.windows(5).position(|window| window == b"glide").unwrap();
        message.body[at] = 0xff;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_nested_without_end_is_a_dead_letter() {
    dies_of("malformed_data", |message| message.body = "[".repeat(100_000).into_bytes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_with_ten_thousand_headers_is_a_dead_letter() {
    dies_of("malformed_headers", |message| {
        let mut headers = message.properties.headers().clone().unwrap();
        for n in 0..10_000 {
            // AMQP itself bounds the table: it has to fit into one frame.
            headers.insert(format!("{n:x}").into(), AMQPValue::Void);
        }
        message.properties = message.properties.clone().with_headers(headers);
    })
    .await;
}

/// Such a message cannot get into a broker with our settings (`frame_max`). In one with its own, reading it costs the
/// connection each time.
#[tokio::test(flavor = "multi_thread")]
async fn headers_larger_than_our_frames_end_by_the_brokers_limit_and_the_next_event_has_its_effect() {
    let broker = Broker::start_with("frame_max = 131072").await;
    let rig = Rig::on(broker.vhost()).await;
    let onboarding = rig.process("onboarding-svc", vec![Recorder::plain().on(QUEUE)]);
    onboarding.ready().await;
    let bomb = confirmed(OrderId::generate());
    let mut headers = FieldTable::default();
    for n in 0..80 {
        headers.insert(format!("bomb{n}").into(), AMQPValue::LongString("x".repeat(1_000).into()));
    }
    let properties = envelope(&bomb).to_properties("payments-svc").unwrap().with_headers(headers);
    rig.publish(EventType::PaymentConfirmed.as_str(), properties, b"{}").await;
    rig.send(&[confirmed(OrderId::generate())]).await;
    let dead = format!("{QUEUE}.dead");
    within(240, "the broker gives it up", async || rig.waiting(&dead).await == 1).await;
    let letter = rig.letters(&dead).await.pop().unwrap();
    let headers = letter.properties.headers().clone().unwrap();
    assert_eq!(
        headers.inner().get("x-first-death-reason"),
        Some(&AMQPValue::LongString("delivery_limit".into())),
        "no code of ours read it"
    );
    eventually("the other event has its effect", async || rig.effects().await == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_with_headers_nested_too_deep_is_a_dead_letter() {
    // Some hundred levels overflow the stack of lapin's own thread, before any code of ours sees them.
    dies_of("malformed_headers", |message| {
        let mut nested = FieldTable::default();
        for _ in 0..20 {
            let mut outer = FieldTable::default();
            outer.insert("n".into(), AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::FieldTable(nested)])));
            nested = outer;
        }
        message.header("cloudEvents_bomb", AMQPValue::FieldTable(nested));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_an_unknown_major_version_is_a_dead_letter() {
    let version = EventType::PaymentConfirmed.as_str().replace(".v1", ".v2");
    dies_of("unsupported_major", |message| message.header("cloudEvents_type", AMQPValue::LongString(version.into()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_names_another_tenant_is_a_dead_letter() {
    let other = WorkspaceId::generate().to_string();
    dies_of("tenant_mismatch", |message| message.header("cloudEvents_workspaceid", AMQPValue::LongString(other.into()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_names_no_tenant_is_a_dead_letter() {
    dies_of("tenant_mismatch", |message| message.header("cloudEvents_workspaceid", AMQPValue::Void)).await;
}

struct Message {
    properties: BasicProperties,
    body: Vec<u8>,
}

impl Message {
    fn header(&mut self, name: &str, value: AMQPValue) {
        let mut headers = self.properties.headers().clone().unwrap();
        headers.insert(name.into(), value);
        self.properties = self.properties.clone().with_headers(headers);
    }
}

/// Spoils a good message and looks what becomes of it, and of the next event.
async fn dies_of(reason: &str, spoil: impl FnOnce(&mut Message)) {
    let rig = Rig::new().await;
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::plain().on(QUEUE)]);
    onboarding.ready().await;
    let event = confirmed(OrderId::generate());
    let mut message =
        Message { properties: envelope(&event).to_properties("payments-svc").unwrap(), body: event.to_data().to_string().into_bytes() };
    spoil(&mut message);
    rig.publish(EventType::PaymentConfirmed.as_str(), message.properties.clone(), &message.body).await;
    let dead = format!("{QUEUE}.dead");
    eventually("it is a dead letter", async || rig.waiting(&dead).await == 1).await;

    let letter = rig.letters(&dead).await.pop().unwrap();
    let headers = letter.properties.headers().clone().unwrap();
    assert_eq!(headers.inner().get(DEAD_REASON), Some(&AMQPValue::LongString(reason.into())));
    assert_eq!(headers.inner().get(RETRY_COUNT), None, "nothing was tried again");
    assert!(headers.inner().len() <= 52, "a bomb is not carried on: {} headers", headers.inner().len());
    assert!(letter.data == message.body, "the data is kept for whoever looks into it");

    rig.tell(&[event]).await;
    eventually("the next event has its effect", async || rig.effects().await == 1).await;
    assert!(onboarding.metric("messaging_consumer_rebuilds_total") < 0.5, "the consumer was not lost");
}
