//! Mails to those who paused: after two days, and once more after six.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use domain::{ids::WorkspaceId, onboarding::OnboardingStatus, step::Slug};
use mail::Mail;

use super::Part;
use crate::{
    OnboardingService, mail_template,
    session::Summary,
    standing::{ChangeError, Onboarding},
    store,
};

/// Reminds whoever is due; of several reminders that came due meanwhile only the last is sent.
pub(super) async fn remind(app: &OnboardingService) -> Result<Part, ChangeError> {
    let mut part = Part::default();
    if app.config.public_url.is_empty() {
        return Ok(part);
    }
    let now = app.kit.clock.now();
    let mut connection = app.kit.worker_db.get().await?;
    let mut waiting = false;
    for (count, days) in (1_u32..).zip(&app.config.cleanup.remind_after_days).collect::<Vec<_>>().into_iter().rev() {
        let silent_since = now - TimeDelta::days(i64::from(*days));
        let due = store::onboarding::silent(&mut connection, silent_since, Some(count)).await?;
        part.more |= due.len() == store::onboarding::BATCH;
        for workspace in due {
            let reminded = (*connection)
                .transaction(async |connection: &mut AsyncPgConnection| of(connection, app, workspace, count, silent_since, now).await)
                .await?;
            if reminded {
                app.metrics.cleanups.with_label_values(&["reminded"]).inc();
                waiting = true;
            }
        }
    }
    if waiting {
        app.mailer.wake();
    }
    Ok(part)
}

/// Writes the mail of one session, unless somebody was at work meanwhile; whether there is one.
async fn of(
    connection: &mut AsyncPgConnection,
    app: &OnboardingService,
    workspace: WorkspaceId,
    count: u32,
    silent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, ChangeError> {
    let Some(mut onboarding) = store::onboarding::lock(connection, workspace).await? else { return Ok(false) };
    if !is_silent(&onboarding, silent_since, now) || onboarding.reminded >= count {
        return Ok(false);
    }
    onboarding.reminded = count;
    store::onboarding::update(connection, &onboarding, now).await?;
    // Nobody has opened the session yet, or who did is no member any more.
    let Some(recipient) = store::contact::find(connection, workspace).await? else { return Ok(false) };
    let states = store::draft::states(connection, workspace).await?;
    let open = Slug::all().filter(|slug| !states.get(slug).is_some_and(|state| state.done()));
    let (summary, minutes) = (Summary::of(&states), open.map(|slug| u32::from(slug.step().minutes)).sum());
    let url = format!("{}/onboarding", app.config.public_url.trim_end_matches('/'));
    let away_after = onboarding.last_activity_at + TimeDelta::days(i64::from(app.config.cleanup.archive_after_days));
    let last = usize::try_from(count).is_ok_and(|count| count == app.config.cleanup.remind_after_days.len());
    let content = mail_template::reminder(&mail_template::Reminder { summary, minutes, away_after, last, url: &url });
    let mail = Mail {
        purpose_key: format!("onboarding-reminder/{workspace}/{}/{count}", onboarding.last_activity_at.timestamp_micros()),
        recipient,
        subject: content.subject().to_owned(),
        html: content.html(),
        text: content.text(),
        attachment: None,
        workspace: Some(workspace),
    };
    Ok(mail::enqueue(connection, now, &mail).await?)
}

/// Whether answers could be given, and nobody gave any since then.
pub(super) fn is_silent(onboarding: &Onboarding, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let open = matches!(onboarding.status(now), OnboardingStatus::Unlocked | OnboardingStatus::InProgress);
    open && onboarding.last_activity_at <= since
}
