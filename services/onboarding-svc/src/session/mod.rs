//! A workspace's answers: what a step is, how it is edited, read, and carried to PostgreSQL.

pub(crate) mod complete;
pub(crate) mod edit;
pub(crate) mod flush;
pub(crate) mod persist;
pub(crate) mod read;
mod rebuild;
mod rows;
pub(crate) mod undo;
pub(crate) mod upgrade;

use std::{collections::BTreeMap, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use domain::{
    answer::FieldError,
    context::percent_of_steps,
    ids::{UserId, WorkspaceId},
    step::{STEP_COUNT, Slug},
};
use serde_json::Value;
use service_kit::auth::{AuthoriseError, Claims};
use service_kit::db::DbError;

use crate::standing::ChangeError;

/// The revision of a step's answer. Written `<epoch>.<n>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision {
    /// Raised when drafts begin to be kept elsewhere.
    pub(crate) epoch: i64,
    /// Raised by each edit of the step; 1 is the first.
    pub(crate) n: i64,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.n)
    }
}

/// The text is no revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a revision is 0 or <epoch>.<n>")]
pub(crate) struct InvalidRevision;

impl FromStr for Revision {
    type Err = InvalidRevision;

    fn from_str(text: &str) -> Result<Self, InvalidRevision> {
        let number = |text: &str| match text.as_bytes() {
            [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => text.parse::<i64>().map_err(|_| InvalidRevision),
            _ => Err(InvalidRevision),
        };
        let (epoch, n) = text.split_once('.').ok_or(InvalidRevision)?;
        Ok(Self { epoch: number(epoch)?, n: number(n)? })
    }
}

/// Which revision an edit is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whatever is there.
    Any,
    /// None: the step was not touched yet (`"0"`).
    Untouched,
    /// Exactly this one.
    At(Revision),
}

impl Expected {
    /// Whether an edit on this expectation may follow `current`.
    pub(crate) fn allows(self, current: Option<Revision>) -> bool {
        match self {
            Self::Any => true,
            Self::Untouched => current.is_none(),
            Self::At(revision) => current == Some(revision),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Untouched => f.write_str("0"),
            Self::At(revision) => revision.fmt(f),
        }
    }
}

/// What a touched step is. An untouched one is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepState {
    /// Saved, not completed.
    Draft,
    /// Validated fully.
    Complete,
    /// Optional and left out on purpose.
    Skipped,
    /// Completed once, and edited since into something that does not validate.
    Invalid,
}

impl StepState {
    /// Every state.
    pub(crate) const ALL: [Self; 4] = [Self::Draft, Self::Complete, Self::Skipped, Self::Invalid];

    /// The text form in Redis, PostgreSQL and JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Complete => "complete",
            Self::Skipped => "skipped",
            Self::Invalid => "invalid",
        }
    }

    /// Whether nothing is left to do in the step.
    pub(crate) const fn done(self) -> bool {
        matches!(self, Self::Complete | Self::Skipped)
    }
}

impl FromStr for StepState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| format!("{text:?} is not the state of a step"))
    }
}

/// A touched step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredStep {
    /// Its present revision.
    pub(crate) revision: Revision,
    /// What it is.
    pub(crate) state: StepState,
    /// The answer in normal form; none when it was skipped unanswered, or not asked for.
    pub(crate) answer: Option<Value>,
    /// Who edited it last.
    pub(crate) updated_by: UserId,
    /// When, to the microsecond.
    pub(crate) updated_at: DateTime<Utc>,
    /// When it was last completed.
    pub(crate) completed_at: Option<DateTime<Utc>>,
}

/// A revision of a step as its history keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Revised {
    /// The step.
    pub(crate) slug: Slug,
    /// What it was; when it was completed is not kept.
    pub(crate) step: StoredStep,
    /// The `n` of the revision whose answer this one brought back.
    pub(crate) restores: Option<i64>,
}

/// The touched steps of a workspace.
pub(crate) type Steps = BTreeMap<Slug, StoredStep>;

/// Where drafts were read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// The workspace's hash in Redis.
    Redis,
    /// The rows.
    Postgres,
}

impl Tier {
    /// The name in `Server-Timing` and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }
}

/// How far the steps are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Steps completed or skipped.
    pub(crate) done: usize,
    /// The first step that is neither.
    pub(crate) next: Option<Slug>,
}

impl Summary {
    /// Of steps with these states.
    pub(crate) fn of(states: &BTreeMap<Slug, StepState>) -> Self {
        let done = |slug: &Slug| states.get(slug).is_some_and(|state| state.done());
        Self { done: Slug::all().filter(done).count(), next: Slug::all().find(|slug| !done(slug)) }
    }

    /// `done` ÷ 23 as a whole percentage, rounded down.
    pub(crate) fn percent(self) -> u8 {
        percent_of_steps(self.done)
    }

    /// All steps.
    pub(crate) const fn total() -> usize {
        STEP_COUNT
    }
}

/// The states of these steps.
pub(crate) fn states(steps: &Steps) -> BTreeMap<Slug, StepState> {
    steps.iter().map(|(slug, step)| (*slug, step.state)).collect()
}

/// The member who reads or edits.
#[derive(Debug, Clone)]
pub(crate) struct Editor {
    /// The workspace.
    pub(crate) workspace: WorkspaceId,
    /// The token's claims.
    pub(crate) claims: Claims,
}

impl Editor {
    /// The user.
    pub(crate) fn user(&self) -> UserId {
        self.claims.user
    }
}

/// Why a step was not edited or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    /// Nothing is paid.
    #[error("the onboarding is locked")]
    Locked,
    /// The subscription lapsed.
    #[error("the onboarding is suspended")]
    Suspended,
    /// The answers were finalized, and their manifest is being made.
    #[error("the answers are being finalized")]
    Finalizing,
    /// The step is at another revision.
    #[error("the step has changed")]
    Stale {
        /// What is there; none when the step is untouched.
        current: Option<Box<StoredStep>>,
        /// What was sent, if it was an answer.
        yours: Option<Value>,
    },
    /// The answer breaks rules.
    #[error("{} field(s) are not valid", .0.len())]
    Invalid(Vec<FieldError>),
    /// One answer is too large.
    #[error("the answer has {size} bytes, {limit} are allowed")]
    AnswerTooLarge {
        /// Bytes in canonical form.
        size: usize,
        /// The most it may have.
        limit: usize,
    },
    /// All answers together are too large.
    #[error("the answers have {size} bytes, {limit} are allowed")]
    TogetherTooLarge {
        /// Bytes in canonical form.
        size: usize,
        /// The most they may have.
        limit: usize,
    },
    /// Nothing is there to go back to.
    #[error("there is no such revision to go back to")]
    NothingToUndo,
    /// The answers follow a version of the steps that this build does not know.
    #[error("the answers follow version {version} of the steps")]
    SchemaChanged {
        /// That version.
        version: String,
    },
    /// The step is not optional.
    #[error("the step cannot be skipped")]
    NotSkippable,
    /// Too many saves.
    #[error("too many saves")]
    Limited {
        /// Seconds until the next is possible.
        retry_after_s: u64,
    },
    /// Not a member any more.
    #[error(transparent)]
    Authorise(#[from] AuthoriseError),
    /// The change could not be stored.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<DbError> for EditError {
    fn from(error: DbError) -> Self {
        Self::Change(error.into())
    }
}

impl From<diesel::result::Error> for EditError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Change(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_read_as_it_is_written_and_nothing_else_is_one() {
        let revision = Revision { epoch: 3, n: 17 };
        assert_eq!(revision.to_string().parse(), Ok(revision));
        for bad in ["", "0", "1", "1.", ".1", "01.1", "1.01", "+1.1", "1.-1", "1.1.1", "a.b", "99999999999999999999.1", "0.1", "1.0"] {
            assert_eq!(bad.parse::<Revision>(), Err(InvalidRevision), "{bad}");
        }
    }

    #[test]
    fn an_edit_follows_only_the_revision_it_names() {
        let (first, second) = (Revision { epoch: 1, n: 1 }, Revision { epoch: 1, n: 2 });
        assert!(Expected::Untouched.allows(None) && !Expected::Untouched.allows(Some(first)));
        assert!(Expected::At(first).allows(Some(first)));
        assert!(!Expected::At(first).allows(Some(second)) && !Expected::At(first).allows(None));
        assert!(Expected::Any.allows(None) && Expected::Any.allows(Some(first)));
    }

    #[test]
    fn the_next_step_is_the_first_that_is_neither_complete_nor_skipped() {
        let mut states = BTreeMap::new();
        assert_eq!(Summary::of(&states), Summary { done: 0, next: Slug::all().next() });
        for slug in Slug::all() {
            states.insert(slug, if slug.step().optional { StepState::Skipped } else { StepState::Complete });
        }
        assert_eq!(Summary::of(&states), Summary { done: STEP_COUNT, next: None });
        let pricing: Slug = "pricing".parse().unwrap();
        states.insert(pricing, StepState::Invalid);
        assert_eq!(Summary::of(&states), Summary { done: STEP_COUNT - 1, next: Some(pricing) });
        assert_eq!(Summary::of(&states).percent(), 95);
    }
}
