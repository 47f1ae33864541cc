//! The weather as a form.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    control::{GROUPS, Kind, Knob},
    html::escape,
    weather::Weather,
};

pub(super) fn push_form(main: &mut String, weather: &Weather) {
    let now = serde_json::to_value(weather).unwrap_or_default();
    main.push_str("<h2 id=weather>Weather</h2><form method=post action=\"/control/weather\"><div class=knobs>");
    for (name, knobs) in GROUPS {
        let _ = write!(main, "<fieldset><legend>{name}</legend>");
        for knob in *knobs {
            push_knob(main, knob, &now);
        }
        main.push_str("</fieldset>");
    }
    let _ = write!(
        main,
        "</div><p class=actions><button class=primary>Set the weather</button></p></form>\
         <form method=post action=\"/control/weather\"><button>Fair weather</button></form>\
         <details><summary>As JSON, for <code>PUT /control/weather</code></summary><pre>{}</pre></details>",
        escape(&format!("{now:#}"))
    );
}

fn push_knob(main: &mut String, knob: &Knob, weather: &Value) {
    let value = weather.pointer(&format!("/{}", knob.path.replace('.', "/"))).unwrap_or(&Value::Null);
    let Knob { path, label, kind } = knob;
    let _ = write!(main, "<label>{label} ");
    let _ = match kind {
        Kind::Flag => {
            let checked = if value == &Value::Bool(true) { " checked" } else { "" };
            write!(main, "<input type=checkbox name={path} value=on{checked}>")
        }
        Kind::Number => write!(main, "<input inputmode=numeric pattern=\"[0-9]*\" name={path} value=\"{}\">", shown(value)),
        Kind::Text => write!(main, "<input name={path} value=\"{}\">", shown(value)),
        Kind::Choice(choices) => {
            let _ = write!(main, "<select name={path}>");
            for choice in *choices {
                let selected = if value.as_str() == Some(choice) { " selected" } else { "" };
                let _ = write!(main, "<option value={choice}{selected}>{}</option>", choice.replace('_', " "));
            }
            write!(main, "</select>")
        }
    };
    main.push_str("</label>");
}

/// Zero and absent are fair weather, which is an empty field.
fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) if number.as_i64() != Some(0) => number.to_string(),
        Value::String(text) => escape(text),
        _ => String::new(),
    }
}
