//! Whether the payment gateway works, by its own account.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde_json::json;

use super::answer::barred_status;
use crate::state::Sandbox;

pub(crate) async fn health(sandbox: Data<Sandbox>, request: HttpRequest) -> HttpResponse {
    if let Some(answer) = barred_status(&sandbox, &request) {
        return answer;
    }
    if sandbox.weather().unhealthy {
        return HttpResponse::Ok().json(json!({"overallHealth": "DOWN"}));
    }
    let up = json!({"health": "UP"});
    HttpResponse::Ok().json(json!({
        "overallHealth": "UP",
        "instruments": {"UPI": up, "CREDIT_CARD": up, "DEBIT_CARD": up, "NET_BANKING": up, "WALLET": up},
    }))
}
