//! Creating an order at Standard Checkout: a payment, or the setup of a mandate.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    answer::{bad_request, barred_json, refusal, spoiled},
    limits::{self, amount, expire_after, merchant_id, meta_info, present, text, web_url},
    wire::epoch_ms,
};
use crate::{
    mandate::{Family, Terms},
    order::{Flow, Order},
    payment::{Duplicate, NewOrder},
    state::Sandbox,
    weather::{ApiWeather, PayWeather},
};

/// `PhonePe`'s order expiry when the request names none, in seconds (the integration guide's number).
pub(super) const DEFAULT_EXPIRY_S: u32 = 600;

const PAYMENT_MODES: [&str; 5] = ["UPI_INTENT", "UPI_COLLECT", "UPI_QR", "NET_BANKING", "CARD"];
const CARD_TYPES: [&str; 2] = ["DEBIT_CARD", "CREDIT_CARD"];
/// A client that waits longer than this for an answer has no time-out at all.
const HANG_LIMIT: Duration = Duration::from_secs(60);

/// Where the customer is to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On the hosted page.
    Web,
    /// In the merchant's app, with `PhonePe`'s mobile SDK, which may have nowhere to go back to.
    App,
}

/// Orders of the hosted page.
pub(crate) async fn pay(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    create(&sandbox, &request, &body, Place::Web).await
}

/// Orders of the mobile SDK.
pub(crate) async fn sdk_order(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    create(&sandbox, &request, &body, Place::App).await
}

async fn create(sandbox: &Sandbox, request: &HttpRequest, body: &[u8], place: Place) -> HttpResponse {
    let weather = sandbox.weather();
    if let Some(answer) = barred_json(sandbox, request, &weather.pay) {
        return answer;
    }
    let order = match parse(body, place, sandbox.now()) {
        Ok((order, None)) => sandbox.create_order(order),
        Ok((order, Some(terms))) => sandbox.create_mandate(order, terms, false),
        Err(why) => return bad_request(why),
    };
    match order {
        Ok(order) => after_commit(sandbox, &weather.pay, created(sandbox, &order, place)).await,
        Err(Duplicate) => duplicate(sandbox, "Order ID has already been used"),
    }
}

/// The answer to what was stored, unless the weather puts another in its place.
pub(super) async fn after_commit(sandbox: &Sandbox, weather: &PayWeather, answer: HttpResponse) -> HttpResponse {
    if weather.timeout_after_commit {
        return hang(sandbox).await;
    }
    spoiled(&ApiWeather::from(weather)).unwrap_or(answer)
}

fn created(sandbox: &Sandbox, order: &Order, place: Place) -> HttpResponse {
    let (name, value) = match place {
        Place::Web => ("redirectUrl", sandbox.pay_url(order)),
        Place::App => ("token", order.page_token.clone()),
    };
    let expire_at = epoch_ms(order.expire_at);
    HttpResponse::Ok().json(json!({"orderId": order.phonepe_id, "state": "PENDING", "expireAt": expire_at, name: value}))
}

/// The answer to an id that was used before.
pub(super) fn duplicate(sandbox: &Sandbox, message: &str) -> HttpResponse {
    let answer = sandbox.weather().duplicate_order;
    refusal(answer.http_status, &answer.code, message)
}

async fn hang(sandbox: &Sandbox) -> HttpResponse {
    let draining = sandbox.lifecycle().draining();
    tokio::select! {
        () = tokio::time::sleep(HANG_LIMIT) => {}
        () = draining.cancelled() => {}
    }
    HttpResponse::GatewayTimeout().finish()
}

/// The order, with the terms of the mandate that it sets up if it does.
fn parse(body: &[u8], place: Place, now: DateTime<Utc>) -> Result<(NewOrder, Option<Terms>), &'static str> {
    let body = limits::json(body)?;
    let amount = amount(&body, "/amount")?;
    let terms = match text(&body, "/paymentFlow/type") {
        Some("PG_CHECKOUT") => None,
        Some("SUBSCRIPTION_CHECKOUT_SETUP") => Some(Terms::parse(Family::Checkout, &body, amount, now)?),
        _ => return Err("paymentFlow.type"),
    };
    check_options(&body)?;
    let redirect_url = "/paymentFlow/merchantUrls/redirectUrl";
    let expiry = expire_after(&body)?.unwrap_or(DEFAULT_EXPIRY_S);
    let order = NewOrder {
        merchant_order_id: merchant_id(&body, "/merchantOrderId")?,
        amount,
        meta_info: meta_info(&body)?,
        redirect_url: match place {
            Place::App if present(&body, redirect_url).is_none() => String::new(),
            Place::App | Place::Web => web_url(&body, redirect_url)?,
        },
        expire_at: now + TimeDelta::seconds(expiry.into()),
        flow: Flow::Checkout,
    };
    Ok((order, terms))
}

/// What changes nothing here and must be well-formed all the same.
fn check_options(body: &Value) -> Result<(), &'static str> {
    if let Some(config) = present(body, "/paymentFlow/paymentModeConfig") {
        check_payment_modes(config)?;
    }
    for flag in ["/disablePaymentRetry", "/paymentFlow/disablePaymentRetry"] {
        if present(body, flag).is_some_and(|value| !value.is_boolean()) {
            return Err("disablePaymentRetry");
        }
    }
    if present(body, "/paymentFlow/message").is_some_and(|value| !value.is_string()) {
        return Err("paymentFlow.message");
    }
    let cancelled = "/paymentFlow/merchantUrls/cancelRedirectUrl";
    if present(body, cancelled).is_some() {
        web_url(body, cancelled)?;
    }
    Ok(())
}

fn check_payment_modes(config: &Value) -> Result<(), &'static str> {
    let enabled = present(config, "/enabledPaymentModes");
    let disabled = present(config, "/disabledPaymentModes");
    let modes = match (enabled, disabled) {
        (Some(_), Some(_)) => return Err("payment modes are both enabled and disabled"),
        (Some(modes), None) | (None, Some(modes)) => modes,
        (None, None) => return Ok(()),
    };
    let known = modes.as_array().is_some_and(|modes| {
        modes.iter().all(|mode| {
            text(mode, "/type").is_some_and(|mode| PAYMENT_MODES.contains(&mode)) && present(mode, "/cardTypes").is_none_or(are_card_types)
        })
    });
    if known { Ok(()) } else { Err("paymentModeConfig") }
}

fn are_card_types(types: &Value) -> bool {
    types.as_array().is_some_and(|types| types.iter().all(|card| card.as_str().is_some_and(|card| CARD_TYPES.contains(&card))))
}
