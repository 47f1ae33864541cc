//! Users with a workspace, made the way a sign-up makes them.

use chrono::TimeDelta;
use diesel::{
    QueryableByName,
    sql_types::{Text, Uuid as SqlUuid},
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{database::Database, tokens::issue_token};

/// A signed-up user who owns a workspace.
#[derive(Debug, Clone)]
pub struct Person {
    /// The user's id.
    pub user: Uuid,
    /// The e-mail address.
    pub email: String,
    /// The workspace the user owns.
    pub workspace: Uuid,
    /// An access token valid for an hour.
    pub token: String,
}

#[derive(QueryableByName)]
struct Membership {
    #[diesel(sql_type = SqlUuid)]
    workspace_id: Uuid,
}

/// Signs a new user up in the database: the trigger makes profile, workspace and membership.
///
/// # Panics
/// When the database refuses.
pub async fn person(database: &Database) -> Person {
    let (user, mut connection) = (Uuid::now_v7(), database.admin().await);
    let email = format!("{}@example.test", user.simple());
    diesel::sql_query(
        "insert into auth.users (id, aud, role, email, email_confirmed_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at) \
         values ($1, 'authenticated', 'authenticated', $2, now(), '{}', '{}', now(), now())",
    )
    .bind::<SqlUuid, _>(user)
    .bind::<Text, _>(&email)
    .execute(&mut connection)
    .await
    .unwrap();
    let membership = diesel::sql_query("select workspace_id from identity.memberships where user_id = $1")
        .bind::<SqlUuid, _>(user)
        .get_result::<Membership>(&mut connection)
        .await
        .expect("the trigger made no workspace");
    let token = issue_token(user, &email, TimeDelta::hours(1));
    Person { user, email, workspace: membership.workspace_id, token }
}
