//! What runs in the background. A failure is logged and tried again; nothing here ends before the process does.

use std::{
    future::{Future, pending},
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;
use domain::{mandate::MandateState, order::OrderState, subscription::SubscriptionState};
use service_kit::db::DbError;
use tokio::sync::Notify;

use crate::{
    app::App,
    autopay,
    payment::{receipt, reconcile, refund},
    store,
    subscription::lapse,
};

/// Polling is the guarantee; a wake-up makes it sooner.
const POLL: Duration = Duration::from_secs(1);
/// How late an end or a reminder may be.
const CALENDAR_EVERY: Duration = Duration::from_secs(10);
const WATCH_EVERY: Duration = Duration::from_millis(250);
const MEASURE_EVERY: Duration = Duration::from_secs(10);
/// A check that is this late is overdue.
const OVERDUE: TimeDelta = TimeDelta::seconds(10);

/// Starts the receipt worker, the reconciler, the worker of refunds, the calendar of subscriptions, the mailer and what measures
/// their backlogs.
pub(crate) fn start_workers(app: &Arc<App>) {
    app.config.mail.start(&app.mailer, &app.kit);
    start(
        app,
        "receipts",
        |app| Some(&app.receipts_due),
        |app| async move {
            let full = receipt::process_due(&app).await?;
            Ok(if full { Duration::ZERO } else { POLL })
        },
    );
    start(
        app,
        "reconciler",
        |app| Some(&app.reconciler_due),
        |app| async move {
            let round = reconcile::check_due(&app).await?;
            Ok(match round.pause {
                Some(pause) => pause.max(POLL),
                None if round.full => Duration::ZERO,
                None => POLL,
            })
        },
    );
    start(
        app,
        "refunds",
        |app| Some(&app.refunds_due),
        |app| async move {
            let full = refund::worker::work_due(&app).await?;
            Ok(if full { Duration::ZERO } else { POLL })
        },
    );
    start(
        app,
        "subscriptions",
        |_| None,
        |app| async move {
            let full = lapse::work_due(&app).await?;
            Ok(if full { Duration::ZERO } else { CALENDAR_EVERY })
        },
    );
    start(app, "autopay", |app| Some(&app.autopay_due), |app| async move { autopay::work_due(&app).await });
    start(app, "gauges", |_| None, |app| async move { measure(&app).await });
}

/// Measures what waits to be paid, to be asked about and to be worked on.
async fn measure(app: &App) -> Result<Duration, DbError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    let open = store::order::open(&mut connection).await?;
    for state in [OrderState::Created, OrderState::Pending].map(OrderState::as_str) {
        let found = open.iter().find(|open| open.state == state);
        app.metrics.open_orders.with_label_values(&[state]).set(found.map_or(0, |open| open.orders));
        let age = found.map_or(0.0, |open| (now - open.oldest).as_seconds_f64().max(0.0));
        app.metrics.open_order_age.with_label_values(&[state]).set(age);
    }
    app.metrics.overdue_checks.set(store::order::overdue(&mut connection, now - OVERDUE).await?);
    let receipts = store::receipt::backlog(&mut connection, now).await?;
    app.metrics.receipts_pending.set(receipts.pending);
    app.metrics.receipts_lag.set(receipts.due_since.map_or(0.0, |since| (now - since).as_seconds_f64().max(0.0)));
    let subscriptions = store::subscription::by_state(&mut connection).await?;
    for state in SubscriptionState::ALL.iter().map(|state| state.as_str()) {
        let found = subscriptions.iter().find(|found| found.status == state);
        app.metrics.subscriptions.with_label_values(&[state]).set(found.map_or(0, |found| found.subscriptions));
    }
    let mandates = store::mandate::by_state(&mut connection).await?;
    for state in MandateState::ALL.iter().map(|state| state.as_str()) {
        let found = mandates.iter().find(|found| found.state == state);
        app.metrics.mandates.with_label_values(&[state]).set(found.map_or(0, |found| found.mandates));
    }
    app.metrics.mandates_to_end.set(mandates.iter().map(|found| found.to_end).sum());
    let debits = store::debit::open(&mut connection, now).await?;
    app.metrics.open_debits.set(debits.debits);
    app.metrics.overdue_debits.set(debits.overdue);
    let refunds = store::refund::open(&mut connection).await?;
    app.metrics.open_refunds.set(refunds.refunds);
    app.metrics.open_refund_age.set(refunds.oldest.map_or(0.0, |oldest| (now - oldest).as_seconds_f64().max(0.0)));
    Ok(MEASURE_EVERY)
}

/// Starts telling event streams about their orders.
pub(crate) fn start_watch(app: &Arc<App>) {
    start(
        app,
        "order-watch",
        |app| Some(app.watch.joined()),
        |app| async move {
            let watching = app.watch.refresh(&app.kit.db).await?;
            Ok(if watching { WATCH_EVERY } else { Duration::from_secs(3600) })
        },
    );
}

/// Runs `work` for the life of the process; it says how long to pause unless it is woken.
fn start<F>(app: &Arc<App>, name: &'static str, wake: fn(&App) -> Option<&Notify>, work: impl Fn(Arc<App>) -> F + Send + Sync + 'static)
where
    F: Future<Output = Result<Duration, DbError>> + Send,
{
    let (app, draining) = (app.clone(), app.kit.lifecycle.draining());
    app.kit.lifecycle.clone().spawn_service(name, async move {
        while !draining.is_cancelled() {
            let pause = work(app.clone()).await.unwrap_or_else(|error| {
                tracing::warn!(job = name, error = %error, "a round failed and will be tried again");
                POLL
            });
            tokio::select! {
                () = draining.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                () = woken(wake(&app)) => {}
            }
        }
    });
}

/// Waits for a wake-up, for ever where nobody gives one.
async fn woken(by: Option<&Notify>) {
    match by {
        Some(by) => by.notified().await,
        None => pending().await,
    }
}
