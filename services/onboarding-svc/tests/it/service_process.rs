//! The service as a process of its own, which can be killed.

use std::{path::Path, time::Duration};

use testkit::{JWT_SECRET, Process, free_ports};
use tokio::time::Instant;

use crate::rig::Rig;

/// A process with workers on the rig's database and this Redis.
pub struct ServiceProcess {
    process: Process,
    pub url: String,
}

impl ServiceProcess {
    pub async fn start(rig: &Rig, name: &str, redis: &str) -> Self {
        let [public, internal] = free_ports();
        let settings = [
            ("DATABASE_URL", rig.database.url("onboarding_svc")),
            ("DATABASE_OWNER_URL", rig.database.url("onboarding_svc_owner")),
            ("REDIS_URL", redis.to_owned()),
            ("AMQP_URL", "amqp://nobody:nothing@127.0.0.1:1/none".to_owned()),
            ("GROUNDWORK__AUTH__ISSUER", "http://auth.test/auth/v1".to_owned()),
            ("SUPABASE_JWT_SECRET", JWT_SECRET.to_owned()),
            ("GROUNDWORK__HTTP__WORKERS", "1".to_owned()),
            ("GROUNDWORK__HTTP__PUBLIC_ADDR", format!("127.0.0.1:{public}")),
            ("GROUNDWORK__HTTP__INTERNAL_ADDR", format!("127.0.0.1:{internal}")),
            ("GROUNDWORK__LIMITS__PROFILE", "load".to_owned()),
            ("GROUNDWORK__DATABASE__POOL_SIZE", "4".to_owned()),
            ("GROUNDWORK__DATABASE__WORKER_POOL_SIZE", "4".to_owned()),
        ];
        let environment = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let log = std::env::temp_dir().join(format!("testkit-{name}-{}.log", std::process::id()));
        let program = Path::new(env!("CARGO_BIN_EXE_onboarding-svc"));
        let mut process = Process::new("onboarding-svc", program, &["serve", "--with-worker"], environment, log);
        process.start();
        let mut started = Self { process, url: format!("http://127.0.0.1:{public}") };
        started.answers().await;
        started
    }

    /// Kills it like a power cut and starts it again; answers how long it took to come back.
    pub async fn crash(&mut self) -> Duration {
        self.process.kill().await;
        let begun = Instant::now();
        self.process.start();
        self.answers().await;
        begun.elapsed()
    }

    async fn answers(&mut self) {
        let client = service_kit::http_client(Duration::from_secs(1)).unwrap();
        let end = Instant::now() + Duration::from_secs(60);
        while client.get(format!("{}/api/onboarding/steps", self.url)).send().await.is_err() {
            assert!(self.process.runs(), "the process ended while starting; its log is in the temporary directory");
            assert!(Instant::now() < end, "the process does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
