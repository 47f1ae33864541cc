//! What we know of a person, besides the account itself and its sessions.

use diesel::{
    QueryResult, QueryableByName,
    sql_types::{Jsonb, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use service_kit::db::sql_query;
use uuid::Uuid;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Jsonb)]
    data: Value,
}

/// An object with `profile`, `workspaces`, `invitations` that they sent, and `activity`: their latest ten thousand acts here.
pub async fn read(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<Value> {
    let row = sql_query(
        "select jsonb_build_object( \
           'profile', (select to_jsonb(p) from identity.profiles as p where p.user_id = $1), \
           'workspaces', coalesce((select jsonb_agg(jsonb_build_object( \
               'id', w.id, 'name', w.name, 'slug', w.slug, 'role', m.role, 'joined_at', m.created_at) order by m.created_at, w.id) \
             from identity.memberships as m join identity.workspaces as w on w.id = m.workspace_id and w.deleted_at is null \
             where m.user_id = $1), '[]'), \
           'invitations', coalesce((select jsonb_agg(jsonb_build_object( \
               'workspace_id', i.workspace_id, 'email', i.email, 'role', i.role, 'created_at', i.created_at, 'accepted_at', i.accepted_at, \
               'revoked_at', i.revoked_at) order by i.created_at, i.id) \
             from identity.invitation as i where i.invited_by = $1), '[]'), \
           'activity', coalesce((select jsonb_agg(to_jsonb(a)) from ( \
             select occurred_at, workspace_id, action, resource, outcome, detail from identity.audit_log \
             where actor_id = $1 order by id desc limit 10000) as a), '[]')) as data",
    )
    .bind::<SqlUuid, _>(user)
    .get_result::<Row>(connection)
    .await?;
    Ok(row.data)
}
