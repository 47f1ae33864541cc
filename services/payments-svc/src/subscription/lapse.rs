//! What a day brings: reminders, the end of periods, trials and graces. Several replicas share the work.

use chrono::{DateTime, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    event::Event,
    subscription::{Term, term::Happening},
};
use messaging::outbox;
use serde_json::json;
use service_kit::{audit, db::DbError};

use super::{event, notice};
use crate::{
    app::App,
    payment::StoreError,
    store::{
        mandate,
        subscription::{self, Subscription},
    },
};

/// Subscriptions that are worked on in one transaction.
const BATCH: i64 = 50;

/// Does what is due; returns whether there may be more.
///
/// # Errors
/// When the database refuses; nothing of the batch has happened then.
pub async fn work_due(app: &App) -> Result<bool, DbError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    let worked = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let due = subscription::claim_due(connection, now, BATCH).await?;
            for known in &due {
                advance(connection, now, app, known).await?;
            }
            Ok::<_, StoreError>(due.len())
        })
        .await;
    let worked = match worked {
        Ok(worked) => worked,
        Err(StoreError::Db(error)) => return Err(error),
        Err(StoreError::Event(error)) => {
            tracing::error!(error = %error, "an event of a subscription cannot be written");
            return Ok(false);
        }
    };
    if worked > 0 {
        app.mailer.wake();
    }
    Ok(i64::try_from(worked).is_ok_and(|worked| worked == BATCH))
}

/// Brings one subscription to `now`.
async fn advance(connection: &mut AsyncPgConnection, now: DateTime<Utc>, app: &App, known: &Subscription) -> Result<(), StoreError> {
    let mut present = known.clone();
    while let Some((term, happening)) = present.term.advance(now) {
        let before = present.term;
        present = after(&present, term, happening);
        let told = match happening {
            Happening::Renewed => Some(event(Event::SubscriptionRenewed, &present)),
            Happening::PastDue => Some(event(Event::SubscriptionPastDue, &present)),
            Happening::Expired => Some(event(Event::SubscriptionExpired, &present)),
            Happening::Reminder { .. } => None,
        };
        if happening == Happening::Expired {
            // Nobody is debited for what has ended.
            mandate::want_canceled(connection, now, present.workspace, None).await?;
        }
        if let Some(told) = told {
            outbox::append(connection, now, &told).await?;
            note(connection, now, &present, &before).await?;
            app.metrics.lapses.with_label_values(&[name(happening)]).inc();
            tracing::info!(subscription.id = %present.id, from = %before.status, to = %present.term.status, "a subscription moved with time");
        }
        if let Some(mail) = notice::of(&app.config.public_url, &present, &before, happening) {
            mail::enqueue(connection, now, &mail).await?;
        }
    }
    subscription::update(connection, now, &present).await?;
    Ok(())
}

/// The subscription after `happening`; a period that was paid ahead takes its order along.
fn after(known: &Subscription, term: Term, happening: Happening) -> Subscription {
    let (order, next_order) = if happening == Happening::Renewed { (known.next_order, None) } else { (known.order, known.next_order) };
    Subscription { term, order, next_order, ..known.clone() }
}

const fn name(happening: Happening) -> &'static str {
    match happening {
        Happening::Renewed => "renewed",
        Happening::PastDue => "past_due",
        Happening::Expired => "expired",
        Happening::Reminder { .. } => "reminder",
    }
}

async fn note(connection: &mut AsyncPgConnection, now: DateTime<Utc>, present: &Subscription, before: &Term) -> Result<(), StoreError> {
    let entry = audit::Entry {
        workspace: Some(present.workspace),
        actor: None,
        action: "subscription.transition",
        resource: &format!("subscription/{}", present.id),
        outcome: "done",
        request_id: None,
        detail: json!({
            "from": before.status, "to": present.term.status, "plan": present.term.plan, "period_end": present.term.period_end,
        }),
    };
    Ok(audit::record(connection, now, &entry).await?)
}
