use domain::{ids::OrderId, money::Paise};
use serde_json::json;

use super::*;
use crate::phonepe::{AutopayApi, MandateTerms, MerchantOrderId, NotifyRequest};

#[test]
fn the_pay_request_has_phonepes_own_form() {
    let order: OrderId = "019c2d6e-0000-7000-8000-000000000001".parse().unwrap();
    let request = PayRequest {
        merchant_order_id: MerchantOrderId::of(order, 1),
        amount: Paise::new(500_000),
        expire_after_s: 1200,
        redirect_url: "https://app.example.com/payment/return?order=1".into(),
        mandate: None,
    };
    assert_eq!(
        serde_json::to_value(Pay::from(&request)).unwrap(),
        json!({
            "merchantOrderId": "019c2d6e-0000-7000-8000-000000000001-1", "amount": 500_000, "expireAfter": 1200,
            "paymentFlow": {"type": "PG_CHECKOUT", "merchantUrls": {"redirectUrl": "https://app.example.com/payment/return?order=1"}},
        })
    );
}

fn of_mandate(api: AutopayApi) -> PayRequest {
    let order: OrderId = "019c2d6e-0000-7000-8000-000000000001".parse().unwrap();
    PayRequest {
        merchant_order_id: MerchantOrderId::of(order, 1),
        amount: Paise::new(500_000),
        expire_after_s: 1200,
        redirect_url: "https://app.example.com/r".into(),
        mandate: Some(MandateTerms {
            api,
            merchant_subscription_id: "M1".into(),
            max_amount: Paise::new(1_000_000),
            expires_at: DateTime::from_timestamp_millis(1_999_999_999_000).unwrap(),
        }),
    }
}

// Instructive public problem 12 of the facts: fields outside paymentFlow, and the types of the two APIs confused.
#[test]
fn a_mandate_is_asked_for_in_phonepes_own_form() {
    assert_eq!(
        serde_json::to_value(Pay::from(&of_mandate(AutopayApi::Checkout))).unwrap(),
        json!({
            "merchantOrderId": "019c2d6e-0000-7000-8000-000000000001-1", "amount": 500_000, "expireAfter": 1200,
            "paymentFlow": {
                "type": "SUBSCRIPTION_CHECKOUT_SETUP",
                "merchantUrls": {"redirectUrl": "https://app.example.com/r", "cancelRedirectUrl": "https://app.example.com/r"},
                "subscriptionDetails": {
                    "subscriptionType": "RECURRING", "merchantSubscriptionId": "M1", "authWorkflowType": "TRANSACTION",
                    "amountType": "VARIABLE", "maxAmount": 1_000_000, "frequency": "MONTHLY", "productType": "UPI_MANDATE",
                    "expireAt": 1_999_999_999_000_i64,
                },
            },
        })
    );
    let request = of_mandate(AutopayApi::Subscriptions);
    assert_eq!(
        serde_json::to_value(Setup::of(&request, request.mandate.as_ref().unwrap())).unwrap(),
        json!({
            "merchantOrderId": "019c2d6e-0000-7000-8000-000000000001-1", "amount": 500_000,
            "paymentFlow": {
                "type": "SUBSCRIPTION_SETUP", "merchantSubscriptionId": "M1", "authWorkflowType": "TRANSACTION",
                "amountType": "VARIABLE", "maxAmount": 1_000_000, "frequency": "MONTHLY", "expireAt": 1_999_999_999_000_i64,
                "paymentMode": {"type": "UPI_INTENT"},
            },
            "deviceContext": {"deviceOS": "ANDROID"},
        })
    );
}

#[test]
fn a_debit_is_told_in_phonepes_own_form() {
    for (api, kind) in [(AutopayApi::Checkout, "SUBSCRIPTION_CHECKOUT_REDEMPTION"), (AutopayApi::Subscriptions, "SUBSCRIPTION_REDEMPTION")]
    {
        let request = NotifyRequest {
            api,
            merchant_order_id: of_mandate(api).merchant_order_id,
            merchant_subscription_id: "M1".into(),
            amount: Paise::new(29_900),
            expires_at: DateTime::from_timestamp_millis(1_807_681_114_000).unwrap(),
        };
        assert_eq!(
            serde_json::to_value(Notify::of(&request)).unwrap(),
            json!({
                "merchantOrderId": "019c2d6e-0000-7000-8000-000000000001-1", "amount": 29_900, "expireAt": 1_807_681_114_000_i64,
                "paymentFlow": {
                    "type": kind, "merchantSubscriptionId": "M1", "redemptionRetryStrategy": "STANDARD", "autoDebit": false,
                },
            })
        );
    }
}

#[test]
fn a_failed_try_inside_a_pending_order_does_not_fail_it() {
    let body = json!({"orderId": "OMO1", "state": "PENDING", "amount": 500_000, "expireAt": 1_711_867_462_542_i64,
        "paymentDetails": [{"transactionId": "OM1", "state": "FAILED", "errorCode": "AUTHORIZATION_ERROR"}]});
    let status = OrderStatus::from(serde_json::from_value::<Status>(body).unwrap());
    assert_eq!((status.state, status.transaction_id), (ProviderState::Pending, None));
}

#[test]
fn new_states_modes_and_fields_are_read_without_deciding_anything() {
    let body = json!({"state": "UNDER_REVIEW", "amount": 500_000, "brandNew": {"deep": [1]},
        "paymentDetails": [{"paymentMode": "CREDIT_LINE", "transactionId": "OM1", "state": "ON_HOLD"}]});
    let status = OrderStatus::from(serde_json::from_value::<Status>(body).unwrap());
    assert_eq!(status.state, ProviderState::Other("UNDER_REVIEW".into()));
}

#[test]
fn the_paying_transaction_is_the_completed_one() {
    let body = json!({"state": "COMPLETED", "amount": 1, "paymentDetails": [
        {"transactionId": "OM1", "state": "FAILED"}, {"transactionId": "OM2", "state": "COMPLETED"}]});
    let status = OrderStatus::from(serde_json::from_value::<Status>(body).unwrap());
    assert_eq!(status.transaction_id.as_deref(), Some("OM2"));
}

#[test]
fn a_webhook_is_read_by_event_or_by_its_deprecated_type() {
    let new = br#"{"event":"checkout.order.completed","payload":{"merchantOrderId":"po-1","state":"COMPLETED"}}"#;
    let old = br#"{"type":"CHECKOUT_ORDER_COMPLETED","payload":{"merchantOrderId":"po-1","state":"COMPLETED"}}"#;
    assert_eq!(Hint::read(new), Hint::read(old));
    assert_eq!(Hint::read(new).unwrap().merchant_order_id.as_deref(), Some("po-1"));
    assert!(Hint::read(new).unwrap().claims_end);
}

#[test]
fn the_refund_request_has_phonepes_own_form() {
    let order: OrderId = "019c2d6e-0000-7000-8000-000000000001".parse().unwrap();
    let id: RefundId = "019c2d6e-0000-7000-8000-000000000002".parse().unwrap();
    let request = RefundRequest { id, attempt: MerchantOrderId::of(order, 1), amount: Paise::new(12_345) };
    assert_eq!(
        serde_json::to_value(Refund::from(&request)).unwrap(),
        json!({"merchantRefundId": "019c2d6e-0000-7000-8000-000000000002",
            "originalMerchantOrderId": "019c2d6e-0000-7000-8000-000000000001-1", "amount": 12_345})
    );
}

#[test]
fn new_states_of_a_refund_are_read_without_deciding_anything() {
    let status = |state: &str| RefundStatus::from(serde_json::from_value::<RefundState>(json!({"state": state, "new": 1})).unwrap());
    assert_eq!(status("ON_HOLD").news, None);
    assert_eq!(status("CONFIRMED").news, Some(RefundNews::Confirmed));
}

#[test]
fn a_webhook_about_a_refund_names_it_and_its_order() {
    let body =
        br#"{"event":"pg.refund.completed","payload":{"merchantRefundId":"rf-1","originalMerchantOrderId":"po-1","state":"COMPLETED"}}"#;
    let hint = Hint::read(body).unwrap();
    assert_eq!((hint.merchant_refund_id.as_deref(), hint.merchant_order_id.as_deref()), (Some("rf-1"), Some("po-1")));
    assert!(hint.claims_end);
}

#[test]
fn a_webhook_of_any_shape_is_a_hint_and_anything_but_an_object_is_not() {
    assert_eq!(Hint::read(br#"{"event":7,"payload":[1]}"#), Some(Hint::default()));
    assert_eq!(Hint::read(b"{}"), Some(Hint::default()));
    for body in [&b"[]"[..], b"", b"null", b"\xff", b"{\"event\":"] {
        assert_eq!(Hint::read(body), None);
    }
}
