//! A Resend that keeps what it gets: the send endpoint, webhooks that tell what became of a mail, and an inbox for people.

mod api;
mod inbox;
mod mail;
mod webhook;

use actix_web::web;

pub(crate) use api::SentOnce;
pub(crate) use inbox::table as inbox_table;
pub use mail::Mail;
pub use webhook::ResendWebhook;

/// Registers `/resend`.
pub(crate) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .route("/resend/emails", web::post().to(api::send))
        .service(web::redirect("/resend", "/resend/inbox"))
        .route("/resend/inbox", web::get().to(inbox::list))
        .route("/resend/inbox/{id}", web::get().to(inbox::view))
        .route("/resend/inbox/{id}/html", web::get().to(inbox::html_part))
        .route("/resend/inbox/{id}/attachments/{n}", web::get().to(inbox::attachment));
}
