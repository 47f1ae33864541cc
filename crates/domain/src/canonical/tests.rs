//! The vectors are those of RFC 8785 and of its reference implementation
//! (github.com/cyberphone/json-canonicalization, testdata).

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn canonical_text(input: &str) -> String {
    let value: Value = serde_json::from_str(input).unwrap();
    String::from_utf8(canonicalise(&value).unwrap()).unwrap()
}

#[test]
fn the_reference_vectors_canonicalise_byte_for_byte() {
    let vectors = [
        ("[\n  56,\n  {\n    \"d\": true,\n    \"10\": null,\n    \"1\": [ ]\n  }\n]", r#"[56,{"1":[],"10":null,"d":true}]"#),
        (
            r#"{"peach": "This sorting order", "péché": "is wrong according to French", "pêche": "but canonicalization MUST", "sin": "ignore locale"}"#,
            r#"{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ignore locale"}"#,
        ),
        (
            r#"{"1": {"f": {"f": "hi","F": 5} ,"\n": 56.0}, "10": { }, "": "empty", "a": { }, "111": [ {"e": "yes","E": "no" } ], "A": { } }"#,
            r#"{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}"#,
        ),
        ("{\"Unnormalized Unicode\":\"A\\u030a\"}", "{\"Unnormalized Unicode\":\"A\u{30a}\"}"),
        (
            r#"{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001], "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#,
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
        ),
        (
            r#"{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\u000a": "Newline", "1": "One", "\u0080": "Control\u007f", "\ud83d\ude02": "Smiley", "\u00f6": "Latin Small Letter O With Diaeresis", "\ufb33": "Hebrew Letter Dalet With Dagesh", "</script>": "Browser Challenge"}"#,
            "{\"\\n\":\"Newline\",\"\\r\":\"Carriage Return\",\"1\":\"One\",\"</script>\":\"Browser Challenge\",\"\u{80}\":\"Control\u{7f}\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😂\":\"Smiley\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
        ),
    ];
    for (input, output) in vectors {
        assert_eq!(canonical_text(input), output);
    }
}

#[test]
fn the_number_samples_of_appendix_b_print_as_the_rfc_says() {
    let samples: [(u64, &str); 24] = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];
    for (bits, text) in samples {
        let printed = canonicalise(&f64::from_bits(bits)).unwrap();
        assert_eq!(String::from_utf8(printed).unwrap(), text, "{bits:016x}");
    }
}

#[test]
fn numbers_that_are_not_finite_have_no_canonical_form() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(to_bytes(&number).is_err());
    }
}

#[test]
fn integers_beyond_two_to_the_fifty_third_are_refused_both_ways() {
    assert_eq!(to_bytes(&MAX_INTEGER).unwrap(), b"9007199254740991");
    assert_eq!(to_bytes(&-MAX_INTEGER).unwrap(), b"-9007199254740991");
    assert!(to_bytes(&(MAX_INTEGER + 1)).is_err());
    assert!(to_bytes(&u64::MAX).is_err());
    assert!(value_to_bytes(&json!({"a": [i64::MIN]})).is_err());
    assert!(parse(b"[9007199254740991]").is_ok());
    for refused in ["9007199254740992", "-9007199254740993", "123456789012345678901234567890", "1e400"] {
        assert!(parse(refused.as_bytes()).is_err(), "{refused}");
    }
}

#[test]
fn a_document_with_a_duplicate_key_is_refused_at_any_depth() {
    assert!(parse(br#"{"a":1,"b":{"a":1}}"#).is_ok());
    assert!(parse(br#"{"a":1,"a":1}"#).is_err());
    assert!(parse(br#"{"list":[{"x":{"k":1,"\u006b":2}}]}"#).is_err());
}

#[test]
fn lone_surrogates_trailing_text_and_deep_nesting_are_refused() {
    assert!(parse(br#""\ud800""#).is_err());
    assert!(parse(b"{} {}").is_err());
    assert!(parse("[".repeat(200_000).as_bytes()).is_err());
}

#[test]
fn a_checksum_reads_only_its_own_form() {
    let checksum = Checksum::of(b"");
    let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(checksum.to_string(), text);
    assert_eq!(text.parse::<Checksum>().unwrap(), checksum);
    assert_eq!(serde_json::to_value(checksum).unwrap(), json!(text));
    assert!(text.to_uppercase().parse::<Checksum>().is_err());
    assert!(text.trim_end_matches('5').parse::<Checksum>().is_err());
    assert!(!checksum.verifies(b" "));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::from),
        (-1e15..1e15).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn canonical_bytes_read_back_to_the_same_bytes(value in any_json()) {
        let bytes = value_to_bytes(&value).unwrap();
        let again = value_to_bytes(&parse(&bytes).unwrap()).unwrap();
        prop_assert_eq!(bytes, again);
    }

    #[test]
    fn white_space_and_key_order_do_not_matter(value in any_json()) {
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        prop_assert_eq!(value_to_bytes(&parse(&pretty).unwrap()).unwrap(), value_to_bytes(&value).unwrap());
    }
}
