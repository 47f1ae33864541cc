use domain::ids::OrderId;
use messaging::{Messaging, MessagingConfig, Parts, outbox};
use onboarding_svc::OnboardingService;
use secrecy::SecretString;
use service_kit::Service;
use testkit::{Running, Vhost, config};

use crate::rig::{Rig, confirmed, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_confirmed_by_the_payments_service_unlocks_over_the_broker() {
    let rig = Rig::locked().await;
    let vhost = Vhost::create().await;
    let _consuming = Running::start::<OnboardingService>(config::<OnboardingService>(&rig.database, Some(&vhost), &[]), true);
    // The relay of the payments service, on its own schema and role.
    let kit = rig.service.kit();
    let mut database = kit.config.database.clone();
    database.url = SecretString::from(rig.database.url("payments_svc"));
    let registry = prometheus::Registry::new();
    let db = service_kit::db::Db::new(&database, "payments-relay", "payments", 2, &kit.lifecycle).unwrap();
    let parts = Parts { db, clock: kit.clock.clone(), lifecycle: kit.lifecycle.clone(), registry };
    let names = MessagingConfig {
        service: "payments-svc",
        schema: "payments",
        amqp_url: SecretString::from(vhost.url()),
        database_url: database.url.clone(),
    };
    let _relay = Messaging::start_with(&parts, &names, Vec::new()).unwrap();
    let mut payments = rig.database.service("payments_svc", "payments").await;
    let order = OrderId::generate();
    for _ in 0..2 {
        outbox::append(&mut payments, kit.clock.now(), &confirmed(rig.workspace(), order)).await.unwrap();
    }
    eventually("both deliveries are in the inbox", async || {
        rig.database.number("select count(*) from onboarding.inbox where consumer = 'onboarding-svc.payments.v1'").await == 2
    })
    .await;
    assert_eq!(rig.events().await, ["unlocked"]);
    assert_eq!(rig.get("/api/onboarding").await.body["status"], "unlocked");
}
