//! Refunds: asking for one, and its status.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data, Path},
};
use chrono::TimeDelta;
use domain::money::Paise;
use serde_json::{Value, json};

use super::{
    answer::{bad_request, is_authorised, is_json, refusal, spoiled, unauthorised},
    pay::{AMOUNT_MIN, after_commit, is_merchant_id, text},
    wire::refund_status as render,
};
use crate::{refund::RefundRefused, state::Sandbox, weather::ApiWeather};

/// A request that holds to every limit.
#[derive(Debug)]
pub(crate) struct RefundRequest {
    pub merchant_refund_id: String,
    pub original_merchant_order_id: String,
    pub amount: Paise,
}

impl RefundRequest {
    fn parse(body: &[u8]) -> Result<Self, &'static str> {
        let body: Value = serde_json::from_slice(body).map_err(|_| "the body is not JSON")?;
        let id = |pointer: &'static str| text(&body, pointer).filter(|id| is_merchant_id(id)).map(str::to_owned).ok_or(pointer);
        let amount = body
            .pointer("/amount")
            .and_then(Value::as_i64)
            .filter(|amount| *amount >= AMOUNT_MIN)
            .ok_or("amount is not an integer of at least 100 paise")?;
        Ok(Self {
            merchant_refund_id: id("/merchantRefundId")?,
            original_merchant_order_id: id("/originalMerchantOrderId")?,
            amount: Paise::new(amount),
        })
    }
}

pub(crate) async fn refund(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let weather = sandbox.weather();
    let spoiled = spoiled(&ApiWeather::from(&weather.refund));
    if let Some(answer) = spoiled
        && !weather.refund.after_commit
    {
        return answer;
    }
    if !is_authorised(&sandbox, &request) {
        return unauthorised();
    }
    if !is_json(&request) {
        return bad_request("the content type is not application/json");
    }
    let request = match RefundRequest::parse(&body) {
        Ok(request) => request,
        Err(why) => return bad_request(why),
    };
    let refund = match sandbox.create_refund(request) {
        Ok(refund) => refund,
        Err(RefundRefused::Duplicate) => {
            let answer = &weather.duplicate_order;
            return refusal(answer.http_status, &answer.code, "Refund ID has already been used");
        }
        Err(RefundRefused::UnknownOrder) => return unknown_order(),
        Err(RefundRefused::NotPaid) => return refusal(402, "PAYMENT_REQUIRED", "The order is not eligible for a refund"),
        Err(RefundRefused::TooMuch) => return bad_request("the amount is more than was paid"),
    };
    let answer = HttpResponse::Ok().json(json!({"refundId": refund.phonepe_id, "amount": refund.amount, "state": "PENDING"}));
    after_commit(&sandbox, &weather.refund, answer).await
}

pub(crate) async fn refund_status(sandbox: Data<Sandbox>, request: HttpRequest, merchant_refund_id: Path<String>) -> HttpResponse {
    let weather = sandbox.weather();
    if let Some(answer) = spoiled(&weather.status) {
        return answer;
    }
    if !is_authorised(&sandbox, &request) {
        return unauthorised();
    }
    let found = sandbox.refund_by_id(&merchant_refund_id);
    let found = found.and_then(|refund| sandbox.order_by_id(&refund.original_merchant_order_id).map(|order| (refund, order)));
    let Some((refund, order)) = found else {
        // The code of an unknown refund is in no source; it is made like the one of an unknown order.
        return HttpResponse::BadRequest().json(json!({
            "code": "INVALID_MERCHANT_REFUND_ID",
            "message": "No entry found for given merchant refund id",
        }));
    };
    let lag = TimeDelta::milliseconds(weather.status_lag_ms.into());
    HttpResponse::Ok().json(render(&sandbox.config().merchant.id, &refund.as_seen(sandbox.now(), lag), &order))
}

fn unknown_order() -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"code": "INVALID_MERCHANT_ORDER_ID", "message": "No entry found for given merchant order id"}))
}
