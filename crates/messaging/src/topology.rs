//! Every exchange, queue and binding of every service, in one table.
//!
//! All of it is declared by the migrate step and by every process before it publishes or consumes, whoever owns the
//! queue: `Ack(None)` only says that *some* queue took a message, so a queue that is declared late loses what was sent
//! before. Every argument is explicit, because the defaults differ between RabbitMQ 3.10 and 4.x.
//!
//! ```text
//! groundwork.events ──type──► <queue> ──delivery limit──► groundwork.dead ──► <queue>.dead
//!                               ▲ │ failed
//!             groundwork.return │ ▼
//!                        <queue>.retry.5s … ◄── groundwork.retry.5s …
//! ```
//!
//! All exchanges are topic exchanges, so that topic permissions can keep a service to its own types on
//! `groundwork.events` and to its own queues (`^payments-svc\.`) on the others.

mod declare;
mod permissions;

use std::time::Duration;

use domain::event::EventType;

pub use declare::{TopologyError, declare_all};
pub use permissions::{Permissions, TopicPermission};

/// Where events are published.
pub const EVENTS: &str = domain::event::EXCHANGE;
/// Where a queue's dead letters go; the routing key is the queue.
pub const DEAD: &str = "groundwork.dead";
/// Leads back to exactly one queue: retries that waited long enough and replayed dead letters. The routing key is the queue.
pub const RETURN: &str = "groundwork.return";
/// Failed deliveries that the broker itself counts before it gives up: crash loops never reach our own count.
pub const DELIVERY_LIMIT: i64 = 20;
/// Dead letters that a dead queue holds before it refuses more.
pub const DEAD_QUEUE_LENGTH: i64 = 100_000;

/// A queue with the events it takes.
#[derive(Debug, Clone, Copy)]
pub struct ConsumerQueue {
    /// `<consuming service>.<domain>.v1`, which is also the consumer's name in the inbox.
    pub name: &'static str,
    /// The service that consumes it.
    pub service: &'static str,
    /// One active consumer over all replicas, one message at a time.
    pub ordered: bool,
    events: &'static [&'static [EventType]],
}

impl ConsumerQueue {
    /// The types it is bound to.
    pub fn event_types(&self) -> impl Iterator<Item = EventType> {
        self.events.iter().copied().flatten().copied()
    }

    /// Where its dead letters rest.
    pub fn dead_queue(&self) -> String {
        format!("{}.dead", self.name)
    }

    /// Messages handled at once by one process.
    pub const fn concurrency(&self) -> usize {
        if self.ordered { 1 } else { 8 }
    }
}

const IDENTITY: &[EventType] = &[
    EventType::WorkspaceProvisioned,
    EventType::WorkspaceDeleted,
    EventType::MemberAdded,
    EventType::MemberRemoved,
    EventType::MemberRoleChanged,
];
const PAYMENT: &[EventType] =
    &[EventType::PaymentPending, EventType::PaymentConfirmed, EventType::PaymentFailed, EventType::PaymentRefunded];
const PAYMENT_CONFIRMED: &[EventType] = &[EventType::PaymentConfirmed];
const SUBSCRIPTION: &[EventType] = &[
    EventType::SubscriptionTrialStarted,
    EventType::SubscriptionActivated,
    EventType::SubscriptionRenewed,
    EventType::SubscriptionPastDue,
    EventType::SubscriptionPaused,
    EventType::SubscriptionResumed,
    EventType::SubscriptionCanceled,
    EventType::SubscriptionExpired,
];
const ONBOARDING: &[EventType] = &[
    EventType::OnboardingUnlocked,
    EventType::OnboardingProgressed,
    EventType::OnboardingFinalized,
    EventType::OnboardingCompleted,
    EventType::OnboardingReopened,
    EventType::OnboardingSuspended,
    EventType::OnboardingResumed,
    EventType::OnboardingArchived,
];
const ONBOARDING_FINALIZED: &[EventType] = &[EventType::OnboardingFinalized];
const MANIFEST: &[EventType] = &[EventType::ManifestGenerated, EventType::ManifestGenerationFailed, EventType::ManifestRolledBack];

/// Every queue that a service consumes.
pub const QUEUES: &[ConsumerQueue] = &[
    ConsumerQueue { name: "auth-svc.payments.v1", service: "auth-svc", ordered: false, events: &[PAYMENT, SUBSCRIPTION] },
    ConsumerQueue { name: "auth-svc.onboarding.v1", service: "auth-svc", ordered: false, events: &[ONBOARDING] },
    ConsumerQueue { name: "auth-svc.bcm.v1", service: "auth-svc", ordered: false, events: &[MANIFEST] },
    ConsumerQueue { name: "payments-svc.identity.v1", service: "payments-svc", ordered: false, events: &[IDENTITY] },
    ConsumerQueue { name: "onboarding-svc.identity.v1", service: "onboarding-svc", ordered: false, events: &[IDENTITY] },
    ConsumerQueue {
        name: "onboarding-svc.payments.v1",
        service: "onboarding-svc",
        ordered: true,
        events: &[PAYMENT_CONFIRMED, SUBSCRIPTION],
    },
    ConsumerQueue { name: "onboarding-svc.bcm.v1", service: "onboarding-svc", ordered: true, events: &[MANIFEST] },
    ConsumerQueue { name: "bcm-svc.identity.v1", service: "bcm-svc", ordered: false, events: &[IDENTITY] },
    ConsumerQueue { name: "bcm-svc.payments.v1", service: "bcm-svc", ordered: false, events: &[SUBSCRIPTION] },
    ConsumerQueue { name: "bcm-svc.onboarding.v1", service: "bcm-svc", ordered: false, events: &[ONBOARDING_FINALIZED] },
];

/// The queue called `name`.
pub fn queue(name: &str) -> Option<&'static ConsumerQueue> {
    QUEUES.iter().find(|queue| queue.name == name)
}

/// The queues that `service` consumes.
pub fn queues_of(service: &str) -> impl Iterator<Item = &'static ConsumerQueue> {
    QUEUES.iter().filter(move |queue| queue.service == service)
}

/// How long a failed message waits before it comes back. One queue per delay: a quorum queue expires messages only at
/// its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryDelay {
    /// 5 s.
    FiveSeconds,
    /// 30 s.
    ThirtySeconds,
    /// 5 min.
    FiveMinutes,
    /// 30 min.
    ThirtyMinutes,
}

impl RetryDelay {
    /// From the shortest to the longest.
    pub const ALL: [Self; 4] = [Self::FiveSeconds, Self::ThirtySeconds, Self::FiveMinutes, Self::ThirtyMinutes];

    /// The delay after `retries` earlier ones; `None` when they are spent.
    pub fn after(retries: u32) -> Option<Self> {
        usize::try_from(retries).ok().and_then(|retries| Self::ALL.get(retries).copied())
    }

    /// The delay itself.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::FiveSeconds => 5,
            Self::ThirtySeconds => 30,
            Self::FiveMinutes => 300,
            Self::ThirtyMinutes => 1_800,
        })
    }

    /// Where to publish with the failing queue as routing key.
    pub const fn exchange(self) -> &'static str {
        match self {
            Self::FiveSeconds => "groundwork.retry.5s",
            Self::ThirtySeconds => "groundwork.retry.30s",
            Self::FiveMinutes => "groundwork.retry.5m",
            Self::ThirtyMinutes => "groundwork.retry.30m",
        }
    }

    /// Where messages of `queue` wait.
    pub fn waiting_queue(self, queue: &ConsumerQueue) -> String {
        let delay = self.exchange().trim_start_matches("groundwork.");
        format!("{}.{delay}", queue.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_type_has_at_least_one_binding() {
        for &event_type in EventType::ALL {
            assert!(QUEUES.iter().any(|queue| queue.event_types().any(|bound| bound == event_type)), "{event_type} would be unroutable");
        }
    }

    #[test]
    fn a_queue_is_named_after_its_consumer_and_the_one_domain_it_takes() {
        for queue in QUEUES {
            let (domain, rest) = queue.name.strip_prefix(queue.service).unwrap().trim_start_matches('.').split_once('.').unwrap();
            assert_eq!(rest, "v1");
            for event_type in queue.event_types() {
                assert_eq!(event_type.name().split('.').next(), Some(domain), "{} takes {event_type}", queue.name);
            }
        }
    }

    #[test]
    fn no_service_consumes_its_own_events() {
        for queue in QUEUES {
            assert!(queue.event_types().all(|event_type| event_type.service() != queue.service), "{}", queue.name);
        }
    }

    #[test]
    fn the_consumers_are_those_of_the_specification() {
        let consumers = |event_type: EventType| {
            QUEUES
                .iter()
                .filter(|queue| queue.event_types().any(|bound| bound == event_type))
                .map(|queue| queue.service)
                .collect::<Vec<_>>()
        };
        assert_eq!(consumers(EventType::WorkspaceProvisioned), ["payments-svc", "onboarding-svc", "bcm-svc"]);
        assert_eq!(consumers(EventType::WorkspaceDeleted), ["payments-svc", "onboarding-svc", "bcm-svc"]);
        assert_eq!(consumers(EventType::PaymentConfirmed), ["auth-svc", "onboarding-svc"]);
        assert_eq!(consumers(EventType::PaymentPending), ["auth-svc"]);
        assert_eq!(consumers(EventType::SubscriptionTrialStarted), ["auth-svc", "onboarding-svc", "bcm-svc"]);
        assert_eq!(consumers(EventType::OnboardingFinalized), ["auth-svc", "bcm-svc"]);
        assert_eq!(consumers(EventType::OnboardingSuspended), ["auth-svc"]);
        assert_eq!(consumers(EventType::ManifestGenerated), ["auth-svc", "onboarding-svc"]);
    }

    #[test]
    fn names_are_unique_and_no_word_of_them_is_a_wildcard() {
        let mut names: Vec<_> = QUEUES.iter().map(|queue| queue.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), QUEUES.len());
        assert!(names.iter().all(|name| !name.contains(['*', '#'])));
    }

    #[test]
    fn retries_wait_longer_each_time_and_then_end() {
        assert!(RetryDelay::ALL.windows(2).all(|pair| pair[0].duration() < pair[1].duration()));
        assert_eq!(RetryDelay::after(0), Some(RetryDelay::FiveSeconds));
        assert_eq!(RetryDelay::after(4), None);
        let queue = queue("bcm-svc.onboarding.v1").unwrap();
        assert_eq!(RetryDelay::FiveMinutes.waiting_queue(queue), "bcm-svc.onboarding.v1.retry.5m");
    }
}
