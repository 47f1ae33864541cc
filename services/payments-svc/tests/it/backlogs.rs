//! What waits, as it is measured for the gauges.

use chrono::{TimeDelta, Timelike};
use payments_svc::store::{debit, mandate, order, receipt};

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn an_open_order_counts_with_its_age_even_when_it_lost_its_next_check() {
    let rig = Rig::start().await;
    rig.ordered().await;
    rig.sql("update payments.orders set next_check_at = null, created_at = now() - interval '1 hour'").await;
    let app = rig.app();
    let mut connection = app.kit.worker_db.get().await.unwrap();
    let open = order::open(&mut connection).await.unwrap();
    assert_eq!((open.len(), open[0].state.as_str(), open[0].orders), (1, "pending", 1));
    let age = app.kit.clock.now() - open[0].oldest;
    assert!((3_600..3_660).contains(&age.num_seconds()), "{age}");
    rig.sql("update payments.orders set state = 'failed'").await;
    assert!(order::open(&mut connection).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn debits_are_no_orders_that_wait_for_their_payer() {
    let rig = Rig::start().await;
    let name = rig.subscribed().await;
    rig.notified().await;
    let app = rig.app();
    let (mut connection, now) = (app.kit.worker_db.get().await.unwrap(), app.kit.clock.now());
    assert!(order::open(&mut connection).await.unwrap().is_empty());
    let open = debit::open(&mut connection, now).await.unwrap();
    assert_eq!((open.debits, open.overdue), (1, 0));
    let open = debit::open(&mut connection, now + TimeDelta::hours(49)).await.unwrap();
    assert_eq!((open.debits, open.overdue), (1, 1));
    let in_states = async |connection: &mut _| {
        let found = mandate::by_state(connection).await.unwrap();
        found.into_iter().map(|found| (found.state, found.mandates, found.to_end)).collect::<Vec<_>>()
    };
    assert_eq!(in_states(&mut connection).await, [("active".to_owned(), 1, 0)]);
    rig.sql(&format!("update payments.mandate set cancel_wanted = true where merchant_subscription_id = '{name}'")).await;
    assert_eq!(in_states(&mut connection).await, [("active".to_owned(), 1, 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_lags_from_the_time_at_which_it_is_due() {
    let rig = Rig::start().await;
    let app = rig.app();
    let mut connection = app.kit.worker_db.get().await.unwrap();
    // In an hour, so that the running worker leaves it alone.
    let due = (app.kit.clock.now() + TimeDelta::hours(1)).with_nanosecond(0).unwrap();
    let webhook = receipt::NewReceipt { body_sha256: &[7; 32], body: b"{}", event: None, merchant_order_id: None };
    receipt::store(&mut connection, due, webhook, None).await.unwrap();
    let earlier = receipt::backlog(&mut connection, due - TimeDelta::seconds(1)).await.unwrap();
    assert_eq!((earlier.pending, earlier.due_since), (1, None));
    let later = receipt::backlog(&mut connection, due + TimeDelta::seconds(30)).await.unwrap();
    assert_eq!((later.pending, later.due_since), (1, Some(due)));
}
