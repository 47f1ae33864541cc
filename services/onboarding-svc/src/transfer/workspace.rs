//! Taking over the answers of another workspace of the same person.

use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{context::BusinessContext, ids::WorkspaceId, role::Role};
use service_kit::auth::{AuthoriseError, authorise};

use super::{
    Answers,
    import::{ImportError, Manner, Source, Taken, import, without_the_review},
};
use crate::{
    OnboardingService,
    session::{EditError, Editor, flush::flush},
    standing::ChangeError,
    store,
};

/// Takes over the present answers of the workspace `from`, or those of one of its contexts. The review stays out.
pub(crate) async fn import_workspace(
    app: &OnboardingService,
    editor: &Editor,
    from: WorkspaceId,
    context: Option<u64>,
    manner: Manner,
) -> Result<Vec<Taken>, ImportError> {
    if from == editor.workspace {
        return Err(ImportError::Itself);
    }
    let (version, answers) = read(app, editor, from, context).await?;
    import(app, editor, Source::Workspace, &version, without_the_review(answers), manner).await
}

/// The answers and the version that they follow, for a member of that workspace.
async fn read(app: &OnboardingService, editor: &Editor, from: WorkspaceId, context: Option<u64>) -> Result<(String, Answers), ImportError> {
    let other = Editor { workspace: from, claims: editor.claims.clone() };
    if context.is_none()
        && let Err(error) = flush(app, &app.kit.db, from, Some(&other)).await
    {
        // Without a right to it the transaction below refuses; without Redis the rows have all.
        tracing::debug!(workspace_id = %from, error = %error, "a workspace is imported without a last write-behind");
    }
    let mut connection = app.kit.db.get().await.map_err(EditError::from)?;
    (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            match authorise(connection, from, editor.user(), Role::Member).await {
                Ok(_) => {}
                Err(AuthoriseError::Db(error)) => return Err(EditError::from(error).into()),
                Err(_) => return Err(ImportError::NoWorkspace),
            }
            let Some(onboarding) = store::onboarding::read(connection, from).await.map_err(ChangeError::from)? else {
                return Err(ImportError::NoWorkspace);
            };
            let Some(number) = context else {
                let steps = store::draft::all(connection, from).await.map_err(ChangeError::from)?;
                let answers = steps.into_iter().filter_map(|(slug, step)| Some((slug, step.answer?))).collect();
                return Ok((onboarding.schema_version, answers));
            };
            let stored = store::context::read(connection, from, number).await.map_err(ChangeError::from)?.ok_or(ImportError::NoContext)?;
            let context: BusinessContext =
                serde_json::from_slice(&stored.bytes).map_err(|error| ChangeError::Document(error.to_string()))?;
            Ok((context.schema_version, context.sections))
        })
        .await
}
