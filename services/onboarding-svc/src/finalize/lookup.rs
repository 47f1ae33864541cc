//! Looking at contexts and at what became of them.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::onboarding::Progress;
use service_kit::db::{self, DbError};

use crate::{
    OnboardingService,
    session::Editor,
    standing::Onboarding,
    store::{self, context::StoredContext},
};

/// What became of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its manifest is being made.
    Finalizing,
    /// Its manifest exists.
    Completed,
    /// No manifest could be made of it.
    Failed(String),
    /// A later context took its place.
    Superseded,
}

/// A context with its fate, if the workspace has one of this number.
pub(crate) async fn lookup(app: &OnboardingService, editor: &Editor, number: u64) -> Result<Option<(StoredContext, Fate)>, DbError> {
    let mut connection = app.kit.db.get().await?;
    let found = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, editor.claims.as_json()).await?;
            let onboarding = store::onboarding::read(connection, editor.workspace).await?;
            let context = store::context::read(connection, editor.workspace, number).await?;
            Ok::<_, diesel::result::Error>(onboarding.zip(context))
        })
        .await?;
    Ok(found.map(|(onboarding, context)| {
        let fate = fate(&onboarding, context.number);
        (context, fate)
    }))
}

/// The latest context of an onboarding that is not finalizing has its manifest, unless there is a reason why not.
fn fate(onboarding: &Onboarding, number: u64) -> Fate {
    if onboarding.context_number != Some(number) {
        return Fate::Superseded;
    }
    match (&onboarding.progress, &onboarding.failure_reason) {
        (Progress::Finalizing, _) => Fate::Finalizing,
        (_, Some(reason)) => Fate::Failed(reason.clone()),
        (_, None) => Fate::Completed,
    }
}
