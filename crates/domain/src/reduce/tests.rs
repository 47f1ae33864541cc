use proptest::prelude::*;
use serde_json::json;

use super::{confidence, text, tokens::Counter, *};

const FIXTURES: [&str; 3] = [
    include_str!("../../tests/fixtures/answers/acme.json"),
    include_str!("../../tests/fixtures/answers/sahayak.json"),
    include_str!("../../tests/fixtures/answers/maximal.json"),
];

#[test]
fn counting_by_segments_is_exact_in_both_encodings() {
    for encoding in [Encoding::Cl100k, Encoding::O200k] {
        let mut counter = Counter::new(encoding);
        for fixture in FIXTURES {
            let value: Value = serde_json::from_str(fixture).unwrap();
            for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                assert_eq!(counter.count(&json), encoding.count(&json));
                assert_eq!(counter.count(&json), encoding.count(&json), "from memory");
            }
        }
        let tricky = json!({
            "a": ["x,", "\"y\"", "it's", "'s", "z\\", "\n", "5 ways", " lead", "कि", "…", ":\"a", "/", "a/"],
            "b": {"c": "foo ,", "d": "bar [", "e": -1, "f": "…"},
            "c": [" a", "a  b", "a   b", "a ", "a  ", "a 5", "5 a", "a 'S", "कि कि", "é é", "\u{a0} a", "a\u{a0} b", "a \u{a0}b", "a \t b", "a / b"],
        })
        .to_string();
        assert_eq!(counter.count(&tricky), encoding.count(&tricky));
    }
}

proptest! {
    #[test]
    fn counting_by_words_is_exact_whatever_stands_around_a_space(text in r#"[ \t\r\na'/5é\u{a0}\u{93f}\u{915}.,"]{0,40}|(\PC{0,6} ){0,8}"#) {
        for encoding in [Encoding::Cl100k, Encoding::O200k] {
            let json = json!({"x": text.as_str()}).to_string();
            prop_assert_eq!(Counter::new(encoding).count(&json), encoding.count(&json));
        }
    }
}

#[test]
fn a_text_is_cut_at_a_word_and_marked() {
    assert_eq!(text::cut_to("The quick brown fox jumps", 16), "The quick brown…");
    assert_eq!(text::cut_to("The quick, brown fox", 11), "The quick…");
    assert_eq!(text::cut_to("short", 5), "short");
}

#[test]
fn a_word_too_long_for_a_line_is_cut_between_graphemes() {
    assert_eq!(text::cut_to(&"क्षि".repeat(40), 20), format!("{}…", "क्षि".repeat(20)));
    assert_eq!(text::cut_to("abcdefghij klm", 4), "abcd…");
}

#[test]
fn confidence_follows_the_formula() {
    assert_eq!(confidence::per_mille(&json!({})), 0);
    assert_eq!(confidence::per_mille(&json!({"name": "a"})), 80);
    assert_eq!(confidence::per_mille(&json!({"name": "a", "description": "b"})), 170);
    // 0.5 + 0.5 + 0.5 + 0.3 = 1.8, a third less a bit.
    let profile = json!({"name": "a", "description": "b", "pains": [1], "objections": [1]});
    assert_eq!(confidence::per_mille(&profile), 300);
    let full = json!({
        "name": "a", "description": "b", "company_size": "c", "vertical": "d",
        "pains": [1, 2, 3, 4], "goals": [1, 2, 3], "objections": [1, 2, 3, 4], "triggers": [1, 2, 3, 4],
    });
    assert_eq!(confidence::per_mille(&full), 1000);
}

#[test]
fn weak_profiles_are_dropped_unless_none_is_left() {
    let strong = json!({"name": "Zed", "description": "b", "company_size": "c", "vertical": "d"});
    let weak = json!({"name": "Amy", "description": "b"});
    let (ranked, dropped) = confidence::rank(&[weak.clone(), strong.clone(), strong]);
    assert_eq!(ranked.iter().map(|r| r.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(dropped, 1);
    let (ranked, dropped) = confidence::rank(&[json!({"name": "Bob", "description": "b"}), weak]);
    assert_eq!(ranked.iter().map(|r| r.index).collect::<Vec<_>>(), [1]);
    assert_eq!(dropped, 1);
}

#[test]
fn a_policy_has_a_name_and_bounds() {
    assert_eq!(Policy::default().to_string(), "cl100k/1200");
    assert_eq!("o200k/600".parse::<Policy>().unwrap(), Policy::new(600, Encoding::O200k).unwrap());
    assert!(Policy::new(99, Encoding::Cl100k).is_err());
    assert!("p50k/600".parse::<Policy>().is_err());
}
