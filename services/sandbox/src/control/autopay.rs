//! What the customer and their bank do to a mandate and its debits.

use actix_web::{
    HttpResponse,
    web::{Bytes, Data, Either, Form, Path},
};
use serde::Deserialize;

use super::{asked, refuse, to_dashboard, unreadable};
use crate::{
    mandate::UserAct,
    redemption::RedemptionStep,
    state::{ControlError, Sandbox},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Act {
    act: UserAct,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    step: RedemptionStep,
}

pub(super) async fn mandate(sandbox: Data<Sandbox>, id: Path<String>) -> HttpResponse {
    match sandbox.mandate(&id) {
        Some(mandate) => HttpResponse::Ok().json(mandate),
        None => refuse(ControlError::UnknownMandate),
    }
}

pub(super) async fn act(sandbox: Data<Sandbox>, id: Path<String>, body: Either<Form<Act>, Bytes>) -> HttpResponse {
    let (Act { act }, by_form) = match asked(body) {
        Ok(asked) => asked,
        Err(error) => return unreadable(&error),
    };
    match sandbox.act(&id, act) {
        Ok(_) if by_form => to_dashboard(),
        Ok(mandate) => HttpResponse::Ok().json(mandate),
        Err(error) => refuse(error),
    }
}

pub(super) async fn redemption(sandbox: Data<Sandbox>, id: Path<String>, body: Either<Form<Step>, Bytes>) -> HttpResponse {
    let (Step { step }, by_form) = match asked(body) {
        Ok(asked) => asked,
        Err(error) => return unreadable(&error),
    };
    match sandbox.redemption(&id, step) {
        Ok(_) if by_form => to_dashboard(),
        Ok(order) => HttpResponse::Ok().json(order),
        Err(error) => refuse(error),
    }
}
