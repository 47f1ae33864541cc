//! The check of one field by its kind. A method answers the normal value, or `None` when there is no
//! value or an error was noted.

use std::collections::HashSet;

use serde_json::{Map, Number, Value};
use url::Url;

use super::{BYTES_PER_GRAPHEME, Checker, FieldErrorCode as Code, child, text};
use crate::{
    canonical::{self, MAX_INTEGER},
    step::{CURRENCIES, Choice, Field, Kind},
};

impl Checker {
    pub(super) fn field(&mut self, field: &Field, value: &Value, at: &str) -> Option<Value> {
        match field.kind {
            Kind::Text { min, max } => self.text(value, (min, max), true, at),
            Kind::LongText { min, max } => self.text(value, (min, max), false, at),
            Kind::Url { max_bytes } => self.url(value, max_bytes, at),
            Kind::Integer { min, max } => self.integer(value, (min, max), at),
            Kind::Year { min, years_ahead } => {
                let latest = self.this_year.saturating_add(years_ahead);
                self.integer(value, (min.into(), latest.into()), at)
            }
            Kind::Number { min, max } => self.number(value, (min, max), at),
            Kind::Amount { max } => self.integer(value, (0, max), at),
            Kind::Money { max } => self.money(value, max, at),
            Kind::Currency => self.currency(value, at),
            Kind::Boolean { .. } => self.boolean(value, at),
            Kind::Enum { options } => self.choice(value, options, at),
            Kind::Date => self.date(value, at),
            Kind::TextList { min_items, max_items, max } => {
                let items = self.texts(value, max, at)?;
                self.list(items, (min_items, max_items), at)
            }
            Kind::ObjectList { min_items, max_items, fields, .. } => {
                let items = self.objects(value, fields, at)?;
                self.list(items, (min_items, max_items), at)
            }
        }
    }

    /// The normal text, or `None` when it is blank or not a text.
    fn string(&mut self, value: &Value, at: &str) -> Option<String> {
        let Some(given) = value.as_str() else {
            self.refuse(at, Code::WrongType, "This must be a text.");
            return None;
        };
        Some(text::normalise(given)).filter(|text| !text.is_empty())
    }

    fn text(&mut self, value: &Value, (min, max): (usize, usize), one_line: bool, at: &str) -> Option<Value> {
        let normal = self.string(value, at)?;
        let before = self.errors.len();
        if text::has_control(&normal, one_line) || text::has_hidden(&normal) {
            let message = if one_line && normal.contains('\n') {
                "This must be a single line."
            } else {
                "This holds characters that cannot be shown."
            };
            self.refuse(at, Code::ControlCharacter, message);
        }
        // The byte limit comes first: it bounds the work of counting graphemes.
        let length = if normal.len() > max * BYTES_PER_GRAPHEME { usize::MAX } else { text::length(&normal) };
        if length > max {
            self.refuse(at, Code::TooLong, format!("At most {max} characters."));
        } else if length < min {
            self.lack(at, Code::TooShort, || format!("At least {min} characters."));
        }
        (self.errors.len() == before).then_some(Value::String(normal))
    }

    fn url(&mut self, value: &Value, max_bytes: usize, at: &str) -> Option<Value> {
        let given = self.string(value, at)?;
        let normal = if given.contains("://") { given } else { format!("https://{given}") };
        if normal.len() > max_bytes {
            self.refuse(at, Code::TooLong, format!("At most {max_bytes} bytes."));
        } else if is_web_address(&normal) {
            return Some(Value::String(normal));
        } else {
            self.refuse(at, Code::InvalidUrl, "This must be a web address such as https://example.com.");
        }
        None
    }

    fn integer(&mut self, value: &Value, (min, max): (i64, i64), at: &str) -> Option<Value> {
        let Value::Number(number) = value else {
            self.refuse(at, Code::WrongType, "This must be a whole number.");
            return None;
        };
        let whole = match whole_number(number) {
            Whole::Is(whole) => whole,
            Whole::Fraction => {
                self.refuse(at, Code::WrongType, "This must be a whole number.");
                return None;
            }
            Whole::Huge { negative: true } => i64::MIN,
            Whole::Huge { negative: false } => i64::MAX,
        };
        if whole < min {
            self.refuse(at, Code::TooSmall, format!("At least {min}."));
        } else if whole > max.min(MAX_INTEGER) {
            self.refuse(at, Code::TooLarge, format!("At most {max}."));
        } else {
            return Some(whole.into());
        }
        None
    }

    fn number(&mut self, value: &Value, (min, max): (i32, i32), at: &str) -> Option<Value> {
        let Some(given) = value.as_f64() else {
            self.refuse(at, Code::WrongType, "This must be a number.");
            return None;
        };
        if given < f64::from(min) {
            self.refuse(at, Code::TooSmall, format!("At least {min}."));
        } else if given > f64::from(max) {
            self.refuse(at, Code::TooLarge, format!("At most {max}."));
        } else {
            let kept = (given * 1000.0).round() / 1000.0;
            // 1.0 is written as 1, and must read back as what it was.
            return match Number::from_f64(kept).map(|number| whole_number(&number)) {
                Some(Whole::Is(whole)) => Some(whole.into()),
                _ => Number::from_f64(kept).map(Value::Number),
            };
        }
        None
    }

    fn money(&mut self, value: &Value, max: i64, at: &str) -> Option<Value> {
        let Some(members) = value.as_object() else {
            self.refuse(at, Code::WrongType, "This must be an amount with a currency.");
            return None;
        };
        let before = self.errors.len();
        let mut normal = Map::new();
        for (name, member) in members {
            let place = child(at, name);
            let kept = match (name.as_str(), member) {
                ("amount_minor" | "currency", Value::Null) => None,
                ("amount_minor", amount) => self.integer(amount, (0, max), &place),
                ("currency", currency) => self.currency(currency, &place),
                _ => {
                    self.refuse(&place, Code::UnknownField, "There is no such field.");
                    None
                }
            };
            if let Some(kept) = kept {
                normal.insert(name.clone(), kept);
            }
        }
        // Half of it is as good as nothing for a draft, and incomplete otherwise.
        if self.errors.len() == before && normal.len() == 1 {
            let missing = if normal.contains_key("currency") { "amount_minor" } else { "currency" };
            self.lack(&child(at, missing), Code::Required, || "An amount needs a currency.".to_owned());
        }
        (!normal.is_empty()).then_some(Value::Object(normal))
    }

    fn currency(&mut self, value: &Value, at: &str) -> Option<Value> {
        let code = self.string(value, at)?.to_uppercase();
        if CURRENCIES.contains(&code.as_str()) {
            return Some(Value::String(code));
        }
        self.refuse(at, Code::NotOneOf, "This must be a currency code such as INR.");
        None
    }

    fn boolean(&mut self, value: &Value, at: &str) -> Option<Value> {
        if value.is_boolean() {
            return Some(value.clone());
        }
        self.refuse(at, Code::WrongType, "This must be yes or no.");
        None
    }

    fn choice(&mut self, value: &Value, options: &[Choice], at: &str) -> Option<Value> {
        let chosen = self.string(value, at)?;
        if options.iter().any(|option| option.value == chosen) {
            return Some(Value::String(chosen));
        }
        let values: Vec<_> = options.iter().map(|option| option.value).collect();
        self.refuse(at, Code::NotOneOf, format!("This must be one of: {}.", values.join(", ")));
        None
    }

    fn date(&mut self, value: &Value, at: &str) -> Option<Value> {
        let given = self.string(value, at)?;
        // chrono also reads "2026-1-5"; printing the date again refuses what is not its normal form.
        let date = chrono::NaiveDate::parse_from_str(&given, "%Y-%m-%d").ok();
        if date.is_some_and(|date| date.to_string() == given && given.len() == 10) {
            return Some(Value::String(given));
        }
        self.refuse(at, Code::InvalidDate, "This must be a date such as 2026-11-25.");
        None
    }

    fn texts(&mut self, value: &Value, max: usize, at: &str) -> Option<Vec<Value>> {
        let given = self.array(value, at)?;
        let mut seen = HashSet::new();
        let mut kept = Vec::new();
        for (index, item) in given.iter().enumerate() {
            if item.is_null() {
                continue;
            }
            if let Some(Value::String(text)) = self.text(item, (1, max), true, &format!("{at}/{index}"))
                && seen.insert(text::folded(&text))
            {
                kept.push(Value::String(text));
            }
        }
        Some(kept)
    }

    fn objects(&mut self, value: &Value, fields: &[Field], at: &str) -> Option<Vec<Value>> {
        let given = self.array(value, at)?;
        let mut seen = HashSet::new();
        let mut kept = Vec::new();
        for (index, item) in given.iter().enumerate() {
            if is_blank(item) {
                continue;
            }
            let normal = Value::Object(self.object(fields, item, &format!("{at}/{index}")));
            if is_blank(&normal) {
                continue;
            }
            let identity = canonical::value_to_bytes(&normal).map(|bytes| text::folded(&String::from_utf8_lossy(&bytes)));
            if identity.is_ok_and(|identity| seen.insert(identity)) {
                kept.push(normal);
            }
        }
        Some(kept)
    }

    fn array<'a>(&mut self, value: &'a Value, at: &str) -> Option<&'a Vec<Value>> {
        let items = value.as_array();
        if items.is_none() {
            self.refuse(at, Code::WrongType, "This must be a list.");
        }
        items
    }

    fn list(&mut self, items: Vec<Value>, (min, max): (usize, usize), at: &str) -> Option<Value> {
        if items.len() > max {
            self.refuse(at, Code::TooMany, format!("At most {max} entries."));
            return None;
        }
        if items.is_empty() {
            return None;
        }
        if items.len() < min {
            self.lack(at, Code::TooFew, || format!("At least {min} entries."));
        }
        Some(Value::Array(items))
    }
}

/// Null, blank texts, and lists and objects of nothing else.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(given) => text::is_blank(given),
        Value::Array(items) => items.iter().all(is_blank),
        Value::Object(members) => members.values().all(is_blank),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

enum Whole {
    Is(i64),
    Fraction,
    Huge { negative: bool },
}

fn whole_number(number: &Number) -> Whole {
    if let Some(whole) = number.as_i64() {
        return Whole::Is(whole);
    }
    match number.as_f64() {
        Some(double) if double.fract() != 0.0 => Whole::Fraction,
        // Below 2^53 the printed double is the whole number itself: 10.0 is 10.
        Some(double) if double.abs() < 9_007_199_254_740_992.0 => format!("{:.0}", double + 0.0).parse().map_or(Whole::Fraction, Whole::Is),
        Some(double) => Whole::Huge { negative: double < 0.0 },
        None => Whole::Huge { negative: false },
    }
}

fn is_web_address(text: &str) -> bool {
    // The parser forgives white space and control characters inside; an answer keeps its text, so it
    // must not hold them.
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) || text::has_hidden(text) {
        return false;
    }
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.host_str().is_some_and(|host| host.contains('.') || host.starts_with('['))
    })
}
