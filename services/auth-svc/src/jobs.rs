//! The repair of users whose provisioning failed at sign-up, the removal of proofs that nobody brought, and the end of accounts
//! whose grace period is over.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::ids::{UserId, WorkspaceId};
use serde_json::json;
use service_kit::{audit, db::DbError};

use crate::{
    AuthService,
    provider::deletion,
    store::{one_time_token, profile, repair, sign_in_flow},
};

const EVERY: Duration = Duration::from_secs(5);
const SWEEP_EVERY: Duration = Duration::from_secs(600);
const END_ACCOUNTS_EVERY: Duration = Duration::from_secs(60);
/// The first pause after a failure; it doubles up to an hour.
const FIRST_PAUSE_S: i64 = 5;
const LAST_PAUSE_S: i64 = 3600;

/// What one turn of the job did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nobody is due.
    Idle,
    /// A user was provisioned.
    Repaired(UserId),
    /// A user could not be provisioned and is tried again later.
    Failed(UserId),
}

/// Runs until the process drains. Any number of processes may: each user is locked by one.
pub fn start(app: &Arc<AuthService>) {
    let (app, draining) = (app.clone(), app.kit.lifecycle.draining());
    app.kit.lifecycle.clone().spawn_service("user-repair", async move {
        while draining.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            loop {
                match repair_one(&app).await {
                    Ok(Turn::Idle) => break,
                    Ok(Turn::Repaired(user)) => tracing::info!(user_id = %user, "user provisioned by repair"),
                    Ok(Turn::Failed(user)) => tracing::error!(user_id = %user, "user could not be provisioned"),
                    Err(error) => {
                        tracing::warn!(error = %error, "the repair of users has to wait");
                        break;
                    }
                }
                if draining.is_cancelled() {
                    break;
                }
            }
        }
    });
}

/// Removes what has expired until the process drains.
pub fn start_sweep(app: &Arc<AuthService>) {
    let (app, draining) = (app.clone(), app.kit.lifecycle.draining());
    app.kit.lifecycle.clone().spawn_service("proof-sweep", async move {
        loop {
            match sweep(&app).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "expired proofs removed"),
                Err(error) => tracing::warn!(error = %error, "expired proofs cannot be removed yet"),
            }
            if draining.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await.is_none() {
                return;
            }
        }
    });
}

/// Ends accounts that are due until the process drains.
pub fn start_deletions(app: &Arc<AuthService>) {
    let (app, draining) = (app.clone(), app.kit.lifecycle.draining());
    app.kit.lifecycle.clone().spawn_service("account-deletion", async move {
        while draining.run_until_cancelled(tokio::time::sleep(END_ACCOUNTS_EVERY)).await.is_some() {
            while let Some(provider) = app.provider.as_ref().filter(|_| !draining.is_cancelled()) {
                match deletion::end_next(&app.kit, provider).await {
                    Ok(Some(user)) => tracing::info!(user_id = %user, "the grace period of an account is over"),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(error = %error, "accounts that are due have to wait");
                        break;
                    }
                }
            }
        }
    });
}

/// Removes one-time tokens and waiting sign-ins that have expired; returns how many.
///
/// # Errors
/// When the database does not answer.
pub async fn sweep(app: &AuthService) -> Result<usize, DbError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    let tokens = one_time_token::delete_expired(&mut connection, now).await?;
    Ok(tokens + sign_in_flow::delete_expired(&mut connection, now).await?)
}

/// Takes the next user that is due.
///
/// # Errors
/// When the database does not answer.
pub async fn repair_one(app: &AuthService) -> Result<Turn, DbError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    let turn = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            let Some(due) = repair::lock_next(connection, now).await? else { return Ok(Turn::Idle) };
            let user = UserId::from_uuid(due.user_id);
            // A savepoint: what fails inside leaves the lock and the note of the failure.
            let attempt =
                connection.transaction(async |connection: &mut AsyncPgConnection| provision(app, connection, user, now).await).await;
            match attempt {
                Ok(()) => Ok(Turn::Repaired(user)),
                Err(error @ diesel::result::Error::DatabaseError(..)) => {
                    repair::failed(connection, due.user_id, &error.to_string(), now + pause(due.attempts)).await?;
                    Ok(Turn::Failed(user))
                }
                Err(error) => Err(error),
            }
        })
        .await
        .map_err(|error: diesel::result::Error| DbError::from(error))?;
    let outcome = match turn {
        Turn::Idle => return Ok(turn),
        Turn::Repaired(_) => "repaired",
        Turn::Failed(_) => "failed",
    };
    app.metrics.repairs_total.with_label_values(&[outcome]).inc();
    Ok(turn)
}

async fn provision(
    app: &AuthService,
    connection: &mut AsyncPgConnection,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<(), diesel::result::Error> {
    // An external provider's users are not ours to read; ensure-profile gave what the token said of them.
    let known = if app.provider.is_some() { repair::known(connection, user.as_uuid()).await? } else { None };
    let (email, name) = known.map_or((None, None), |known| (known.email, known.name));
    let provisioned = profile::provision(connection, user, email.as_deref(), name.as_deref()).await?;
    repair::repaired(connection, user.as_uuid(), now).await?;
    let resource = format!("user/{user}");
    let entry = audit::Entry {
        workspace: Some(WorkspaceId::from_uuid(provisioned.workspace_id)),
        actor: None,
        action: "user.repair",
        resource: &resource,
        outcome: "done",
        request_id: None,
        detail: json!({"created": provisioned.created}),
    };
    audit::record(connection, now, &entry).await
}

fn pause(attempts: i32) -> TimeDelta {
    let doublings = u32::try_from(attempts.clamp(0, 10)).unwrap_or_default();
    TimeDelta::seconds(FIRST_PAUSE_S.saturating_mul(1 << doublings).min(LAST_PAUSE_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        assert_eq!(pause(0), TimeDelta::seconds(5));
        assert_eq!(pause(3), TimeDelta::seconds(40));
        assert_eq!(pause(i32::MAX), TimeDelta::hours(1));
    }
}
