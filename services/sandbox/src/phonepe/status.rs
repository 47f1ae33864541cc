//! Status of orders and of single transactions.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Query},
};
use chrono::TimeDelta;
use serde_json::json;

use super::{
    answer::{is_authorised, spoiled, unauthorised},
    wire::{StatusDetail, order_status as render, transaction_status as render_transaction},
};
use crate::state::Sandbox;

pub(crate) async fn order_status(
    sandbox: Data<Sandbox>,
    request: HttpRequest,
    merchant_order_id: Path<String>,
    query: Query<Vec<(String, String)>>,
) -> HttpResponse {
    let weather = sandbox.weather();
    if let Some(answer) = spoiled(&weather.status) {
        return answer;
    }
    if !is_authorised(&sandbox, &request) {
        return unauthorised();
    }
    let Some(order) = sandbox.order_by_id(&merchant_order_id) else {
        return HttpResponse::BadRequest().json(json!({
            "code": "INVALID_MERCHANT_ORDER_ID",
            "message": "No entry found for given merchant order id",
        }));
    };
    let lag = TimeDelta::milliseconds(weather.status_lag_ms.into());
    let detail = StatusDetail { all_attempts: is_set(&query, "details"), error_context: is_set(&query, "errorContext") };
    HttpResponse::Ok().json(render(&order.as_seen(sandbox.now(), lag), detail))
}

pub(crate) async fn transaction_status(sandbox: Data<Sandbox>, request: HttpRequest, transaction_id: Path<String>) -> HttpResponse {
    let weather = sandbox.weather();
    if let Some(answer) = spoiled(&weather.status) {
        return answer;
    }
    if !is_authorised(&sandbox, &request) {
        return unauthorised();
    }
    let Some(order) = sandbox.order_by_transaction(&transaction_id) else {
        // The code of an unknown transaction is in no source.
        return HttpResponse::BadRequest()
            .json(json!({"code": "INVALID_TRANSACTION_ID", "message": "No entry found for given transaction id"}));
    };
    let lag = TimeDelta::milliseconds(weather.status_lag_ms.into());
    HttpResponse::Ok().json(render_transaction(&order.as_seen(sandbox.now(), lag), &transaction_id))
}

/// The Python SDK writes `True`, the Node SDK writes the parameter twice.
fn is_set(query: &[(String, String)], name: &str) -> bool {
    query.iter().any(|(key, value)| key == name && value.eq_ignore_ascii_case("true"))
}
