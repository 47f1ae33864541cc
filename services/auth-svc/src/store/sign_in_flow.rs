//! Sign-ins that wait in a client for a proof (PKCE, RFC 7636).

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Bytea, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use service_kit::db::sql_query;
use uuid::Uuid;

/// A sign-in that waits.
#[derive(Debug, Clone, QueryableByName)]
pub struct SignInFlow {
    /// Its id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Who is to be signed in.
    #[diesel(sql_type = SqlUuid)]
    pub user_id: Uuid,
    /// What the client's verifier has to fit.
    #[diesel(sql_type = Text)]
    pub challenge: String,
    /// `s256` or `plain`.
    #[diesel(sql_type = Text)]
    pub challenge_method: String,
    /// What the session's `amr` will say.
    #[diesel(sql_type = Text)]
    pub proof: String,
    /// When it ends.
    #[diesel(sql_type = Timestamptz)]
    pub expires_at: DateTime<Utc>,
}

/// Stores a flow.
pub async fn insert(connection: &mut AsyncPgConnection, flow: &SignInFlow, now: DateTime<Utc>) -> QueryResult<()> {
    sql_query(
        "insert into identity.sign_in_flow (id, user_id, challenge, challenge_method, proof, created_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind::<SqlUuid, _>(flow.id)
    .bind::<SqlUuid, _>(flow.user_id)
    .bind::<Text, _>(&flow.challenge)
    .bind::<Text, _>(&flow.challenge_method)
    .bind::<Text, _>(&flow.proof)
    .bind::<Timestamptz, _>(now)
    .bind::<Timestamptz, _>(flow.expires_at)
    .execute(connection)
    .await
    .map(|_| ())
}

/// The proof was brought: whoever has this code and the verifier gets the session until then. Whether the flow was there.
pub async fn proven(connection: &mut AsyncPgConnection, id: Uuid, code_hash: &[u8], expires_at: DateTime<Utc>) -> QueryResult<bool> {
    sql_query("update identity.sign_in_flow set code_hash = $2, expires_at = $3 where id = $1")
        .bind::<SqlUuid, _>(id)
        .bind::<Bytea, _>(code_hash)
        .bind::<Timestamptz, _>(expires_at)
        .execute(connection)
        .await
        .map(|changed| changed == 1)
}

/// The flow that waits for the code, locked until the transaction ends.
pub async fn lock_by_code(connection: &mut AsyncPgConnection, code_hash: &[u8]) -> QueryResult<Option<SignInFlow>> {
    sql_query(
        "select id, user_id, challenge, challenge_method, proof, expires_at from identity.sign_in_flow where code_hash = $1 for update",
    )
    .bind::<Bytea, _>(code_hash)
    .get_result(connection)
    .await
    .optional()
}

/// Takes it away.
pub async fn delete(connection: &mut AsyncPgConnection, id: Uuid) -> QueryResult<()> {
    sql_query("delete from identity.sign_in_flow where id = $1").bind::<SqlUuid, _>(id).execute(connection).await.map(|_| ())
}

/// Takes away what has ended; returns how many.
pub async fn delete_expired(connection: &mut AsyncPgConnection, now: DateTime<Utc>) -> QueryResult<usize> {
    sql_query("delete from identity.sign_in_flow where expires_at < $1").bind::<Timestamptz, _>(now).execute(connection).await
}

/// Takes all of a user's away.
pub async fn delete_all(connection: &mut AsyncPgConnection, user: Uuid) -> QueryResult<()> {
    sql_query("delete from identity.sign_in_flow where user_id = $1").bind::<SqlUuid, _>(user).execute(connection).await.map(|_| ())
}
