//! Creating a payment.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Bytes, Data},
};
use domain::money::Paise;
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    answer::{bad_request, is_authorised, is_json, refusal, spoiled, unauthorised},
    wire::epoch_ms,
};
use crate::{
    order::Order,
    state::{Duplicate, Sandbox},
    weather::{ApiWeather, DuplicateAnswer, PayWeather},
};

const ID_LENGTH_MAX: usize = 63;
pub(super) const AMOUNT_MIN: i64 = 100;
const EXPIRE_AFTER_S: std::ops::RangeInclusive<u32> = 300..=3600;
const PAYMENT_MODES: [&str; 5] = ["UPI_INTENT", "UPI_COLLECT", "UPI_QR", "NET_BANKING", "CARD"];
const CARD_TYPES: [&str; 2] = ["DEBIT_CARD", "CREDIT_CARD"];
/// A client that waits longer than this for an answer has no time-out at all.
const HANG_LIMIT: Duration = Duration::from_secs(60);

/// A request that holds to every limit.
#[derive(Debug)]
pub(crate) struct PayRequest {
    pub merchant_order_id: String,
    pub amount: Paise,
    pub expire_after_s: Option<u32>,
    pub meta_info: Option<Map<String, Value>>,
    pub redirect_url: String,
}

pub(crate) async fn pay(sandbox: Data<Sandbox>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let weather = sandbox.weather();
    if let Some(answer) = spoiled(&ApiWeather::from(&weather.pay))
        && !weather.pay.after_commit
    {
        return answer;
    }
    if !is_authorised(&sandbox, &request) {
        return unauthorised();
    }
    if !is_json(&request) {
        return bad_request("the content type is not application/json");
    }
    let order = match PayRequest::parse(&body) {
        Ok(request) => sandbox.create_order(request),
        Err(why) => return bad_request(why),
    };
    let order = match order {
        Ok(order) => order,
        Err(Duplicate) => return duplicate(&weather.duplicate_order),
    };
    after_commit(&sandbox, &weather.pay, created(&sandbox, &order)).await
}

/// The answer to what was stored, unless the weather puts another in its place.
pub(super) async fn after_commit(sandbox: &Sandbox, weather: &PayWeather, answer: HttpResponse) -> HttpResponse {
    if weather.timeout_after_commit {
        return hang(sandbox).await;
    }
    spoiled(&ApiWeather::from(weather)).unwrap_or(answer)
}

fn created(sandbox: &Sandbox, order: &Order) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "orderId": order.phonepe_id,
        "state": "PENDING",
        "expireAt": epoch_ms(order.expire_at),
        "redirectUrl": sandbox.pay_url(order),
    }))
}

fn duplicate(answer: &DuplicateAnswer) -> HttpResponse {
    refusal(answer.http_status, &answer.code, "Order ID has already been used")
}

async fn hang(sandbox: &Sandbox) -> HttpResponse {
    let draining = sandbox.lifecycle().draining();
    tokio::select! {
        () = tokio::time::sleep(HANG_LIMIT) => {}
        () = draining.cancelled() => {}
    }
    HttpResponse::GatewayTimeout().finish()
}

impl PayRequest {
    /// Null counts as absent: the Python SDK sends every optional field as null.
    fn parse(body: &[u8]) -> Result<Self, &'static str> {
        let body: Value = serde_json::from_slice(body).map_err(|_| "the body is not JSON")?;
        let merchant_order_id = text(&body, "/merchantOrderId").filter(|id| is_merchant_id(id)).ok_or("merchantOrderId")?;
        let amount = body
            .pointer("/amount")
            .and_then(Value::as_i64)
            .filter(|amount| *amount >= AMOUNT_MIN)
            .ok_or("amount is not an integer of at least 100 paise")?;
        if text(&body, "/paymentFlow/type") != Some("PG_CHECKOUT") {
            return Err("paymentFlow.type");
        }
        let redirect_url = text(&body, "/paymentFlow/merchantUrls/redirectUrl")
            .filter(|url| is_web_url(url))
            .ok_or("paymentFlow.merchantUrls.redirectUrl")?;
        if let Some(config) = present(&body, "/paymentFlow/paymentModeConfig") {
            check_payment_modes(config)?;
        }
        for flag in ["/disablePaymentRetry", "/paymentFlow/disablePaymentRetry"] {
            if present(&body, flag).is_some_and(|value| !value.is_boolean()) {
                return Err("disablePaymentRetry");
            }
        }
        if present(&body, "/paymentFlow/message").is_some_and(|value| !value.is_string()) {
            return Err("paymentFlow.message");
        }
        Ok(Self {
            merchant_order_id: merchant_order_id.to_owned(),
            amount: Paise::new(amount),
            expire_after_s: present(&body, "/expireAfter").map(expire_after).transpose()?,
            meta_info: present(&body, "/metaInfo").map(meta_info).transpose()?,
            redirect_url: redirect_url.to_owned(),
        })
    }
}

fn present<'a>(body: &'a Value, pointer: &str) -> Option<&'a Value> {
    body.pointer(pointer).filter(|value| !value.is_null())
}

pub(super) fn text<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer).and_then(Value::as_str)
}

/// Of an order or a refund.
pub(super) fn is_merchant_id(id: &str) -> bool {
    (1..=ID_LENGTH_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

fn is_web_url(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn expire_after(value: &Value) -> Result<u32, &'static str> {
    value
        .as_u64()
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| EXPIRE_AFTER_S.contains(seconds))
        .ok_or("expireAfter is not within 300 and 3600 s")
}

/// `udf1` to `udf10` are free text of 256 characters, `udf11` to `udf15` are 50 characters of a narrow set.
fn meta_info(value: &Value) -> Result<Map<String, Value>, &'static str> {
    let fields = value.as_object().ok_or("metaInfo is not an object")?;
    let mut kept = Map::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let number: u8 =
            name.strip_prefix("udf").and_then(|number| number.parse().ok()).ok_or("metaInfo has a key other than udf1 to udf15")?;
        let text = value.as_str().ok_or("metaInfo has a value that is no text")?;
        let length = text.chars().count();
        let fits = match number {
            1..=10 => length <= 256,
            11..=15 => length <= 50 && text.chars().all(is_narrow),
            _ => false,
        };
        if !fits {
            return Err("metaInfo has a value beyond its limits");
        }
        kept.insert(name.clone(), value.clone());
    }
    Ok(kept)
}

fn is_narrow(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-@.+ ".contains(character)
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
