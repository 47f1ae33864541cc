//! Status of orders and of single transactions.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Query},
};
use serde_json::json;

use super::{
    answer::{barred_status, unknown_order},
    wire::{StatusDetail, order_status as render, transaction_status as render_transaction},
};
use crate::{mandate::Family, state::Sandbox};

/// Of the orders of one API; the other does not know them.
pub(crate) async fn order_status(
    sandbox: Data<Sandbox>,
    family: Data<Family>,
    request: HttpRequest,
    merchant_order_id: Path<String>,
    query: Query<Vec<(String, String)>>,
) -> HttpResponse {
    if let Some(answer) = barred_status(&sandbox, &request) {
        return answer;
    }
    let Some(order) = sandbox.order_by_id(&merchant_order_id).filter(|order| order.family() == **family) else {
        return unknown_order();
    };
    let weather = sandbox.weather();
    let seen = order.as_seen(sandbox.now(), weather.status_lag());
    let detail = StatusDetail { all_attempts: is_set(&query, "details"), error_context: is_set(&query, "errorContext") };
    HttpResponse::Ok().json(weather.novelty.applied(render(&sandbox.config().merchant.id, &seen, detail)))
}

/// Of the orders of one API; the other does not know them.
pub(crate) async fn transaction_status(
    sandbox: Data<Sandbox>,
    family: Data<Family>,
    request: HttpRequest,
    transaction_id: Path<String>,
) -> HttpResponse {
    if let Some(answer) = barred_status(&sandbox, &request) {
        return answer;
    }
    let Some(order) = sandbox.order_by_transaction(&transaction_id).filter(|order| order.family() == **family) else {
        // The code of an unknown transaction is in no source.
        return HttpResponse::BadRequest()
            .json(json!({"code": "INVALID_TRANSACTION_ID", "message": "No entry found for given transaction id"}));
    };
    let weather = sandbox.weather();
    let seen = order.as_seen(sandbox.now(), weather.status_lag());
    HttpResponse::Ok().json(weather.novelty.applied(render_transaction(&sandbox.config().merchant.id, &seen, &transaction_id)))
}

/// The Python SDK writes `True`, the Node SDK writes the parameter twice.
fn is_set(query: &[(String, String)], name: &str) -> bool {
    query.iter().any(|(key, value)| key == name && value.eq_ignore_ascii_case("true"))
}
