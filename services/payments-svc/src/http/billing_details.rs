//! `GET` and `PUT /api/payments/v2/billing-details`.

use actix_web::{HttpRequest, HttpResponse, get, put, web};
use domain::{
    ErrorCode,
    gst::{Gstin, State},
};
use serde::{Deserialize, Serialize};
use service_kit::{
    auth::Member,
    http::{FieldError, JsonBody, Problem, ProblemBody, RequestId},
};
use utoipa::ToSchema;

use crate::{
    app::App,
    invoice::{Buyer, account, pdf::unprintable},
};

const MAX_NAME: usize = 120;
const MAX_LINE: usize = 100;
const MAX_LINES: usize = 4;

/// Who invoices are made out to, in Latin letters.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BillingDetails {
    /// As registered, at most 120 characters.
    #[schema(example = "Acme Software LLP")]
    legal_name: String,
    /// The GST registration, for a business that has one.
    #[serde(default)]
    #[schema(example = "27AAPFU0939F1ZV")]
    gstin: Option<String>,
    /// One to four lines of at most 100 characters, the postal code among them.
    #[schema(example = json!(["221 Fergusson College Road", "Pune 411004"]))]
    address: Vec<String>,
    /// The two-digit code of the state; the registration's where there is one, and may then be left out.
    #[serde(default)]
    #[schema(example = "27")]
    state: Option<String>,
}

/// Who invoices are made out to, as it is kept.
#[derive(Debug, Serialize, ToSchema)]
struct KeptDetails {
    legal_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    gstin: Option<String>,
    address: Vec<String>,
    /// The two-digit code of the state.
    #[schema(example = "27")]
    state: String,
    #[schema(example = "Maharashtra")]
    state_name: &'static str,
}

impl From<&Buyer> for KeptDetails {
    fn from(buyer: &Buyer) -> Self {
        Self {
            legal_name: buyer.legal_name.clone(),
            gstin: buyer.gstin.as_ref().map(ToString::to_string),
            address: buyer.address.clone(),
            state: buyer.state.to_string(),
            state_name: buyer.state.name(),
        }
    }
}

fn wrong(pointer: &str, code: &str, message: impl Into<String>) -> FieldError {
    FieldError { pointer: pointer.into(), code: code.into(), message: message.into() }
}

/// A line that can be printed, without surrounding spaces.
fn line(text: &str, pointer: &str, most: usize, errors: &mut Vec<FieldError>) -> String {
    let text = text.trim();
    if text.is_empty() {
        errors.push(wrong(pointer, "required", "write something here"));
    } else if text.chars().count() > most {
        errors.push(wrong(pointer, "too_long", format!("at most {most} characters")));
    } else if let Some(character) = unprintable(text) {
        errors.push(wrong(pointer, "unprintable", format!("invoices cannot show {character:?}: write it in Latin letters")));
    }
    text.to_owned()
}

impl BillingDetails {
    fn buyer(&self) -> Result<Buyer, Problem> {
        let mut errors = Vec::new();
        let legal_name = line(&self.legal_name, "/legal_name", MAX_NAME, &mut errors);
        if self.address.is_empty() || self.address.len() > MAX_LINES {
            errors.push(wrong("/address", "length", format!("one to {MAX_LINES} lines")));
        }
        let lines = self.address.iter().take(MAX_LINES).enumerate();
        let address = lines.map(|(index, text)| line(text, &format!("/address/{index}"), MAX_LINE, &mut errors)).collect();
        let gstin = match self.gstin.as_deref().map(str::parse::<Gstin>).transpose() {
            Ok(gstin) => gstin,
            Err(problem) => {
                errors.push(wrong("/gstin", "invalid", problem.to_string()));
                None
            }
        };
        let state = match (self.state.as_deref().map(str::parse::<State>).transpose(), &gstin) {
            (Err(problem), _) => Err(wrong("/state", "invalid", problem.to_string())),
            (Ok(Some(state)), Some(gstin)) if state != gstin.state() => {
                let message = format!("the registration is of {} {}", gstin.state(), gstin.state().name());
                Err(wrong("/state", "contradiction", message))
            }
            (Ok(Some(state)), _) => Ok(state),
            (Ok(None), Some(gstin)) => Ok(gstin.state()),
            (Ok(None), None) => Err(wrong("/state", "required", "say in which state the buyer is")),
        };
        match state {
            Ok(state) if errors.is_empty() => Ok(Buyer { legal_name, gstin, address, state }),
            state => {
                errors.extend(state.err());
                Err(Problem::new(ErrorCode::ValidationFailed).errors(errors))
            }
        }
    }
}

/// Who the workspace's next invoices are made out to; 404 until somebody has said so.
#[utoipa::path(
    tag = "invoices",
    security(("bearer" = [])),
    params(("X-Workspace-Id" = Option<Uuid>, Header)),
    responses(
        (status = 200, description = "The details", body = KeptDetails),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins", body = ProblemBody),
        (status = 404, description = "None were given, or not a workspace of the user", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[get("/api/payments/v2/billing-details")]
pub(super) async fn get_billing_details(app: web::Data<App>, member: Member) -> Result<HttpResponse, Problem> {
    let known = account::billing_details(&app.kit.db, &member.claims, member.workspace).await?;
    let buyer = known.ok_or_else(|| Problem::new(ErrorCode::NotFound).detail("no billing details were given yet"))?;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(KeptDetails::from(&buyer)))
}

/// Says who the next invoices are made out to. What was issued before stays as it is.
#[utoipa::path(
    tag = "invoices",
    security(("bearer" = [])),
    params(("X-Workspace-Id" = Option<Uuid>, Header)),
    request_body = BillingDetails,
    responses(
        (status = 200, description = "The details as they are kept", body = KeptDetails),
        (status = 400, description = "Not JSON, or a malformed header", body = ProblemBody),
        (status = 401, description = "No valid token", body = ProblemBody),
        (status = 403, description = "Only owners and admins", body = ProblemBody),
        (status = 404, description = "Not a workspace of the user", body = ProblemBody),
        (status = 413, description = "The body is too large", body = ProblemBody),
        (status = 415, description = "Not application/json", body = ProblemBody),
        (status = 422, description = "Some fields are not valid", body = ProblemBody),
        (status = 503, description = "A dependency does not answer", body = ProblemBody),
    )
)]
#[put("/api/payments/v2/billing-details")]
pub(super) async fn save_billing_details(
    request: HttpRequest,
    app: web::Data<App>,
    member: Member,
    body: JsonBody<BillingDetails>,
) -> Result<HttpResponse, Problem> {
    let (buyer, request_id) = (body.buyer()?, RequestId::of(&request));
    let app = app.into_inner();
    let (working, saved) = (app.clone(), buyer.clone());
    app.kit
        .lifecycle
        .detached(
            async move { account::save_billing_details(&working, &member.claims, member.workspace, &saved, request_id.as_deref()).await },
        )
        .await??;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(KeptDetails::from(&buyer)))
}
