//! What a payer does with the subscription, and what an operator does in their stead.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    event::Event,
    ids::{SubscriptionId, WorkspaceId},
    plan::{Cycle, PlanCode},
    role::Role,
    subscription::{Term, term::NotAllowed},
};
use messaging::outbox::{self, OutboxError};
use serde_json::json;
use service_kit::{
    audit::{self, Author},
    auth::{AuthoriseError, Claims, authorise},
    db::{self, DbError},
};

use super::{event, notice};
use crate::{
    app::App,
    payment::StoreError,
    store::{
        mandate,
        subscription::{self, Subscription},
    },
};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It ends with what is paid, or now.
    Cancel {
        /// Now.
        at_once: bool,
    },
    /// A cancellation is taken back.
    Keep,
    /// Another plan follows the present period.
    Choose {
        /// The plan.
        plan: PlanCode,
        /// The cycle.
        cycle: Cycle,
    },
}

impl Act {
    const fn action(self) -> &'static str {
        match self {
            Self::Cancel { .. } => "subscription.cancel",
            Self::Keep => "subscription.keep",
            Self::Choose { .. } => "subscription.choose_plan",
        }
    }

    fn of(self, term: &Term, now: DateTime<Utc>) -> Result<Term, NotAllowed> {
        match self {
            Self::Cancel { at_once } => term.cancel(now, at_once),
            Self::Keep => term.keep(now),
            Self::Choose { plan, cycle } => term.choose(plan, cycle),
        }
    }
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// The workspace has no subscription.
    #[error("the workspace has no subscription")]
    NotFound,
    /// The present state does not allow it.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// No trial is offered, or the workspace has had a subscription.
    #[error("the workspace cannot start a trial")]
    NoTrial,
    /// The user may not.
    #[error(transparent)]
    Authorise(#[from] AuthoriseError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for ActError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<DbError> for ActError {
    fn from(error: DbError) -> Self {
        Self::Store(error.into())
    }
}

impl From<OutboxError> for ActError {
    fn from(error: OutboxError) -> Self {
        Self::Store(error.into())
    }
}

/// The subscription, as the user who asks sees it.
///
/// # Errors
/// [`ActError::Store`].
pub async fn find(app: &App, claims: &Claims, workspace: WorkspaceId) -> Result<Option<Subscription>, ActError> {
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, claims.as_json()).await?;
            Ok(subscription::find(connection, workspace).await?)
        })
        .await
}

/// Does it in the name of an owner or admin of the workspace.
///
/// # Errors
/// [`ActError`]; nothing has happened then.
pub async fn by_member(
    app: &App,
    claims: &Claims,
    workspace: WorkspaceId,
    act: Act,
    request_id: Option<&str>,
) -> Result<Subscription, ActError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    let done = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            authorise(connection, workspace, claims.user, Role::Admin).await?;
            let (known, next) = plan(connection, now, workspace, act).await?;
            let entry = audit::Entry {
                workspace: Some(workspace),
                actor: Some(claims.user),
                action: act.action(),
                resource: &format!("subscription/{}", known.id),
                outcome: "done",
                request_id,
                detail: detail(&known, &next),
            };
            store(connection, now, app, act, &next, &entry).await?;
            Ok::<_, ActError>(next)
        })
        .await?;
    app.autopay_due.notify_one();
    app.mailer.wake();
    Ok(done)
}

/// Does it in an operator's name. With `dry_run` it only says what would become of the subscription.
///
/// # Errors
/// [`ActError`]; nothing has happened then.
pub async fn by_operator(app: &App, workspace: WorkspaceId, act: Act, author: &Author, dry_run: bool) -> Result<Subscription, ActError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    let done = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let (known, next) = plan(connection, now, workspace, act).await?;
            if !dry_run {
                let resource = format!("subscription/{}", known.id);
                let entry = author.entry(act.action(), &resource, "done", detail(&known, &next));
                store(connection, now, app, act, &next, &audit::Entry { workspace: Some(workspace), ..entry }).await?;
            }
            Ok::<_, ActError>(next)
        })
        .await?;
    app.mailer.wake();
    Ok(done)
}

/// The subscription, locked, and what becomes of it.
async fn plan(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    workspace: WorkspaceId,
    act: Act,
) -> Result<(Subscription, Subscription), ActError> {
    let known = subscription::lock(connection, workspace).await?.ok_or(ActError::NotFound)?;
    let next = Subscription { term: act.of(&known.term, now)?, ..known.clone() };
    Ok((known, next))
}

fn detail(known: &Subscription, next: &Subscription) -> serde_json::Value {
    let chosen = next.term.next.map(|next| json!({ "plan": next.plan, "cycle": next.cycle }));
    json!({ "from": known.term.status, "to": next.term.status, "period_end": next.term.period_end, "next": chosen })
}

async fn store(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    app: &App,
    act: Act,
    next: &Subscription,
    entry: &audit::Entry<'_>,
) -> Result<(), ActError> {
    subscription::update(connection, now, next).await?;
    audit::record(connection, now, entry).await?;
    match act {
        Act::Cancel { .. } => {
            mandate::want_canceled(connection, now, next.workspace, None).await?;
            outbox::append(connection, now, &event(Event::SubscriptionCanceled, next)).await?;
            if let Some(mail) = notice::canceled(&app.config.public_url, next, &now.timestamp_micros().to_string()) {
                mail::enqueue(connection, now, &mail).await?;
            }
        }
        Act::Keep => {
            outbox::append(connection, now, &event(Event::SubscriptionResumed, next)).await?;
        }
        Act::Choose { .. } => {}
    }
    Ok(())
}

/// Starts the trial of a workspace that never had a subscription.
///
/// # Errors
/// [`ActError`]; nothing has happened then.
pub async fn start_trial(
    app: &App,
    claims: &Claims,
    workspace: WorkspaceId,
    plan: PlanCode,
    request_id: Option<&str>,
) -> Result<Subscription, ActError> {
    let now = app.kit.clock.now();
    let days = app.config.trial_days;
    let mut connection = app.kit.db.get().await?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            authorise(connection, workspace, claims.user, Role::Admin).await?;
            if days == 0 {
                return Err(ActError::NoTrial);
            }
            let trial = Subscription {
                id: SubscriptionId::generate(),
                workspace,
                term: Term::trial(plan, Cycle::Monthly, now, TimeDelta::days(i64::from(days))),
                order: None,
                next_order: None,
                contact_email: claims.email().map(str::to_owned),
                mandate: None,
            };
            if !subscription::insert(connection, now, &trial).await? {
                return Err(ActError::NoTrial);
            }
            outbox::append(connection, now, &event(Event::SubscriptionTrialStarted, &trial)).await?;
            let entry = audit::Entry {
                workspace: Some(workspace),
                actor: Some(claims.user),
                action: "subscription.start_trial",
                resource: &format!("subscription/{}", trial.id),
                outcome: "done",
                request_id,
                detail: json!({ "plan": plan, "period_end": trial.term.period_end }),
            };
            audit::record(connection, now, &entry).await?;
            Ok(trial)
        })
        .await
}
