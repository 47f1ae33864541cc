//! The page where a person decides how a payment ends.

use std::fmt::Write as _;

use actix_web::{
    HttpResponse,
    http::header::LOCATION,
    web::{Data, Form, Path},
};
use serde::Deserialize;

use crate::{
    html::{Page, escape, time},
    order::{Mode, Order, OrderState, Outcome},
    phonepe::order_payload,
    state::{ControlError, Sandbox},
    webhook::{Event, envelope},
};

/// The submitted choice.
#[derive(Debug, Deserialize)]
pub(crate) struct Choice {
    #[serde(default)]
    mode: Mode,
    outcome: Outcome,
}

pub(crate) async fn show(sandbox: Data<Sandbox>, token: Path<String>) -> HttpResponse {
    match sandbox.order_by_page(&token) {
        Some(order) => Page::new("Pay", sheet(&sandbox, &order)).answer(),
        None => unknown(),
    }
}

/// Whatever was chosen, the browser goes back to the shop; only a failed attempt may be repeated here.
pub(crate) async fn choose(sandbox: Data<Sandbox>, token: Path<String>, Form(choice): Form<Choice>) -> HttpResponse {
    let Some(order) = sandbox.order_by_page(&token) else {
        return unknown();
    };
    if order.state != OrderState::Pending {
        return Page::new("Pay", sheet(&sandbox, &order)).conflict();
    }
    let target = if choice.outcome == Outcome::AttemptFailed { sandbox.pay_url(&order) } else { order.redirect_url.clone() };
    match sandbox.pay(&order.merchant_order_id, choice.outcome, choice.mode) {
        // Somebody else was faster: the shop shows what became of it.
        Ok(_) | Err(ControlError::AlreadySettled(_)) => HttpResponse::SeeOther().insert_header((LOCATION, target)).finish(),
        Err(_) => unknown(),
    }
}

fn unknown() -> HttpResponse {
    Page::new("No such payment", "<h1>No such payment</h1>".to_owned()).not_found()
}

fn sheet(sandbox: &Sandbox, order: &Order) -> String {
    let state = order.state.as_str();
    let mut sheet = format!(
        "<div class=sheet><p class=fig>FIG. 01 · PAYMENT</p><h1>Pay {merchant}</h1>\
         <p class=amount>₹{amount}</p><dl>\
         <dt>Order<dd><code>{id}</code><dt>State<dd><span class=\"state {state}\">{state}</span>\
         <dt>Attempts<dd>{attempts}<dt>Open until<dd>{until}</dl>",
        merchant = escape(&sandbox.config().merchant.id),
        amount = order.amount,
        id = escape(&order.merchant_order_id),
        attempts = order.attempts.len(),
        until = time(order.expire_at),
    );
    let url = escape(&order.redirect_url);
    if order.state == OrderState::Pending {
        sheet.push_str(
            "<form method=post><fieldset><legend>Pay with</legend>\
             <label><input type=radio name=mode value=upi checked> UPI</label>\
             <label><input type=radio name=mode value=card> Credit card</label></fieldset>\
             <div class=actions>\
             <button class=primary name=outcome value=success>Succeed</button>\
             <button name=outcome value=fail>Fail</button>\
             <button name=outcome value=attempt_failed>Decline one attempt</button>\
             <button name=outcome value=pending>Leave pending</button>\
             <button name=outcome value=close>Close</button></div></form>",
        );
    } else {
        let _ = write!(sheet, "<p>This order is over.</p><p><a href=\"{url}\">Back to the shop</a></p>");
    }
    let _ = write!(sheet, "<details><summary>What will be sent</summary>{}</details></div>", preview(sandbox, order));
    sheet
}

/// The webhooks that Succeed and Fail lead to, or the one that was sent.
fn preview(sandbox: &Sandbox, order: &Order) -> String {
    let target = sandbox.webhook_url().map_or_else(|| "nowhere: no webhook address is set".to_owned(), |url| url.to_string());
    let outcomes: &[Outcome] = match order.state {
        OrderState::Pending => &[Outcome::Success, Outcome::Fail],
        OrderState::Completed | OrderState::Failed => &[],
    };
    let mut out = format!(
        "<p>The browser goes to <code>{}</code>. The webhook goes to <code>{}</code>.</p>",
        escape(&order.redirect_url),
        escape(&target)
    );
    for outcome in outcomes {
        let mut decided = order.clone();
        let applied = decided.apply(*outcome, Mode::Upi, "OM…".to_owned(), sandbox.now());
        if let Ok(Some(event)) = applied {
            push_body(&mut out, sandbox, &decided, event);
        }
    }
    match order.state {
        OrderState::Pending => {}
        OrderState::Completed => push_body(&mut out, sandbox, order, Event::OrderCompleted),
        OrderState::Failed => push_body(&mut out, sandbox, order, Event::OrderFailed),
    }
    out
}

fn push_body(out: &mut String, sandbox: &Sandbox, order: &Order, event: Event) {
    let body = envelope(event, &order_payload(&sandbox.config().merchant.id, order));
    let _ = write!(out, "<p><code>{}</code></p><pre>{}</pre>", event.name(), escape(&format!("{body:#}")));
}
