//! The relay's baseline: the same messages, published with confirms, a hundred of them in flight.

use std::time::Instant;

use anyhow::{Context, bail};
use clap::Parser;
use futures_util::{StreamExt, stream};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
        QueuePurgeOptions,
    },
    types::FieldTable,
};

/// The exchange of all events.
pub const EVENTS: &str = "groundwork.events";

/// What to publish.
#[derive(Debug, Parser)]
pub struct Publish {
    /// The broker.
    #[arg(long, env = "AMQP_URL")]
    amqp: String,
    /// How many.
    #[arg(long)]
    count: u32,
    /// The type, which is the routing key.
    #[arg(long)]
    event: String,
    /// The data of each.
    #[arg(long)]
    body: std::path::PathBuf,
    /// Unconfirmed messages at once.
    #[arg(long, default_value_t = 100)]
    in_flight: usize,
}

/// A connection and a channel in confirm mode.
///
/// # Errors
/// When the broker does not answer.
pub async fn channel(amqp: &str) -> anyhow::Result<(Connection, Channel)> {
    let connection = Connection::connect(amqp, ConnectionProperties::default()).await.context("the broker")?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok((connection, channel))
}

/// Publishes one persistent message as the relay does and waits for its confirm.
///
/// # Errors
/// When it is not confirmed.
pub async fn confirmed(channel: &Channel, event: &str, body: &[u8]) -> anyhow::Result<()> {
    let id = uuid::Uuid::now_v7().to_string();
    let properties = BasicProperties::default()
        .with_message_id(id.into())
        .with_delivery_mode(2)
        .with_content_type("application/json".into())
        .with_type(event.into());
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    #[expect(clippy::disallowed_methods, reason = "the baseline is a publish without our publisher")]
    let sent = channel.basic_publish(EVENTS.into(), event.into(), options, body, properties).await?;
    match sent.await? {
        Confirmation::Ack(None) => Ok(()),
        other => bail!("{event} was not taken: {other:?}"),
    }
}

/// Publishes all and prints how many a second.
///
/// # Errors
/// When one is not confirmed.
pub async fn run(publish: Publish) -> anyhow::Result<()> {
    let body = std::fs::read(&publish.body)?;
    let (connection, channel) = channel(&publish.amqp).await?;
    for _ in 0..100 {
        confirmed(&channel, &publish.event, &body).await?;
    }
    let begun = Instant::now();
    let mut sending =
        stream::iter(0..publish.count).map(|_| confirmed(&channel, &publish.event, &body)).buffer_unordered(publish.in_flight);
    while let Some(sent) = sending.next().await {
        sent?;
    }
    println!("{}", f64::from(publish.count) / begun.elapsed().as_secs_f64());
    connection.close(0, "done".into()).await?;
    Ok(())
}

/// Empties queues.
///
/// # Errors
/// When one is not there.
pub async fn purge(channel: &Channel, queues: &[&str]) -> anyhow::Result<()> {
    for queue in queues {
        channel.queue_purge((*queue).into(), QueuePurgeOptions::default()).await?;
    }
    Ok(())
}

/// Milliseconds of a confirmed publish, and from publish to a consumer of a queue like the services', `count` times.
///
/// # Errors
/// When the broker does not answer.
pub async fn message_times(amqp: &str, event: &str, body: &[u8], count: u32) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    const QUEUE: &str = "bench.delivery";
    let (connection, channel) = channel(amqp).await?;
    let arguments = {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), lapin::types::AMQPValue::LongString("quorum".into()));
        arguments
    };
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(QUEUE.into(), durable, arguments).await?;
    channel.queue_bind(QUEUE.into(), EVENTS.into(), event.into(), QueueBindOptions::default(), FieldTable::default()).await?;
    let receiving = connection.create_channel().await?;
    let mut consumer = receiving.basic_consume(QUEUE.into(), "bench".into(), BasicConsumeOptions::default(), FieldTable::default()).await?;
    let (mut publishes, mut deliveries) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let begun = Instant::now();
        let confirm = async {
            confirmed(&channel, event, body).await?;
            anyhow::Ok(begun.elapsed())
        };
        let arrival = async {
            let delivery: Delivery = consumer.next().await.context("the consumer ended")??;
            let after = begun.elapsed();
            delivery.ack(BasicAckOptions::default()).await?;
            anyhow::Ok(after)
        };
        let (confirmed, arrived) = tokio::try_join!(confirm, arrival)?;
        publishes.push(confirmed.as_secs_f64() * 1000.0);
        deliveries.push(arrived.as_secs_f64() * 1000.0);
    }
    channel.queue_delete(QUEUE.into(), lapin::options::QueueDeleteOptions::default()).await?;
    connection.close(0, "done".into()).await?;
    Ok((publishes, deliveries))
}
