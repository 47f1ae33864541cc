//! Tax is split to the paisa, whatever the amount and however a payment is given back; numbers are checked.

use domain::{
    gst::{Gstin, GstinProblem, RATE_PERCENT, State, Supply, TaxSplit},
    money::Paise,
};
use proptest::{collection::vec, prelude::*};

#[test]
fn prices_are_split_as_an_accountant_would() {
    let within = TaxSplit::of(Paise::new(500_000), Supply::WithinState);
    assert_eq!((within.taxable, within.cgst, within.sgst), (Paise::new(423_728), Paise::new(38_136), Paise::new(38_136)));
    let between = TaxSplit::of(Paise::new(500_000), Supply::BetweenStates);
    assert_eq!((between.taxable, between.igst), (Paise::new(423_729), Paise::new(76_271)));
    assert_eq!(TaxSplit::of(Paise::new(118), Supply::BetweenStates).igst, Paise::new(18));
    assert_eq!(TaxSplit::of(Paise::ZERO, Supply::WithinState), TaxSplit::default());
}

fn supply() -> impl Strategy<Value = Supply> {
    prop_oneof![Just(Supply::WithinState), Just(Supply::BetweenStates)]
}

proptest! {
    #[test]
    fn the_parts_add_up_and_the_tax_is_right_to_a_paisa_each(gross in 0_i64..1_000_000_000_000, supply in supply()) {
        let split = TaxSplit::of(Paise::new(gross), supply);
        prop_assert_eq!(split.gross().get(), gross);
        prop_assert_eq!(split.cgst, split.sgst);
        let (exact_times_118, taxes) = (gross * RATE_PERCENT, if supply == Supply::WithinState { 2 } else { 1 });
        prop_assert!((split.tax().get() * 118 - exact_times_118).abs() <= taxes * 59);
        prop_assert_eq!(supply == Supply::WithinState, split.igst == Paise::ZERO && (gross < 7 || split.cgst > Paise::ZERO));
    }

    #[test]
    fn refunds_of_parts_give_back_exactly_the_tax_that_was_taken(parts in vec(100_i64..2_000_000, 1..8), supply in supply()) {
        let gross = parts.iter().sum();
        let (mut before, mut back) = (0, TaxSplit::default());
        for part in parts {
            let split = TaxSplit::of_refund(Paise::new(before), Paise::new(part), supply);
            prop_assert_eq!(split.gross().get(), part);
            prop_assert_eq!(split.cgst, split.sgst);
            prop_assert!(split.taxable >= Paise::ZERO && split.cgst >= Paise::ZERO && split.igst >= Paise::ZERO);
            back = TaxSplit {
                taxable: Paise::new(back.taxable.get() + split.taxable.get()),
                cgst: Paise::new(back.cgst.get() + split.cgst.get()),
                sgst: Paise::new(back.sgst.get() + split.sgst.get()),
                igst: Paise::new(back.igst.get() + split.igst.get()),
            };
            before += part;
        }
        prop_assert_eq!(back, TaxSplit::of(Paise::new(gross), supply));
    }

    #[test]
    fn any_single_mistyped_character_of_a_gstin_is_noticed(position in 0_usize..15, with in "[0-9A-Z]") {
        let right = "27AAPFU0939F1ZV";
        let mut wrong = right.to_owned();
        wrong.replace_range(position..=position, &with);
        prop_assert_eq!(wrong.parse::<Gstin>().is_ok(), wrong == right, "{}", wrong);
    }

    #[test]
    fn no_text_makes_the_check_of_a_gstin_panic(text in "\\PC{0,20}") {
        let _ = text.parse::<Gstin>();
    }
}

#[test]
fn gstins_that_exist_are_accepted_and_say_their_state() {
    for (text, state) in [("27AAPFU0939F1ZV", "Maharashtra"), ("29AAGCB7383J1Z4", "Karnataka"), (" 24aaacc1206d1zm ", "Gujarat")] {
        let gstin: Gstin = text.parse().unwrap();
        assert_eq!(gstin.state().name(), state);
        assert_eq!(gstin.as_str(), text.trim().to_uppercase());
    }
}

#[test]
fn what_is_wrong_with_a_gstin_is_said() {
    let cases = [
        ("", GstinProblem::Form),
        ("27AAPFU0939F1Z", GstinProblem::Form),
        ("27AAPFU0939F1XV", GstinProblem::Form),
        ("27AAPFU0939F0ZV", GstinProblem::Form),
        ("99AAPFU0939F1ZV", GstinProblem::State),
        ("00AAPFU0939F1ZV", GstinProblem::State),
        ("27AAPFU0939F1ZW", GstinProblem::CheckCharacter),
    ];
    for (text, problem) in cases {
        assert_eq!(text.parse::<Gstin>(), Err(problem), "{text}");
    }
}

#[test]
fn a_state_is_its_two_digit_code() {
    for state in State::all() {
        assert_eq!(state.to_string().parse(), Ok(state));
    }
    for wrong in ["", "9", "009", "39", "00", "+9", "MH"] {
        assert!(wrong.parse::<State>().is_err(), "{wrong}");
    }
    let (karnataka, kerala): (State, State) = ("29".parse().unwrap(), "32".parse().unwrap());
    assert_eq!(karnataka.supply_to(karnataka), Supply::WithinState);
    assert_eq!(karnataka.supply_to(kerala), Supply::BetweenStates);
}
