//! A hundred thousand events that wait.

use diesel_async::SimpleAsyncConnection;

use crate::rig::{Rig, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_a_hundred_thousand_rows_drains_whole() {
    let rig = Rig::new().await;
    let mut admin = rig.database.admin().await;
    // A thousand orders with a hundred events each; one queue takes this type.
    admin
        .batch_execute(
            "insert into payments.outbox (event_id, aggregate_type, aggregate_id, aggregate_seq, event_type, subject, dataschema, payload, occurred_at)
             select gen_random_uuid(), 'order', ('00000000-0000-7000-8000-' || lpad(order_number::text, 12, '0'))::uuid, sequence,
                    'payments.payment.pending.v1', order_number::text, 'urn:test', '{}', now()
             from generate_series(1, 100) sequence, generate_series(1, 1000) order_number;
             analyze payments.outbox;",
        )
        .await
        .unwrap();
    let relays: Vec<_> = (0..2).map(|_| rig.process("payments-svc", vec![])).collect();
    within(300, "all are published", async || rig.unpublished().await == 0).await;
    assert!(rig.waiting("auth-svc.payments.v1").await >= 100_000, "every event is in the queue");
    assert_eq!(rig.database.number("select coalesce(max(attempts), 0) from payments.outbox").await, 0);
    let acknowledged: f64 = relays.iter().map(|relay| relay.labelled("messaging_published_total", "ack")).sum();
    assert!(acknowledged >= 100_000.0);
}
