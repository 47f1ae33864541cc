//! SQL and nothing else. Every function takes the caller's connection; what users read takes their workspace.

pub mod attempt;
pub mod billing_details;
pub mod debit;
pub mod invoice;
pub mod ledger;
pub mod mandate;
pub mod order;
pub mod receipt;
pub mod refund;
pub mod subscription;

use std::{error::Error, str::FromStr};

use diesel::{QueryResult, result::Error as DieselError};

/// Reads a text column that the schema restricts to the names of `T`.
fn parse<T>(text: &str) -> QueryResult<T>
where
    T: FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| DieselError::DeserializationError(Box::new(error)))
}
