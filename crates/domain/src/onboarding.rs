//! The onboarding of a workspace: its status is a pure function of three stored facts.

use chrono::{DateTime, Utc};

use crate::subscription::SubscriptionState;
use crate::text_enum::text_enum;

text_enum! {
    /// What a workspace's onboarding is, as everybody sees it.
    OnboardingStatus {
        /// Nothing was paid and no trial started.
        Locked = "locked",
        /// Open, nothing answered yet.
        Unlocked = "unlocked",
        /// Being answered.
        InProgress = "in_progress",
        /// Finalized; the manifest is being made.
        Finalizing = "finalizing",
        /// Finalized, and the manifest exists.
        Completed = "completed",
        /// Edited again on top of a completed context.
        Reopened = "reopened",
        /// The subscription lapsed; what was done is kept.
        Suspended = "suspended",
        /// Put away after long silence; the next edit brings it back.
        Archived = "archived",
    }
}

text_enum! {
    /// How far the answers are: the stored part of the status that the members' own acts move.
    Progress {
        /// Nothing answered.
        NotStarted = "not_started",
        /// Being answered.
        InProgress = "in_progress",
        /// Finalized, waiting for the manifest.
        Finalizing = "finalizing",
        /// The manifest of the finalized answers exists.
        Completed = "completed",
        /// Edited again on top of a completed context.
        Reopened = "reopened",
        /// Put away.
        Archived = "archived",
    }
}

text_enum! {
    /// What moves the progress.
    Act {
        /// An answer was saved, completed or skipped.
        Edited = "edited",
        /// All answers were accepted and a business context was stored.
        Finalized = "finalized",
        /// The manifest of the context was made.
        ManifestGenerated = "manifest_generated",
        /// The manifest could not be made.
        GenerationFailed = "generation_failed",
        /// The session was put away as abandoned.
        Archived = "archived",
    }
}

/// An act that the present progress does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an onboarding that is {from} cannot be {act}")]
pub struct IllegalAct {
    /// The progress, which stays.
    pub from: Progress,
    /// What was refused.
    pub act: Act,
}

impl Progress {
    /// The progress after `act`. News of a manifest that nobody waits for (a rebuild, a repeat) changes nothing.
    pub const fn apply(self, act: Act) -> Result<Self, IllegalAct> {
        use Progress::{Archived, Completed, Finalizing, InProgress, NotStarted, Reopened};
        Ok(match (self, act) {
            (NotStarted | InProgress | Archived, Act::Edited) | (Finalizing, Act::GenerationFailed) => InProgress,
            (Completed | Reopened, Act::Edited) => Reopened,
            (InProgress | Reopened, Act::Finalized) => Finalizing,
            (Finalizing, Act::ManifestGenerated) => Completed,
            (InProgress | Completed | Reopened | Archived, Act::ManifestGenerated | Act::GenerationFailed) => self,
            (NotStarted | InProgress | Archived, Act::Archived) => Archived,
            _ => return Err(IllegalAct { from: self, act }),
        })
    }
}

/// The latest known state of the workspace's subscription, by event sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionFact {
    /// Its state.
    pub state: SubscriptionState,
    /// When the present period ends.
    pub period_end: DateTime<Utc>,
    /// When the grace ends, if one runs.
    pub grace_end: Option<DateTime<Utc>>,
}

/// The three stored facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnboardingFacts {
    /// Whether a first payment or trial unlocked it; never undone.
    pub unlocked: bool,
    /// None until the first subscription event arrived, which may be after the unlock.
    pub subscription: Option<SubscriptionFact>,
    /// How far the answers are.
    pub progress: Progress,
}

impl OnboardingFacts {
    /// The status at `now`.
    pub fn status(&self, now: DateTime<Utc>) -> OnboardingStatus {
        if !self.unlocked {
            return OnboardingStatus::Locked;
        }
        let lapsed = self.subscription.is_some_and(|fact| !fact.state.entitled(now, fact.period_end, fact.grace_end));
        if lapsed {
            return OnboardingStatus::Suspended;
        }
        match self.progress {
            Progress::NotStarted => OnboardingStatus::Unlocked,
            Progress::InProgress => OnboardingStatus::InProgress,
            Progress::Finalizing => OnboardingStatus::Finalizing,
            Progress::Completed => OnboardingStatus::Completed,
            Progress::Reopened => OnboardingStatus::Reopened,
            Progress::Archived => OnboardingStatus::Archived,
        }
    }
}

text_enum! {
    /// The event that tells others of a change of status.
    Announcement {
        /// `onboarding.unlocked`.
        Unlocked = "unlocked",
        /// `onboarding.progressed`.
        Progressed = "progressed",
        /// `onboarding.finalized`.
        Finalized = "finalized",
        /// `onboarding.completed`.
        Completed = "completed",
        /// `onboarding.reopened`.
        Reopened = "reopened",
        /// `onboarding.suspended`.
        Suspended = "suspended",
        /// `onboarding.resumed`.
        Resumed = "resumed",
        /// `onboarding.archived`.
        Archived = "archived",
    }
}

/// A change of status that the lifecycle does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an onboarding cannot go from {from} to {to}")]
pub struct IllegalTransition {
    /// The status before.
    pub from: OnboardingStatus,
    /// The status that was asked for.
    pub to: OnboardingStatus,
}

impl OnboardingStatus {
    /// Which event announces the change to `to`; an error if the lifecycle has no such change.
    ///
    /// Staying `unlocked`, `in_progress` or `reopened` is announced as progress: the step counts may have moved.
    /// An unlock is announced even when the subscription has lapsed meanwhile: it happens once per workspace.
    pub const fn announce(self, to: Self) -> Result<Option<Announcement>, IllegalTransition> {
        use OnboardingStatus::{Archived, Completed, Finalizing, InProgress, Locked, Reopened, Suspended, Unlocked};
        Ok(match (self, to) {
            (Locked, Locked) | (Finalizing, Finalizing) | (Completed, Completed) | (Suspended, Suspended) | (Archived, Archived) => None,
            (Locked, Unlocked | Suspended) => Some(Announcement::Unlocked),
            (Unlocked, Unlocked) | (Unlocked | InProgress | Finalizing | Archived, InProgress) | (Reopened, Reopened) => {
                Some(Announcement::Progressed)
            }
            (InProgress | Reopened, Finalizing) => Some(Announcement::Finalized),
            (Finalizing, Completed) => Some(Announcement::Completed),
            (Completed, Reopened) => Some(Announcement::Reopened),
            (Unlocked | InProgress | Finalizing | Completed | Reopened | Archived, Suspended) => Some(Announcement::Suspended),
            (Suspended, Unlocked | InProgress | Finalizing | Completed | Reopened) => Some(Announcement::Resumed),
            (Unlocked | InProgress | Suspended, Archived) => Some(Announcement::Archived),
            _ => return Err(IllegalTransition { from: self, to }),
        })
    }

    /// What `profiles.onboarding_status` shows for this status, given what it showed before.
    pub const fn mirror(self, former: ProfileOnboarding) -> ProfileOnboarding {
        match self {
            Self::Locked => ProfileOnboarding::Pending,
            Self::Unlocked => ProfileOnboarding::PaymentConfirmed,
            Self::InProgress | Self::Finalizing | Self::Reopened => ProfileOnboarding::InProgress,
            Self::Completed => ProfileOnboarding::Completed,
            Self::Archived => ProfileOnboarding::Abandoned,
            Self::Suspended => former,
        }
    }
}

text_enum! {
    /// The mirror in `identity.profiles.onboarding_status`.
    ProfileOnboarding {
        /// Not paid.
        Pending = "pending",
        /// Paid, not begun.
        PaymentConfirmed = "payment_confirmed",
        /// Begun.
        InProgress = "in_progress",
        /// Done.
        Completed = "completed",
        /// Put away.
        Abandoned = "abandoned",
    }
}
