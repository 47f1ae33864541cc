//! People with a workspace, made the way a sign-up makes them, with tokens of the bench's own.

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{Array, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{Clock, SystemClock};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stack::{JWT_SECRET, Stack};

/// Who owns a workspace.
#[derive(Debug, Clone)]
pub struct Person {
    /// The user.
    pub user: Uuid,
    /// The workspace.
    pub workspace: Uuid,
    /// `Bearer …`.
    pub bearer: String,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    workspace_id: Uuid,
}

/// Signs up so many people: the trigger makes their profile, workspace and membership.
///
/// # Errors
/// When the database refuses.
pub async fn people(stack: &Stack, connection: &mut AsyncPgConnection, count: usize) -> anyhow::Result<Vec<Person>> {
    let users: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
    sql_query(
        "insert into auth.users (id, aud, role, email, email_confirmed_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at) \
         select id, 'authenticated', 'authenticated', 'bench-' || id || '@example.test', now(), '{}', '{}', now(), now() from unnest($1) as id",
    )
    .bind::<Array<SqlUuid>, _>(&users)
    .execute(connection)
    .await?;
    let rows: Vec<Row> = sql_query("select user_id, workspace_id from identity.memberships where user_id = any($1)")
        .bind::<Array<SqlUuid>, _>(&users)
        .load(connection)
        .await?;
    let issuer = stack.setting("auth-svc", "GROUNDWORK__AUTH__ISSUER")?;
    let people = rows
        .into_iter()
        .map(|row| Ok(Person { user: row.user_id, workspace: row.workspace_id, bearer: bearer(row.user_id, &issuer)? }))
        .collect::<anyhow::Result<Vec<_>>>()?;
    anyhow::ensure!(people.len() == count, "the trigger made {} workspaces for {count} people", people.len());
    Ok(people)
}

/// Claims of the size that auth-svc writes.
pub fn claims(user: Uuid, issuer: &str, now: DateTime<Utc>) -> Value {
    json!({
        "sub": user, "email": format!("bench-{user}@example.test"), "phone": "", "aud": "authenticated", "role": "authenticated",
        "iss": issuer, "aal": "aal1", "amr": [{"method": "password", "timestamp": now.timestamp()}], "session_id": Uuid::now_v7(),
        "is_anonymous": false, "iat": now.timestamp(), "exp": (now + TimeDelta::hours(6)).timestamp(),
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {"email": format!("bench-{user}@example.test"), "email_verified": true, "sub": user},
    })
}

fn bearer(user: Uuid, issuer: &str) -> anyhow::Result<String> {
    let claims = claims(user, issuer, SystemClock.now());
    let token = encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(JWT_SECRET.as_bytes())).context("a token")?;
    Ok(format!("Bearer {token}"))
}
