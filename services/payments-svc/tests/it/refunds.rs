//! Money is given back once, never more than was paid, and whatever gets lost on the way.

use domain::money::Paise;
use payments_svc::payment::refund::{self, RefundError, Wanted, worker};
use reqwest::StatusCode;
use sandbox::{AutoRefund, PayWeather, RefundState, RefundStep, Weather, WebhookWeather};
use serde_json::json;
use service_kit::audit::Author;

use crate::rig::{CREDENTIALS, Rig};

const PRICE: i64 = 500_000;

fn weather(auto_refund: AutoRefund) -> Weather {
    Weather { auto_refund, ..Weather::default() }
}

/// No webhook comes from now on.
fn silent(auto_refund: AutoRefund) -> Weather {
    Weather { webhook: WebhookWeather { lost: true, ..WebhookWeather::default() }, ..weather(auto_refund) }
}

impl Rig {
    async fn make_refunds_due(&self) {
        self.sql("update payments.refund set next_check_at = now() - interval '1 second' where next_check_at is not null").await;
    }

    async fn status_of_subscription(&self) -> i64 {
        self.database.number("select count(*) from payments.subscription where status = 'active'").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_refund_ends_the_period_and_is_told_to_the_payer_and_the_other_services() {
    let rig = Rig::start().await;
    let id = rig.paid().await;
    let refund = rig.give_back(&id, None).await.unwrap();
    assert_eq!(refund.amount, Paise::new(PRICE));
    rig.wait_for_state(&id, "refunded").await;
    rig.wait_for_refund(&refund, "completed").await;
    for event in ["payments.payment.refunded.v1", "payments.subscription.expired.v1"] {
        assert_eq!(rig.events(event).await, 1, "{event}");
    }
    let told = r#"select count(*) from payments.outbox where event_type = 'payments.payment.refunded.v1'
                  and convert_from(payload, 'UTF8') like '%"amount":500000%'"#;
    assert_eq!(rig.database.number(told).await, 1);
    assert_eq!(rig.status_of_subscription().await, 0);
    let mails = format!("select count(*) from payments.mail_outbox where purpose_key = 'refund/{}'", refund.id);
    assert_eq!(rig.database.number(&mails).await, 1);
    assert!(matches!(rig.give_back(&id, Some(100)).await, Err(RefundError::NotRefundable(_))));
    rig.wait_for_metric(r#"payments_refunds_total{state="completed"} 1"#).await;
    rig.wait_for_metric("payments_open_refunds 0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_given_back_until_nothing_is_left() {
    let rig = Rig::start().await;
    let id = rig.paid().await;
    let first = rig.give_back(&id, Some(200_000)).await.unwrap();
    rig.wait_for_refund(&first, "completed").await;
    rig.wait_for_state(&id, "partially_refunded").await;
    assert_eq!(rig.status_of_subscription().await, 1);
    for amount in [99, 300_001] {
        let refused = rig.give_back(&id, Some(amount)).await;
        assert!(matches!(refused, Err(RefundError::AmountOutOfRange { left }) if left == Paise::new(300_000)), "{refused:?}");
    }
    let rest = rig.give_back(&id, None).await.unwrap();
    assert_eq!(rest.amount, Paise::new(300_000));
    rig.wait_for_state(&id, "refunded").await;
    assert_eq!(rig.status_of_subscription().await, 0);
    assert_eq!(rig.events("payments.payment.refunded.v1").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_refunds_at_once_one_is_made() {
    let rig = Rig::start().await;
    rig.outside().set_weather(weather(AutoRefund::None));
    let id = rig.paid().await;
    let app = rig.app();
    let wanted = Wanted { order: id.parse().unwrap(), attempt: None, amount: Some(Paise::new(400_000)) };
    let author = Author::of_this_process("a test");
    let made = futures_util::future::join_all((0..20).map(|_| refund::create(&app, &wanted, &author, "a test", false))).await;
    let refused = made.iter().filter(|made| matches!(made, Err(RefundError::Open(_)))).count();
    assert_eq!((made.iter().filter(|made| made.is_ok()).count(), refused), (1, 19), "{made:?}");
    rig.wait_for_count(1, "select count(*) from payments.refund where state = 'pending'").await;
    assert_eq!(rig.outside().refunds().len(), 1);
    assert_eq!(rig.state_of(&id).await, "refund_pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_fails_leaves_the_order_paid_and_another_one_works() {
    let rig = Rig::start().await;
    rig.outside().set_weather(weather(AutoRefund::Fail));
    let id = rig.paid().await;
    let failed = rig.give_back(&id, None).await.unwrap();
    rig.wait_for_refund(&failed, "failed").await;
    rig.wait_for_state(&id, "completed").await;
    assert_eq!((rig.status_of_subscription().await, rig.events("payments.payment.refunded.v1").await), (1, 0));
    rig.outside().set_weather(weather(AutoRefund::Complete));
    let second = rig.give_back(&id, None).await.unwrap();
    assert_ne!(second.id, failed.id);
    rig.wait_for_state(&id, "refunded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_phonepe_refuses_fails_at_once() {
    let rig = Rig::start().await;
    let refused = PayWeather { http_status: Some(400), ..PayWeather::default() };
    rig.outside().set_weather(Weather { refund: refused, ..Weather::default() });
    let id = rig.paid().await;
    let refund = rig.give_back(&id, None).await.unwrap();
    rig.wait_for_refund(&refund, "failed").await;
    rig.wait_for_state(&id, "completed").await;
    assert_eq!(rig.database.number("select count(*) from payments.refund where failure_code = '400 BAD_REQUEST'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_no_failure_and_money_goes_back_once() {
    let rig = Rig::start().await;
    for after_commit in [true, false] {
        rig.outside().set_weather(silent(AutoRefund::Complete));
        let id = rig.paid().await;
        let lost = PayWeather { http_status: Some(500), after_commit, ..PayWeather::default() };
        rig.outside().set_weather(Weather { refund: lost, ..silent(AutoRefund::Complete) });
        let refund = rig.give_back(&id, None).await.unwrap();
        rig.wait_for_refund(&refund, "ambiguous").await;
        assert_eq!(rig.state_of(&id).await, "refund_pending");
        // PhonePe has it, or is asked again under the same id.
        rig.outside().set_weather(silent(AutoRefund::Complete));
        rig.make_refunds_due().await;
        if !after_commit {
            rig.wait_for_refund(&refund, "pending").await;
            rig.make_refunds_due().await;
        }
        rig.wait_for_state(&id, "refunded").await;
    }
    let given: Vec<_> = rig.outside().refunds().into_iter().map(|refund| (refund.amount, refund.state)).collect();
    assert_eq!(given, [(Paise::new(PRICE), RefundState::Completed); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_a_lost_answer_ends_nothing_because_the_first_try_may_have_got_through() {
    let rig = Rig::start().await;
    let refund_weather = |http_status| PayWeather { http_status: Some(http_status), ..PayWeather::default() };
    rig.outside().set_weather(Weather { refund: refund_weather(500), ..Weather::default() });
    let id = rig.paid().await;
    let refund = rig.give_back(&id, None).await.unwrap();
    rig.wait_for_refund(&refund, "ambiguous").await;
    rig.outside().set_weather(Weather { refund: refund_weather(400), ..Weather::default() });
    rig.make_refunds_due().await;
    rig.wait_for_metric(r#"phonepe_request_duration_seconds_count{call="refund",outcome="refused"} 1"#).await;
    rig.wait_for_refund(&refund, "ambiguous").await;
    assert_eq!(rig.state_of(&id).await, "refund_pending");
    assert!(matches!(rig.give_back(&id, None).await, Err(RefundError::Open(_))));
    rig.outside().set_weather(Weather::default());
    rig.make_refunds_due().await;
    rig.wait_for_state(&id, "refunded").await;
    assert_eq!(rig.outside().refunds().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_hastens_a_refund_and_a_false_one_changes_nothing() {
    let rig = Rig::start().await;
    rig.outside().set_weather(weather(AutoRefund::None));
    let id = rig.paid().await;
    let refund = rig.give_back(&id, None).await.unwrap();
    rig.wait_for_refund(&refund, "pending").await;
    rig.sql("update payments.refund set next_check_at = now() + interval '1 hour'").await;
    let payload =
        json!({"merchantRefundId": refund.id, "originalMerchantOrderId": format!("{id}-1"), "state": "COMPLETED", "amount": PRICE});
    let forged = json!({"event": "pg.refund.completed", "payload": payload}).to_string();
    assert_eq!(rig.webhook(Some(CREDENTIALS), forged).await, StatusCode::OK);
    rig.wait_for_count(1, "select count(*) from payments.webhook_receipt where event = 'pg.refund.completed' and attempts > 0").await;
    assert_eq!(rig.state_of(&id).await, "refund_pending");
    let reference = refund.id.to_string();
    rig.outside().refund(&reference, RefundStep::Confirm).unwrap();
    rig.wait_for_refund(&refund, "confirmed").await;
    rig.outside().refund(&reference, RefundStep::Complete).unwrap();
    rig.wait_for_state(&id, "refunded").await;
    assert_eq!(rig.events("payments.payment.refunded.v1").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_made_elsewhere_is_acknowledged_and_left_to_people() {
    let rig = Rig::start().await;
    let id = rig.paid().await;
    for name in ["dashboard-1", "019c2d6e-0000-7000-8000-000000000002"] {
        let payload = json!({"merchantRefundId": name, "originalMerchantOrderId": format!("{id}-1"), "state": "COMPLETED"});
        assert_eq!(
            rig.webhook(Some(CREDENTIALS), json!({"event": "pg.refund.completed", "payload": payload}).to_string()).await,
            StatusCode::OK
        );
    }
    let kept = "select count(*) from payments.webhook_receipt where processed_at is not null and last_error = 'it names no refund of ours'";
    rig.wait_for_count(2, kept).await;
    assert_eq!(rig.state_of(&id).await, "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_amount_than_was_asked_is_not_believed() {
    let rig = Rig::start().await;
    rig.outside().set_weather(silent(AutoRefund::None));
    let id = rig.paid().await;
    let refund = rig.give_back(&id, Some(1000)).await.unwrap();
    rig.wait_for_refund(&refund, "pending").await;
    rig.sql("update payments.refund set amount = 2000").await;
    rig.outside().refund(&refund.id.to_string(), RefundStep::Complete).unwrap();
    rig.make_refunds_due().await;
    rig.wait_for_metric(r#"payments_refunds_total{state="mismatched"} 1"#).await;
    assert_eq!(rig.state_of(&id).await, "refund_pending");
    assert_eq!(rig.events("payments.payment.refunded.v1").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_workers_send_a_refund_once() {
    let rig = Rig::start().await;
    rig.outside().set_weather(silent(AutoRefund::None));
    let id = rig.paid().await;
    let app = rig.app();
    rig.give_back(&id, None).await.unwrap();
    futures_util::future::join_all((0..8).map(|_| worker::work_due(&app))).await;
    rig.wait_for_count(1, "select count(*) from payments.refund where state = 'pending' and check_count = 1").await;
    assert_eq!(rig.outside().refunds().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_give_money_back_at_the_console() {
    let rig = Rig::start().await;
    let id = rig.paid().await;
    let dry = rig.run(&format!("refunds create {id} --amount 100000 --why ticket-7 --dry-run")).await.unwrap();
    assert_eq!(dry, format!("would give back 1,000.00 rupees of {id}-1\n"));
    let dry = rig.run(&format!("refunds create {id} --why ticket-7 --dry-run --json")).await.unwrap();
    let dry: serde_json::Value = serde_json::from_str(&dry).unwrap();
    assert_eq!(dry, json!({"dry_run": true, "order_id": id, "attempt": format!("{id}-1"), "amount": PRICE}));
    assert_eq!(rig.database.number("select count(*) from payments.refund").await, 0);

    let made = rig.run(&format!("refunds create {id} --amount 100000 --why ticket-7 --json")).await.unwrap();
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert_eq!((&made["amount"], &made["state"], &made["reason"]), (&json!(100_000), &json!("created"), &json!("ticket-7")));
    rig.wait_for_state(&id, "partially_refunded").await;
    let audited = "select count(*) from payments.audit_log where action = 'refund.create' and detail->>'why' = 'ticket-7' \
                   and detail->>'by' like 'os:%' and workspace_id is not null";
    assert_eq!(rig.database.number(audited).await, 1);

    let refund = made["id"].as_str().unwrap();
    for line in [format!("show {refund}"), format!("list --order {id}"), "list".to_owned()] {
        let shown = rig.run(&format!("refunds {line}")).await.unwrap();
        assert!(shown.starts_with(&format!("{refund} completed, 1,000.00 rupees of {id}-1, made ")), "{shown}");
        assert!(shown.ends_with(": ticket-7\n"), "{shown}");
    }
    assert_eq!(rig.run("refunds list --open").await.unwrap(), "");
    let unknown = "019c2d6e-0000-7000-8000-000000000002";
    for (line, message) in [
        (format!("create {unknown} --why x"), "there is no such order"),
        (
            format!("create {id} --amount 400001 --why x"),
            "the amount must be between 1.00 and 4,000.00 rupees: that is what is left of the payment",
        ),
        (format!("create {id} --attempt {id}-2 --why x"), "an order that is partially_refunded has no payment to give back here"),
        (format!("show {unknown}"), "there is no such refund"),
    ] {
        assert_eq!(rig.run(&format!("refunds {line}")).await.unwrap_err().to_string(), message, "{line}");
    }
    assert!(rig.run(&format!("refunds create {id} --why \u{a0}")).await.is_err());
}
