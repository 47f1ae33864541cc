//! The reconciler: asks the provider about every order on schedule, so that the product works with every webhook lost.
//!
//! Claiming an order writes when it is asked about next. That is the lease: another replica finds nothing due, and a
//! process that dies is made up for by the next check.

use std::time::Duration;

use chrono::TimeDelta;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::order::OrderState;
use futures_util::StreamExt;
use service_kit::{db::DbError, rate_limit::Limit};
use tracing::Instrument;

use super::{
    StoreError, confirm,
    schedule::next_check,
    submit::{SHORTEST_S, submit},
};
use crate::{
    app::App,
    phonepe::{ProviderState, StatusAnswer, Unavailable},
    store::{
        attempt::{self, Attempt, AttemptState},
        order::{self, Order, OrderKind},
    },
};

const BATCH: i64 = 32;
const CONCURRENCY: usize = 8;
/// Questions to the provider, over all processes.
pub(super) const BUDGET: Limit = Limit { name: "phonepe_status", burst: 25, per_s: 1 };
/// Nobody is still sending an attempt after this long.
const SENDING_LIMIT: TimeDelta = TimeDelta::seconds(45);

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Orders that were asked about.
    pub checked: usize,
    /// More may be due.
    pub full: bool,
    /// How long the provider asks everybody to wait.
    pub pause: Option<Duration>,
}

/// Asks about one batch of due orders.
pub async fn check_due(app: &App) -> Result<Round, DbError> {
    let now = app.kit.clock.now();
    let due = {
        let mut connection = app.kit.worker_db.get().await?;
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let due = order::claim_due(connection, now, BATCH).await?;
                for order in &due {
                    // A failed order is only looked at for a late success.
                    let payable_until = if order.state == OrderState::Failed { order.created_at } else { order.expires_at };
                    let next = next_check(order.created_at, payable_until, now);
                    order::schedule_check(connection, now, order.id, next).await?;
                }
                Ok::<_, diesel::result::Error>(due)
            })
            .await?
    };
    let checked = due.len();
    let pauses: Vec<Option<Duration>> = futures_util::stream::iter(due)
        .map(|order| async move {
            let span = tracing::info_span!("reconcile", order.id = %order.id);
            check(app, &order).instrument(span).await
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    Ok(Round { checked, full: i64::try_from(checked) == Ok(BATCH), pause: pauses.into_iter().flatten().max() })
}

/// Asks about each attempt at the order that can still be paid.
async fn check(app: &App, order: &Order) -> Option<Duration> {
    let attempts = async {
        let mut connection = app.kit.worker_db.get().await?;
        Ok::<_, DbError>(attempt::of_order(&mut connection, order.id).await?)
    };
    let attempts = match attempts.await {
        Ok(attempts) => attempts,
        Err(error) => {
            tracing::warn!(error = %error, "an order's attempts cannot be read");
            return None;
        }
    };
    let last = attempts.last().map(|attempt| attempt.n);
    let mut pause = None;
    for attempt in attempts.iter().filter(|attempt| !matches!(attempt.state, AttemptState::Completed | AttemptState::Quarantined)) {
        while !app.kit.limits.take(BUDGET, "all").await.allowed {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        match super::ask(app, attempt).await {
            Ok(answer) => {
                let outcome = settle(app, order, attempt, &answer, last == Some(attempt.n)).await;
                app.metrics.checks.with_label_values(&[outcome]).inc();
            }
            Err(Unavailable { reason, retry_after }) => {
                tracing::warn!(attempt.id = %attempt.id, reason, "the provider gave no status");
                app.metrics.checks.with_label_values(&["unavailable"]).inc();
                pause = pause.max(retry_after);
            }
        }
    }
    pause
}

async fn settle(app: &App, order: &Order, attempt: &Attempt, answer: &StatusAnswer, last: bool) -> &'static str {
    let settled = async {
        let outcome = confirm::apply(app, attempt, answer).await?;
        if last {
            send_again_when_lost(app, order, attempt, answer).await?;
        }
        Ok::<_, StoreError>(outcome)
    };
    match settled.await {
        Ok(outcome) => outcome.as_str(),
        Err(error) => {
            tracing::warn!(attempt.id = %attempt.id, error = %error, "a status could not be applied");
            "unavailable"
        }
    }
}

/// After a lost answer of the pay endpoint: an attempt that the provider has never heard of is sent again under the same
/// id; of one that it has, the pay page's address is lost, so a new attempt is made and the old one asked about on.
async fn send_again_when_lost(app: &App, order: &Order, attempt: &Attempt, answer: &StatusAnswer) -> Result<(), StoreError> {
    let now = app.kit.clock.now();
    let time_left = order.expires_at - now >= TimeDelta::seconds(i64::from(SHORTEST_S));
    let lost = matches!(attempt.state, AttemptState::Created | AttemptState::Ambiguous);
    let known = match answer {
        StatusAnswer::NotFound => false,
        StatusAnswer::Found(status) if matches!(status.state, ProviderState::Pending | ProviderState::Other(_)) => true,
        StatusAnswer::Found(_) => return Ok(()),
    };
    if !(lost && time_left && order.state.is_open()) || order.kind == OrderKind::Debit {
        return Ok(());
    }
    let mut connection = app.kit.worker_db.get().await?;
    let n = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let open = order::lock(connection, order.id).await?.is_some_and(|order| order.state.is_open());
            if !open || !attempt::claim_resend(connection, now, &attempt.id, now - SENDING_LIMIT).await? {
                return Ok(None);
            }
            if !known {
                return Ok(Some(attempt.n));
            }
            let change = attempt::Change::default();
            attempt::transition(connection, now, &attempt.id, &[AttemptState::Created], AttemptState::Pending, change).await?;
            let next = attempt.n.saturating_add(1);
            Ok::<_, StoreError>(attempt::insert(connection, now, order.id, next).await?.then_some(next))
        })
        .await?;
    drop(connection);
    if let Some(n) = n {
        tracing::info!(order.id = %order.id, attempt.n = n, "sending an attempt whose answer was lost");
        submit(app, &app.kit.worker_db, order, n).await?;
    }
    Ok(())
}
