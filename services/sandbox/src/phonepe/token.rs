//! The token endpoint.

use std::collections::HashMap;

use actix_web::{
    HttpResponse,
    web::{Data, Form},
};
use secrecy::ExposeSecret;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::answer::{refusal, spoiled};
use crate::state::Sandbox;

const FIELDS: [&str; 4] = ["grant_type", "client_id", "client_secret", "client_version"];

/// Issues a token. Its times are epoch seconds, unlike all others, and `expires_in` is null.
pub(crate) async fn issue(sandbox: Data<Sandbox>, form: Result<Form<HashMap<String, String>>, actix_web::Error>) -> HttpResponse {
    if let Some(answer) = spoiled(&sandbox.weather().token) {
        return answer;
    }
    let Ok(Form(form)) = form else {
        return blank(FIELDS[0]);
    };
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    if let Some(missing) = FIELDS.into_iter().find(|name| field(name).is_empty()) {
        return blank(missing);
    }
    if field("grant_type") != "client_credentials" {
        return refusal(400, "BAD_REQUEST", "form field grant_type is not supported.");
    }
    let merchant = &sandbox.config().merchant;
    let known = field("client_id") == merchant.client_id
        && field("client_secret") == merchant.client_secret.expose_secret()
        && field("client_version") == merchant.client_version.to_string();
    if !known {
        return HttpResponse::BadRequest().json(json!({
            "code": "INVALID_CLIENT",
            "errorCode": "OIM000",
            "message": format!("Bad Request: Invalid Client, trackingId: {}", Uuid::now_v7().simple()),
            "context": {"error_description": "Client authentication failure"},
        }));
    }
    let token = hex::encode(Sha256::digest(Uuid::now_v7().as_bytes()));
    let issued_at = sandbox.now();
    let expires_at = issued_at + sandbox.config().token_lifetime;
    sandbox.state().tokens.insert(token.clone(), expires_at);
    HttpResponse::Ok().json(json!({
        "access_token": token,
        "encrypted_access_token": token,
        "expires_in": null,
        "issued_at": issued_at.timestamp(),
        "expires_at": expires_at.timestamp(),
        "session_expires_at": expires_at.timestamp(),
        "token_type": "O-Bearer",
        "refresh_token": null,
    }))
}

fn blank(field: &str) -> HttpResponse {
    refusal(400, "BAD_REQUEST", &format!("form field {field} must not be blank."))
}
