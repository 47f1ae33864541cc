//! The gate: what is known of a user and the workspace, and where to go next. It reads projections only.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    gate::{GateFacts, Next, next},
    ids::WorkspaceId,
    onboarding::OnboardingStatus,
    step::STEP_COUNT,
    subscription::SubscriptionState,
};
use service_kit::{auth::Claims, db::DbError};

use crate::{
    AuthService,
    store::{
        gate::{self as store, OnboardingRow, Projections, Seen},
        profile::{Membership, Profile},
    },
};

/// A confirmed order counts as open this long, unless its subscription's event comes first.
const CONFIRMED_FOR: TimeDelta = TimeDelta::minutes(2);
/// A manifest this young is fresh; up to [`EXPIRED_AFTER`] it is stale.
const STALE_AFTER: TimeDelta = TimeDelta::days(7);
const EXPIRED_AFTER: TimeDelta = TimeDelta::days(14);

/// How old a manifest is, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// There is none.
    Missing,
    /// The first one is being made.
    Building,
    /// Less than 7 days old.
    Fresh,
    /// Less than 14 days old.
    Stale,
    /// Older.
    Expired,
}

impl Freshness {
    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Building => "building",
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Expired => "expired",
        }
    }

    fn of(generated_at: Option<DateTime<Utc>>, onboarding: OnboardingStatus, now: DateTime<Utc>) -> Self {
        match generated_at.map(|at| now - at) {
            Some(age) if age < STALE_AFTER => Self::Fresh,
            Some(age) if age < EXPIRED_AFTER => Self::Stale,
            Some(_) => Self::Expired,
            None if matches!(onboarding, OnboardingStatus::Finalizing | OnboardingStatus::Completed) => Self::Building,
            None => Self::Missing,
        }
    }
}

/// What the gate found.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The profile, once provisioned.
    pub profile: Option<Profile>,
    /// The workspace that the answer is about.
    pub workspace: Option<Membership>,
    /// Every workspace of the user, the oldest first.
    pub workspaces: Vec<Membership>,
    /// What the other services said of the workspace.
    pub projections: Projections,
    /// Whether the subscription allows use now.
    pub entitled: bool,
    /// The onboarding; locked until its service says otherwise.
    pub onboarding: OnboardingRow,
    /// How old the manifest is.
    pub freshness: Freshness,
    /// Where to go.
    pub next: Next,
}

/// Why the gate did not answer.
#[derive(Debug, thiserror::Error)]
pub enum VerifyProfileError {
    /// The named workspace is not one of the user's.
    #[error("not a member of the workspace")]
    NotAMember,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<diesel::result::Error> for VerifyProfileError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Looks at the named workspace, or at the user's oldest one.
///
/// # Errors
/// [`VerifyProfileError`].
pub async fn verify_profile(app: &AuthService, claims: &Claims, named: Option<WorkspaceId>) -> Result<Gate, VerifyProfileError> {
    let now = app.kit.clock.now();
    let mut connection = app.kit.db.get().await?;
    let seen = store::read(&mut connection, claims, named, now - CONFIRMED_FOR, app.provider.is_some()).await?;
    drop(connection);
    let Seen { email_confirmed, profile, workspaces, projections } = seen;
    let workspace = match named {
        Some(id) => {
            let member = workspaces.iter().find(|membership| membership.workspace_id == id.as_uuid());
            Some(member.ok_or(VerifyProfileError::NotAMember)?.clone())
        }
        None => workspaces.first().cloned(),
    };
    let entitled = is_entitled(&projections, now);
    let onboarding = projections.onboarding.clone().unwrap_or_else(locked);
    let status = onboarding.status.parse().unwrap_or(OnboardingStatus::Locked);
    let next = next(GateFacts {
        authenticated: true,
        // An external provider gives a session only to a confirmed address, unless it was told otherwise.
        email_confirmed: email_confirmed.unwrap_or(true),
        has_workspace: workspace.is_some(),
        entitled,
        order_open: projections.order.is_some(),
        onboarding: status,
        has_manifest: projections.manifest.is_some(),
    });
    let freshness = Freshness::of(projections.manifest.as_ref().map(|manifest| manifest.generated_at), status, now);
    Ok(Gate { profile, workspace, workspaces, projections, entitled, onboarding, freshness, next })
}

/// A status that this build does not know entitles to nothing.
fn is_entitled(projections: &Projections, now: DateTime<Utc>) -> bool {
    projections.subscription.as_ref().is_some_and(|subscription| {
        let state = subscription.status.parse::<SubscriptionState>();
        state.is_ok_and(|state| state.entitled(now, subscription.period_end, subscription.grace_end))
    })
}

fn locked() -> OnboardingRow {
    OnboardingRow {
        status: OnboardingStatus::Locked.as_str().to_owned(),
        steps_done: 0,
        steps_total: i32::try_from(STEP_COUNT).unwrap_or(i32::MAX),
        percent: 0,
        next_step: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_ages_in_weeks() {
        let at = DateTime::UNIX_EPOCH;
        let seen = |age| Freshness::of(Some(at), OnboardingStatus::Completed, at + age);
        assert_eq!(seen(TimeDelta::days(7) - TimeDelta::seconds(1)), Freshness::Fresh);
        assert_eq!(seen(TimeDelta::days(7)), Freshness::Stale);
        assert_eq!(seen(TimeDelta::days(14)), Freshness::Expired);
        assert_eq!(Freshness::of(None, OnboardingStatus::Finalizing, at), Freshness::Building);
        assert_eq!(Freshness::of(None, OnboardingStatus::InProgress, at), Freshness::Missing);
    }
}
