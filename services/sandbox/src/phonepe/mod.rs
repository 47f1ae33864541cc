//! The wire protocol of the payment gateway v2, Standard Checkout.

mod answer;
mod pay;
mod refund;
mod status;
mod token;
mod wire;

use actix_web::{HttpResponse, web};

pub(crate) use pay::PayRequest;
pub(crate) use refund::RefundRequest;
pub(crate) use wire::{order_payload, refund_payload};

/// Registers the paths of both hosts. The production payment host has no token endpoint: there the two are apart, and a
/// client with one base URL for both must fail here as it would there.
pub(crate) fn routes(routes: &mut web::ServiceConfig) {
    for host in ["/apis/identity-manager", "/apis/pg-sandbox"] {
        routes.route(&format!("{host}/v1/oauth/token"), web::post().to(token::issue));
    }
    for host in ["/apis/pg", "/apis/pg-sandbox"] {
        routes
            .route(&format!("{host}/checkout/v2/pay"), web::post().to(pay::pay))
            .route(&format!("{host}/checkout/v2/order/{{merchant_order_id}}/status"), web::get().to(status::order_status))
            .route(&format!("{host}/checkout/v2/transaction/{{transaction_id}}/status"), web::get().to(status::transaction_status))
            .route(&format!("{host}/payments/v2/refund"), web::post().to(refund::refund))
            .route(&format!("{host}/payments/v2/refund/{{merchant_refund_id}}/status"), web::get().to(refund::refund_status));
    }
}

/// The answer to every path that `PhonePe` does not have.
pub(crate) async fn no_such_path() -> HttpResponse {
    answer::refusal(404, "NOT_FOUND", "No such resource.")
}
