//! Drafts follow one version of the steps. The first build of a newer version that meets them brings them to it; an older build
//! refuses them from then on, and says which version they follow.

use std::sync::Arc;

use chrono::{DateTime, Datelike, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{
    answer::{self, Mode},
    role::Role,
    step::{Age, Slug},
};
use serde_json::{Value, json};
use service_kit::{audit, auth::authorise};

use super::{EditError, Editor, StepState, StoredStep, Summary, flush::flush, states};
use crate::{
    OnboardingService,
    standing::{self, Onboarding, accepts_edits, store_and_tell},
    store,
};

/// Where a workspace stands, with its drafts in the version of this build. Drafts that nobody may edit stay as they are.
pub(crate) async fn standing(app: &OnboardingService, editor: &Editor) -> Result<Arc<Onboarding>, EditError> {
    let onboarding = standing::of(app, editor).await?;
    match app.versions.age(&onboarding.schema_version) {
        Age::Older if accepts_edits(onboarding.status(app.kit.clock.now())) => upgrade(app, editor, &onboarding).await,
        Age::Current | Age::Older => Ok(onboarding),
        Age::Unknown => Err(unknown(&onboarding)),
    }
}

/// Refuses drafts that were brought to another version meanwhile, of an onboarding that the caller has locked.
pub(super) fn refuse_unless_current(app: &OnboardingService, onboarding: &Onboarding) -> Result<(), EditError> {
    if onboarding.schema_version == app.versions.current() { Ok(()) } else { Err(unknown(onboarding)) }
}

fn unknown(onboarding: &Onboarding) -> EditError {
    EditError::SchemaChanged { version: onboarding.schema_version.clone() }
}

async fn upgrade(app: &OnboardingService, editor: &Editor, seen: &Onboarding) -> Result<Arc<Onboarding>, EditError> {
    let (workspace, now) = (editor.workspace, app.kit.clock.now());
    // What Redis alone has is of the older version too.
    if let Err(error) = flush(app, &app.kit.db, workspace, Some(editor)).await {
        tracing::warn!(workspace_id = %workspace, error = %error, "drafts are brought to a newer version without a last write-behind");
    }
    let mut connection = app.kit.db.get().await?;
    let (onboarding, over) = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| {
            authorise(connection, workspace, editor.user(), Role::Member).await?;
            let Some(mut onboarding) = store::onboarding::lock(connection, workspace).await? else {
                return Ok((seen.clone(), None));
            };
            match app.versions.age(&onboarding.schema_version) {
                Age::Older if accepts_edits(onboarding.status(now)) => {}
                // Another replica was first, or nothing may be edited any more.
                Age::Current | Age::Older => return Ok((onboarding, None)),
                Age::Unknown => return Err(unknown(&onboarding)),
            }
            let over = onboarding.draft_epoch;
            rewrite(app, connection, now, &mut onboarding).await?;
            let entry = audit::Entry {
                workspace: Some(workspace),
                actor: Some(editor.user()),
                action: "onboarding.schema_upgrade",
                resource: &format!("onboarding/{workspace}"),
                outcome: "done",
                request_id: None,
                detail: json!({"from": seen.schema_version, "to": onboarding.schema_version}),
            };
            audit::record(connection, now, &entry).await?;
            Ok::<_, EditError>((onboarding, Some(over)))
        })
        .await?;
    app.forget(workspace);
    if let Some(epoch) = over
        && let Err(error) = app.drafts.discard(workspace, epoch).await
    {
        // The raised epoch fences what stays there.
        tracing::debug!(workspace_id = %workspace, error = %error, "the session of the older version was not cleared");
    }
    Ok(standing::remember(app, onboarding))
}

/// Brings every answer and its history to the present version under a new epoch: a revision that was read before is stale.
async fn rewrite(
    app: &OnboardingService,
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    onboarding: &mut Onboarding,
) -> Result<(), EditError> {
    let (workspace, version) = (onboarding.workspace, onboarding.schema_version.clone());
    onboarding.draft_epoch += 1;
    onboarding.drafts_in_redis = false;
    app.versions.current().clone_into(&mut onboarding.schema_version);
    let mut steps = store::draft::all(connection, workspace).await?;
    let before = Summary::of(&states(&steps));
    for (slug, step) in &mut steps {
        step.revision.epoch = onboarding.draft_epoch;
        if let Some(answer) = step.answer.take() {
            let upgraded = app.versions.upgrade(&version, *slug, answer).unwrap_or_default();
            place(step, *slug, upgraded, now);
        }
        store::draft::write(connection, workspace, *slug, step).await?;
        for revised in store::revision::of_step(connection, workspace, *slug).await? {
            if let Some(answer) = revised.step.answer.clone()
                && let Some(upgraded) = app.versions.upgrade(&version, *slug, answer)
            {
                store::revision::rewrite(connection, workspace, &revised, &upgraded).await?;
            }
        }
    }
    let moved = Summary::of(&states(&steps)) != before;
    store_and_tell(connection, now, onboarding, moved).await?;
    Ok(())
}

/// Puts an answer into its normal form, and marks a completed step that the newer version asks more of.
fn place(step: &mut StoredStep, slug: Slug, answer: Value, now: DateTime<Utc>) {
    // What cannot be read is kept as it is for its author to correct.
    let (placed, complete) = match answer::check(slug.step(), &answer, Mode::Draft, now.year()) {
        Ok(checked) => (checked.answer, checked.complete),
        Err(_) => (answer, false),
    };
    if step.state == StepState::Complete && !complete {
        step.state = StepState::Invalid;
    }
    step.answer = Some(placed);
}

#[cfg(test)]
mod tests {
    use diesel_async::RunQueryDsl;
    use domain::step::{SCHEMA_VERSION, Upgrade, Versions};
    use service_kit::{Kit, Lifecycle, Service, auth::Claims};
    use testkit::{Database, config, person};

    use super::*;
    use crate::{
        drafts::Wanted,
        session::{
            Expected,
            edit::{Edit, edit},
            read::read,
            undo,
        },
    };

    fn renamed(_: Slug, mut answer: Value) -> Value {
        if let Some(members) = answer.as_object_mut()
            && let Some(name) = members.remove("name")
        {
            members.insert("company_name".to_owned(), name);
        }
        answer
    }

    const VERSIONS: Versions = Versions::new(SCHEMA_VERSION, &[Upgrade { from: "2026.10", to: SCHEMA_VERSION, answer: renamed }]);

    struct Rig {
        app: OnboardingService,
        editor: Editor,
        database: Database,
    }

    impl Rig {
        /// Drafts of a completed and a begun step, written by a build of version 2026.10.
        async fn of_older_drafts() -> Self {
            let database = Database::create().await;
            let somebody = person(&database).await;
            let settings = config::<OnboardingService>(&database, None, &[]);
            let kit = Kit::new(OnboardingService::IDENTITY, settings.kit, Lifecycle::on_this_runtime()).unwrap();
            let app = OnboardingService { versions: VERSIONS, ..OnboardingService::build(kit, settings.service).unwrap() };
            let claims: Claims = app.kit.verifier.verify(somebody.token.as_bytes()).await.unwrap();
            let editor = Editor { workspace: domain::ids::WorkspaceId::from_uuid(somebody.workspace), claims };
            let (workspace, user) = (somebody.workspace, somebody.user);
            let rows = format!(
                "insert into onboarding.onboarding (workspace_id, unlocked_by, unlocked_at, progress, announced_status, schema_version) \
                     values ('{workspace}', gen_random_uuid(), now(), 'in_progress', 'in_progress', '2026.10'); \
                 insert into onboarding.draft (workspace_id, slug, revision_epoch, revision_n, answer, state, updated_by, updated_at, completed_at) \
                     values ('{workspace}', 'company', 1, 2, '{{\"name\": \"Acme\"}}', 'complete', '{user}', now(), now()), \
                            ('{workspace}', 'problem', 1, 1, '{{\"severity\": 3}}', 'draft', '{user}', now(), null); \
                 insert into onboarding.draft_revision (workspace_id, slug, n, epoch, answer, state, updated_by, updated_at) \
                     values ('{workspace}', 'company', 1, 1, '{{\"name\": \"Acne\"}}', 'draft', '{user}', now()), \
                            ('{workspace}', 'company', 2, 1, '{{\"name\": \"Acme\"}}', 'complete', '{user}', now())"
            );
            diesel_async::SimpleAsyncConnection::batch_execute(&mut database.admin().await, &rows).await.unwrap();
            Self { app, editor, database }
        }

        fn company() -> Slug {
            "company".parse().unwrap()
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn older_drafts_and_their_history_are_brought_to_the_present_version_when_they_are_met() {
        let rig = Rig::of_older_drafts().await;
        let session = read(&rig.app, &rig.editor, Wanted::Answers).await.unwrap();
        assert_eq!(session.onboarding.schema_version, SCHEMA_VERSION);
        let company = &session.steps[&Rig::company()];
        assert_eq!(company.answer, Some(json!({"company_name": "Acme"})));
        assert_eq!((company.state, company.revision.n), (StepState::Invalid, 2), "it lacks what the newer version asks for");
        assert!(company.revision.epoch > 1, "whoever read it in the older version is told so");
        let stale = Edit::draft(Rig::company(), &json!({"company_name": "B"}), rig.app.kit.clock.now()).unwrap();
        let on = Expected::At(crate::session::Revision { epoch: 1, n: 2 });
        let refused = edit(&rig.app, &rig.editor, Rig::company(), on, &stale, false).await;
        assert!(matches!(refused, Err(EditError::Stale { .. })), "{refused:?}");
        undo::undo(&rig.app, &rig.editor, Rig::company(), Expected::Any, None).await.unwrap();
        let session = read(&rig.app, &rig.editor, Wanted::Step(Rig::company())).await.unwrap();
        assert_eq!(session.steps[&Rig::company()].answer, Some(json!({"company_name": "Acne"})));
        let told = "select count(*) from onboarding.outbox where event_type = 'onboarding.progressed.v1'";
        assert!(rig.database.number(told).await >= 1, "a step is not done any more");
        let audited = "select count(*) from onboarding.audit_log where action = 'onboarding.schema_upgrade'";
        assert_eq!(rig.database.number(audited).await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn drafts_of_a_newer_version_are_refused_by_its_name_and_left_alone() {
        let rig = Rig::of_older_drafts().await;
        diesel::sql_query("update onboarding.onboarding set schema_version = '2027.02'")
            .execute(&mut rig.database.admin().await)
            .await
            .unwrap();
        let newer = |error: EditError| matches!(error, EditError::SchemaChanged { version } if version == "2027.02");
        assert!(newer(read(&rig.app, &rig.editor, Wanted::Answers).await.unwrap_err()));
        let draft = Edit::draft(Rig::company(), &json!({}), rig.app.kit.clock.now()).unwrap();
        assert!(newer(edit(&rig.app, &rig.editor, Rig::company(), Expected::Any, &draft, false).await.unwrap_err()));
        assert_eq!(rig.database.number("select count(*) from onboarding.draft where answer ->> 'name' = 'Acme'").await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_build_that_knew_them_before_refuses_them_once_another_has_brought_them_on() {
        let rig = Rig::of_older_drafts().await;
        diesel::sql_query("update onboarding.onboarding set schema_version = '2026.11'")
            .execute(&mut rig.database.admin().await)
            .await
            .unwrap();
        let draft = Edit::draft(Rig::company(), &json!({}), rig.app.kit.clock.now()).unwrap();
        read(&rig.app, &rig.editor, Wanted::States).await.unwrap();
        // Another build brings them on; this one remembers where the workspace stood.
        let moved = "update onboarding.onboarding set schema_version = '2027.02', draft_epoch = draft_epoch + 1, drafts_in_redis = false";
        diesel::sql_query(moved).execute(&mut rig.database.admin().await).await.unwrap();
        rig.app.drafts.discard(rig.editor.workspace, i64::MAX).await.unwrap();
        let refused = edit(&rig.app, &rig.editor, Rig::company(), Expected::Any, &draft, false).await.unwrap_err();
        assert!(matches!(refused, EditError::SchemaChanged { .. }), "{refused:?}");
    }
}
