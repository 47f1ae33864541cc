//! Recomputing the checksums of stored versions, for operators.

use domain::ids::WorkspaceId;
use service_kit::db::DbError;
use uuid::Uuid;

use super::stored;
use crate::{BcmService, store::version};

/// Versions read at once; one has a few kilobytes.
const PAGE: u32 = 200;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Versions that were looked at.
    pub versions: u64,
    /// Those whose parts do not agree.
    pub damaged: Vec<(WorkspaceId, u64)>,
}

/// Verifies every version of one workspace, or of all.
pub async fn verify(app: &BcmService, only: Option<WorkspaceId>) -> Result<Report, DbError> {
    let mut connection = app.kit.worker_db.get().await?;
    let mut report = Report::default();
    let mut after = (WorkspaceId::from_uuid(Uuid::nil()), 0);
    loop {
        let rows = version::scan(&mut connection, only, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(report) };
        after = (last.workspace(), last.sequence());
        for row in &rows {
            report.versions += 1;
            if stored::intact(row).is_none() {
                report.damaged.push((row.workspace(), row.sequence()));
            }
        }
    }
}
