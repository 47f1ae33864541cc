//! What the broker user of a service may do, in RabbitMQ's own terms.

use serde::Serialize;

use super::{DEAD, EVENTS, RETURN, RetryDelay};

/// Everything that the topology declares, and nothing else: above all not `amq.default`, through which a message could
/// be put into any queue.
const OURS: &str = r"^(groundwork\.|(auth|payments|onboarding|bcm)-svc\.)";

/// The permissions of one service's user, as regular expressions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Permissions {
    /// What it may declare. Every service declares the whole topology.
    pub configure: &'static str,
    /// What it may publish to and bind.
    pub write: &'static str,
    /// What it may consume and bind from.
    pub read: &'static str,
    /// What it may publish to each exchange.
    pub topics: Vec<TopicPermission>,
}

/// The routing keys that a user may use on one topic exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicPermission {
    /// The exchange.
    pub exchange: &'static str,
    /// Routing keys that it may publish with.
    pub write: String,
    /// Routing keys that it may bind.
    pub read: &'static str,
}

impl Permissions {
    /// Those of `service`: its own types on the events exchange, its own queues on the others.
    pub fn of(service: &str) -> Self {
        let domain = match service {
            "auth-svc" => "identity",
            other => other.trim_end_matches("-svc"),
        };
        let queues = [DEAD, RETURN].into_iter().chain(RetryDelay::ALL.map(RetryDelay::exchange));
        let topics = std::iter::once((EVENTS, domain))
            .chain(queues.map(|exchange| (exchange, service)))
            .map(|(exchange, prefix)| TopicPermission { exchange, write: format!(r"^{prefix}\."), read: ".*" })
            .collect();
        Self { configure: OURS, write: OURS, read: OURS, topics }
    }
}

#[cfg(test)]
mod tests {
    use domain::event::EventType;

    use super::*;

    #[test]
    fn each_type_may_be_sent_by_its_service_alone() {
        for &event_type in EventType::ALL {
            for service in ["auth-svc", "payments-svc", "onboarding-svc", "bcm-svc"] {
                let permissions = Permissions::of(service);
                let events = permissions.topics.iter().find(|topic| topic.exchange == EVENTS).unwrap();
                let prefix = events.write.trim_start_matches('^').replace('\\', "");
                assert_eq!(event_type.as_str().starts_with(&prefix), event_type.service() == service, "{service} {event_type}");
            }
        }
    }
}
