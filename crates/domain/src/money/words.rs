//! Amounts in words, as Indian invoices write them.

use super::Paise;

const SMALL: [&str; 20] = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
];
const TENS: [&str; 10] = ["", "", "Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety"];

impl Paise {
    /// The amount in words: `Rupees Five Thousand and Fifty Paise Only`.
    pub fn in_words(self) -> String {
        let paise = self.get().unsigned_abs();
        let mut words = Vec::new();
        if self.get() < 0 {
            words.push("Minus");
        }
        words.push("Rupees");
        spell(paise / 100, &mut words);
        if !paise.is_multiple_of(100) {
            words.push("and");
            spell(paise % 100, &mut words);
            words.push("Paise");
        }
        words.push("Only");
        words.join(" ")
    }
}

/// Crores may themselves be crores; below, each unit has its name.
fn spell(n: u64, words: &mut Vec<&'static str>) {
    if n < 100 {
        below_hundred(n, words);
        return;
    }
    let mut rest = n;
    for (unit, name) in [(10_000_000, "Crore"), (100_000, "Lakh"), (1_000, "Thousand"), (100, "Hundred")] {
        if rest >= unit {
            spell(rest / unit, words);
            words.push(name);
            rest %= unit;
        }
    }
    if rest > 0 {
        below_hundred(rest, words);
    }
}

fn below_hundred(n: u64, words: &mut Vec<&'static str>) {
    let word = |list: &'static [&'static str], n: u64| usize::try_from(n).ok().and_then(|n| list.get(n)).copied().unwrap_or_default();
    if n < 20 {
        words.push(word(&SMALL, n));
    } else {
        words.push(word(&TENS, n / 10));
        if !n.is_multiple_of(10) {
            words.push(word(&SMALL, n % 10));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_in_lakhs_and_crores() {
        let cases = [
            (0, "Rupees Zero Only"),
            (50, "Rupees Zero and Fifty Paise Only"),
            (101, "Rupees One and One Paise Only"),
            (500_000, "Rupees Five Thousand Only"),
            (1_234_567, "Rupees Twelve Thousand Three Hundred Forty Five and Sixty Seven Paise Only"),
            (10_000_000, "Rupees One Lakh Only"),
            (10_000_100, "Rupees One Lakh One Only"),
            (999_999_999, "Rupees Ninety Nine Lakh Ninety Nine Thousand Nine Hundred Ninety Nine and Ninety Nine Paise Only"),
            (1_000_000_000, "Rupees One Crore Only"),
            (123_000_000_000, "Rupees One Hundred Twenty Three Crore Only"),
            (-250, "Minus Rupees Two and Fifty Paise Only"),
        ];
        for (paise, words) in cases {
            assert_eq!(Paise::new(paise).in_words(), words, "{paise}");
        }
    }
}
