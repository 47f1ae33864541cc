//! Mandates, and what the customer and their bank can do.

use std::fmt::Write as _;

use crate::{
    html::{escape, time},
    mandate::{MandateState, MandateSummary},
    order::OrderState,
    payment::OrderSummary,
};

pub(super) fn push_mandates(main: &mut String, mandates: &[MandateSummary]) {
    if mandates.is_empty() {
        main.push_str("<p class=empty>No mandate yet. One that the shop sets up appears here.</p>");
        return;
    }
    main.push_str(
        "<div class=scroll><table><thead><tr><th scope=col>Mandate<th scope=col>At most<th scope=col>State\
         <th scope=col>Set up by<th scope=col>API<th scope=col>Made<th scope=col>The customer</tr></thead><tbody>",
    );
    for mandate in mandates {
        let id = escape(&mandate.merchant_subscription_id);
        let state = mandate.state.as_str();
        let family = serde_json::to_value(mandate.family).unwrap_or_default();
        let _ = write!(
            main,
            "<tr><td><code>{id}</code><td>₹{}<td><span class=\"state {state}\">{state}</span><td><code>{}</code><td>{}<td>{}<td>",
            mandate.max_amount,
            escape(&mandate.setup_order_id),
            family.as_str().unwrap_or_default(),
            time(mandate.created_at),
        );
        let acts: &[(&str, &str)] = match mandate.state {
            MandateState::Active => &[("pause", "Pause"), ("revoke", "Revoke")],
            MandateState::Paused => &[("unpause", "Unpause"), ("revoke", "Revoke")],
            _ => &[],
        };
        push_buttons(main, &format!("/control/mandates/{id}"), "act", acts, &format!("the mandate {id}"));
        main.push_str("</tr>");
    }
    main.push_str("</tbody></table></div>");
}

/// What the bank can do with a debit, or the customer with a setup that has no page of its own.
pub(super) fn push_steps(main: &mut String, order: &OrderSummary) {
    let id = escape(&order.merchant_order_id);
    if let Some(at) = order.valid_after.filter(|_| order.state == OrderState::Notified) {
        let _ = write!(main, "<small>from {}</small> ", time(at));
    }
    let steps: &[(&str, &str)] = match (order.state, order.is_debit) {
        (OrderState::NotificationInProgress, _) => &[("notify", "Notify"), ("fail_notification", "Fail")],
        (OrderState::Pending, true) => &[("succeed", "Succeed"), ("fail_attempt", "Fail this try"), ("fail", "Fail")],
        _ => &[],
    };
    push_buttons(main, &format!("/control/redemptions/{id}"), "step", steps, &format!("the debit {id}"));
}

fn push_buttons(main: &mut String, action: &str, name: &str, buttons: &[(&str, &str)], what: &str) {
    if buttons.is_empty() {
        return;
    }
    let _ = write!(main, "<form method=post action=\"{action}\">");
    for (value, text) in buttons {
        let _ = write!(main, "<button class=small name={name} value={value} aria-label=\"{text} {what}\">{text}</button> ");
    }
    main.push_str("</form>");
}
