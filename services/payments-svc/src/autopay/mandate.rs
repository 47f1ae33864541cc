//! Asking about mandates, and what their states do to subscriptions.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    event::{Event, SubscriptionEvent},
    mandate::MandateState,
};
use messaging::outbox;
use serde_json::json;
use service_kit::{audit, db::DbError};

use crate::{
    app::App,
    payment::StoreError,
    phonepe::{ActOutcome, AutopayApi, MandateAnswer},
    store::{
        mandate::{self, Mandate},
        subscription::{self, Subscription},
    },
    subscription::event,
};

const BATCH: i64 = 20;
/// A mandate that is asked about now is asked again then, whatever becomes of this try.
const RETRY: TimeDelta = TimeDelta::minutes(1);
/// PhonePe's documents: daily, and before each notification and debit.
const DAILY: TimeDelta = TimeDelta::days(1);

/// Asks about the mandates whose check is due, and ends those that are to end; returns whether there may be more.
pub(super) async fn check_due(app: &App) -> Result<bool, DbError> {
    let now = app.kit.clock.now();
    let due = {
        let mut connection = app.kit.worker_db.get().await?;
        mandate::claim_due(&mut connection, now, now + RETRY, BATCH).await?
    };
    let full = i64::try_from(due.len()) == Ok(BATCH);
    for mandate in due {
        if let Err(error) = check(app, &mandate).await {
            tracing::warn!(mandate.id = %mandate.id, error = %error, "a mandate could not be looked after");
        }
    }
    Ok(full)
}

async fn check(app: &App, known: &Mandate) -> Result<(), StoreError> {
    let Some(name) = known.merchant_subscription_id.as_deref() else { return Ok(()) };
    if known.cancel_wanted && known.state.is_live() {
        match app.gateway.cancel_mandate(known.api, name).await {
            ActOutcome::Accepted => return apply(app, known, MandateState::Canceled).await,
            // It may have ended otherwise meanwhile.
            ActOutcome::Refused { reason } => tracing::warn!(mandate.id = %known.id, reason, "the provider does not end a mandate"),
            ActOutcome::Ambiguous { reason } => {
                tracing::warn!(mandate.id = %known.id, reason, "whether a mandate ended is not known");
                return Ok(());
            }
        }
    }
    match ask(app, known.api, name).await {
        Some(told) => apply(app, known, told).await,
        None => Ok(()),
    }
}

/// The state of a mandate at the provider, if it says one.
pub(super) async fn ask(app: &App, api: AutopayApi, name: &str) -> Option<MandateState> {
    match app.gateway.mandate_status(api, name).await {
        Ok(MandateAnswer::Found(state)) => state,
        Ok(MandateAnswer::NotFound) => None,
        Err(error) => {
            tracing::warn!(error = %error, "the provider gave no status of a mandate");
            None
        }
    }
}

/// Applies what the provider said of a mandate.
pub(super) async fn apply(app: &App, known: &Mandate, told: MandateState) -> Result<(), StoreError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(mandate) = mandate::lock(connection, known.id).await? else { return Ok(()) };
            let state = mandate.state.after(told);
            let next = match state {
                MandateState::Pending => Some(now + RETRY),
                state if state.is_live() => Some(if mandate.cancel_wanted { now + RETRY } else { now + DAILY }),
                _ => None,
            };
            mandate::update(connection, now, mandate.id, state, next).await?;
            if state == mandate.state {
                return Ok(());
            }
            let entry = audit::Entry {
                workspace: Some(mandate.workspace),
                actor: None,
                action: "mandate.transition",
                resource: &format!("mandate/{}", mandate.id),
                outcome: "done",
                request_id: None,
                detail: json!({ "from": mandate.state, "to": state }),
            };
            audit::record(connection, now, &entry).await?;
            tracing::info!(mandate.id = %mandate.id, from = %mandate.state, to = %state, "a mandate moved");
            if let Some(subscription) = subscription::lock(connection, mandate.workspace).await? {
                follow(connection, now, &mandate, state, subscription).await?;
            }
            Ok::<_, StoreError>(())
        })
        .await
}

/// The subscription follows its mandate.
async fn follow(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    mandate: &Mandate,
    state: MandateState,
    known: Subscription,
) -> Result<(), StoreError> {
    let mine = known.mandate == Some(mandate.id);
    let (moved, kind): (_, fn(SubscriptionEvent) -> Event) = match state {
        MandateState::Active if mine || known.mandate.is_none() || mandate.state == MandateState::Pending => {
            mandate::want_canceled(connection, now, mandate.workspace, Some(mandate.id)).await?;
            (known.term.resume(), Event::SubscriptionResumed)
        }
        MandateState::Paused if mine => (known.term.pause(), Event::SubscriptionPaused),
        // Without a mandate there is nothing that is paused.
        state if !state.is_live() && mine => (known.term.resume(), Event::SubscriptionResumed),
        _ => return Ok(()),
    };
    let told = moved.is_ok().then_some(kind);
    let term = moved.unwrap_or(known.term);
    let mandate = state.is_live().then_some(mandate.id);
    let mut present = Subscription { term, mandate, ..known };
    present.term.autopay = mandate.is_some();
    subscription::update(connection, now, &present).await?;
    if let Some(kind) = told {
        outbox::append(connection, now, &event(kind, &present)).await?;
    }
    Ok(())
}
