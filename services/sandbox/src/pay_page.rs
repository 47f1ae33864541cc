//! The page where a person decides how a payment ends.

use std::fmt::Write as _;

use actix_web::{
    HttpResponse,
    http::header::LOCATION,
    web::{Data, Form, Path},
};
use serde::Deserialize;

use crate::{
    event::Event,
    html::{Page, escape, time},
    order::{Flow, Mode, Order, OrderState, Outcome},
    state::{ControlError, Sandbox},
    webhook::envelope,
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
    let stays = choice.outcome == Outcome::AttemptFailed || order.redirect_url.is_empty();
    let target = if stays { sandbox.pay_url(&order) } else { order.redirect_url.clone() };
    match sandbox.pay(&order.merchant_order_id, choice.outcome, choice.mode) {
        // Somebody else was faster: the shop shows what became of it.
        Ok(_) | Err(ControlError::AlreadySettled(_) | ControlError::NotPayable) => {
            HttpResponse::SeeOther().insert_header((LOCATION, target)).finish()
        }
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
    match &order.flow {
        Flow::Checkout => {}
        Flow::Setup { terms, .. } => {
            let _ = write!(
                sheet,
                "<p>This payment sets up the mandate <code>{}</code> of at most ₹{} for each debit, until {}.</p>",
                escape(&terms.merchant_subscription_id),
                terms.max_amount,
                time(terms.expire_at),
            );
        }
        Flow::Redemption(redemption) => {
            let id = escape(&redemption.terms.merchant_subscription_id);
            let _ = write!(sheet, "<p>This is a debit of the mandate <code>{id}</code>. Its bank decides it, <a href=\"/\">here</a>.</p>");
        }
    }
    if order.state == OrderState::Pending && order.redemption().is_none() {
        sheet.push_str("<form method=post>");
        if matches!(order.flow, Flow::Checkout) {
            sheet.push_str(
                "<fieldset><legend>Pay with</legend>\
                 <label><input type=radio name=mode value=upi checked> UPI</label>\
                 <label><input type=radio name=mode value=card> Credit card</label></fieldset>",
            );
        }
        sheet.push_str(
            "<div class=actions>\
             <button class=primary name=outcome value=success>Succeed</button>\
             <button name=outcome value=fail>Fail</button>\
             <button name=outcome value=attempt_failed>Decline one attempt</button>\
             <button name=outcome value=pending>Leave pending</button>\
             <button name=outcome value=close>Close</button></div></form>",
        );
    } else if !order.state.is_open() {
        sheet.push_str("<p>This order is over.</p>");
        if !order.redirect_url.is_empty() {
            let _ = write!(sheet, "<p><a href=\"{}\">Back to the shop</a></p>", escape(&order.redirect_url));
        }
    }
    let _ = write!(sheet, "<details><summary>What will be sent</summary>{}</details></div>", preview(sandbox, order));
    sheet
}

/// The webhooks that Succeed and Fail lead to, or the one that was sent.
fn preview(sandbox: &Sandbox, order: &Order) -> String {
    let target = sandbox.webhook_url().map_or_else(|| "nowhere: no webhook address is set".to_owned(), |url| url.to_string());
    let browser = if order.redirect_url.is_empty() { "nowhere: it stays here" } else { &order.redirect_url };
    let mut out =
        format!("<p>The browser goes to <code>{}</code>. The webhook goes to <code>{}</code>.</p>", escape(browser), escape(&target));
    let outcomes: &[Outcome] =
        if order.state == OrderState::Pending && order.redemption().is_none() { &[Outcome::Success, Outcome::Fail] } else { &[] };
    for outcome in outcomes {
        let mut decided = order.clone();
        let applied = decided.apply(*outcome, Mode::Upi, "OM…".to_owned(), sandbox.now());
        if let Ok(Some(event)) = applied {
            push_body(&mut out, sandbox, &decided, event);
        }
    }
    if let Some(event) = order.end_event() {
        push_body(&mut out, sandbox, order, event);
    }
    push_weather(&mut out, sandbox);
    out
}

/// What the weather makes of a webhook, in words.
fn push_weather(out: &mut String, sandbox: &Sandbox) {
    let weather = sandbox.weather();
    let webhook = &weather.webhook;
    let mut words = Vec::new();
    if webhook.lost {
        words.push("it is never sent".to_owned());
    }
    if webhook.duplicate > 0 {
        words.push(format!("it is sent {} times more", webhook.duplicate));
    }
    if webhook.delay_ms > 0 {
        words.push(format!("it is sent {} ms later", webhook.delay_ms));
    }
    if webhook.reorder {
        words.push("the next one overtakes it".to_owned());
    }
    if let Some(amount) = webhook.tamper_amount {
        words.push(format!("it claims ₹{amount}"));
    }
    if webhook.wrong_credentials {
        words.push("its credentials are wrong".to_owned());
    }
    if weather.status_lag_ms > 0 {
        words.push(format!("the status is behind by {} ms", weather.status_lag_ms));
    }
    if !words.is_empty() {
        let _ = write!(out, "<p>In the present weather {}.</p>", words.join(", "));
    }
}

fn push_body(out: &mut String, sandbox: &Sandbox, order: &Order, event: Event) {
    let novelty = sandbox.weather().novelty;
    let name = novelty.event.as_deref().unwrap_or(event.name());
    let body = envelope(name, &novelty.applied(sandbox.payload_of(order, event)));
    let _ = write!(out, "<p><code>{}</code></p><pre>{}</pre>", escape(name), escape(&format!("{body:#}")));
}
