//! Where reminders go.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::ids::WorkspaceId;
use service_kit::{auth::Claims, db::sql_query};

/// The longest address that is kept, in characters (RFC 3696, erratum 1690).
const LONGEST: usize = 320;

/// Notes the address of the member who is at work; a token without one changes nothing.
pub(crate) async fn note(
    connection: &mut AsyncPgConnection,
    workspace: WorkspaceId,
    claims: &Claims,
    now: DateTime<Utc>,
) -> QueryResult<()> {
    let Some(email) = claims.email().filter(|email| (3..=LONGEST).contains(&email.chars().count())) else { return Ok(()) };
    sql_query(
        "insert into contact as c (workspace_id, user_id, email, updated_at) \
         select workspace_id, $2, $3, $4 from onboarding where workspace_id = $1 \
         on conflict (workspace_id) do update set user_id = excluded.user_id, email = excluded.email, updated_at = excluded.updated_at \
         where (c.user_id, c.email) <> (excluded.user_id, excluded.email)",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<SqlUuid, _>(claims.user.as_uuid())
    .bind::<Text, _>(email)
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
    .map(|_| ())
}

/// The address of the member who was at work last, as long as that person is a member.
pub(crate) async fn find(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        email: String,
    }
    let row = sql_query("select email from contact where workspace_id = $1 and identity.member_role(workspace_id, user_id) is not null")
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?;
    Ok(row.map(|row| row.email))
}
