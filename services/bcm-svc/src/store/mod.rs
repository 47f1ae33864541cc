//! SQL and nothing else. Every function takes its workspace; what may be read is decided by the transaction's role.

pub mod access;
pub mod alias;
pub mod entitlement;
pub mod head;
pub mod job;
pub mod retention;
pub mod signing_key;
pub mod source;
pub mod stats;
pub mod version;

/// A count or number of ours as PostgreSQL's `bigint`; one that is too large matches no row.
fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A positive number as it comes from PostgreSQL.
fn number(bigint: i64) -> u64 {
    u64::try_from(bigint).unwrap_or_default()
}

/// The answer to a yes-or-no question.
#[derive(diesel::QueryableByName)]
struct Answer {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    yes: bool,
}
