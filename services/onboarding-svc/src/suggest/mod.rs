//! What a public web page says of its own company, as suggestions: nothing is stored here. A person accepts a suggestion by saving
//! it, like any other answer. Pages are given as HTML; nothing is ever fetched.

mod microdata;
mod organization;
mod page;

use std::collections::HashSet;

use chrono::Datelike;
use domain::{
    answer::{self, Mode},
    step::{Field, Slug},
};
use serde_json::{Map, Value};
use service_kit::rate_limit::Limit;

use crate::{
    OnboardingService,
    drafts::Wanted,
    session::{EditError, Editor, Revision, edit, read},
};

/// Pages of one member.
pub(crate) const PAGES: Limit = Limit { name: "onboarding-page", burst: 20, per_s: 60 };

/// Suggestions for one field: the first is the most likely.
const MOST_FOR_A_FIELD: usize = 3;

/// What a page says where.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    step: &'static str,
    field: &'static str,
    value: Value,
    found_in: &'static str,
}

/// A value for a field.
#[derive(Debug, Clone)]
pub(crate) struct Suggestion {
    /// The step.
    pub(crate) slug: Slug,
    /// The field.
    pub(crate) field: &'static Field,
    /// The value in normal form.
    pub(crate) value: Value,
    /// Where the page says it, for example `schema.org Organization name`.
    pub(crate) found_in: &'static str,
    /// What the field holds now.
    pub(crate) current: Option<Value>,
    /// The step's revision, on which it can be saved.
    pub(crate) revision: Option<Revision>,
}

/// Why there are no suggestions.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SuggestError {
    /// Too many pages.
    #[error("too many pages")]
    Limited {
        /// Seconds until the next is possible.
        retry_after_s: u64,
    },
    /// The onboarding takes no answers, or could not be read.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Reads a page. What the step would refuse is not suggested, nor what its field holds already.
pub(crate) async fn suggest(app: &OnboardingService, editor: &Editor, html: &[u8]) -> Result<Vec<Suggestion>, SuggestError> {
    let session = read::read(app, editor, Wanted::Answers).await?;
    edit::refuse_unless_open(session.status)?;
    let decision = app.kit.limits.take(PAGES, &editor.user().to_string()).await;
    if !decision.allowed {
        return Err(SuggestError::Limited { retry_after_s: decision.retry_after_s.into() });
    }
    let this_year = app.kit.clock.now().year();
    let mut suggestions: Vec<Suggestion> = Vec::new();
    for (slug, field, value, found_in) in usable(organization::said(&page::read(html)), this_year) {
        let step = session.steps.get(&slug);
        let current = step.and_then(|step| step.answer.as_ref()).and_then(|answer| answer.get(field.name)).cloned();
        let of_field = suggestions.iter().filter(|known| known.slug == slug && known.field.name == field.name).count();
        if current.as_ref() != Some(&value) && of_field < MOST_FOR_A_FIELD {
            suggestions.push(Suggestion { slug, field, value, found_in, current, revision: step.map(|step| step.revision) });
        }
    }
    Ok(suggestions)
}

/// What fits its field, in normal form and each value once, in the order of the form.
fn usable(said: Vec<Said>, this_year: i32) -> Vec<(Slug, &'static Field, Value, &'static str)> {
    let mut seen = HashSet::new();
    let mut usable: Vec<_> = said
        .into_iter()
        .filter_map(|said| {
            let slug: Slug = said.step.parse().ok()?;
            let field = slug.step().field(said.field)?;
            let answer = Value::Object(Map::from_iter([(said.field.to_owned(), said.value)]));
            let checked = answer::check(slug.step(), &answer, Mode::Draft, this_year).ok()?;
            let value = checked.answer.get(said.field)?.clone();
            seen.insert((said.field, value.to_string())).then_some((slug, field, value, said.found_in))
        })
        .collect();
    usable.sort_by_key(|(slug, field, _, _)| {
        let place = slug.step().fields.iter().position(|other| other.name == field.name);
        (slug.step().number, place)
    });
    usable
}

#[cfg(test)]
mod tests;
