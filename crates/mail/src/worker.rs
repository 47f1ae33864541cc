//! Sends what is due, in any number of processes at once.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::Clock;
use service_kit::{
    Kit,
    db::{Db, DbError},
    rate_limit::{Limit, RateLimiter},
};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    delivery::{self, Delivery},
    metrics::Metrics,
    outbox::{self, Claimed, LEASE, Mark},
    suppression::{self, Reason},
    transport::{ATTEMPT_LIMIT, Attachment, Attachments, Outgoing, SendError, Transport},
};

/// A provider forgets an idempotency key after 24 hours: a repeat later than this could be a second mail.
const REPEAT_WINDOW: TimeDelta = TimeDelta::hours(23);
/// The longest pause between two attempts.
const LONGEST_PAUSE_S: i64 = 1800;
const POLL: Duration = Duration::from_secs(2);
/// Finding what a mail carries, and handing the mail over, both end while its claim is held.
const LOAD_LIMIT: Duration = Duration::from_secs(5);
const _: () = assert!(LEASE.num_seconds().unsigned_abs() > (LOAD_LIMIT.as_secs() + ATTEMPT_LIMIT.as_secs()));
/// Resend's default for a team, shared by all processes.
const BUDGET: Limit = Limit { name: "mail_send", burst: 2, per_s: 1 };

/// The worker that empties the outbox of one service.
#[derive(Clone)]
pub struct Mailer {
    db: Db,
    clock: Arc<dyn Clock>,
    limits: RateLimiter,
    transport: Arc<dyn Transport>,
    attachments: Option<Arc<dyn Attachments>>,
    metrics: Metrics,
    due: Arc<Notify>,
}

impl Mailer {
    /// A mailer on the kit's worker pool that sends through `transport`.
    ///
    /// # Errors
    /// When the metrics are registered already.
    pub fn new(kit: &Kit, transport: Arc<dyn Transport>) -> prometheus::Result<Self> {
        Ok(Self {
            db: kit.worker_db.clone(),
            clock: kit.clock.clone(),
            limits: kit.limits.clone(),
            transport,
            attachments: None,
            metrics: Metrics::new(&kit.metrics.registry)?,
            due: Arc::default(),
        })
    }

    /// The same, with a source of what its mails carry.
    #[must_use]
    pub fn attaching(self, attachments: Arc<dyn Attachments>) -> Self {
        Self { attachments: Some(attachments), ..self }
    }

    /// Looks for due mails at once instead of at the next poll.
    pub fn wake(&self) {
        self.due.notify_one();
    }

    /// Sends until the process drains. Failures are logged and tried again.
    pub fn start(&self, kit: &Kit) {
        let (this, draining) = (self.clone(), kit.lifecycle.draining());
        kit.lifecycle.spawn_service("mailer", async move {
            while !draining.is_cancelled() {
                let pause = match this.send_next().await {
                    Ok(Next::Attempted) => continue,
                    Ok(Next::NothingDue) => POLL,
                    Ok(Next::Pause(pause)) => pause.max(POLL),
                    Err(error) => {
                        tracing::warn!(error = %error, "the mail outbox cannot be read");
                        POLL
                    }
                };
                tokio::select! {
                    () = draining.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                    () = this.due.notified() => {}
                }
            }
        });
    }

    /// Sends the mail that has been due for longest. The wait for the provider's budget comes before the claim, so that a
    /// claim is never older than one attempt.
    ///
    /// # Errors
    /// When the outbox cannot be read or marked; what was claimed is due again when its lease ends.
    pub async fn send_next(&self) -> Result<Next, DbError> {
        let backlog = outbox::backlog(&mut *self.db.get().await?, self.clock.now()).await?;
        self.metrics.pending.set(backlog.pending);
        self.metrics.oldest_age.set(backlog.oldest_age_s);
        if !backlog.due {
            return Ok(Next::NothingDue);
        }
        while !self.limits.take(BUDGET, "provider").await.allowed {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let token = Uuid::now_v7();
        let Some(row) = outbox::claim(&mut *self.db.get().await?, self.clock.now(), token).await? else {
            return Ok(Next::NothingDue);
        };
        if let Some(reason) = suppression::reason(&mut *self.db.get().await?, &row.recipient).await? {
            self.suppress(&row, token, reason).await?;
            return Ok(Next::Attempted);
        }
        let outcome = self.attempt(&row).await;
        let next = match outcome {
            Err(SendError::Transient { retry_after: Some(pause), .. }) => Next::Pause(pause),
            _ => Next::Attempted,
        };
        self.mark(&row, token, outcome).await?;
        Ok(next)
    }

    async fn attempt(&self, row: &Claimed) -> Result<String, SendError> {
        if row.attempts > 1 && self.clock.now() - row.created_at > REPEAT_WINDOW {
            return Err(SendError::Permanent("the provider no longer recognises a repeat".into()));
        }
        let mail = Outgoing {
            purpose_key: row.purpose_key.clone(),
            recipient: row.recipient.clone(),
            subject: row.subject.clone(),
            html: row.html.clone(),
            text: row.body_text.clone(),
            attachment: match &row.attachment {
                Some(name) => Some(self.attachment(name).await?),
                None => None,
            },
        };
        self.transport.send(&mail).await
    }

    async fn attachment(&self, name: &str) -> Result<Attachment, SendError> {
        let waits = |reason: String| SendError::Transient { reason: format!("attachment: {reason}"), retry_after: None };
        let source = self.attachments.as_ref().ok_or_else(|| waits("this service has none".to_owned()))?;
        tokio::time::timeout(LOAD_LIMIT, source.load(name)).await.map_err(|_| waits("not there in time".to_owned()))?.map_err(waits)
    }

    async fn mark(&self, row: &Claimed, token: Uuid, outcome: Result<String, SendError>) -> Result<(), DbError> {
        let now = self.clock.now();
        let (label, mark) = match &outcome {
            Ok(provider_id) => ("sent", Mark::Sent { provider_id }),
            Err(SendError::Permanent(reason)) => {
                tracing::error!(mail.purpose = row.purpose_key, mail.attempts = row.attempts, reason, "a mail was given up");
                ("failed", Mark::Failed { reason })
            }
            Err(SendError::Transient { reason, retry_after }) => {
                tracing::warn!(mail.purpose = row.purpose_key, mail.attempts = row.attempts, reason, "a mail was not taken");
                ("retried", Mark::Retry { at: next_attempt(now, row.attempts, *retry_after), reason })
            }
        };
        self.metrics.attempts.with_label_values(&[label]).inc();
        let reached = self.note(row, token, &mark).await?;
        if let Some(reached) = reached {
            self.metrics.deliveries.with_label_values(&[reached.as_str()]).inc();
        }
        Ok(())
    }

    /// Notes that a mail is not sent, as its address gets none.
    async fn suppress(&self, row: &Claimed, token: Uuid, reason: Reason) -> Result<(), DbError> {
        tracing::warn!(mail.purpose = row.purpose_key, reason = reason.as_str(), "a mail was not sent: its address gets none");
        self.metrics.suppressed.with_label_values(&[reason.as_str()]).inc();
        self.note(row, token, &Mark::Suppressed { reason: &format!("suppressed: {}", reason.as_str()) }).await?;
        Ok(())
    }

    /// Notes what became of a claim. What the provider told of a mail before it was marked as sent counts from here on: the
    /// state that it puts the mail in.
    async fn note(&self, row: &Claimed, token: Uuid, mark: &Mark<'_>) -> Result<Option<Delivery>, DbError> {
        let now = self.clock.now();
        let mut connection = self.db.get().await?;
        let reached = (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                if let Mark::Sent { provider_id } = mark {
                    delivery::lock(connection, provider_id).await?;
                }
                if outbox::mark(connection, now, row.id, token, mark).await? == 0 {
                    tracing::warn!(mail.purpose = row.purpose_key, "the lease of a mail went to another process");
                }
                match mark {
                    Mark::Sent { provider_id } => delivery::settle(connection, now, provider_id).await,
                    _ => Ok(None),
                }
            })
            .await?;
        Ok(reached)
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

/// What the mailer found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing can be sent now.
    NothingDue,
    /// A mail was sent, put back, given up or left unsent; more may be due.
    Attempted,
    /// The provider asks everybody to wait this long.
    Pause(Duration),
}

/// 2 s, 4 s, 8 s … to half an hour, never sooner than the provider asks.
fn next_attempt(now: DateTime<Utc>, attempts: i32, retry_after: Option<Duration>) -> DateTime<Utc> {
    let exponent = u32::try_from(attempts).unwrap_or(0).min(12);
    let own = TimeDelta::seconds((1_i64 << exponent).min(LONGEST_PAUSE_S));
    let asked = retry_after.and_then(|pause| TimeDelta::from_std(pause).ok()).unwrap_or_default();
    now + own.max(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_half_an_hour_and_respect_the_provider() {
        let now = DateTime::UNIX_EPOCH;
        let pause = |attempts, asked: Option<u64>| (next_attempt(now, attempts, asked.map(Duration::from_secs)) - now).num_seconds();
        assert_eq!([1, 2, 3].map(|attempts| pause(attempts, None)), [2, 4, 8]);
        assert_eq!(pause(40, None), LONGEST_PAUSE_S);
        assert_eq!(pause(1, Some(90)), 90);
        assert_eq!(pause(8, Some(1)), 256);
    }
}
