//! Goods and services tax that prices contain: the rate, the split by place of supply, the states and the registration number.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::money::Paise;
use crate::text_enum::text_enum;

/// The rate of our services (SAC 998315), in percent, contained in every price.
pub const RATE_PERCENT: i64 = 18;

text_enum! {
    /// Where a service is supplied to, seen from the seller (IGST Act, sections 7 and 8).
    Supply {
        /// Within the seller's state: half goes to the union (CGST), half to the state (SGST).
        WithinState = "within_state",
        /// To another state: all of it is integrated tax (IGST).
        BetweenStates = "between_states",
    }
}

/// What of an amount is tax, in paise. The parts add up to the amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaxSplit {
    /// What is taxed.
    pub taxable: Paise,
    /// Central tax.
    pub cgst: Paise,
    /// State tax, always as much as the central one.
    pub sgst: Paise,
    /// Integrated tax.
    pub igst: Paise,
}

impl TaxSplit {
    /// Splits an amount that contains the tax. Each tax is rounded to the nearest paisa, half a paisa up; what is taxed is the rest.
    ///
    /// `gross` is not negative and below 10^15 paise, which is far above any price.
    pub fn of(gross: Paise, supply: Supply) -> Self {
        let share = |percent: i64| {
            let (part, whole) = (gross.get() * percent, 100 + RATE_PERCENT);
            Paise::new((2 * part + whole).div_euclid(2 * whole))
        };
        let (half, all) = match supply {
            Supply::WithinState => (share(RATE_PERCENT / 2), Paise::ZERO),
            Supply::BetweenStates => (Paise::ZERO, share(RATE_PERCENT)),
        };
        let taxable = Paise::new(gross.get() - 2 * half.get() - all.get());
        Self { taxable, cgst: half, sgst: half, igst: all }
    }

    /// The part that a refund takes back, when `before` of the payment had been given back already. The parts of refunds that add
    /// up to the whole payment add up to its split, to the paisa.
    pub fn of_refund(before: Paise, refund: Paise, supply: Supply) -> Self {
        let after = Self::of(Paise::new(before.get() + refund.get()), supply);
        let before = Self::of(before, supply);
        let less = |after: Paise, before: Paise| Paise::new(after.get() - before.get());
        Self {
            taxable: less(after.taxable, before.taxable),
            cgst: less(after.cgst, before.cgst),
            sgst: less(after.sgst, before.sgst),
            igst: less(after.igst, before.igst),
        }
    }

    /// The tax.
    pub const fn tax(&self) -> Paise {
        Paise::new(self.cgst.get() + self.sgst.get() + self.igst.get())
    }

    /// The amount that was split.
    pub const fn gross(&self) -> Paise {
        Paise::new(self.taxable.get() + self.tax().get())
    }
}

/// States and union territories by their code in registration numbers.
const STATES: [(u8, &str); 38] = [
    (1, "Jammu and Kashmir"),
    (2, "Himachal Pradesh"),
    (3, "Punjab"),
    (4, "Chandigarh"),
    (5, "Uttarakhand"),
    (6, "Haryana"),
    (7, "Delhi"),
    (8, "Rajasthan"),
    (9, "Uttar Pradesh"),
    (10, "Bihar"),
    (11, "Sikkim"),
    (12, "Arunachal Pradesh"),
    (13, "Nagaland"),
    (14, "Manipur"),
    (15, "Mizoram"),
    (16, "Tripura"),
    (17, "Meghalaya"),
    (18, "Assam"),
    (19, "West Bengal"),
    (20, "Jharkhand"),
    (21, "Odisha"),
    (22, "Chhattisgarh"),
    (23, "Madhya Pradesh"),
    (24, "Gujarat"),
    (25, "Daman and Diu"),
    (26, "Dadra and Nagar Haveli and Daman and Diu"),
    (27, "Maharashtra"),
    (28, "Andhra Pradesh (before 2014)"),
    (29, "Karnataka"),
    (30, "Goa"),
    (31, "Lakshadweep"),
    (32, "Kerala"),
    (33, "Tamil Nadu"),
    (34, "Puducherry"),
    (35, "Andaman and Nicobar Islands"),
    (36, "Telangana"),
    (37, "Andhra Pradesh"),
    (38, "Ladakh"),
];

/// A state or union territory, in text its two-digit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct State(u8);

impl State {
    /// Every state, by code. The two that no longer exist are known for old numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        STATES.into_iter().map(|(code, _)| Self(code))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        STATES.into_iter().find(|(code, _)| *code == self.0).map_or("", |(_, name)| name)
    }

    /// What a service to `buyer` is, seen from here.
    pub fn supply_to(self, buyer: Self) -> Supply {
        if self == buyer { Supply::WithinState } else { Supply::BetweenStates }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

/// Not the two-digit code of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the two-digit code of a state or union territory")]
pub struct UnknownState;

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let code = text.parse::<u8>().ok().filter(|_| digits).ok_or(UnknownState)?;
        Self::all().find(|state| state.0 == code).ok_or(UnknownState)
    }
}

impl TryFrom<String> for State {
    type Error = UnknownState;

    fn try_from(text: String) -> Result<Self, UnknownState> {
        text.parse()
    }
}

impl From<State> for String {
    fn from(state: State) -> Self {
        state.to_string()
    }
}

/// A registration number: state, PAN, entity, `Z`, check character.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Gstin {
    text: String,
    state: State,
}

/// Why a text is no registration number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GstinProblem {
    /// Not 15 characters of the known form.
    #[error("a GSTIN has 15 characters, such as 27AAPFU0939F1ZV")]
    Form,
    /// Its state does not exist.
    #[error("the first two digits of a GSTIN are the code of a state")]
    State,
    /// The last character does not fit the others: something is mistyped.
    #[error("the check character does not fit: look for a mistyped character")]
    CheckCharacter,
}

impl Gstin {
    /// The state of registration.
    pub const fn state(&self) -> State {
        self.state
    }

    /// The number, in capitals.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Gstin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

const LENGTH: usize = 15;
const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

impl FromStr for Gstin {
    type Err = GstinProblem;

    /// Small letters and surrounding spaces are forgiven.
    fn from_str(text: &str) -> Result<Self, GstinProblem> {
        let text = text.trim().to_ascii_uppercase();
        let bytes: &[u8; LENGTH] = text.as_bytes().try_into().map_err(|_| GstinProblem::Form)?;
        let form = bytes.iter().enumerate().all(|(position, byte)| match position {
            0 | 1 | 7..=10 => byte.is_ascii_digit(),
            2..=6 | 11 => byte.is_ascii_uppercase(),
            12 => byte.is_ascii_uppercase() || (b'1'..=b'9').contains(byte),
            13 => *byte == b'Z',
            _ => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        });
        if !form {
            return Err(GstinProblem::Form);
        }
        let state = text[..2].parse().map_err(|_| GstinProblem::State)?;
        if check_character(&bytes[..LENGTH - 1]) != Some(bytes[LENGTH - 1]) {
            return Err(GstinProblem::CheckCharacter);
        }
        Ok(Self { text, state })
    }
}

impl TryFrom<String> for Gstin {
    type Error = GstinProblem;

    fn try_from(text: String) -> Result<Self, GstinProblem> {
        text.parse()
    }
}

impl From<Gstin> for String {
    fn from(gstin: Gstin) -> Self {
        gstin.text
    }
}

/// The Luhn sum over 36 characters: every second value counts twice, digits of a product are added.
fn check_character(body: &[u8]) -> Option<u8> {
    let values = body.iter().map(|byte| ALPHABET.iter().position(|known| known == byte));
    let sum = values.enumerate().try_fold(0, |sum, (position, value)| {
        let product = value? * (1 + position % 2);
        Some(sum + product / ALPHABET.len() + product % ALPHABET.len())
    })?;
    ALPHABET.get((ALPHABET.len() - sum % ALPHABET.len()) % ALPHABET.len()).copied()
}
