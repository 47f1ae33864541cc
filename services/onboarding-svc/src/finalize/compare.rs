//! Comparing two contexts of a workspace.

use domain::context::{self, BusinessContext, StepDifference};
use service_kit::db::DbError;

use super::lookup::lookup;
use crate::{OnboardingService, session::Editor};

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompareError {
    /// The workspace has no context of this number.
    #[error("there is no such context")]
    NotFound,
    /// A stored context is not readable.
    #[error("a stored context is not readable: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What changed from the context of one number to that of another.
pub(crate) async fn compare(app: &OnboardingService, editor: &Editor, from: u64, to: u64) -> Result<Vec<StepDifference>, CompareError> {
    let mut answers = Vec::new();
    for number in [from, to] {
        let (_, stored) = lookup(app, editor, number).await?.ok_or(CompareError::NotFound)?;
        let context: BusinessContext = serde_json::from_slice(&stored.bytes)?;
        answers.push(context.sections);
    }
    match answers.as_slice() {
        [before, after] => Ok(context::compare(before, after)),
        _ => Ok(Vec::new()),
    }
}
