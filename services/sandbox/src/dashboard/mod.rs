//! One page for people: orders, mandates, refunds, webhooks and mails, the weather and the clock.

mod autopay;
mod weather;

use std::fmt::Write as _;

use actix_web::{HttpResponse, web::Data};

use crate::{
    html::{Page, escape, time},
    order::OrderState,
    payment::OrderSummary,
    refund::{RefundState, RefundSummary},
    resend::inbox_table,
    state::Sandbox,
    webhook::Delivery,
};

/// The page shows so many of each; the control API has all.
const SHOWN: usize = 50;

pub(crate) async fn show(sandbox: Data<Sandbox>) -> HttpResponse {
    let webhook_url = sandbox.webhook_url().map_or_else(|| "nowhere yet".to_owned(), |url| url.to_string());
    let (orders, refunds, webhooks, mails) = (sandbox.orders(), sandbox.refunds(), sandbox.webhooks(), sandbox.mails());
    let mut main = format!(
        "<p class=fig>FIG. 02 · CONTROL</p><h1>The outside world</h1>\
         <p>PhonePe answers under <code>/apis/…</code> and sends webhooks to <code>{}</code>. Resend answers under \
         <code>/resend</code>. Everything on this page is also at <code>/control</code>.</p>\
         <p><a href=\"#weather\">Weather</a> · <a href=\"#clock\">Clock</a>: {}</p>",
        escape(&webhook_url),
        time(sandbox.now()),
    );
    let _ = write!(main, "<h2>Orders <small>{}</small></h2>", orders.len());
    push_orders(&mut main, orders.get(..SHOWN).unwrap_or(&orders));
    let mandates = sandbox.mandates();
    let _ = write!(main, "<h2>Mandates <small>{}</small></h2>", mandates.len());
    autopay::push_mandates(&mut main, mandates.get(..SHOWN).unwrap_or(&mandates));
    let _ = write!(main, "<h2>Refunds <small>{}</small></h2>", refunds.len());
    push_refunds(&mut main, refunds.get(..SHOWN).unwrap_or(&refunds));
    let _ = write!(main, "<h2>Webhooks <small>{}</small></h2>", webhooks.len());
    push_webhooks(&mut main, webhooks.get(..SHOWN).unwrap_or(&webhooks));
    let _ = write!(main, "<h2>Mails <small>{}</small></h2>", mails.len());
    main.push_str(&inbox_table(mails.get(..SHOWN).unwrap_or(&mails)));
    weather::push_form(&mut main, &sandbox.weather());
    push_clock(&mut main, &sandbox);
    main.push_str("<form method=post action=\"/control/reset\"><button>Forget everything</button></form>");
    Page::new("Control", main).answer()
}

fn push_orders(main: &mut String, orders: &[OrderSummary]) {
    if orders.is_empty() {
        main.push_str("<p class=empty>No order yet. A payment started in the shop appears here.</p>");
        return;
    }
    main.push_str(
        "<div class=scroll><table><thead><tr><th scope=col>Order<th scope=col>Amount<th scope=col>State\
         <th scope=col>Attempts<th scope=col>Made<th scope=col>Next</tr></thead><tbody>",
    );
    for order in orders {
        let id = escape(&order.merchant_order_id);
        let state = order.state.as_str();
        let _ = write!(
            main,
            "<tr><td><a href=\"{}\"><code>{id}</code></a><td>₹{}<td><span class=\"state {state}\">{state}</span>\
             <td>{}<td>{}<td>",
            escape(&order.pay_url),
            order.amount,
            order.attempts,
            time(order.created_at),
        );
        autopay::push_steps(main, order);
        if order.state == OrderState::Notified || !order.state.is_open() {
            let _ = write!(
                main,
                "<form method=post action=\"/control/orders/{id}/webhook\">\
                 <button class=small aria-label=\"Send the webhook of {id} again\">Send again</button></form>"
            );
        }
        main.push_str("</tr>");
    }
    main.push_str("</tbody></table></div>");
}

fn push_refunds(main: &mut String, refunds: &[RefundSummary]) {
    if refunds.is_empty() {
        main.push_str("<p class=empty>No refund yet. One that the shop asks for appears here.</p>");
        return;
    }
    main.push_str(
        "<div class=scroll><table><thead><tr><th scope=col>Refund<th scope=col>Order<th scope=col>Amount<th scope=col>State\
         <th scope=col>Made<th scope=col>The bank</tr></thead><tbody>",
    );
    for refund in refunds {
        let id = escape(&refund.merchant_refund_id);
        let state = refund.state.as_str();
        let _ = write!(
            main,
            "<tr><td><code>{id}</code><td><code>{}</code><td>₹{}<td><span class=\"state {state}\">{state}</span><td>{}<td>",
            escape(&refund.original_merchant_order_id),
            refund.amount,
            time(refund.created_at),
        );
        if refund.state.is_open() {
            let _ = write!(main, "<form method=post action=\"/control/refunds/{id}\">");
            if refund.state == RefundState::Pending {
                push_step(main, &id, "confirm", "Confirm");
            }
            push_step(main, &id, "complete", "Complete");
            push_step(main, &id, "fail", "Fail");
            main.push_str("</form>");
        }
        main.push_str("</tr>");
    }
    main.push_str("</tbody></table></div>");
}

/// The clock goes forwards only.
fn push_clock(main: &mut String, sandbox: &Sandbox) {
    let _ = write!(
        main,
        "<h2 id=clock>Clock</h2><p>It is {} here, {} s later than outside. Whatever falls due on the way happens at once.</p>",
        time(sandbox.now()),
        sandbox.clock_moved_by().num_seconds(),
    );
    main.push_str("<form method=post action=\"/control/clock\" class=actions>");
    for (seconds, name) in [(60, "1 minute"), (1_200, "20 minutes"), (86_400, "24 hours"), (172_800, "48 hours"), (2_592_000, "30 days")] {
        let _ = write!(main, "<button name=advance_s value={seconds}>Advance {name}</button>");
    }
    main.push_str("</form>");
}

fn push_step(main: &mut String, id: &str, step: &str, name: &str) {
    let _ = write!(main, "<button class=small name=step value={step} aria-label=\"{name} the refund {id}\">{name}</button> ");
}

fn push_webhooks(main: &mut String, webhooks: &[Delivery]) {
    if webhooks.is_empty() {
        main.push_str("<p class=empty>No webhook yet. One is sent when a payment ends or a refund moves.</p>");
        return;
    }
    main.push_str(
        "<div class=scroll><table><thead><tr><th scope=col>Sent<th scope=col>Event<th scope=col>Order\
         <th scope=col>Try<th scope=col>Answer</tr></thead><tbody>",
    );
    for delivery in webhooks {
        let fate = serde_json::to_value(delivery.fate).unwrap_or_default();
        let fate = fate.as_str().unwrap_or_default();
        let status = delivery.status.map_or_else(String::new, |status| format!(" {status}"));
        let _ = write!(
            main,
            "<tr><td>{}<td><details><summary>{}</summary><pre>{}</pre></details><td><code>{}</code><td>{}\
             <td><span class=\"state {fate}\">{}{status}</span></tr>",
            time(delivery.at),
            delivery.event,
            escape(&delivery.body),
            escape(&delivery.merchant_order_id),
            delivery.attempt,
            fate.replace('_', " "),
        );
    }
    main.push_str("</tbody></table></div>");
}
