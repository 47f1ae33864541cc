//! Manifests as bcm-svc would have made them, written by SQL.

use diesel::{sql_query, sql_types};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use domain::{
    Clock, SystemClock,
    canonical::Checksum,
    ids::{UserId, WorkspaceId},
    manifest::{Reason, Record, Source, Version},
    reduce::{REDUCER_VERSION, reduce},
};

use crate::{
    people::Person,
    rows::reduce::{FIXTURES, context, policy},
};

/// Gives each of these people's workspaces so many versions of the same content.
///
/// # Errors
/// When the database refuses.
pub async fn manifests(connection: &mut AsyncPgConnection, people: &[Person], versions: i32) -> anyhow::Result<()> {
    let policy = policy()?;
    for person in people {
        let context = context(FIXTURES[0].1, person.workspace, person.user)?;
        let (bytes, reduced) = (context.canonical()?, reduce(&context, policy)?);
        let context_sha256 = Checksum::of(&bytes);
        let record = Record {
            workspace_id: WorkspaceId::from_uuid(person.workspace),
            sequence: 1,
            version: Version::FIRST,
            checksum: reduced.checksum,
            size: u64::try_from(reduced.bytes.len())?,
            source: Source { context_number: 1, context_sha256, reducer_version: REDUCER_VERSION.to_owned(), policy: policy.to_string() },
            generated_at: SystemClock.now(),
            generated_by: Some(UserId::from_uuid(person.user)),
            reason: Reason::Onboarding,
            meta: reduced.meta,
        };
        sql_query("insert into bcm.source_context (workspace_id, context_number, sha256, bytes) values ($1, 1, $2, $3)")
            .bind::<sql_types::Uuid, _>(person.workspace)
            .bind::<sql_types::Text, _>(context_sha256.to_string())
            .bind::<sql_types::Binary, _>(bytes)
            .execute(connection)
            .await?;
        sql_query(
            "insert into bcm.business_context_manifests (workspace_id, sequence, version, checksum, content, record, provenance, \
               context_number, context_sha256, reducer_version, policy, reason, created_by, created_at) \
             select $1, n, '1.' || n - 1 || '.0', $2, $3, $4 || jsonb_build_object('sequence', n, 'version', '1.' || n - 1 || '.0'), $5, \
               1, $6, $7, $8, 'onboarding', $9, now() from generate_series(1, $10) n",
        )
        .bind::<sql_types::Uuid, _>(person.workspace)
        .bind::<sql_types::Text, _>(record.checksum.to_string())
        .bind::<sql_types::Binary, _>(reduced.bytes)
        .bind::<sql_types::Jsonb, _>(serde_json::to_value(&record)?)
        .bind::<sql_types::Jsonb, _>(serde_json::to_value(&reduced.provenance)?)
        .bind::<sql_types::Text, _>(context_sha256.to_string())
        .bind::<sql_types::Text, _>(REDUCER_VERSION)
        .bind::<sql_types::Text, _>(policy.to_string())
        .bind::<sql_types::Uuid, _>(person.user)
        .bind::<sql_types::Integer, _>(versions)
        .execute(connection)
        .await?;
        sql_query("insert into bcm.manifest_head (workspace_id, sequence, version, checksum) values ($1, $2, '1.' || $2 - 1 || '.0', $3)")
            .bind::<sql_types::Uuid, _>(person.workspace)
            .bind::<sql_types::Integer, _>(versions)
            .bind::<sql_types::Text, _>(record.checksum.to_string())
            .execute(connection)
            .await?;
        sql_query(
            "insert into bcm.entitlement (workspace_id, status, period_end, sequence) values ($1, 'active', now() + interval '30 days', 1)",
        )
        .bind::<sql_types::Uuid, _>(person.workspace)
        .execute(connection)
        .await?;
    }
    Ok(())
}
