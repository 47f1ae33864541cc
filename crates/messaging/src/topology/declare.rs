//! Declaring the table on a broker.

use std::time::Duration;

use lapin::{
    Channel, Connection, ErrorKind, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable},
};

use super::{ConsumerQueue, DEAD, DEAD_QUEUE_LENGTH, DELIVERY_LIMIT, EVENTS, QUEUES, RETURN, RetryDelay};

/// On a fresh broker sixty quorum queues are elected one after the other.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// A dead queue gives every message back after a look at it, and each time counts as a failed delivery.
const UNLIMITED_DELIVERIES: i64 = 1_000_000_000;

/// Why the topology is not there.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// Something of that name exists with other arguments. Trying again cannot help: give it a new name, or delete it
    /// once it is empty.
    #[error("{name} exists on the broker with other arguments than this version declares: {detail}")]
    Conflict {
        /// The queue or exchange.
        name: String,
        /// The broker's own words.
        detail: String,
    },
    /// The broker did not answer or refused; it may do better later.
    #[error("declaring the topology failed: {0}")]
    Broker(#[from] lapin::Error),
    /// No answer in time.
    #[error("declaring the topology took longer than {} s", TIME_LIMIT.as_secs())]
    Timeout,
}

/// Declares everything, on a channel of its own: a conflict closes the channel it happens on.
pub async fn declare_all(connection: &Connection) -> Result<(), TopologyError> {
    let work = async {
        let channel = connection.create_channel().await?;
        declare_on(&channel).await?;
        channel.close(200, "OK".into()).await?;
        Ok(())
    };
    tokio::time::timeout(TIME_LIMIT, work).await.unwrap_or(Err(TopologyError::Timeout))
}

async fn declare_on(channel: &Channel) -> Result<(), TopologyError> {
    for name in [EVENTS, DEAD, RETURN].into_iter().chain(RetryDelay::ALL.map(RetryDelay::exchange)) {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel
            .exchange_declare(name.into(), ExchangeKind::Topic, options, FieldTable::default())
            .await
            .map_err(|error| refused(name, error))?;
    }
    for queue in QUEUES {
        declare_queue(channel, &queue.dead_queue(), dead_arguments()).await?;
        bind(channel, &queue.dead_queue(), DEAD, queue.name).await?;
        for delay in RetryDelay::ALL {
            let waiting = delay.waiting_queue(queue);
            declare_queue(channel, &waiting, waiting_arguments(queue, delay)).await?;
            bind(channel, &waiting, delay.exchange(), queue.name).await?;
        }
        declare_queue(channel, queue.name, consumer_arguments(queue)).await?;
        bind(channel, queue.name, RETURN, queue.name).await?;
        for event_type in queue.event_types() {
            bind(channel, queue.name, EVENTS, event_type.as_str()).await?;
        }
    }
    Ok(())
}

async fn declare_queue(channel: &Channel, name: &str, arguments: FieldTable) -> Result<(), TopologyError> {
    channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await.map(|_| ()).map_err(|error| refused(name, error))
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<(), TopologyError> {
    channel
        .queue_bind(queue.into(), exchange.into(), key.into(), QueueBindOptions::default(), FieldTable::default())
        .await
        .map_err(TopologyError::Broker)
}

fn refused(name: &str, error: lapin::Error) -> TopologyError {
    if let ErrorKind::ProtocolError(refusal) = error.kind()
        && *refusal.kind() == AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)
    {
        return TopologyError::Conflict { name: name.to_owned(), detail: refusal.get_message().to_string() };
    }
    TopologyError::Broker(error)
}

fn consumer_arguments(queue: &ConsumerQueue) -> FieldTable {
    let mut arguments = quorum(DELIVERY_LIMIT);
    dead_letter_to(&mut arguments, DEAD, queue.name);
    arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(queue.ordered));
    arguments
}

fn waiting_arguments(queue: &ConsumerQueue, delay: RetryDelay) -> FieldTable {
    let mut arguments = quorum(DELIVERY_LIMIT);
    dead_letter_to(&mut arguments, RETURN, queue.name);
    let milliseconds = i64::try_from(delay.duration().as_millis()).unwrap_or(i64::MAX);
    arguments.insert("x-message-ttl".into(), AMQPValue::LongLongInt(milliseconds));
    arguments
}

fn dead_arguments() -> FieldTable {
    let mut arguments = quorum(UNLIMITED_DELIVERIES);
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(DEAD_QUEUE_LENGTH));
    arguments
}

fn quorum(delivery_limit: i64) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(delivery_limit));
    arguments
}

fn dead_letter_to(arguments: &mut FieldTable, exchange: &str, key: &str) {
    arguments.insert("x-dead-letter-exchange".into(), text(exchange));
    arguments.insert("x-dead-letter-routing-key".into(), text(key));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
