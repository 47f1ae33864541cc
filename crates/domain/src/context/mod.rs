//! The business context: the immutable, numbered document that finalizing makes of the answers.

mod diff;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, SubsecRound, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    answer::{self, FieldError, Mode, Rejected},
    canonical::{self, CanonicalError, Checksum},
    ids::{UserId, WorkspaceId},
    step::{Definition, SCHEMA_VERSION, STEP_COUNT, Slug},
};

pub use diff::{Change, FieldDifference, StepDifference, compare};

/// The name of the schema of [`BusinessContext`].
pub const SCHEMA: &str = "urn:groundwork:schema:business-context:1";

/// The most bytes a context may have in canonical form; its event has room for 256 KiB.
pub const MAX_CONTEXT_BYTES: usize = 192 * 1024;

/// What the members around the sections may take of [`MAX_CONTEXT_BYTES`]: 23 times a provenance entry
/// and a place in the completion, with room to spare.
const ENVELOPE_BYTES: usize = 12 * 1024;

/// The answers by step.
pub type Sections = BTreeMap<Slug, Value>;

/// `business_context.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("$id" = SCHEMA))]
pub struct BusinessContext {
    /// Its number in the workspace: 1, 2, 3 …
    pub version: u64,
    /// The workspace it belongs to.
    pub workspace: WorkspaceId,
    /// When it was finalized, to the microsecond.
    pub finalized_at: DateTime<Utc>,
    /// Who finalized it.
    pub finalized_by: UserId,
    /// The version of the step definition the answers follow.
    pub schema_version: String,
    /// The complete answers in normal form, by step; skipped and untouched steps are absent.
    pub sections: Sections,
    /// How far the steps were answered.
    pub completion: Completion,
    /// Where each section comes from.
    pub provenance: BTreeMap<Slug, AnswerSource>,
}

/// How far the steps of a context were answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// Complete or skipped steps as a whole percentage of all, rounded down.
    pub percent: u8,
    /// The steps with an answer, in the order of the definition.
    pub complete: Vec<Slug>,
    /// The optional steps that were skipped, in the order of the definition.
    pub skipped: Vec<Slug>,
}

/// Which stored answer a section is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerSource {
    /// The revision of the answer, `<epoch>.<n>`; at most 40 characters.
    pub revision: String,
    /// When it was given, to the microsecond.
    pub answered_at: DateTime<Utc>,
    /// Who gave it.
    pub answered_by: UserId,
}

/// What the session holds for a step when it is finalized. A step without an outcome was not touched.
#[derive(Debug, Clone, PartialEq)]
pub enum StepOutcome {
    /// The step was completed with this answer.
    Complete {
        /// The answer; it is checked again.
        answer: Value,
        /// Where it is stored.
        source: AnswerSource,
    },
    /// The step was skipped.
    Skipped,
}

/// The act of finalizing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finalization {
    /// The number of the new context.
    pub version: u64,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// Now.
    pub at: DateTime<Utc>,
    /// The member who finalizes.
    pub by: UserId,
}

/// A step that keeps a context from being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncompleteStep {
    /// The step.
    pub step: Slug,
    /// What is missing or wrong in it.
    pub errors: Vec<FieldError>,
}

/// Why no context can be made.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// Steps are missing or not valid; all of them, in the order of the definition.
    #[error("{} step(s) are not complete", .0.len())]
    Incomplete(Vec<IncompleteStep>),
    /// The document would be larger than a context may be.
    #[error("the context has {size} bytes, {limit} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest size allowed.
        limit: usize,
    },
    /// The document has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl BusinessContext {
    /// Makes the context of these outcomes. The same outcomes and the same act give the same document.
    pub fn build(act: Finalization, outcomes: &BTreeMap<Slug, StepOutcome>) -> Result<Self, ContextError> {
        let this_year = act.at.year();
        let mut sections = Sections::new();
        let mut provenance = BTreeMap::new();
        let mut completion = Completion { percent: 0, complete: Vec::new(), skipped: Vec::new() };
        let mut incomplete = Vec::new();
        let nothing = json!({});
        for step in Definition::current().steps {
            let (answer, source) = match outcomes.get(&step.slug) {
                Some(StepOutcome::Complete { answer, source }) => (answer, Some(source)),
                Some(StepOutcome::Skipped) if step.optional => {
                    completion.skipped.push(step.slug);
                    continue;
                }
                None if step.optional => continue,
                Some(StepOutcome::Skipped) | None => (&nothing, None),
            };
            match (answer::check(step, answer, Mode::Complete, this_year), source) {
                (Ok(checked), Some(source)) => {
                    sections.insert(step.slug, checked.answer);
                    provenance.insert(step.slug, AnswerSource { answered_at: source.answered_at.trunc_subsecs(6), ..source.clone() });
                    completion.complete.push(step.slug);
                }
                (Ok(_), None) => incomplete.push(IncompleteStep { step: step.slug, errors: Vec::new() }),
                (Err(Rejected::Invalid(errors)), _) => {
                    incomplete.push(IncompleteStep { step: step.slug, errors });
                }
                (Err(Rejected::TooLarge { size, limit }), _) => {
                    return Err(ContextError::TooLarge { size, limit });
                }
            }
        }
        if !incomplete.is_empty() {
            return Err(ContextError::Incomplete(incomplete));
        }
        completion.percent = percent_of_steps(completion.complete.len() + completion.skipped.len());
        let context = Self {
            version: act.version,
            workspace: act.workspace,
            finalized_at: act.at.trunc_subsecs(6),
            finalized_by: act.by,
            schema_version: SCHEMA_VERSION.to_owned(),
            sections,
            completion,
            provenance,
        };
        let size = context.canonical()?.len();
        if size > MAX_CONTEXT_BYTES {
            return Err(ContextError::TooLarge { size, limit: MAX_CONTEXT_BYTES });
        }
        Ok(context)
    }

    /// The RFC 8785 bytes: what is stored and hashed.
    pub fn canonical(&self) -> Result<Vec<u8>, CanonicalError> {
        canonical::to_bytes(self)
    }

    /// The SHA-256 of the canonical bytes.
    pub fn sha256(&self) -> Result<Checksum, CanonicalError> {
        Ok(Checksum::of(&self.canonical()?))
    }

    /// The SHA-256 of the answers alone: equal for two contexts exactly when finalizing again changes
    /// nothing.
    pub fn answers_sha256(&self) -> Result<Checksum, CanonicalError> {
        answers_sha256(&self.schema_version, &self.sections)
    }
}

/// See [`BusinessContext::answers_sha256`].
pub fn answers_sha256(schema_version: &str, sections: &Sections) -> Result<Checksum, CanonicalError> {
    let answers = json!({ "schema_version": schema_version, "sections": sections });
    Ok(Checksum::of(&canonical::value_to_bytes(&answers)?))
}

/// The check of every save: answers that pass it always fit a context, whatever surrounds them.
/// Answers the size of the sections in bytes.
pub fn check_size(sections: &Sections) -> Result<usize, ContextError> {
    let size = canonical::to_bytes(sections)?.len();
    let limit = MAX_CONTEXT_BYTES - ENVELOPE_BYTES;
    if size > limit {
        return Err(ContextError::TooLarge { size, limit });
    }
    Ok(size)
}

/// A number of steps as a whole percentage of all, rounded down.
#[must_use]
pub fn percent_of_steps(count: usize) -> u8 {
    u8::try_from(count.min(STEP_COUNT) * 100 / STEP_COUNT).unwrap_or(100)
}
