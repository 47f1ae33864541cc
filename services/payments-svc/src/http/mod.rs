//! The public API under `/api/payments/v2`, and the operators' under `/api/admin/payments`.

mod admin;
mod billing_details;
mod error;
mod events;
mod invoices;
mod mail_webhook;
mod orders;
mod plans;
mod subscription;
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
        .service(subscription::get_subscription)
        .service(subscription::cancel_subscription)
        .service(subscription::keep_subscription)
        .service(subscription::choose_plan)
        .service(subscription::start_trial)
        .service(billing_details::get_billing_details)
        .service(billing_details::save_billing_details)
        .service(invoices::list_invoices)
        .service(invoices::get_invoice)
        .service(invoices::invoice_page)
        .service(invoices::invoice_file)
        .service(webhooks::receive_webhook)
        .service(mail_webhook::hear_of_mail);
    // Before the scope of the same prefix, which answers whatever it does not know with 404.
    admin::routes(routes);
    messaging::admin::routes(routes, "/api/admin/payments");
}
