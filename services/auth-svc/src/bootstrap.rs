//! Preparing a database: shim, roles, schemas, and the passwords of the roles.

use anyhow::{Context, ensure};
use diesel::{QueryableByName, sql_types::Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use secrecy::{ExposeSecret, SecretString};
use service_kit::db;

/// Safe to run again: it makes only what is missing.
const BOOTSTRAP: &str = include_str!("../../../migrations/bootstrap/up.sql");

/// The roles that `bootstrap/up.sql` makes. No other role's password is ever touched.
const ROLES: [&str; 8] = [
    "auth_svc",
    "auth_svc_owner",
    "payments_svc",
    "payments_svc_owner",
    "onboarding_svc",
    "onboarding_svc_owner",
    "bcm_svc",
    "bcm_svc_owner",
];

/// Why a list of passwords cannot be used. The passwords themselves are not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolePasswordsError {
    /// An entry without `=`.
    #[error("entry {0} is not of the form role=password")]
    Form(usize),
    /// A role that is none of ours.
    #[error("{0} is not a service role")]
    UnknownRole(String),
    /// An empty password.
    #[error("the password of {0} is empty")]
    Empty(&'static str),
}

/// Passwords by role.
#[derive(Debug, Clone, Default)]
pub struct RolePasswords(Vec<(&'static str, SecretString)>);

impl RolePasswords {
    /// Reads `role=password,role=password`. A password may contain `=`, not a comma.
    ///
    /// # Errors
    /// [`RolePasswordsError`] names the first entry that is wrong.
    pub fn parse(text: &SecretString) -> Result<Self, RolePasswordsError> {
        let entries = text.expose_secret().split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let pairs = entries.enumerate().map(|(index, entry)| {
            let (role, password) = entry.split_once('=').ok_or(RolePasswordsError::Form(index + 1))?;
            let role = ROLES
                .into_iter()
                .find(|known| *known == role.trim())
                .ok_or_else(|| RolePasswordsError::UnknownRole(role.trim().to_owned()))?;
            if password.is_empty() { Err(RolePasswordsError::Empty(role)) } else { Ok((role, SecretString::from(password))) }
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }
}

#[derive(QueryableByName)]
struct Statement {
    #[diesel(sql_type = Text)]
    statement: String,
}

/// Runs the bootstrap as the administrator and sets the given passwords. Two at once wait for each other.
///
/// # Errors
/// When the administrator cannot connect or lacks a right.
pub async fn run(admin_url: &SecretString, passwords: &RolePasswords) -> anyhow::Result<()> {
    ensure!(!admin_url.expose_secret().is_empty(), "DATABASE_ADMIN_URL is not set: it names the administrator who prepares the database");
    let mut connection = db::connect(admin_url).await.context("cannot connect as the administrator (DATABASE_ADMIN_URL)")?;
    // The lock is the session's and ends with the connection.
    connection
        .batch_execute("set lock_timeout = '60s'; select pg_advisory_lock(hashtextextended('groundwork-bootstrap', 0))")
        .await
        .context("another bootstrap is running")?;
    connection.batch_execute(BOOTSTRAP).await.context("bootstrap/up.sql failed")?;
    for (role, password) in &passwords.0 {
        set_password(&mut connection, role, password).await.with_context(|| format!("cannot set the password of {role}"))?;
    }
    Ok(())
}

/// `alter role` takes no parameters, so PostgreSQL itself quotes the statement.
async fn set_password(connection: &mut AsyncPgConnection, role: &str, password: &SecretString) -> Result<(), diesel::result::Error> {
    let statement = diesel::sql_query("select format('alter role %I login password %L', $1, $2) as statement")
        .bind::<Text, _>(role)
        .bind::<Text, _>(password.expose_secret())
        .get_result::<Statement>(connection)
        .await?;
    connection.batch_execute(&statement.statement).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<usize, RolePasswordsError> {
        RolePasswords::parse(&SecretString::from(text)).map(|passwords| passwords.0.len())
    }

    #[test]
    fn passwords_are_read_by_role_and_may_contain_an_equals_sign() {
        assert_eq!(parse("auth_svc=a=b, bcm_svc_owner=c"), Ok(2));
        assert_eq!(parse(""), Ok(0));
    }

    #[test]
    fn a_role_that_is_not_ours_keeps_its_password() {
        assert_eq!(parse("postgres=x"), Err(RolePasswordsError::UnknownRole("postgres".into())));
        assert_eq!(parse("auth_svc"), Err(RolePasswordsError::Form(1)));
        assert_eq!(parse("auth_svc="), Err(RolePasswordsError::Empty("auth_svc")));
    }

    #[test]
    fn no_password_is_shown_by_debug() {
        let passwords = RolePasswords::parse(&SecretString::from("auth_svc=hunter2")).unwrap();
        assert!(!format!("{passwords:?}").contains("hunter2"));
    }
}
