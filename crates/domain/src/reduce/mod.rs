//! The reducer: a pure function from a business context to the content of a manifest.
//!
//! The answers become pieces (leaves of the content), each with renderings from headline to full text.
//! All steps, adding a piece or raising it to its next rendering, have one order by value for each token
//! that does not depend on the budget. The longest prefix of it that fits is taken, and the next text is
//! cut to fill the rest. So the same context and policy give the same bytes everywhere, and a larger
//! budget never loses a field.

mod confidence;
mod fit;
mod order;
mod piece;
mod policy;
mod rules;
mod text;
mod tokens;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::Value;

pub use policy::{Encoding, InvalidPolicy, Policy};

use crate::{
    canonical::{self, CanonicalError, Checksum},
    context::{BusinessContext, Sections, percent_of_steps},
    manifest::{Content, Meta, Origin, Provenance, Trim, TrimAction},
    step::{Definition, STEP_COUNT},
};
pub(crate) use text::cut_to;

use fit::{Fitter, Shown};
use piece::{Piece, Segment};

/// The version of the reducer. Any change of what it makes of a context is a new version.
pub const REDUCER_VERSION: &str = "1";

/// What the reducer makes of a context.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduced {
    /// The content.
    pub content: Content,
    /// Its canonical bytes: what is hashed, stored and served.
    pub bytes: Vec<u8>,
    /// The SHA-256 of the bytes.
    pub checksum: Checksum,
    /// How well it fits and how much the answers hold.
    pub meta: Meta,
    /// Where each leaf comes from.
    pub provenance: Provenance,
}

/// Why a context cannot be reduced; contexts made by [`BusinessContext::build`] always can.
#[derive(Debug, thiserror::Error)]
pub enum ReduceError {
    /// The content has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// An answer holds another type than its step defines.
    #[error("an answer has another shape than the content: {0}")]
    Shape(#[from] serde_json::Error),
}

/// Reduces a context to a content of at most the policy's tokens.
///
/// Company name, one-liner, value proposition and the first profile's name are always in it, cut if
/// need be.
pub fn reduce(context: &BusinessContext, policy: Policy) -> Result<Reduced, ReduceError> {
    let (pieces, weak_profiles) = piece::gather(&context.sections);
    let (steps, base) = order::order(&pieces);
    let fitted = Fitter::new(&pieces, &steps, base, policy).fit()?;
    let bytes = canonical::value_to_bytes(&fitted.tree)?;
    let reduced: Content = serde_json::from_value(fitted.tree)?;
    let mut trimmed = trims(&pieces, &fitted.shown);
    let last_profile = pieces.iter().filter_map(|piece| match piece.path.as_slice() {
        [Segment::Key("icps"), Segment::Index(index), ..] => Some(index + 1),
        _ => None,
    });
    let profiles = last_profile.max().unwrap_or(0);
    trimmed.extend(
        (profiles..profiles + weak_profiles).map(|index| Trim { pointer: format!("/icps/{index}"), action: TrimAction::LowConfidence }),
    );
    Ok(Reduced {
        checksum: Checksum::of(&bytes),
        meta: Meta {
            completion_percent: percent_of_steps(context.sections.len().min(STEP_COUNT)),
            token_count: fitted.tokens,
            token_budget: policy.budget(),
            trims: trimmed,
            missing: missing(&context.sections),
            evidence_count: evidence_count(&context.sections),
        },
        provenance: provenance(&pieces, &fitted.shown, context.version),
        content: reduced,
        bytes,
    })
}

/// What is left out or cut, by pointer; for a whole object or list that is left out, its own pointer.
fn trims(pieces: &[Piece], shown: &Shown<'_>) -> Vec<Trim> {
    let mut present: BTreeSet<&[Segment]> = BTreeSet::new();
    for (piece, _) in pieces.iter().zip(shown).filter(|(_, shown)| shown.is_some()) {
        for length in 1..=piece.path.len() {
            present.extend(piece.path.get(..length));
        }
    }
    let mut dropped = BTreeSet::new();
    let mut trims = Vec::new();
    for (piece, shown) in pieces.iter().zip(shown) {
        match shown {
            Some(value) if Some(value.as_ref()) != piece.renderings.last() => {
                trims.push(Trim { pointer: piece.pointer(), action: TrimAction::Shortened });
            }
            Some(_) => {}
            None => {
                let absent = (1..=piece.path.len()).filter_map(|length| piece.path.get(..length)).find(|path| !present.contains(path));
                if let Some(path) = absent
                    && dropped.insert(path)
                {
                    trims.push(Trim { pointer: piece::pointer(path), action: TrimAction::Dropped });
                }
            }
        }
    }
    trims
}

fn provenance(pieces: &[Piece], shown: &Shown<'_>, context_number: u64) -> Provenance {
    let origins = pieces.iter().zip(shown).filter(|(_, shown)| shown.is_some()).map(|(piece, _)| {
        let origin = Origin { step: Some(piece.step), field: piece.field.clone(), context_number };
        (piece.pointer(), origin)
    });
    let own = Origin { step: None, field: String::new(), context_number };
    origins.chain([("/schema_version".to_owned(), own)]).collect()
}

fn missing(sections: &Sections) -> Vec<String> {
    let mut missing = Vec::new();
    for step in Definition::current().steps {
        match sections.get(&step.slug) {
            None => missing.push(step.slug.to_string()),
            Some(answer) => missing.extend(
                step.fields.iter().filter(|field| answer.get(field.name).is_none()).map(|field| format!("{}/{}", step.slug, field.name)),
            ),
        }
    }
    missing
}

fn evidence_count(sections: &Sections) -> u32 {
    let evidence = sections
        .iter()
        .find(|(slug, _)| slug.as_str() == "evidence")
        .and_then(|(_, answer)| answer.get("evidence"))
        .and_then(Value::as_array);
    evidence.map_or(0, |items| u32::try_from(items.len()).unwrap_or(u32::MAX))
}
