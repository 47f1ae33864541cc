//! What a field holds and how far it goes.

use serde::Serialize;

use crate::canonical::MAX_INTEGER;

/// One field of a step, or of an object in a list.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Field {
    /// Its key in the answer.
    pub name: &'static str,
    /// Its label in the form.
    pub label: &'static str,
    /// A sentence of help under the label; empty when the label says it all.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub help: &'static str,
    /// An example shown in the empty field; empty when there is none.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub placeholder: &'static str,
    /// Whether a complete answer must have it.
    pub required: bool,
    /// What it holds.
    #[serde(flatten)]
    pub kind: Kind,
}

/// The kinds of field; in JSON `{"kind": "text", "min": 2, "max": 120}`.
///
/// Lengths count grapheme clusters; a text also has at most 8 bytes for each of them. Minima of texts
/// and lists hold for complete answers only, so that a half-typed draft can be saved.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// One line of text.
    Text {
        /// The fewest graphemes.
        min: usize,
        /// The most graphemes.
        max: usize,
    },
    /// Text of several lines.
    LongText {
        /// The fewest graphemes.
        min: usize,
        /// The most graphemes.
        max: usize,
    },
    /// An absolute `http` or `https` URL.
    Url {
        /// The most bytes.
        max_bytes: usize,
    },
    /// A whole number.
    Integer {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A calendar year.
    Year {
        /// The earliest.
        min: i32,
        /// How many years after the present one are allowed.
        years_ahead: i32,
    },
    /// A number kept to three decimals.
    Number {
        /// The smallest.
        min: i32,
        /// The largest.
        max: i32,
    },
    /// An amount in the minor units of a currency named by another field.
    Amount {
        /// The largest.
        max: i64,
    },
    /// An object `{"amount_minor": 1000, "currency": "INR"}`.
    Money {
        /// The largest amount in minor units.
        max: i64,
    },
    /// A currency by its ISO 4217 code, one of [`CURRENCIES`].
    Currency,
    /// Yes or no.
    Boolean {
        /// Whether a complete answer must say yes.
        must_be_true: bool,
    },
    /// One of a closed list.
    Enum {
        /// What to choose from.
        options: &'static [Choice],
    },
    /// A calendar date, `2026-11-25`.
    Date,
    /// A list of one-line texts without repetition.
    TextList {
        /// The fewest items.
        min_items: usize,
        /// The most items.
        max_items: usize,
        /// The most graphemes of an item.
        max: usize,
    },
    /// A list of objects.
    ObjectList {
        /// The fewest items.
        min_items: usize,
        /// The most items.
        max_items: usize,
        /// What one item is called in the form.
        item: &'static str,
        /// The fields of an item.
        fields: &'static [Field],
    },
}

/// One entry of a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What the answer holds.
    pub value: &'static str,
    /// What people read.
    pub label: &'static str,
}

/// The active ISO 4217 codes of national currencies.
pub const CURRENCIES: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BIF", "BMD", "BND", "BOB", "BRL",
    "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD",
    "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR",
    "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP",
    "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD",
    "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR",
    "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY",
    "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XOF", "XPF", "YER", "ZAR",
    "ZMW", "ZWG",
];

const DEFAULT_TEXT: usize = 200;
const DEFAULT_ITEMS: usize = 12;
const DEFAULT_URL_BYTES: usize = 2048;

impl Field {
    const fn new(name: &'static str, label: &'static str, kind: Kind) -> Self {
        Self { name, label, help: "", placeholder: "", required: false, kind }
    }

    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) const fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    pub(super) const fn placeholder(mut self, placeholder: &'static str) -> Self {
        self.placeholder = placeholder;
        self
    }

    pub(super) const fn at_least(mut self, fewest: usize) -> Self {
        match self.kind {
            Kind::Text { ref mut min, .. } | Kind::LongText { ref mut min, .. } => *min = fewest,
            Kind::TextList { ref mut min_items, .. } | Kind::ObjectList { ref mut min_items, .. } => {
                *min_items = fewest;
            }
            _ => {}
        }
        self
    }

    pub(super) const fn at_most(mut self, most: usize) -> Self {
        match self.kind {
            Kind::Text { ref mut max, .. } | Kind::LongText { ref mut max, .. } => *max = most,
            Kind::TextList { ref mut max_items, .. } | Kind::ObjectList { ref mut max_items, .. } => {
                *max_items = most;
            }
            _ => {}
        }
        self
    }
}

pub(super) const fn choice(value: &'static str, label: &'static str) -> Choice {
    Choice { value, label }
}

pub(super) const fn text(name: &'static str, label: &'static str) -> Field {
    Field::new(name, label, Kind::Text { min: 1, max: DEFAULT_TEXT })
}

pub(super) const fn long_text(name: &'static str, label: &'static str) -> Field {
    Field::new(name, label, Kind::LongText { min: 1, max: DEFAULT_TEXT })
}

pub(super) const fn url(name: &'static str, label: &'static str) -> Field {
    Field::new(name, label, Kind::Url { max_bytes: DEFAULT_URL_BYTES }).placeholder("https://")
}

pub(super) const fn integer(name: &'static str, label: &'static str, min: i64, max: i64) -> Field {
    Field::new(name, label, Kind::Integer { min, max })
}

pub(super) const fn year(name: &'static str, label: &'static str, min: i32, years_ahead: i32) -> Field {
    Field::new(name, label, Kind::Year { min, years_ahead })
}

pub(super) const fn number(name: &'static str, label: &'static str, min: i32, max: i32) -> Field {
    Field::new(name, label, Kind::Number { min, max })
}

pub(super) const fn amount(name: &'static str, label: &'static str) -> Field {
    Field::new(name, label, Kind::Amount { max: MAX_INTEGER })
}

pub(super) const fn money(name: &'static str, label: &'static str) -> Field {
    Field::new(name, label, Kind::Money { max: MAX_INTEGER })
}

pub(super) const fn currency(name: &'static str, label: &'static str) -> Field {
    Field::new(name, label, Kind::Currency).placeholder("INR")
}

pub(super) const fn confirmation(name: &'static str, label: &'static str) -> Field {
    Field::new(name, label, Kind::Boolean { must_be_true: true })
}

pub(super) const fn one_of(name: &'static str, label: &'static str, options: &'static [Choice]) -> Field {
    Field::new(name, label, Kind::Enum { options })
}

pub(super) const fn date(name: &'static str, label: &'static str) -> Field {
    Field::new(name, label, Kind::Date)
}

pub(super) const fn texts(name: &'static str, label: &'static str) -> Field {
    Field::new(name, label, Kind::TextList { min_items: 0, max_items: DEFAULT_ITEMS, max: DEFAULT_TEXT })
}

pub(super) const fn texts_of(name: &'static str, label: &'static str, max: usize) -> Field {
    Field::new(name, label, Kind::TextList { min_items: 0, max_items: DEFAULT_ITEMS, max })
}

pub(super) const fn objects(name: &'static str, label: &'static str, item: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, label, Kind::ObjectList { min_items: 0, max_items: DEFAULT_ITEMS, item, fields })
}
