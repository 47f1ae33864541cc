//! A kit on a database of its own, a provider that takes mails, and mails.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use mail::{Mail, Mailer, Next, Outgoing, SendError, Transport};
use service_kit::{
    Kit, Lifecycle, ServiceIdentity,
    config::{self, Environment, KitConfig, Problems, ServiceConfig},
};
use testkit::{Database, redis_url};

#[derive(Clone, Debug, serde::Deserialize)]
struct NoSettings {}

impl ServiceConfig for NoSettings {
    const DEFAULTS: &'static str = "";

    fn validate(&self, _: &KitConfig, _: &mut Problems) {}
}

const IDENTITY: ServiceIdentity = ServiceIdentity { name: "payments-svc", section: "payments", schema: "payments" };

pub fn kit(database: &Database) -> Kit {
    kit_at(&database.url("payments_svc"))
}

/// A kit whose database may be nowhere.
pub fn kit_at(url: &str) -> Kit {
    let redis = redis_url();
    let environment = Environment::from_pairs([
        ("DATABASE_URL", url),
        ("REDIS_URL", redis.as_str()),
        ("AMQP_URL", "amqp://nobody:nothing@127.0.0.1:1/none"),
        ("GROUNDWORK__AUTH__ISSUER", "http://auth.test"),
        ("SUPABASE_JWT_SECRET", "a-secret-that-only-tests-know-0123456789"),
        ("GROUNDWORK__LIMITS__PROFILE", "load"),
    ]);
    let config = config::load::<NoSettings>(IDENTITY.section, None, &environment).unwrap();
    Kit::new(IDENTITY, config.kit, Lifecycle::on_this_runtime()).unwrap()
}

/// Takes every mail, after refusing the first `failures` attempts.
#[derive(Default)]
pub struct Recorder {
    pub failures: AtomicUsize,
    pub taken: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for Recorder {
    async fn send(&self, mail: &Outgoing) -> Result<String, SendError> {
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Err(SendError::Transient { reason: "500".into(), retry_after: None });
        }
        let file = mail.attachment.as_ref().map(|file| format!(" with {}", file.file_name)).unwrap_or_default();
        self.taken.lock().unwrap().push(format!("{}{file}", mail.purpose_key));
        Ok("provider-id".into())
    }
}

/// Sends whatever is due and returns how the mailer stopped.
pub async fn send_due(mailer: &Mailer) -> Next {
    loop {
        let next = mailer.send_next().await.unwrap();
        if next != Next::Attempted {
            return next;
        }
    }
}

pub async fn sql(database: &Database, statement: &str) {
    diesel_async::RunQueryDsl::execute(diesel::sql_query(statement), &mut database.admin().await).await.unwrap();
}

pub fn mail(purpose: &str) -> Mail {
    Mail {
        purpose_key: purpose.into(),
        recipient: "asha@example.test".into(),
        subject: "Subject".into(),
        html: "<p>Body</p>".into(),
        text: "Body".into(),
        attachment: None,
        workspace: None,
    }
}
