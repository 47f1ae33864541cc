//! The endpoints of Autopay. Both APIs have the same, but for the setup, which Standard Checkout has at its pay endpoint.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data, Path},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    answer::{bad_request, barred, barred_json, barred_status, refusal, unknown_order},
    flow::{mandate_status as render, redemption_type},
    limits::{self, amount, instant, merchant_id, meta_info, one_of, present, text},
    pay::{DEFAULT_EXPIRY_S, after_commit, duplicate},
    wire::epoch_ms,
};
use crate::{
    autopay::{AutopayRefused, NotifyRequest},
    mandate::{Family, Terms},
    order::{Flow, Order},
    payment::{Duplicate, NewOrder},
    redemption::{RedeemRefused, RetryStrategy},
    state::Sandbox,
};

/// An intent, which opens the customer's UPI app, is good for fifteen minutes at most.
const INTENT_LIFE: TimeDelta = TimeDelta::minutes(15);

/// Sets up a mandate that the customer approves in their UPI app.
pub(crate) async fn setup(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let weather = sandbox.weather();
    if let Some(answer) = barred_json(&sandbox, &request, &weather.pay) {
        return answer;
    }
    let (order, terms, collect) = match parse_setup(&body, sandbox.now()) {
        Ok(setup) => setup,
        Err(why) => return bad_request(why),
    };
    match sandbox.create_mandate(order, terms, collect) {
        Ok(order) => after_commit(&sandbox, &weather.pay, set_up(&order, collect)).await,
        Err(Duplicate) => duplicate(&sandbox, "Order ID has already been used"),
    }
}

/// A customer who is asked in the app needs no address to get there.
fn set_up(order: &Order, collect: bool) -> HttpResponse {
    let expire_at = epoch_ms(order.expire_at);
    HttpResponse::Ok().json(if collect {
        json!({"orderId": order.phonepe_id, "state": "PENDING", "expireAt": expire_at})
    } else {
        let intent_url = format!("upi://mandate?tr={}&am={}&cu=INR&mn=Autopay", order.phonepe_id, order.amount);
        json!({"orderId": order.phonepe_id, "state": "PENDING", "expireAt": expire_at, "intentUrl": intent_url})
    })
}

fn parse_setup(body: &[u8], now: DateTime<Utc>) -> Result<(NewOrder, Terms, bool), &'static str> {
    let body = limits::json(body)?;
    if text(&body, "/paymentFlow/type") != Some("SUBSCRIPTION_SETUP") {
        return Err("paymentFlow.type");
    }
    let collect = match text(&body, "/paymentFlow/paymentMode/type") {
        Some("UPI_INTENT") => false,
        Some("UPI_COLLECT") if is_vpa(&body) => true,
        _ => return Err("paymentFlow.paymentMode"),
    };
    if present(&body, "/expireAfter").is_some() {
        return Err("expireAfter is not of this API: expireAt is");
    }
    let asked = instant(&body, "/expireAt", now)?;
    let expire_at = asked.unwrap_or(now + TimeDelta::seconds(DEFAULT_EXPIRY_S.into()));
    if !collect && expire_at - now > INTENT_LIFE {
        return Err("an intent lives for more than 15 minutes");
    }
    let amount = amount(&body, "/amount")?;
    let terms = Terms::parse(Family::Subscriptions, &body, amount, now)?;
    let order = NewOrder {
        merchant_order_id: merchant_id(&body, "/merchantOrderId")?,
        amount,
        meta_info: meta_info(&body)?,
        redirect_url: String::new(),
        expire_at,
        flow: Flow::Checkout,
    };
    Ok((order, terms, collect))
}

fn is_vpa(body: &Value) -> bool {
    let details = "/paymentFlow/paymentMode/details";
    text(body, &format!("{details}/type")) == Some("VPA")
        && text(body, &format!("{details}/vpa"))
            .and_then(|vpa| vpa.split_once('@'))
            .is_some_and(|(user, psp)| !user.is_empty() && !psp.is_empty())
}

/// Notifies the customer of a debit.
pub(crate) async fn notify(sandbox: Data<Sandbox>, family: Data<Family>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let weather = sandbox.weather();
    if let Some(answer) = barred_json(&sandbox, &request, &weather.notify) {
        return answer;
    }
    let request = match parse_notify(&body, **family, sandbox.now()) {
        Ok(request) => request,
        Err(why) => return bad_request(why),
    };
    match sandbox.notify(**family, request) {
        Ok(order) => {
            let body = json!({"orderId": order.phonepe_id, "state": order.state, "expireAt": epoch_ms(order.expire_at)});
            after_commit(&sandbox, &weather.notify, HttpResponse::Ok().json(body)).await
        }
        Err(error) => refused(&sandbox, error),
    }
}

fn parse_notify(body: &[u8], family: Family, now: DateTime<Utc>) -> Result<NotifyRequest, &'static str> {
    let body = limits::json(body)?;
    if text(&body, "/paymentFlow/type") != Some(redemption_type(family)) {
        return Err("paymentFlow.type");
    }
    let strategy = "/paymentFlow/redemptionRetryStrategy";
    let retry = match present(&body, strategy) {
        Some(_) => one_of(&body, strategy)?,
        None => RetryStrategy::default(),
    };
    let auto_debit = match present(&body, "/paymentFlow/autoDebit") {
        Some(flag) => flag.as_bool().ok_or("paymentFlow.autoDebit")?,
        None => false,
    };
    if auto_debit && retry == RetryStrategy::Custom {
        return Err("autoDebit with the retry strategy CUSTOM");
    }
    Ok(NotifyRequest {
        merchant_order_id: merchant_id(&body, "/merchantOrderId")?,
        merchant_subscription_id: merchant_id(&body, "/paymentFlow/merchantSubscriptionId")?,
        amount: amount(&body, "/amount")?,
        meta_info: meta_info(&body)?,
        expire_at: instant(&body, "/expireAt", now)?,
        retry,
        auto_debit,
    })
}

/// Takes the money of a debit that was notified.
pub(crate) async fn redeem(sandbox: Data<Sandbox>, family: Data<Family>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let weather = sandbox.weather();
    if let Some(answer) = barred_json(&sandbox, &request, &weather.redeem) {
        return answer;
    }
    let id = match limits::json(&body).and_then(|body| merchant_id(&body, "/merchantOrderId")) {
        Ok(id) => id,
        Err(why) => return bad_request(why),
    };
    match sandbox.redeem(**family, &id) {
        Ok(transaction_id) => {
            let answer = HttpResponse::Ok().json(json!({"state": "PENDING", "transactionId": transaction_id}));
            after_commit(&sandbox, &weather.redeem, answer).await
        }
        Err(error) => refused(&sandbox, error),
    }
}

/// Ends a mandate. A body is no part of the call.
pub(crate) async fn cancel(sandbox: Data<Sandbox>, family: Data<Family>, request: HttpRequest, id: Path<String>) -> HttpResponse {
    let weather = sandbox.weather();
    if let Some(answer) = barred(&sandbox, &request, &weather.cancel) {
        return answer;
    }
    match sandbox.cancel(**family, &id) {
        Ok(()) => after_commit(&sandbox, &weather.cancel, HttpResponse::NoContent().finish()).await,
        Err(error) => refused(&sandbox, error),
    }
}

/// Where a mandate stands.
pub(crate) async fn mandate_status(sandbox: Data<Sandbox>, family: Data<Family>, request: HttpRequest, id: Path<String>) -> HttpResponse {
    if let Some(answer) = barred_status(&sandbox, &request) {
        return answer;
    }
    let Some(mandate) = sandbox.mandate_of(Some(**family), &id) else {
        return refused(&sandbox, AutopayRefused::UnknownMandate);
    };
    let weather = sandbox.weather();
    HttpResponse::Ok().json(weather.novelty.applied(render(&mandate.as_seen(sandbox.now(), weather.status_lag()))))
}

/// No source has the codes of these refusals. They are made like those of orders, each with its reason.
fn refused(sandbox: &Sandbox, error: AutopayRefused) -> HttpResponse {
    let code = match error {
        AutopayRefused::Duplicate => return duplicate(sandbox, "Order ID has already been used"),
        AutopayRefused::UnknownOrder => return unknown_order(),
        AutopayRefused::UnknownMandate => "INVALID_MERCHANT_SUBSCRIPTION_ID",
        AutopayRefused::MandateIs(_) => "INVALID_SUBSCRIPTION_STATE",
        AutopayRefused::Amount => "INVALID_AMOUNT",
        AutopayRefused::Redeem(RedeemRefused::TooEarly) => "REDEMPTION_TOO_EARLY",
        AutopayRefused::Redeem(_) => "INVALID_REDEMPTION_STATE",
    };
    tracing::warn!(%error, code, "refused a call about a mandate");
    refusal(400, code, &error.to_string())
}
