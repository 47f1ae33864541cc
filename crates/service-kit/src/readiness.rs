//! Whether this process should be sent work.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use diesel_async::RunQueryDsl;
use serde::Serialize;

use crate::{db::Db, lifecycle::Lifecycle};

type Check = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Checks that others add to those of the kit.
#[derive(Clone)]
pub struct Readiness {
    db: Db,
    lifecycle: Lifecycle,
    extra: Arc<RwLock<Vec<(String, Check)>>>,
}

/// The answer of `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadinessReport {
    /// Whether to send work.
    pub ready: bool,
    /// What keeps the process from being ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<String>,
    /// What is worse than usual without making it unready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<String>,
}

impl Readiness {
    /// Asks the database; others add to it.
    pub fn new(db: Db, lifecycle: Lifecycle) -> Self {
        Self { db, lifecycle, extra: Arc::default() }
    }

    /// Adds a check whose failure is reported as degraded.
    pub fn add(&self, name: impl Into<String>, check: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.extra.write().unwrap_or_else(PoisonError::into_inner).push((name.into(), Arc::new(check)));
    }

    /// Asks everything, within two seconds.
    pub async fn report(&self) -> ReadinessReport {
        let mut failing = Vec::new();
        if self.lifecycle.draining().is_cancelled() {
            failing.push("draining".to_owned());
        }
        if let Err(reason) = self.ask_database().await {
            failing.push(format!("database: {reason}"));
        }
        let checks = self.extra.read().unwrap_or_else(PoisonError::into_inner).clone();
        let degraded = checks.iter().filter_map(|(name, check)| check().err().map(|reason| format!("{name}: {reason}"))).collect();
        ReadinessReport { ready: failing.is_empty(), failing, degraded }
    }

    async fn ask_database(&self) -> Result<(), String> {
        let ask = async {
            let mut connection = self.db.get().await.map_err(|error| error.to_string())?;
            diesel::sql_query("select 1").execute(&mut connection).await.map_err(|error| error.to_string())
        };
        match tokio::time::timeout(Duration::from_secs(2), ask).await {
            Ok(answer) => answer.map(|_| ()),
            Err(_) => Err("no answer within 2 s".to_owned()),
        }
    }
}
