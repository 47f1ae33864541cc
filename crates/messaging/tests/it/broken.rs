use std::time::Duration;

use domain::ids::OrderId;
use lapin::{
    options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use messaging::{HandlerError, topology::RetryDelay};

use crate::rig::{QUEUE, Recorder, Rig, confirmed, eventually, within};

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_broker_closes_are_built_anew() {
    let rig = Rig::new().await;
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::new(|_| Ok(())).on(QUEUE)]);
    onboarding.ready().await;
    eventually("the broker lists and closes them", async || rig.vhost.close_all_connections().await >= 2).await;
    eventually("the consumer was lost", async || onboarding.metric("messaging_consumer_rebuilds_total") >= 1.0).await;
    rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("the effect", async || rig.effects().await == 1).await;
    onboarding.ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_declared_again_and_consumed_again() {
    let rig = Rig::new().await;
    let _payments = rig.process("payments-svc", vec![]);
    let onboarding = rig.process("onboarding-svc", vec![Recorder::new(|_| Ok(())).on(QUEUE)]);
    onboarding.ready().await;
    let connection = rig.connection().await;
    let channel = connection.create_channel().await.unwrap();
    channel.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
    eventually("the consumer was lost", async || onboarding.metric("messaging_consumer_rebuilds_total") >= 1.0).await;
    onboarding.ready().await;
    rig.tell(&[confirmed(OrderId::generate())]).await;
    eventually("the effect", async || rig.effects().await == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_there_again_before_its_running_handlers_have_ended() {
    let rig = Rig::new().await;
    let onboarding = rig.process("onboarding-svc", vec![Recorder::slow(Duration::from_secs(30)).on(QUEUE)]);
    onboarding.ready().await;
    rig.send(&[confirmed(OrderId::generate())]).await;
    eventually("the handler runs", async || rig.held(QUEUE).await == 1).await;
    let channel = rig.connection().await.create_channel().await.unwrap();
    channel.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
    within(3, "the queue is there again", async || rig.exists(QUEUE).await).await;
    assert_eq!(rig.effects().await, 0, "the handler was to be running still");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_retry_exchange_is_declared_again_and_the_failed_event_is_not_lost() {
    let rig = Rig::new().await;
    let recorder = Recorder::new(|event| if event.retries == 0 { Err(HandlerError::Transient("not yet".into())) } else { Ok(()) });
    let onboarding = rig.process("onboarding-svc", vec![recorder.on(QUEUE)]);
    onboarding.ready().await;
    let connection = rig.connection().await;
    let channel = connection.create_channel().await.unwrap();
    channel.exchange_delete(RetryDelay::FiveSeconds.exchange().into(), ExchangeDeleteOptions::default()).await.unwrap();
    rig.send(&[confirmed(OrderId::generate())]).await;
    eventually("the effect of the second attempt", async || rig.effects().await == 1).await;
    assert_eq!(rig.database.number("select retries from public.effect").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_arguments_stops_the_process_instead_of_a_loop() {
    let rig = Rig::new().await;
    let connection = rig.connection().await;
    let channel = connection.create_channel().await.unwrap();
    channel.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await.unwrap();
    channel.queue_declare(QUEUE.into(), QueueDeclareOptions::durable(), FieldTable::default()).await.unwrap();
    let error = messaging::topology::declare_all(&connection).await.unwrap_err().to_string();
    assert!(error.contains(QUEUE) && error.contains("other arguments"), "{error}");
    let payments = rig.process("payments-svc", vec![]);
    eventually("the process stops", async || payments.lifecycle.draining().is_cancelled()).await;
}
