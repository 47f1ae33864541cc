//! The public API under `/api/payments/v2`, and the operators' under `/api/admin/payments`.

mod error;
mod events;
mod mail_webhook;
mod orders;
mod plans;
mod webhooks;

use service_kit::http::Registration;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(info(title = "Groundwork payments", description = "Plans, orders and their payment.", version = "2"))]
struct Document;

/// Title and description of the API.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Registers every route.
pub fn routes(routes: &mut impl Registration) {
    routes
        .service(plans::list_plans)
        .service(orders::initiate_order)
        .service(orders::order_status)
        .service(orders::check_order)
        .service(orders::abandon_order)
        .service(events::order_events)
        .service(webhooks::receive_webhook)
        .service(mail_webhook::hear_of_mail);
    messaging::admin::routes(routes, "/api/admin/payments");
}
