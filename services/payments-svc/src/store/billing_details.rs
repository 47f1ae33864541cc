//! Who a workspace's documents are made out to.

use chrono::{DateTime, Utc};
use diesel::{
    OptionalExtension, QueryResult, QueryableByName,
    sql_types::{Array, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    gst::Gstin,
    ids::{UserId, WorkspaceId},
};
use service_kit::db::sql_query;

use super::parse;
use crate::invoice::Buyer;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    legal_name: String,
    #[diesel(sql_type = Nullable<Text>)]
    gstin: Option<String>,
    #[diesel(sql_type = Array<Text>)]
    address: Vec<String>,
    #[diesel(sql_type = Text)]
    state: String,
}

/// The details of a workspace, if it has given any.
pub async fn find(connection: &mut AsyncPgConnection, workspace: WorkspaceId) -> QueryResult<Option<Buyer>> {
    sql_query("select legal_name, gstin, address, state from billing_details where workspace_id = $1")
        .bind::<SqlUuid, _>(workspace.as_uuid())
        .get_result::<Row>(connection)
        .await
        .optional()?
        .map(|row| {
            Ok(Buyer {
                legal_name: row.legal_name,
                gstin: row.gstin.as_deref().map(parse::<Gstin>).transpose()?,
                address: row.address,
                state: parse(&row.state)?,
            })
        })
        .transpose()
}

/// Writes the details of a workspace.
pub async fn save(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    workspace: WorkspaceId,
    by: UserId,
    buyer: &Buyer,
) -> QueryResult<usize> {
    sql_query(
        "insert into billing_details (workspace_id, legal_name, gstin, address, state, updated_by, updated_at) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (workspace_id) do update set legal_name = excluded.legal_name, \
         gstin = excluded.gstin, address = excluded.address, state = excluded.state, updated_by = excluded.updated_by, \
         updated_at = excluded.updated_at",
    )
    .bind::<SqlUuid, _>(workspace.as_uuid())
    .bind::<Text, _>(&buyer.legal_name)
    .bind::<Nullable<Text>, _>(buyer.gstin.as_ref().map(Gstin::as_str))
    .bind::<Array<Text>, _>(&buyer.address)
    .bind::<Text, _>(buyer.state.to_string())
    .bind::<SqlUuid, _>(by.as_uuid())
    .bind::<Timestamptz, _>(now)
    .execute(connection)
    .await
}
