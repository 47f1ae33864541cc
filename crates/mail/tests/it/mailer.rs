//! The mailer against a real database.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use mail::{Attachment, Attachments, Mail, MailSettings, Mailer, Outgoing, SendError, Transport, enqueue};
use testkit::Database;

use crate::rig::{Recorder, kit, mail, send_due, sql};

#[tokio::test(flavor = "multi_thread")]
async fn one_purpose_sends_one_mail_whatever_the_number_of_workers() {
    let database = Database::create().await;
    let kit = kit(&database);
    let mut connection = kit.db.get().await.unwrap();
    for n in 0..8 {
        assert!(enqueue(&mut connection, kit.clock.now(), &mail(&format!("purpose/{n}"))).await.unwrap());
        assert!(!enqueue(&mut connection, kit.clock.now(), &mail(&format!("purpose/{n}"))).await.unwrap());
    }
    let recorder = Arc::new(Recorder::default());
    let mailer = Mailer::new(&kit, recorder.clone()).unwrap();
    tokio::join!(send_due(&mailer), send_due(&mailer), send_due(&mailer));
    let mut taken = recorder.taken.lock().unwrap().clone();
    taken.sort_unstable();
    assert_eq!(taken, (0..8).map(|n| format!("purpose/{n}")).collect::<Vec<_>>());
    assert_eq!(
        database.number("select count(*) from payments.mail_outbox where sent_at is not null and provider_id = 'provider-id'").await,
        8
    );
    let kept = "select count(*) from payments.mail_outbox where html <> '' or body_text <> ''";
    assert_eq!(database.number(kept).await, 0, "what was sent may open an account and is kept no longer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_not_taken_waits_and_one_that_could_be_sent_twice_is_given_up() {
    let database = Database::create().await;
    let kit = kit(&database);
    let mut connection = kit.db.get().await.unwrap();
    enqueue(&mut connection, kit.clock.now(), &mail("purpose/1")).await.unwrap();
    let recorder = Arc::new(Recorder { failures: AtomicUsize::new(1), ..Recorder::default() });
    let mailer = Mailer::new(&kit, recorder.clone()).unwrap();
    send_due(&mailer).await;
    send_due(&mailer).await;
    assert_eq!(database.number("select count(*) from payments.mail_outbox where attempts = 1 and last_error = '500'").await, 1);
    sql(&database, "update payments.mail_outbox set available_at = now(), created_at = now() - interval '23 hours 1 minute'").await;
    send_due(&mailer).await;
    assert!(recorder.taken.lock().unwrap().is_empty());
    assert_eq!(database.number("select count(*) from payments.mail_outbox where failed_at is not null").await, 1);
}

/// Never answers, as a provider does for a mailer that is killed in the middle of a request.
struct Silent(Arc<tokio::sync::Notify>);

#[async_trait]
impl Transport for Silent {
    async fn send(&self, _: &Outgoing) -> Result<String, SendError> {
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_mailer_died_is_sent_by_another_as_soon_as_its_lease_ends() {
    let database = Database::create().await;
    let kit = kit(&database);
    for purpose in ["purpose/1", "purpose/2"] {
        enqueue(&mut kit.db.get().await.unwrap(), kit.clock.now(), &mail(purpose)).await.unwrap();
    }
    let asked = Arc::new(tokio::sync::Notify::new());
    let dying = Mailer::new(&kit, Arc::new(Silent(asked.clone()))).unwrap();
    tokio::select! {
        _ = dying.send_next() => panic!("a silent provider answered"),
        () = asked.notified() => {}
    }

    let recorder = Arc::new(Recorder::default());
    let other = Mailer::new(&crate::rig::kit(&database), recorder.clone()).unwrap();
    send_due(&other).await;
    assert_eq!(*recorder.taken.lock().unwrap(), ["purpose/2"], "only the mail in the dead mailer's hand waits");
    assert_eq!(
        database
            .number(
                "select count(*) from payments.mail_outbox where sent_at is null and lease_until between now() and now() + interval '20 s'"
            )
            .await,
        1
    );
    sql(&database, "update payments.mail_outbox set lease_until = now() where sent_at is null").await;
    send_due(&other).await;
    assert_eq!(*recorder.taken.lock().unwrap(), ["purpose/2", "purpose/1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_way_out_mails_wait_and_with_one_they_go() {
    for (key, taken) in [("", 0), ("re_1", 1)] {
        let database = Database::create().await;
        let kit = kit(&database);
        enqueue(&mut kit.db.get().await.unwrap(), kit.clock.now(), &mail("purpose/1")).await.unwrap();
        let mailer = Mailer::new(&kit, Arc::new(Recorder::default())).unwrap();
        let settings = MailSettings {
            resend_url: String::new(),
            resend_api_key: key.to_owned().into(),
            webhook_secret: String::new().into(),
            smtp_url: String::new().into(),
            from: String::new(),
        };
        settings.start(&mailer, &kit);
        let attempted = "select count(*) from payments.mail_outbox where attempts > 0";
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(if taken == 1 { 10 } else { 1 });
        while database.number(attempted).await != 1 && std::time::Instant::now() < deadline {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(database.number(attempted).await, taken, "with the key {key:?}");
        kit.lifecycle.drain();
    }
}

/// Knows one file, once it is there.
#[derive(Default)]
struct Shelf(AtomicUsize);

#[async_trait]
impl Attachments for Shelf {
    async fn load(&self, name: &str) -> Result<Attachment, String> {
        assert_eq!(name, "invoice/1");
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err("not set yet".into());
        }
        Ok(Attachment { file_name: "GW-1.pdf".into(), content_type: "application/pdf", bytes: b"%PDF".to_vec() })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_waits_for_what_it_carries() {
    let database = Database::create().await;
    let kit = kit(&database);
    let with_file = Mail { attachment: Some("invoice/1".into()), ..mail("purpose/1") };
    enqueue(&mut kit.db.get().await.unwrap(), kit.clock.now(), &with_file).await.unwrap();
    let recorder = Arc::new(Recorder::default());
    let mailer = Mailer::new(&kit, recorder.clone()).unwrap().attaching(Arc::new(Shelf::default()));
    send_due(&mailer).await;
    assert!(recorder.taken.lock().unwrap().is_empty());
    let waiting = "select count(*) from payments.mail_outbox where sent_at is null and last_error = 'attachment: not set yet'";
    assert_eq!(database.number(waiting).await, 1);
    sql(&database, "update payments.mail_outbox set available_at = now()").await;
    send_due(&mailer).await;
    assert_eq!(*recorder.taken.lock().unwrap(), ["purpose/1 with GW-1.pdf"]);
}
