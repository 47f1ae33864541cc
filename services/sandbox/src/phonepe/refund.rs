//! Refunds: asking for one, and its status.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data, Path},
};
use domain::money::Paise;
use serde_json::json;

use super::{
    answer::{bad_request, barred_json, barred_status, refusal, unknown_order},
    limits::{self, merchant_id},
    pay::{after_commit, duplicate},
    wire::refund_status as render,
};
use crate::{refund::RefundRefused, state::Sandbox};

/// A request that holds to every limit.
#[derive(Debug)]
pub(crate) struct RefundRequest {
    pub merchant_refund_id: String,
    pub original_merchant_order_id: String,
    pub amount: Paise,
}

impl RefundRequest {
    fn parse(body: &[u8]) -> Result<Self, &'static str> {
        let body = limits::json(body)?;
        Ok(Self {
            merchant_refund_id: merchant_id(&body, "/merchantRefundId")?,
            original_merchant_order_id: merchant_id(&body, "/originalMerchantOrderId")?,
            amount: limits::amount(&body, "/amount")?,
        })
    }
}

pub(crate) async fn refund(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let weather = sandbox.weather();
    if let Some(answer) = barred_json(&sandbox, &request, &weather.refund) {
        return answer;
    }
    let request = match RefundRequest::parse(&body) {
        Ok(request) => request,
        Err(why) => return bad_request(why),
    };
    let refund = match sandbox.create_refund(request) {
        Ok(refund) => refund,
        Err(RefundRefused::Duplicate) => return duplicate(&sandbox, "Refund ID has already been used"),
        Err(RefundRefused::UnknownOrder) => return unknown_order(),
        Err(RefundRefused::NotPaid) => return refusal(402, "PAYMENT_REQUIRED", "The order is not eligible for a refund"),
        Err(RefundRefused::TooMuch) => return bad_request("the amount is more than was paid"),
    };
    let answer = HttpResponse::Ok().json(json!({"refundId": refund.phonepe_id, "amount": refund.amount, "state": "PENDING"}));
    after_commit(&sandbox, &weather.refund, answer).await
}

pub(crate) async fn refund_status(sandbox: Data<Sandbox>, request: HttpRequest, merchant_refund_id: Path<String>) -> HttpResponse {
    if let Some(answer) = barred_status(&sandbox, &request) {
        return answer;
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
    let weather = sandbox.weather();
    let seen = refund.as_seen(sandbox.now(), weather.status_lag());
    HttpResponse::Ok().json(weather.novelty.applied(render(&sandbox.config().merchant.id, &seen, &order)))
}
