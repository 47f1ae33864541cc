//! The service as a process of its own, which can be killed.

use std::{path::Path, time::Duration};

use reqwest::Response;
use testkit::{JWT_SECRET, Person, Process, free_ports};
use tokio::time::Instant;

use crate::rig::Rig;

/// A process without workers, on the rig's database and Redis by these addresses.
pub struct ServiceProcess {
    process: Process,
    pub url: String,
}

impl ServiceProcess {
    pub async fn start(rig: &Rig, name: &str, database: &str, redis: &str) -> Self {
        let [public, internal] = free_ports();
        let settings = [
            ("DATABASE_URL", database.to_owned()),
            ("DATABASE_OWNER_URL", rig.database.url("bcm_svc_owner")),
            ("REDIS_URL", redis.to_owned()),
            ("AMQP_URL", "amqp://nobody:nothing@127.0.0.1:1/none".to_owned()),
            ("GROUNDWORK__AUTH__ISSUER", "http://auth.test/auth/v1".to_owned()),
            ("SUPABASE_JWT_SECRET", JWT_SECRET.to_owned()),
            ("GROUNDWORK__HTTP__WORKERS", "1".to_owned()),
            ("GROUNDWORK__HTTP__PUBLIC_ADDR", format!("127.0.0.1:{public}")),
            ("GROUNDWORK__HTTP__INTERNAL_ADDR", format!("127.0.0.1:{internal}")),
            ("GROUNDWORK__DATABASE__POOL_SIZE", "4".to_owned()),
            ("GROUNDWORK__DATABASE__WORKER_POOL_SIZE", "4".to_owned()),
            // It is to wait for a database that hangs until it is killed.
            ("GROUNDWORK__DATABASE__CREATE_TIMEOUT_MS", "20000".to_owned()),
            ("GROUNDWORK__DATABASE__RECYCLE_TIMEOUT_MS", "20000".to_owned()),
            ("GROUNDWORK__DATABASE__CHECKOUT_TIMEOUT_MS", "20000".to_owned()),
        ];
        let environment = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let log = std::env::temp_dir().join(format!("testkit-{name}-{}.log", std::process::id()));
        let program = Path::new(env!("CARGO_BIN_EXE_bcm-svc"));
        let mut process = Process::new("bcm-svc", program, &["serve"], environment, log);
        process.start();
        let mut started = Self { process, url: format!("http://127.0.0.1:{public}") };
        started.answers().await;
        started
    }

    /// Ends it like a power cut.
    pub async fn kill(&mut self) {
        self.process.kill().await;
    }

    /// Starts it again after it was killed.
    pub async fn restart(&mut self) {
        self.process.start();
        self.answers().await;
    }

    async fn answers(&mut self) {
        let client = service_kit::http_client(Duration::from_secs(1)).unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        while client.get(format!("{}/api/context/openapi.json", self.url)).send().await.is_err() {
            assert!(self.process.runs(), "the process ended while starting; its log is in the temporary directory");
            assert!(Instant::now() < end, "the process does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Asks the service there; an error when it dies over it.
pub async fn ask(url: &str, who: &Person, path: &str) -> reqwest::Result<Response> {
    let client = service_kit::http_client(Duration::from_secs(30)).unwrap();
    let request = client.get(format!("{url}/api/context/{path}")).bearer_auth(&who.token);
    request.header("X-Workspace-Id", who.workspace.to_string()).send().await
}
