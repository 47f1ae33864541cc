//! Webhooks: stored as they came, and answered by asking the provider.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::RefundId;
use futures_util::StreamExt;
use messaging::trace::TraceContext;
use service_kit::db::DbError;
use sha2::{Digest, Sha256};
use tracing::Instrument;
use uuid::Uuid;

use super::{StoreError, confirm, refund::settle, schedule::FIRST_CHECK};
use crate::{
    app::App,
    phonepe::{Hint, MerchantOrderId, ProviderState, RefundAnswer, StatusAnswer, Unavailable},
    store::{
        attempt, debit, mandate, order,
        receipt::{self, Claimed, NewReceipt},
        refund,
    },
};

/// A batch is worked on all at once, so that its lease can be short.
const BATCH: i64 = 8;
/// The status may lag behind the webhook: it is asked again this often before the reconciler's schedule has to do.
const LAG_RETRIES: i32 = 6;
/// A webhook about an order that we do not have may be early. After this long it never was ours.
const UNKNOWN_FOR: TimeDelta = TimeDelta::days(3);
/// Wrongly signed webhooks about a known order hasten its check at most once in this time.
const UNAUTHENTICATED_EVERY: TimeDelta = TimeDelta::seconds(60);

/// Stores an authenticated webhook; returns whether its bytes are new.
pub async fn store(app: &App, body: &[u8], hint: &Hint) -> Result<bool, DbError> {
    let receipt = NewReceipt {
        body_sha256: &Sha256::digest(body),
        body,
        event: hint.event.as_deref(),
        merchant_order_id: hint.merchant_order_id.as_deref(),
    };
    let mut connection = app.kit.db.get().await?;
    let first = receipt::store(&mut connection, app.kit.clock.now(), receipt, TraceContext::current().as_ref()).await?;
    app.receipts_due.notify_one();
    Ok(first)
}

/// A webhook without credentials proves nothing, but its order may be worth a look.
pub async fn note_unauthenticated(app: &App, hint: &Hint) -> Result<(), DbError> {
    let Some(id) = hint.merchant_order_id.as_deref().and_then(MerchantOrderId::parse) else { return Ok(()) };
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    let hastened = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(attempt) = attempt::find(connection, &id).await? else { return Ok(false) };
            order::hasten_check(connection, now, attempt.order, now - UNAUTHENTICATED_EVERY, now - FIRST_CHECK).await
        })
        .await?;
    if hastened {
        app.reconciler_due.notify_one();
    }
    Ok(())
}

/// Works on one batch of due receipts; returns whether there may be more.
pub async fn process_due(app: &App) -> Result<bool, DbError> {
    let token = Uuid::now_v7();
    let claimed = {
        let mut connection = app.kit.worker_db.get().await?;
        receipt::claim(&mut connection, app.kit.clock.now(), token, BATCH).await?
    };
    let full = i64::try_from(claimed.len()) == Ok(BATCH);
    futures_util::stream::iter(claimed)
        .for_each_concurrent(None, |claimed| async move {
            let span = tracing::info_span!("receipt", receipt.id = %claimed.id);
            if let Some(traceparent) = claimed.traceparent.clone() {
                TraceContext { traceparent, tracestate: claimed.tracestate.clone() }.adopt(&span);
            }
            if let Err(error) = process(app, &claimed, token).instrument(span).await {
                // Nothing is lost: the lease ends and the receipt is due again.
                tracing::warn!(receipt.id = %claimed.id, error = %error, "a receipt could not be worked on");
            }
        })
        .await;
    Ok(full)
}

/// What is to be done with a receipt.
enum Verdict {
    Done { outcome: &'static str, remark: Option<&'static str> },
    Later { outcome: &'static str, reason: String, at: DateTime<Utc> },
}

async fn process(app: &App, claimed: &Claimed, token: Uuid) -> Result<(), StoreError> {
    let verdict = judge(app, claimed).await?;
    let mut connection = app.kit.worker_db.get().await?;
    let (label, marked) = match verdict {
        Verdict::Done { outcome, remark } => {
            (outcome, receipt::processed(&mut connection, app.kit.clock.now(), claimed.id, token, remark).await?)
        }
        Verdict::Later { outcome, reason, at } => (outcome, receipt::postpone(&mut connection, at, claimed.id, token, &reason).await?),
    };
    if marked == 0 {
        tracing::warn!(receipt.id = %claimed.id, "the lease of a receipt went to another process");
    }
    app.metrics.receipts.with_label_values(&[label]).inc();
    Ok(())
}

async fn judge(app: &App, claimed: &Claimed) -> Result<Verdict, StoreError> {
    let now = app.kit.clock.now();
    let hint = Hint::read(&claimed.body).unwrap_or_default();
    if let Some(id) = hint.merchant_refund_id.as_deref() {
        return judge_refund(app, claimed, id.parse().ok()).await;
    }
    let of_mandate = hasten_mandate(app, &hint).await?;
    let Some(id) = hint.merchant_order_id.as_deref().and_then(MerchantOrderId::parse) else {
        let remark = if of_mandate { None } else { Some("it names no order of ours") };
        return Ok(Verdict::Done { outcome: if of_mandate { "applied" } else { "irrelevant" }, remark });
    };
    let attempt = {
        let mut connection = app.kit.worker_db.get().await?;
        attempt::find(&mut connection, &id).await?
    };
    let Some(attempt) = attempt else {
        if now - claimed.received_at > UNKNOWN_FOR {
            return Ok(Verdict::Done { outcome: "given_up", remark: Some("the order never appeared") });
        }
        return Ok(Verdict::Later { outcome: "unknown_order", reason: "unknown order".into(), at: now + pause(claimed.attempts) });
    };
    let answer = match super::ask(app, &attempt).await {
        Ok(answer) => answer,
        Err(error) => return Ok(unanswered(claimed, &error, now)),
    };
    confirm::apply(app, &attempt, &answer).await?;
    if attempt.autopay.is_some() {
        debit::hasten(&mut *app.kit.worker_db.get().await?, now, attempt.order).await?;
        app.autopay_due.notify_one();
    }
    let undecided =
        !matches!(&answer, StatusAnswer::Found(status) if matches!(status.state, ProviderState::Completed | ProviderState::Failed));
    if undecided && hint.claims_end && claimed.attempts <= LAG_RETRIES {
        return Ok(lagging(claimed, now));
    }
    Ok(Verdict::Done { outcome: "applied", remark: None })
}

/// What a webhook says of a mandate is a reason to ask; returns whether it names one of ours.
async fn hasten_mandate(app: &App, hint: &Hint) -> Result<bool, StoreError> {
    let Some(name) = hint.merchant_subscription_id.as_deref() else { return Ok(false) };
    let mut connection = app.kit.worker_db.get().await?;
    let known = mandate::hasten(&mut connection, app.kit.clock.now(), name).await? > 0;
    app.autopay_due.notify_one();
    Ok(known)
}

/// A refund is stored before the provider hears of it, so that one that we do not have was made by somebody else.
async fn judge_refund(app: &App, claimed: &Claimed, id: Option<RefundId>) -> Result<Verdict, StoreError> {
    let now = app.kit.clock.now();
    let refund = match id {
        Some(id) => {
            let mut connection = app.kit.worker_db.get().await?;
            refund::find(&mut connection, id).await?
        }
        None => None,
    };
    let Some(refund) = refund else {
        tracing::warn!(receipt.id = %claimed.id, "a refund that was not made here; one of PhonePe's dashboard has to be entered by hand");
        return Ok(Verdict::Done { outcome: "irrelevant", remark: Some("it names no refund of ours") });
    };
    let decided = match app.gateway.refund_status(refund.id).await {
        Ok(RefundAnswer::Found(status)) => settle::by_status(app, &refund, &status).await?,
        Ok(RefundAnswer::NotFound) => false,
        Err(error) => return Ok(unanswered(claimed, &error, now)),
    };
    if !decided && claimed.attempts <= LAG_RETRIES {
        return Ok(lagging(claimed, now));
    }
    Ok(Verdict::Done { outcome: "applied", remark: None })
}

fn unanswered(claimed: &Claimed, error: &Unavailable, now: DateTime<Utc>) -> Verdict {
    let asked = error.retry_after.and_then(|wait| TimeDelta::from_std(wait).ok()).unwrap_or_default();
    Verdict::Later { outcome: "waiting", reason: error.to_string(), at: now + pause(claimed.attempts).max(asked) }
}

fn lagging(claimed: &Claimed, now: DateTime<Utc>) -> Verdict {
    Verdict::Later { outcome: "waiting", reason: "the status lags behind".into(), at: now + pause(claimed.attempts) }
}

/// 1 s, 2 s, 4 s … to ten minutes.
fn pause(attempts: i32) -> TimeDelta {
    let exponent = u32::try_from(attempts - 1).unwrap_or(0).min(10);
    TimeDelta::seconds((1_i64 << exponent).min(600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_ten_minutes() {
        assert_eq!([1, 2, 3, 4].map(|attempts| pause(attempts).num_seconds()), [1, 2, 4, 8]);
        assert_eq!(pause(i32::MAX).num_seconds(), 600);
    }
}
