//! Checks an answer to a step against the step's definition and brings it into its normal form.
//!
//! Text is NFC with `\n` line ends and no white space around it; control characters, characters without width and those
//! that turn the direction of what follows are refused; lengths count grapheme clusters. Lists lose blanks and case-insensitive duplicates. Null, the empty
//! text and the empty list count as no answer and are left out. The normal form of a normal form is
//! itself.

mod field;
mod markdown;
mod rules;
mod text;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    canonical,
    step::{Field, Step},
};

pub use markdown::markdown;
pub(crate) use text::folded;

/// The most bytes an answer may have in canonical form.
pub const MAX_ANSWER_BYTES: usize = 32 * 1024;

/// How many bytes a text may have for each grapheme its field allows.
pub const BYTES_PER_GRAPHEME: usize = 8;

/// How much an answer has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Autosave: types and upper limits are checked, required fields and lower limits are not.
    Draft,
    /// Completing the step: everything is checked.
    Complete,
}

/// What is wrong with one place of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// A JSON pointer into the answer as it was sent; empty for the answer itself.
    pub pointer: String,
    /// A stable name of the rule.
    pub code: FieldErrorCode,
    /// A sentence for a person.
    pub message: String,
}

/// The rules an answer can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldErrorCode {
    /// A required field has no value.
    Required,
    /// The definition knows no such field.
    UnknownField,
    /// The value has another JSON type than the field.
    WrongType,
    /// A text has fewer graphemes than it needs.
    TooShort,
    /// A text has more graphemes or bytes than it may.
    TooLong,
    /// A list has fewer items than it needs.
    TooFew,
    /// A list has more items than it may.
    TooMany,
    /// A number is below its minimum.
    TooSmall,
    /// A number is above its maximum.
    TooLarge,
    /// The value is not on the closed list.
    NotOneOf,
    /// A text holds a control character, a hidden one or, in a field of one line, a line break.
    ControlCharacter,
    /// Not an absolute http or https URL.
    InvalidUrl,
    /// Not a calendar date.
    InvalidDate,
    /// A critical contradiction has no resolution.
    ResolutionRequired,
    /// The market sizes do not satisfy total ≥ serviceable ≥ obtainable.
    OutOfOrder,
    /// The confirmation is not given.
    NotConfirmed,
}

/// Why an answer is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// These places are wrong; all of them are listed.
    #[error("{} field(s) of the answer are not valid", .0.len())]
    Invalid(Vec<FieldError>),
    /// The normal form is larger than an answer may be.
    #[error("the answer has {size} bytes, {limit} are allowed")]
    TooLarge {
        /// Its canonical size in bytes.
        size: usize,
        /// [`MAX_ANSWER_BYTES`].
        limit: usize,
    },
}

/// An answer that a step may hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The normal form, an object with the fields in the order of the definition.
    pub answer: Value,
    /// The same as canonical JSON, whose length the limits count.
    pub canonical: String,
    /// Whether it would do as a complete one.
    pub complete: bool,
}

/// Checks an answer; `this_year` bounds the fields that hold a year.
pub fn check(step: &Step, answer: &Value, mode: Mode, this_year: i32) -> Result<Checked, Rejected> {
    let mut checker = Checker { mode, this_year, errors: Vec::new(), lacking: false };
    let normal = checker.object(step.fields, answer, "");
    let mut across = Vec::new();
    rules::check(step, &normal, answer, &mut across);
    let complete = !checker.lacking && across.is_empty();
    if mode == Mode::Complete {
        checker.errors.append(&mut across);
    }
    if !checker.errors.is_empty() {
        return Err(Rejected::Invalid(checker.errors));
    }
    let answer = Value::Object(normal);
    let canonical = canonical::value_to_bytes(&answer).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match canonical {
        Some(canonical) if canonical.len() <= MAX_ANSWER_BYTES => Ok(Checked { answer, canonical, complete }),
        other => Err(Rejected::TooLarge { size: other.map_or(usize::MAX, |canonical| canonical.len()), limit: MAX_ANSWER_BYTES }),
    }
}

struct Checker {
    mode: Mode,
    this_year: i32,
    errors: Vec<FieldError>,
    /// Whether a draft is no complete answer.
    lacking: bool,
}

impl Checker {
    /// What only a complete answer must have.
    fn lack(&mut self, pointer: &str, code: FieldErrorCode, message: impl FnOnce() -> String) {
        match self.mode {
            Mode::Draft => self.lacking = true,
            Mode::Complete => self.refuse(pointer, code, message()),
        }
    }

    fn refuse(&mut self, pointer: &str, code: FieldErrorCode, message: impl Into<String>) {
        self.errors.push(FieldError { pointer: pointer.to_owned(), code, message: message.into() });
    }

    fn object(&mut self, fields: &[Field], value: &Value, pointer: &str) -> Map<String, Value> {
        let mut normal = Map::new();
        let Some(members) = value.as_object() else {
            self.refuse(pointer, FieldErrorCode::WrongType, "This must be an object.");
            return normal;
        };
        for name in members.keys() {
            if !fields.iter().any(|field| field.name == name) {
                self.refuse(&child(pointer, name), FieldErrorCode::UnknownField, "There is no such field.");
            }
        }
        for field in fields {
            let place = child(pointer, field.name);
            let before = self.errors.len();
            let kept = match members.get(field.name) {
                None | Some(Value::Null) => None,
                Some(given) => self.field(field, given, &place),
            };
            match kept {
                Some(kept) => {
                    normal.insert(field.name.to_owned(), kept);
                }
                None if field.required && self.errors.len() == before => {
                    self.lack(&place, FieldErrorCode::Required, || format!("{} is required.", field.label));
                }
                None => {}
            }
        }
        normal
    }
}

fn child(pointer: &str, name: &str) -> String {
    // The order of the two replacements is that of RFC 6901.
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}
