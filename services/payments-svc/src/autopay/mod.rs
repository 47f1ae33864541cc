//! Autopay: mandates that payers approve with their first payment, and debits by them, each month.
//!
//! A debit is an order as any other, whose attempt the provider first tells the payer of and takes a day later; confirming it is
//! `payment::confirm`'s. The provider's status decides here too: a webhook only hastens the question.

pub mod debit;
pub mod mandate;

use std::time::Duration;

use service_kit::db::DbError;

use crate::{app::App, payment::StoreError};

/// How often periods that end are looked for.
const EVERY: Duration = Duration::from_secs(10);

/// Plans debits, brings those under way a step further, and asks about mandates; returns how long to pause.
///
/// # Errors
/// When the database refuses.
pub async fn work_due(app: &App) -> Result<Duration, DbError> {
    let planned = debit::plan_due(app).await;
    let more = [stored(planned)?, debit::step_due(app).await?, mandate::check_due(app).await?];
    Ok(if more.contains(&true) { Duration::ZERO } else { EVERY })
}

/// An event that cannot be written is a defect; it is said and nothing else stops.
fn stored(done: Result<bool, StoreError>) -> Result<bool, DbError> {
    match done {
        Ok(more) => Ok(more),
        Err(StoreError::Db(error)) => Err(error),
        Err(StoreError::Event(error)) => {
            tracing::error!(error = %error, "an event of Autopay cannot be written");
            Ok(false)
        }
    }
}
