//! Confirming, called directly.

use payments_svc::{
    payment::confirm::{self, Outcome},
    phonepe::MerchantOrderId,
    store::attempt,
};
use sandbox::{Weather, WebhookWeather};

use crate::rig::Rig;

fn no_webhooks() -> Weather {
    Weather { webhook: WebhookWeather { lost: true, ..WebhookWeather::default() }, ..Weather::default() }
}

/// Asks the provider about the first attempt `times` times at once.
async fn confirm(rig: &Rig, order: &str, times: usize) -> Vec<Outcome> {
    let app = rig.app();
    let id = MerchantOrderId::parse(&format!("{order}-1")).unwrap();
    let known = attempt::find(&mut app.kit.worker_db.get().await.unwrap(), &id).await.unwrap().unwrap();
    let answer = app.gateway.order_status(&id, None).await.unwrap();
    let confirmations = (0..times).map(|_| confirm::apply(&app, &known, &answer));
    futures_util::future::join_all(confirmations).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_confirmations_at_once_one_has_an_effect() {
    let rig = Rig::start().await;
    rig.outside().set_weather(no_webhooks());
    let id = rig.ordered().await;
    rig.end(&id, sandbox::Outcome::Success);
    let outcomes = confirm(&rig, &id, 20).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Completed).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Unchanged).count(), 19, "{outcomes:?}");
    rig.assert_confirmed_once().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_of_another_amount_is_quarantined_and_unlocks_nothing() {
    let rig = Rig::start().await;
    rig.outside().set_weather(no_webhooks());
    let id = rig.ordered().await;
    rig.sql("update payments.orders set amount = amount + 1").await;
    rig.end(&id, sandbox::Outcome::Success);
    assert_eq!(confirm(&rig, &id, 1).await, [Outcome::Quarantined]);
    assert_eq!(confirm(&rig, &id, 1).await, [Outcome::Unchanged]);
    assert_eq!(rig.state_of(&id).await, "quarantined");
    rig.assert_nothing_confirmed().await;
    assert_eq!(rig.database.number("select count(*) from payments.audit_log where action = 'payment.mismatch'").await, 1);
    assert_eq!(rig.database.number("select count(*) from payments.orders where next_check_at is null").await, 1);
}
