//! The weather, as JSON for scripts and knob by knob for people.

use std::collections::HashMap;

use actix_web::{
    HttpResponse,
    web::{Bytes, Data, Form},
};
use serde_json::{Map, Value, json};

use super::{to_dashboard, unreadable};
use crate::{state::Sandbox, weather::Weather};

/// How a knob is turned.
pub(crate) enum Kind {
    /// On or off.
    Flag,
    /// A whole number; empty is fair weather.
    Number,
    /// Any text; empty is fair weather.
    Text,
    /// One of these; the first is fair weather.
    Choice(&'static [&'static str]),
}

/// One field of the weather. Its path has the names of the JSON, joined by a dot.
pub(crate) struct Knob {
    pub path: &'static str,
    pub label: &'static str,
    pub kind: Kind,
}

const fn flag(path: &'static str, label: &'static str) -> Knob {
    Knob { path, label, kind: Kind::Flag }
}

const fn number(path: &'static str, label: &'static str) -> Knob {
    Knob { path, label, kind: Kind::Number }
}

const fn text(path: &'static str, label: &'static str) -> Knob {
    Knob { path, label, kind: Kind::Text }
}

const fn choice(path: &'static str, label: &'static str, choices: &'static [&'static str]) -> Knob {
    Knob { path, label, kind: Kind::Choice(choices) }
}

/// Every knob there is.
pub(crate) const GROUPS: &[(&str, &[Knob])] = &[
    (
        "Webhooks",
        &[
            flag("webhook.lost", "Never sent"),
            number("webhook.duplicate", "Sent so many times more"),
            number("webhook.delay_ms", "Sent so many ms later"),
            flag("webhook.reorder", "Each overtaken by the next one"),
            number("webhook.tamper_amount", "Claim this amount, in paise"),
            flag("webhook.wrong_credentials", "Wrong password or signature"),
        ],
    ),
    (
        "Customers and banks",
        &[
            choice("auto_pay", "New orders", &["none", "success", "fail"]),
            number("late_success_ms", "Expired orders are paid so many ms later"),
            choice("auto_refund", "New refunds", &["complete", "fail", "confirm", "none"]),
            choice("auto_notify", "Notifications of a debit", &["notify", "fail", "none"]),
            choice("after_notification", "The customer, once notified", &["none", "pause", "revoke"]),
            choice("auto_redeem", "Debits", &["succeed", "fail_attempt", "fail", "none"]),
        ],
    ),
    (
        "Tokens",
        &[
            flag("token_revoked", "Revoke all tokens issued so far"),
            number("token.http_status", "HTTP status instead of a token"),
            flag("token.html_body", "A web page instead of a token"),
        ],
    ),
    (
        "Status",
        &[
            number("status_lag_ms", "Behind by so many ms"),
            number("status.http_status", "HTTP status instead of an answer"),
            flag("status.html_body", "A web page instead of an answer"),
            flag("unhealthy", "The gateway says that it is down"),
        ],
    ),
    (
        "Making orders",
        &[
            number("pay.http_status", "HTTP status instead of an answer"),
            flag("pay.html_body", "A web page instead of an answer"),
            flag("pay.after_commit", "… after the order was stored"),
            flag("pay.timeout_after_commit", "Stored, and no answer comes"),
            number("duplicate_order.http_status", "HTTP status for a used id"),
            text("duplicate_order.code", "Code for a used id"),
        ],
    ),
    (
        "Refunds",
        &[
            number("refund.http_status", "HTTP status instead of an answer"),
            flag("refund.html_body", "A web page instead of an answer"),
            flag("refund.after_commit", "… after the refund was stored"),
            flag("refund.timeout_after_commit", "Stored, and no answer comes"),
        ],
    ),
    (
        "Notifying of debits",
        &[
            number("notify.http_status", "HTTP status instead of an answer"),
            flag("notify.html_body", "A web page instead of an answer"),
            flag("notify.after_commit", "… after it was notified"),
            flag("notify.timeout_after_commit", "Notified, and no answer comes"),
        ],
    ),
    (
        "Debiting",
        &[
            number("redeem.http_status", "HTTP status instead of an answer"),
            flag("redeem.html_body", "A web page instead of an answer"),
            flag("redeem.after_commit", "… after the debit began"),
            flag("redeem.timeout_after_commit", "Begun, and no answer comes"),
        ],
    ),
    (
        "Cancelling mandates",
        &[
            number("cancel.http_status", "HTTP status instead of an answer"),
            flag("cancel.html_body", "A web page instead of an answer"),
            flag("cancel.after_commit", "… after it was cancelled"),
            flag("cancel.timeout_after_commit", "Cancelled, and no answer comes"),
        ],
    ),
    (
        "What no client has seen yet",
        &[
            flag("novelty.extra_fields", "More fields"),
            flag("novelty.enum_values", "New kinds of payment"),
            text("novelty.state", "Root state"),
            text("novelty.event", "Name of webhooks' events"),
        ],
    ),
    (
        "Mails",
        &[
            number("resend.http_status", "HTTP status instead of taking the mail"),
            number("resend.retry_after_s", "Retry-After with it, in seconds"),
        ],
    ),
];

pub(super) async fn set(sandbox: Data<Sandbox>, body: Bytes) -> HttpResponse {
    match serde_json::from_slice::<Weather>(&body) {
        Ok(weather) => {
            sandbox.set_weather(weather);
            HttpResponse::NoContent().finish()
        }
        Err(error) => unreadable(&error),
    }
}

/// Knobs that the form does not have are fair weather.
pub(super) async fn set_by_form(sandbox: Data<Sandbox>, Form(form): Form<HashMap<String, String>>) -> HttpResponse {
    match serde_json::from_value::<Weather>(weather_of(&form)) {
        Ok(weather) => {
            sandbox.set_weather(weather);
            to_dashboard()
        }
        Err(error) => unreadable(&error),
    }
}

/// The JSON that a form stands for.
fn weather_of(form: &HashMap<String, String>) -> Value {
    let mut weather = Map::new();
    for knob in GROUPS.iter().flat_map(|(_, knobs)| *knobs) {
        let Some(entered) = form.get(knob.path).map(|entered| entered.trim()).filter(|entered| !entered.is_empty()) else { continue };
        let value = match knob.kind {
            Kind::Flag => json!(true),
            // What is no number is refused with the field's own words.
            Kind::Number => entered.parse::<i64>().map_or_else(|_| json!(entered), |number| json!(number)),
            Kind::Text | Kind::Choice(_) => json!(entered),
        };
        match knob.path.split_once('.') {
            None => {
                weather.insert(knob.path.to_owned(), value);
            }
            Some((group, field)) => weather.entry(group).or_insert_with(|| json!({}))[field] = value,
        }
    }
    Value::Object(weather)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths of all leaves.
    fn paths(prefix: &str, value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                    paths(&path, value, out);
                }
            }
            _ => out.push(prefix.to_owned()),
        }
    }

    #[test]
    fn every_knob_of_the_weather_is_on_the_page() {
        let mut expected = Vec::new();
        paths("", &serde_json::to_value(Weather::default()).expect("weather is JSON"), &mut expected);
        let mut shown: Vec<String> = GROUPS.iter().flat_map(|(_, knobs)| *knobs).map(|knob| knob.path.to_owned()).collect();
        expected.sort_unstable();
        shown.sort_unstable();
        assert_eq!(shown, expected);
    }

    #[test]
    fn every_choice_is_understood_and_the_first_is_fair_weather() {
        for knob in GROUPS.iter().flat_map(|(_, knobs)| *knobs) {
            let Kind::Choice(choices) = knob.kind else { continue };
            for (n, choice) in choices.iter().enumerate() {
                let form = HashMap::from([(knob.path.to_owned(), (*choice).to_owned())]);
                let weather: Weather = serde_json::from_value(weather_of(&form)).expect("a choice");
                assert_eq!(weather == Weather::default(), n == 0, "{} {choice}", knob.path);
            }
        }
    }
}
