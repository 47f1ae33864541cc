//! The control API: JSON for scripts, and the same calls as forms for the dashboard.

mod autopay;
mod clock;
mod weather;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT, LOCATION},
    web::{self, Bytes, Data, Either, Form, Path},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use url::Url;

use crate::{
    order::{Mode, Outcome},
    refund::RefundStep,
    state::{ControlError, Sandbox},
};

pub(crate) use weather::{GROUPS, Kind, Knob};

/// Registers `/control`.
pub(crate) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(
            web::resource("/control/weather")
                .get(async |sandbox: Data<Sandbox>| HttpResponse::Ok().json(sandbox.weather()))
                .put(weather::set)
                .post(weather::set_by_form),
        )
        .service(web::resource("/control/clock").get(clock::show).post(clock::set))
        .route("/control/mandates", web::get().to(async |sandbox: Data<Sandbox>| HttpResponse::Ok().json(sandbox.mandates())))
        .service(web::resource("/control/mandates/{id}").get(autopay::mandate).post(autopay::act))
        .route("/control/redemptions/{id}", web::post().to(autopay::redemption))
        .service(
            web::resource("/control/webhook-url")
                .get(async |sandbox: Data<Sandbox>| HttpResponse::Ok().json(json!({"url": sandbox.webhook_url().map(String::from)})))
                .put(set_webhook_url),
        )
        .route("/control/orders", web::get().to(async |sandbox: Data<Sandbox>| HttpResponse::Ok().json(sandbox.orders())))
        .route("/control/orders/{id}", web::get().to(order))
        .route("/control/orders/{id}/pay", web::post().to(pay))
        .route("/control/orders/{id}/webhook", web::post().to(send_webhook_again))
        .route("/control/refunds", web::get().to(async |sandbox: Data<Sandbox>| HttpResponse::Ok().json(sandbox.refunds())))
        .route("/control/refunds/{id}", web::post().to(refund))
        .route("/control/webhooks", web::get().to(async |sandbox: Data<Sandbox>| HttpResponse::Ok().json(sandbox.webhooks())))
        .route("/control/mails", web::get().to(async |sandbox: Data<Sandbox>| HttpResponse::Ok().json(sandbox.mails())))
        .route("/control/reset", web::post().to(reset));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payment {
    outcome: Outcome,
    #[serde(default)]
    mode: Mode,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    step: RefundStep,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookUrl {
    url: Option<String>,
}

/// What is asked, as JSON or by a form of the dashboard, and whether it was a form.
fn asked<T: DeserializeOwned>(body: Either<Form<T>, Bytes>) -> serde_json::Result<(T, bool)> {
    match body {
        Either::Left(Form(asked)) => Ok((asked, true)),
        Either::Right(body) => serde_json::from_slice(&body).map(|asked| (asked, false)),
    }
}

async fn set_webhook_url(sandbox: Data<Sandbox>, body: Bytes) -> HttpResponse {
    let WebhookUrl { url } = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => return unreadable(&error),
    };
    match url.as_deref().map(Url::parse).transpose() {
        Ok(url) => {
            sandbox.set_webhook_url(url);
            HttpResponse::NoContent().finish()
        }
        Err(error) => unreadable(&error),
    }
}

async fn order(sandbox: Data<Sandbox>, id: Path<String>) -> HttpResponse {
    match sandbox.order(&id) {
        Some(order) => HttpResponse::Ok().json(order),
        None => refuse(ControlError::UnknownOrder),
    }
}

async fn pay(sandbox: Data<Sandbox>, id: Path<String>, body: Bytes) -> HttpResponse {
    let Payment { outcome, mode } = match serde_json::from_slice(&body) {
        Ok(payment) => payment,
        Err(error) => return unreadable(&error),
    };
    match sandbox.pay(&id, outcome, mode) {
        Ok(order) => HttpResponse::Ok().json(order),
        Err(error) => refuse(error),
    }
}

async fn refund(sandbox: Data<Sandbox>, id: Path<String>, body: Either<Form<Step>, Bytes>) -> HttpResponse {
    let (Step { step }, by_form) = match asked(body) {
        Ok(asked) => asked,
        Err(error) => return unreadable(&error),
    };
    match sandbox.refund(&id, step) {
        Ok(_) if by_form => to_dashboard(),
        Ok(refund) => HttpResponse::Ok().json(refund),
        Err(error) => refuse(error),
    }
}

async fn send_webhook_again(sandbox: Data<Sandbox>, request: HttpRequest, id: Path<String>) -> HttpResponse {
    match sandbox.send_webhook_again(&id) {
        Ok(()) if is_browser(&request) => to_dashboard(),
        Ok(()) => HttpResponse::Accepted().finish(),
        Err(error) => refuse(error),
    }
}

async fn reset(sandbox: Data<Sandbox>, request: HttpRequest) -> HttpResponse {
    sandbox.reset();
    if is_browser(&request) { to_dashboard() } else { HttpResponse::NoContent().finish() }
}

fn unreadable(error: &dyn std::error::Error) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"error": error.to_string()}))
}

fn refuse(error: ControlError) -> HttpResponse {
    let mut answer = match error {
        ControlError::UnknownOrder | ControlError::UnknownRefund | ControlError::UnknownRedemption | ControlError::UnknownMandate => {
            HttpResponse::NotFound()
        }
        ControlError::BackInTime => HttpResponse::BadRequest(),
        ControlError::AlreadySettled(_)
        | ControlError::AlreadyThere(_)
        | ControlError::MandateIs(_)
        | ControlError::NotPayable
        | ControlError::NothingToSend => HttpResponse::Conflict(),
    };
    answer.json(json!({"error": error.to_string()}))
}

fn is_browser(request: &HttpRequest) -> bool {
    request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn to_dashboard() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, "/")).finish()
}
