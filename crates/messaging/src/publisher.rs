//! Publishing with confirms: what the broker did not clearly take was not published.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::join_all;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use crate::{link::Link, topology};

/// Around sending *and* confirming: a blocked connection hangs on either.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// A message and where it goes.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing<'a> {
    pub(crate) exchange: &'a str,
    pub(crate) routing_key: &'a str,
    pub(crate) properties: BasicProperties,
    pub(crate) body: &'a [u8],
}

/// Why a message is not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PublishError {
    /// No queue is bound for it.
    #[error("the message is not routable")]
    Returned,
    /// A queue was full.
    #[error("the broker refused the message")]
    Nacked,
    /// Nobody knows whether it arrived.
    #[error("not confirmed within {} s", TIME_LIMIT.as_secs())]
    Unconfirmed,
    /// The channel or the connection failed.
    #[error("the connection failed: {0}")]
    Connection(String),
}

impl PublishError {
    /// Its name in `messaging_published_total`.
    pub(crate) const fn result(&self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Nacked => "nack",
            Self::Unconfirmed => "timeout",
            Self::Connection(_) => "error",
        }
    }
}

/// A channel in confirm mode on the publishing connection, opened again after every failure.
pub(crate) struct Publisher {
    link: Arc<Link>,
    open: Mutex<Option<Open>>,
}

struct Open {
    channel: Channel,
    connection: Weak<Connection>,
    /// It is not used again: something on it failed, or the broker refused a message. To a channel that was refused
    /// once, a queue stays full until it has been drained, although its limit was raised.
    failed: bool,
}

impl Publisher {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        Self { link, open: Mutex::new(None) }
    }

    /// Publishes one message.
    pub(crate) async fn publish(&self, message: Outgoing<'_>) -> Result<(), PublishError> {
        self.publish_all(vec![message]).await.pop().unwrap_or(Err(PublishError::Unconfirmed))
    }

    /// Publishes all at once and waits for their confirms; the outcomes are in the order of the messages, which must
    /// have distinct `message_id`s.
    pub(crate) async fn publish_all(&self, messages: Vec<Outgoing<'_>>) -> Vec<Result<(), PublishError>> {
        let deadline = Instant::now() + TIME_LIMIT;
        // One batch at a time: outcomes are only told apart within a batch.
        let mut guard = self.open.lock().await;
        let channel = match timeout_at(deadline, self.channel(&mut guard)).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(error)) => return vec![Err(PublishError::Connection(error)); messages.len()],
            Err(_) => return vec![Err(PublishError::Unconfirmed); messages.len()],
        };
        let ids: Vec<_> = messages.iter().map(|message| message_id(&message.properties)).collect();
        let mut confirms = Vec::with_capacity(messages.len());
        for message in messages {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            #[expect(clippy::disallowed_methods, reason = "the one place that publishes events")]
            let sent =
                channel.basic_publish(message.exchange.into(), message.routing_key.into(), options, message.body, message.properties);
            confirms.push(timeout_at(deadline, sent).await);
        }
        service_kit::kill_point!("K3", after_ms = 100);
        let confirmed = join_all(confirms.into_iter().map(|sent| async move {
            match sent {
                Ok(Ok(confirm)) => match timeout_at(deadline, confirm).await {
                    Ok(Ok(confirmation)) => Ok(confirmation),
                    Ok(Err(error)) => Err(PublishError::Connection(error.to_string())),
                    Err(_) => Err(PublishError::Unconfirmed),
                },
                Ok(Err(error)) => Err(PublishError::Connection(error.to_string())),
                Err(_) => Err(PublishError::Unconfirmed),
            }
        }))
        .await;
        let outcomes = outcomes(&ids, confirmed);
        if let Some(open) = guard.as_mut() {
            open.failed = outcomes.iter().any(|outcome| matches!(outcome, Err(error) if *error != PublishError::Returned));
        }
        outcomes
    }

    async fn channel(&self, current: &mut Option<Open>) -> Result<Channel, String> {
        if let Some(open) = current.as_ref().filter(|open| !open.failed && open.channel.status().connected()) {
            return Ok(open.channel.clone());
        }
        let connection = self.link.try_connection().await.map_err(|error| error.to_string())?;
        // The broker closes a channel and keeps its connection when an exchange is missing.
        let here = Arc::downgrade(&connection);
        if current.take().is_some_and(|open| !open.channel.status().connected() && open.connection.ptr_eq(&here)) {
            topology::declare_all(&connection).await.map_err(|error| error.to_string())?;
        }
        let channel = connection.create_channel().await.map_err(|error| error.to_string())?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(|error| error.to_string())?;
        *current = Some(Open { channel: channel.clone(), connection: here, failed: false });
        Ok(channel)
    }
}

fn message_id(properties: &BasicProperties) -> Option<String> {
    properties.message_id().as_ref().map(ToString::to_string)
}

/// Which message had which outcome.
///
/// lapin hands a returned message to whichever confirm completes next, which need not be its own: with several in
/// flight a routable message would look returned and the unroutable one published. So returned messages are matched
/// by id, and if one came back while another confirm is missing, none of the batch counts as published.
fn outcomes(ids: &[Option<String>], confirmed: Vec<Result<Confirmation, PublishError>>) -> Vec<Result<(), PublishError>> {
    let incomplete = confirmed.iter().any(Result::is_err);
    let returned: HashSet<String> = confirmed
        .iter()
        .filter_map(|outcome| match outcome {
            Ok(Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message))) => Some(message),
            _ => None,
        })
        .filter_map(|message| message_id(&message.properties))
        .collect();
    let some_came_back = confirmed.iter().any(|outcome| matches!(outcome, Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)))));
    ids.iter()
        .zip(confirmed)
        .map(|(id, outcome)| {
            let confirmation = outcome?;
            if id.as_ref().is_some_and(|id| returned.contains(id)) {
                return Err(PublishError::Returned);
            }
            match confirmation {
                Confirmation::Nack(_) => Err(PublishError::Nacked),
                Confirmation::Ack(_) if some_came_back && incomplete => Err(PublishError::Unconfirmed),
                Confirmation::Ack(_) => Ok(()),
                Confirmation::NotRequested => Err(PublishError::Connection("the channel is not in confirm mode".to_owned())),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use lapin::message::{BasicReturnMessage, Delivery};

    use super::*;

    fn returned(id: &str) -> BasicReturnMessage {
        let mut delivery = Delivery::mock(0, "events".into(), "key".into(), false, Vec::new());
        delivery.properties = BasicProperties::default().with_message_id(id.into());
        BasicReturnMessage { delivery, reply_code: 312, reply_text: "NO_ROUTE".into() }
    }

    fn judge(confirmed: Vec<Result<Confirmation, PublishError>>) -> Vec<Result<(), PublishError>> {
        outcomes(&["a", "b", "c"].map(|id| Some(id.to_owned())), confirmed)
    }

    #[test]
    fn a_returned_message_is_the_one_it_says_it_is() {
        // The confirm of `a` came first and was handed the return of `c`.
        let confirmed = vec![Ok(Confirmation::Ack(Some(returned("c")))), Ok(Confirmation::Ack(None)), Ok(Confirmation::Ack(None))];
        assert_eq!(judge(confirmed), [Ok(()), Ok(()), Err(PublishError::Returned)]);
    }

    #[test]
    fn with_a_return_and_a_missing_confirm_nothing_counts_as_published() {
        // The return of `b` may be waiting for the confirm of `c`.
        let confirmed = vec![Ok(Confirmation::Ack(None)), Ok(Confirmation::Ack(Some(returned("a")))), Err(PublishError::Unconfirmed)];
        assert_eq!(judge(confirmed), [Err(PublishError::Returned), Err(PublishError::Unconfirmed), Err(PublishError::Unconfirmed)]);
    }

    #[test]
    fn only_an_ack_is_a_success() {
        let confirmed = vec![Ok(Confirmation::Ack(None)), Ok(Confirmation::Nack(None)), Ok(Confirmation::NotRequested)];
        let judged = judge(confirmed);
        assert_eq!(judged.first(), Some(&Ok(())));
        assert_eq!(judged.get(1), Some(&Err(PublishError::Nacked)));
        assert!(matches!(judged.get(2), Some(Err(PublishError::Connection(_)))));
    }
}
