use domain::{
    ids::{OrderId, UserId, WorkspaceId},
    money::{Money, Paise},
    plan::{Cycle, PlanCode},
};
use uuid::Uuid;

use super::*;
use crate::{phonepe::MerchantOrderId, store::order::OrderKind};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn order() -> Order {
    Order {
        id: OrderId::generate(),
        workspace: WorkspaceId::generate(),
        user: UserId::from_uuid(Uuid::now_v7()),
        plan: PlanCode::Glide,
        cycle: Cycle::Monthly,
        price: Money::inr(Paise::new(700_000)),
        state: OrderState::Pending,
        redirect_url: None,
        expires_at: at("2026-03-01T00:20:00Z"),
        next_check_at: None,
        last_checked_at: None,
        completed_at: None,
        failure_code: None,
        provider_reference: None,
        payer_email: None,
        traceparent: None,
        kind: OrderKind::Checkout,
        mandate: None,
        created_at: at("2026-03-01T00:00:00Z"),
    }
}

fn attempt(order: &Order) -> Attempt {
    Attempt {
        id: MerchantOrderId::of(order.id, 1),
        order: order.id,
        n: 1,
        provider_order_id: Some("OMO1".into()),
        state: AttemptState::Pending,
        autopay: None,
        updated_at: order.created_at,
    }
}

fn paid(order: &Order) -> OrderStatus {
    OrderStatus {
        state: ProviderState::Completed,
        provider_order_id: Some("OMO1".into()),
        merchant_order_id: Some(MerchantOrderId::of(order.id, 1).to_string()),
        amount: Some(700_000),
        currency: Some("INR".into()),
        error_code: None,
        transaction_id: None,
        valid_after: None,
    }
}

#[test]
fn every_difference_from_what_was_asked_is_named() {
    let order = order();
    let found = |change: &dyn Fn(&mut OrderStatus)| {
        let mut status = paid(&order);
        change(&mut status);
        mismatch(&order, &attempt(&order), &status)
    };
    assert_eq!(found(&|_| ()), None);
    assert_eq!(found(&|status| status.amount = Some(699_999)), Some("amount"));
    assert_eq!(found(&|status| status.amount = None), Some("amount"));
    assert_eq!(found(&|status| status.currency = Some("USD".into())), Some("currency"));
    assert_eq!(found(&|status| status.merchant_order_id = Some("other-1".into())), Some("merchant_order_id"));
    assert_eq!(found(&|status| status.provider_order_id = Some("OMO2".into())), Some("provider_order_id"));
}

#[test]
fn what_the_provider_does_not_say_is_no_difference() {
    let order = order();
    let status = OrderStatus { currency: None, merchant_order_id: None, provider_order_id: None, ..paid(&order) };
    assert_eq!(mismatch(&order, &attempt(&order), &status), None);
}
