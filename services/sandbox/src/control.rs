//! The control API: JSON for scripts, and the same calls as forms for the dashboard.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ACCEPT, LOCATION},
    web::{self, Bytes, Data, Either, Form, Path},
};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::{
    order::{Mode, Outcome},
    refund::RefundStep,
    state::{ControlError, Sandbox},
    weather::Weather,
};

/// Registers `/control`.
pub(crate) fn routes(routes: &mut web::ServiceConfig) {
    routes
        .service(
            web::resource("/control/weather")
                .get(async |sandbox: Data<Sandbox>| HttpResponse::Ok().json(sandbox.weather()))
                .put(set_weather)
                .post(set_weather_by_form),
        )
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

#[derive(Deserialize)]
struct WeatherForm {
    weather: String,
}

fn set_weather_from(sandbox: &Sandbox, json: &[u8], done: HttpResponse) -> HttpResponse {
    match serde_json::from_slice::<Weather>(json) {
        Ok(weather) => {
            sandbox.set_weather(weather);
            done
        }
        Err(error) => unreadable(&error),
    }
}

async fn set_weather(sandbox: Data<Sandbox>, body: Bytes) -> HttpResponse {
    set_weather_from(&sandbox, &body, HttpResponse::NoContent().finish())
}

async fn set_weather_by_form(sandbox: Data<Sandbox>, Form(form): Form<WeatherForm>) -> HttpResponse {
    set_weather_from(&sandbox, form.weather.as_bytes(), to_dashboard())
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

/// As JSON, or by a button of the dashboard.
async fn refund(sandbox: Data<Sandbox>, id: Path<String>, body: Either<Form<Step>, Bytes>) -> HttpResponse {
    let (step, by_form) = match body {
        Either::Left(Form(Step { step })) => (step, true),
        Either::Right(body) => match serde_json::from_slice::<Step>(&body) {
            Ok(Step { step }) => (step, false),
            Err(error) => return unreadable(&error),
        },
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
        ControlError::UnknownOrder | ControlError::UnknownRefund => HttpResponse::NotFound(),
        ControlError::AlreadySettled(_) | ControlError::AlreadyThere(_) | ControlError::NothingToSend => HttpResponse::Conflict(),
    };
    answer.json(json!({"error": error.to_string()}))
}

fn is_browser(request: &HttpRequest) -> bool {
    request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn to_dashboard() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, "/")).finish()
}
