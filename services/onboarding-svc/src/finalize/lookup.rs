//! Looking at contexts and at what became of them.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::onboarding::Progress;
use service_kit::db::{self, DbError};

pub(crate) use crate::store::context::{ListedContext, StoredContext};
use crate::{OnboardingService, session::Editor, standing::Onboarding, store};

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

/// A context with the onboarding it belongs to, if the workspace has one of this number.
pub(crate) async fn lookup(app: &OnboardingService, editor: &Editor, number: u64) -> Result<Option<(Onboarding, StoredContext)>, DbError> {
    let mut connection = app.kit.db.get().await?;
    let found = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, editor.claims.as_json()).await?;
            let onboarding = store::onboarding::read(connection, editor.workspace).await?;
            let context = store::context::read(connection, editor.workspace, number).await?;
            Ok::<_, diesel::result::Error>(onboarding.zip(context))
        })
        .await?;
    Ok(found)
}

/// The contexts with a number below `before`, the newest first, with their fates; and whether there are more than `limit`.
pub(crate) async fn list(
    app: &OnboardingService,
    editor: &Editor,
    before: Option<u32>,
    limit: u32,
) -> Result<(Vec<(ListedContext, Fate)>, bool), DbError> {
    let mut connection = app.kit.db.get().await?;
    let (onboarding, mut contexts) = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            db::act_as_user(connection, editor.claims.as_json()).await?;
            let onboarding = store::onboarding::read(connection, editor.workspace).await?;
            let contexts = store::context::list(connection, editor.workspace, before, limit + 1).await?;
            Ok::<_, diesel::result::Error>((onboarding, contexts))
        })
        .await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = contexts.len() > wanted;
    contexts.truncate(wanted);
    let with_fate = |context: ListedContext| {
        let fate = onboarding.as_ref().map_or(Fate::Superseded, |onboarding| fate(onboarding, context.number));
        (context, fate)
    };
    Ok((contexts.into_iter().map(with_fate).collect(), more))
}

/// The latest context of an onboarding that is not finalizing has its manifest, unless there is a reason why not.
pub(crate) fn fate(onboarding: &Onboarding, number: u64) -> Fate {
    if onboarding.context_number != Some(number) {
        return Fate::Superseded;
    }
    match (&onboarding.progress, &onboarding.failure_reason) {
        (Progress::Finalizing, _) => Fate::Finalizing,
        (_, Some(reason)) => Fate::Failed(reason.clone()),
        (_, None) => Fate::Completed,
    }
}
