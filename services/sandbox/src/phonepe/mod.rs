//! The wire protocol of the payment gateway v2: Standard Checkout, refunds, and both APIs of Autopay.

mod answer;
mod autopay;
mod flow;
mod health;
mod limits;
mod pay;
mod refund;
mod status;
mod terms;
mod token;
mod wire;

use actix_web::{
    HttpResponse, Resource,
    web::{self, Data},
};

use crate::mandate::Family;

pub(crate) use flow::mandate_status;
pub(crate) use refund::RefundRequest;
pub(crate) use wire::{order_payload, refund_payload};

/// Registers the paths of both hosts. The production payment host has no token endpoint: there the two are apart, and a
/// client with one base URL for both must fail here as it would there.
pub(crate) fn routes(routes: &mut web::ServiceConfig) {
    for host in ["/apis/identity-manager", "/apis/pg-sandbox"] {
        routes.route(&format!("{host}/v1/oauth/token"), web::post().to(token::issue));
    }
    for host in ["/apis/pg-health", "/apis/pg-sandbox"] {
        routes.route(&format!("{host}/v3/health"), web::get().to(health::health));
    }
    for host in ["/apis/pg", "/apis/pg-sandbox"] {
        routes
            .route(&format!("{host}/checkout/v2/pay"), web::post().to(pay::pay))
            .route(&format!("{host}/checkout/v2/sdk/order"), web::post().to(pay::sdk_order))
            .route(&format!("{host}/subscriptions/v2/setup"), web::post().to(autopay::setup))
            .route(&format!("{host}/payments/v2/refund"), web::post().to(refund::refund))
            .route(&format!("{host}/payments/v2/refund/{{merchant_refund_id}}/status"), web::get().to(refund::refund_status));
        for (family, orders, mandates) in [
            (Family::Checkout, "checkout/v2", "checkout/v2/subscriptions"),
            (Family::Subscriptions, "subscriptions/v2", "subscriptions/v2"),
        ] {
            let at = |path: &str| -> Resource { web::resource(format!("{host}/{path}")).app_data(Data::new(family)) };
            routes
                .service(at(&format!("{orders}/order/{{merchant_order_id}}/status")).get(status::order_status))
                .service(at(&format!("{orders}/transaction/{{transaction_id}}/status")).get(status::transaction_status))
                .service(at(&format!("{mandates}/notify")).post(autopay::notify))
                .service(at(&format!("{mandates}/redeem")).post(autopay::redeem))
                .service(at(&format!("{mandates}/{{merchant_subscription_id}}/status")).get(autopay::mandate_status))
                .service(at(&format!("{mandates}/{{merchant_subscription_id}}/cancel")).post(autopay::cancel));
        }
    }
}

/// The answer to every path that `PhonePe` does not have.
pub(crate) async fn no_such_path() -> HttpResponse {
    answer::refusal(404, "NOT_FOUND", "No such resource.")
}
