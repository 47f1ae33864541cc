//! What each failure of a use case is to a caller.

use domain::ErrorCode;
use serde_json::{Value, json};
use service_kit::http::Problem;

use super::orders::OrderBody;
use crate::{
    invoice::{account::AccountError, file::FileError},
    payment::{StoreError, abandon::AbandonError, create_order::CreateOrderError},
    store::order::Order,
    subscription::act::ActError,
};

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Db(error) => error.into(),
            StoreError::Event(error) => Self::internal(error),
        }
    }
}

fn order_member(order: &Order) -> Value {
    serde_json::to_value(OrderBody::from(order)).unwrap_or_else(|_| json!({ "order_id": order.id }))
}

impl From<CreateOrderError> for Problem {
    fn from(error: CreateOrderError) -> Self {
        match error {
            CreateOrderError::Authorise(error) => error.into(),
            CreateOrderError::Idempotency(error) => error.into(),
            CreateOrderError::Store(error) => error.into(),
            CreateOrderError::AlreadySubscribed => Self::new(ErrorCode::AlreadySubscribed),
            CreateOrderError::OtherOpen(order) => Self::new(ErrorCode::OrderOpen)
                .detail("an order for another plan or cycle is open: pay it, or give it up")
                .member("order", order_member(&order)),
            CreateOrderError::ProviderUnavailable(order) => Self::new(ErrorCode::ProviderUnavailable)
                .detail("the order is kept and followed up; nothing is charged twice")
                .retry_after(5)
                .member("order", order_member(&order)),
            CreateOrderError::ProviderRefused(order) => {
                Self::new(ErrorCode::ProviderRefused).detail("nothing was charged").member("order", order_member(&order))
            }
        }
    }
}

impl From<AbandonError> for Problem {
    fn from(error: AbandonError) -> Self {
        match error {
            AbandonError::NotFound => Self::new(ErrorCode::OrderNotFound),
            AbandonError::NotOpen => Self::new(ErrorCode::OrderNotAbandonable),
            AbandonError::Authorise(error) => error.into(),
            AbandonError::Store(error) => error.into(),
        }
    }
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Pdf(error) => Self::internal(error),
            FileError::Db(error) => error.into(),
        }
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NotFound => Self::new(ErrorCode::InvoiceNotFound),
            AccountError::Authorise(error) => error.into(),
            AccountError::Db(error) => error.into(),
        }
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        match error {
            ActError::NotFound => Self::new(ErrorCode::SubscriptionNotFound),
            ActError::NotAllowed(refused) => Self::new(ErrorCode::SubscriptionConflict).detail(refused.to_string()),
            ActError::NoTrial => Self::new(ErrorCode::TrialUnavailable),
            ActError::Authorise(error) => error.into(),
            ActError::Store(error) => error.into(),
        }
    }
}
