//! All answers of a workspace, those that are drafts too.

use chrono::{DateTime, Utc};
use domain::answer;

use super::Answers;
use crate::{
    OnboardingService,
    drafts::Wanted,
    session::{EditError, Editor, Steps, read},
};

/// Answers on their way out.
#[derive(Debug)]
pub(crate) struct Export {
    /// The version of the steps that they follow.
    pub(crate) schema_version: String,
    /// Every step that was touched.
    pub(crate) steps: Steps,
    /// When it was made.
    pub(crate) at: DateTime<Utc>,
}

impl Export {
    /// The answers by step.
    pub(crate) fn answers(&self) -> Answers {
        self.steps.iter().filter_map(|(slug, step)| Some((*slug, step.answer.clone()?))).collect()
    }

    /// The answers as Markdown, under the company's name where it is known.
    pub(crate) fn markdown(&self) -> String {
        let answers = self.answers();
        let company = answers.iter().find(|(slug, _)| slug.as_str() == "company").map(|(_, answer)| answer);
        let name = company.and_then(|answer| answer.get("company_name")).and_then(|name| name.as_str());
        answer::markdown(name.unwrap_or("Onboarding"), &answers)
    }
}

/// Reads all answers.
pub(crate) async fn export(app: &OnboardingService, editor: &Editor) -> Result<Export, EditError> {
    let session = read::read(app, editor, Wanted::Answers).await?;
    Ok(Export { schema_version: session.onboarding.schema_version.clone(), steps: session.steps, at: app.kit.clock.now() })
}
