//! Sends refunds and asks about them until they have ended, whether or not a webhook comes.
//!
//! Claiming a refund writes when it is taken in hand next. That is the lease: another replica finds nothing due, and a
//! process that dies is made up for by the next round.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::refund::{RefundNews, RefundState};
use futures_util::StreamExt;
use service_kit::db::DbError;
use tracing::Instrument;

use super::{
    super::{StoreError, reconcile::BUDGET},
    settle::{self, Said},
};
use crate::{
    app::App,
    phonepe::{RefundAnswer, RefundOutcome, RefundRequest, Unavailable},
    store::refund::{self, Refund},
};

const BATCH: i64 = 16;
const CONCURRENCY: usize = 4;
/// Nobody is still sending a refund after this long.
const SENDING_LIMIT: TimeDelta = TimeDelta::seconds(45);
/// Checks of a refund that the provider has: often at first, then every five minutes.
const PAUSES_S: [i64; 5] = [3, 10, 30, 60, 120];
const LATER: TimeDelta = TimeDelta::minutes(5);
/// After a day it is for the bank to move, and once an hour is enough.
const SLOW_AFTER: TimeDelta = TimeDelta::days(1);
const SLOWLY: TimeDelta = TimeDelta::hours(1);

/// Sends and asks about one batch of due refunds; returns whether there may be more.
pub async fn work_due(app: &App) -> Result<bool, DbError> {
    let now = app.kit.clock.now();
    let due = {
        let mut connection = app.kit.worker_db.get().await?;
        (*connection)
            .transaction(async |connection: &mut AsyncPgConnection| {
                let due = refund::claim_due(connection, now, BATCH).await?;
                for refund in &due {
                    refund::schedule_check(connection, refund.id, next(refund, now)).await?;
                }
                Ok::<_, diesel::result::Error>(due)
            })
            .await?
    };
    let full = i64::try_from(due.len()) == Ok(BATCH);
    futures_util::stream::iter(due)
        .for_each_concurrent(CONCURRENCY, |refund| async move {
            let span = tracing::info_span!("refund", refund.id = %refund.id, order.id = %refund.order);
            if let Err(error) = work(app, &refund).instrument(span).await {
                tracing::warn!(refund.id = %refund.id, error = %error, "what became of a refund could not be stored; it is asked about again");
            }
        })
        .await;
    Ok(full)
}

/// When a refund that is taken in hand now is taken in hand again.
fn next(refund: &Refund, now: DateTime<Utc>) -> DateTime<Utc> {
    if matches!(refund.state, RefundState::Created | RefundState::Ambiguous) {
        return now + SENDING_LIMIT;
    }
    let pause = PAUSES_S.get(usize::try_from(refund.check_count).unwrap_or(usize::MAX)).map_or(LATER, |pause| TimeDelta::seconds(*pause));
    now + if now - refund.created_at > SLOW_AFTER { SLOWLY } else { pause }
}

async fn work(app: &App, refund: &Refund) -> Result<(), StoreError> {
    // Only the first time is it certain that nobody has sent it.
    if refund.state == RefundState::Created && refund.check_count == 0 {
        return settle::apply(app, refund, &send(app, refund).await).await.map(drop);
    }
    while !app.kit.limits.take(BUDGET, "all").await.allowed {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    match app.gateway.refund_status(refund.id).await {
        Ok(RefundAnswer::Found(status)) => settle::by_status(app, refund, &status).await.map(drop),
        Ok(RefundAnswer::NotFound) if matches!(refund.state, RefundState::Created | RefundState::Ambiguous) => {
            tracing::info!("sending a refund whose answer was lost");
            let said = send(app, refund).await;
            // The first try may have got through, and no document says how a used id is refused: only the status ends it now.
            let undecided = Said { news: RefundNews::Unanswered, provider_refund_id: None, failure_code: None };
            let said = if said.news == RefundNews::Failed { undecided } else { said };
            settle::apply(app, refund, &said).await.map(drop)
        }
        Ok(RefundAnswer::NotFound) => {
            tracing::error!("the provider does not know a refund that it took");
            Ok(())
        }
        Err(Unavailable { reason, .. }) => {
            tracing::warn!(reason, "the provider gave no status of a refund");
            Ok(())
        }
    }
}

/// Asks the provider to give the money back. Sent twice, under one id, it is refused the second time.
async fn send(app: &App, refund: &Refund) -> Said {
    let request = RefundRequest { id: refund.id, attempt: refund.attempt.clone(), amount: refund.amount };
    match app.gateway.refund(&request).await {
        RefundOutcome::Accepted { provider_refund_id } => {
            Said { news: RefundNews::Accepted, provider_refund_id: Some(provider_refund_id), failure_code: None }
        }
        RefundOutcome::Refused { reason } => {
            tracing::warn!(reason, "the provider refused a refund");
            Said { news: RefundNews::Failed, provider_refund_id: None, failure_code: Some(reason) }
        }
        RefundOutcome::Ambiguous { reason } => {
            tracing::warn!(reason, "whether the provider took a refund is not known; its status will tell");
            Said { news: RefundNews::Unanswered, provider_refund_id: None, failure_code: None }
        }
    }
}

/// When a refund that has just been taken by the provider, or may have been, is asked about.
pub(super) fn first_check(now: DateTime<Utc>) -> DateTime<Utc> {
    now + PAUSES_S.first().map_or(LATER, |pause| TimeDelta::seconds(*pause))
}

#[cfg(test)]
mod tests {
    use domain::{money::Paise, order::OrderState};

    use super::*;
    use crate::phonepe::MerchantOrderId;

    #[test]
    fn a_refund_is_asked_about_often_then_every_five_minutes_then_hourly() {
        let order = domain::ids::OrderId::generate();
        let made: DateTime<Utc> = "2026-12-01T10:00:00Z".parse().unwrap();
        let refund = |state, check_count| Refund {
            id: domain::ids::RefundId::generate(),
            workspace: domain::ids::WorkspaceId::generate(),
            order,
            attempt: MerchantOrderId::of(order, 1),
            amount: Paise::new(100),
            state,
            requested_in: OrderState::Completed,
            reason: "a test".into(),
            provider_refund_id: None,
            failure_code: None,
            next_check_at: None,
            check_count,
            created_at: made,
            updated_at: made,
        };
        let pauses = [1, 4, 5, 100].map(|count| (next(&refund(RefundState::Pending, count), made) - made).num_seconds());
        assert_eq!(pauses, [10, 120, 300, 300]);
        assert_eq!(next(&refund(RefundState::Ambiguous, 1), made) - made, SENDING_LIMIT);
        let later = made + TimeDelta::hours(25);
        assert_eq!(next(&refund(RefundState::Confirmed, 300), later) - later, SLOWLY);
    }
}
