use serde_json::json;

use super::*;
use crate::step::Definition;

fn complete(slug: &str, answer: &Value) -> Result<Value, Rejected> {
    check(Definition::current().step(slug).unwrap(), answer, Mode::Complete, 2026).map(|checked| checked.answer)
}

fn draft(slug: &str, answer: &Value) -> Result<Value, Rejected> {
    check(Definition::current().step(slug).unwrap(), answer, Mode::Draft, 2026).map(|checked| checked.answer)
}

fn errors(result: Result<Value, Rejected>) -> Vec<(String, FieldErrorCode)> {
    match result {
        Err(Rejected::Invalid(errors)) => errors.into_iter().map(|e| (e.pointer, e.code)).collect(),
        other => panic!("expected field errors, got {other:?}"),
    }
}

fn company() -> Value {
    json!({
        "company_name": "Acme", "industry": "technology", "stage": "seed",
        "description": "We make anvils for people in a hurry.",
    })
}

fn with(mut answer: Value, name: &str, value: Value) -> Value {
    answer[name] = value;
    answer
}

#[test]
fn all_errors_are_reported_at_once_with_their_places() {
    let answer = json!({
        "company_name": "A", "industry": "magic", "founded_year": 2028, "employee_count": 1.5,
        "website": "javascript:alert(1)", "colour": "red",
    });
    assert_eq!(
        errors(complete("company", &answer)),
        [
            ("/colour".to_owned(), FieldErrorCode::UnknownField),
            ("/company_name".to_owned(), FieldErrorCode::TooShort),
            ("/website".to_owned(), FieldErrorCode::InvalidUrl),
            ("/industry".to_owned(), FieldErrorCode::NotOneOf),
            ("/stage".to_owned(), FieldErrorCode::Required),
            ("/description".to_owned(), FieldErrorCode::Required),
            ("/founded_year".to_owned(), FieldErrorCode::TooLarge),
            ("/employee_count".to_owned(), FieldErrorCode::WrongType),
        ]
    );
}

#[test]
fn a_draft_may_lack_fields_but_not_break_types_and_limits() {
    assert_eq!(draft("company", &json!({"company_name": "A"})).unwrap(), json!({"company_name": "A"}));
    assert_eq!(draft("competitors", &json!({"competitors": [{"kind": "direct"}]})).unwrap(), json!({"competitors": [{"kind": "direct"}]}));
    assert_eq!(
        errors(draft("company", &json!({"company_name": "x".repeat(121), "founded_year": "2020"}))),
        [("/company_name".to_owned(), FieldErrorCode::TooLong), ("/founded_year".to_owned(), FieldErrorCode::WrongType),]
    );
    assert_eq!(errors(draft("review", &json!([]))), [(String::new(), FieldErrorCode::WrongType)]);
}

#[test]
fn text_is_composed_trimmed_and_has_unix_line_ends() {
    let answer = with(company(), "description", json!("  cafe\u{301} au lait\r\nand more of it\r "));
    assert_eq!(complete("company", &answer).unwrap()["description"], "café au lait\nand more of it");
}

#[test]
fn control_characters_are_refused_and_line_breaks_in_single_lines() {
    for (field, text) in [
        ("description", "twenty characters and\u{0} a null"),
        ("description", "twenty characters and\ta tab"),
        ("company_name", "Ac\nme"),
        ("headquarters", "Pune\u{9b}31m"),
    ] {
        assert_eq!(
            errors(complete("company", &with(company(), field, json!(text)))),
            [(format!("/{field}"), FieldErrorCode::ControlCharacter)]
        );
    }
}

#[test]
fn hidden_characters_are_dropped_around_a_text_and_refused_inside_and_joiners_are_letters() {
    let name = |text: &str| complete("company", &with(company(), "company_name", json!(text)));
    assert_eq!(name("\u{feff}Acme\u{200b} ").unwrap()["company_name"], "Acme");
    for hidden in ["Ac\u{200b}me", "Ac\u{2060}me", "Ac\u{feff}me", "Acme \u{202e}gpj.exe", "\u{2067}Acme\u{2069} Ltd", "\u{202a}Acme"] {
        assert_eq!(errors(name(hidden)), [("/company_name".to_owned(), FieldErrorCode::ControlCharacter)], "{hidden:?}");
    }
    for whole in ["می\u{200c}خواهم", "Co ക\u{d4d}\u{200d}", "👩\u{200d}🔧 Works", "Acme \u{200f}(ישראל)"] {
        assert_eq!(name(whole).unwrap()["company_name"], whole);
    }
    let site = complete("company", &with(company(), "website", json!("https://acme.example/\u{202e}a")));
    assert_eq!(errors(site), [("/website".to_owned(), FieldErrorCode::InvalidUrl)]);
}

#[test]
fn lengths_count_graphemes_and_are_bounded_in_bytes() {
    let name = |text: String| complete("company", &with(company(), "company_name", json!(text)));
    assert!(name("कि".repeat(120)).is_ok());
    assert!(name("कि".repeat(121)).is_err());
    // A family emoji is one grapheme of 25 bytes: 38 of them are within 960 bytes, 39 are not.
    assert!(name("👨‍👩‍👧‍👦".repeat(38)).is_ok());
    assert_eq!(errors(name("👨‍👩‍👧‍👦".repeat(39))), [("/company_name".to_owned(), FieldErrorCode::TooLong)]);
}

#[test]
fn text_that_shows_nothing_is_no_answer() {
    for blank in ["", "  \n", "\u{200b}\u{feff}", "\u{3000}"] {
        assert_eq!(
            errors(complete("company", &with(company(), "company_name", json!(blank)))),
            [("/company_name".to_owned(), FieldErrorCode::Required)]
        );
    }
}

#[test]
fn lists_drop_blanks_and_repetitions_whatever_their_case() {
    let answer = json!({"dos": ["Be kind", " be KIND ", "", null, "STRASSE", "Stra\u{df}e"], "donts": ["x"]});
    assert_eq!(complete("guardrails", &answer).unwrap()["dos"], json!(["Be kind", "STRASSE", "Straße"]));
    let objects = json!({"channels": [{"name": "Mail"}, {}, {"name": " "}, {"name": "mail"}]});
    assert_eq!(complete("channels", &objects).unwrap(), json!({"channels": [{"name": "Mail"}]}));
}

#[test]
fn a_list_of_blanks_is_no_answer_to_a_required_list() {
    assert_eq!(
        errors(complete("guardrails", &json!({"dos": ["", null], "donts": ["x"]}))),
        [("/dos".to_owned(), FieldErrorCode::Required)]
    );
}

#[test]
fn errors_in_lists_point_to_the_place_that_was_sent() {
    let answer = json!({"channels": [null, {"name": "Mail"}, {"kind": "email", "priority": "best"}]});
    assert_eq!(
        errors(complete("channels", &answer)),
        [("/channels/2/name".to_owned(), FieldErrorCode::Required), ("/channels/2/priority".to_owned(), FieldErrorCode::NotOneOf),]
    );
}

#[test]
fn lists_have_a_most_and_nested_lists_too() {
    let many: Vec<_> = (0..51).map(|n| format!("phrase {n}")).collect();
    let answer = json!({"dos": ["x"], "donts": ["y"], "banned_phrases": many});
    assert_eq!(errors(complete("guardrails", &answer)), [("/banned_phrases".to_owned(), FieldErrorCode::TooMany)]);
    let strengths: Vec<_> = (0..6).map(|n| n.to_string()).collect();
    let answer = json!({"competitors": [{"name": "B", "strengths": strengths}]});
    assert_eq!(errors(complete("competitors", &answer)), [("/competitors/0/strengths".to_owned(), FieldErrorCode::TooMany)]);
}

#[test]
fn numbers_beyond_two_to_the_fifty_third_are_refused() {
    let size = |tam: Value| complete("market-size", &json!({"tam": tam}));
    assert!(size(json!(9_007_199_254_740_991_i64)).is_ok());
    for tam in [json!(9_007_199_254_740_992_i64), json!(u64::MAX), json!(1e300)] {
        assert_eq!(errors(size(tam)), [("/tam".to_owned(), FieldErrorCode::TooLarge)]);
    }
    assert_eq!(size(json!(10.0)).unwrap(), json!({"tam": 10}));
    assert_eq!(errors(size(json!(-1))), [("/tam".to_owned(), FieldErrorCode::TooSmall)]);
}

#[test]
fn confidence_keeps_three_decimals() {
    let answer = json!({"facts": [{"label": "a", "value": "b", "confidence": 0.123_456}]});
    assert_eq!(complete("facts", &answer).unwrap()["facts"][0]["confidence"], json!(0.123));
    let answer = json!({"facts": [{"label": "a", "value": "b", "confidence": 1.01}]});
    assert_eq!(errors(complete("facts", &answer)), [("/facts/0/confidence".to_owned(), FieldErrorCode::TooLarge)]);
}

#[test]
fn web_addresses_are_http_and_get_a_scheme_when_they_lack_one() {
    let site = |text: &str| complete("company", &with(company(), "website", json!(text)));
    assert_eq!(site("acme.example").unwrap()["website"], "https://acme.example");
    assert_eq!(site("http://acme.example/a?b=c").unwrap()["website"], "http://acme.example/a?b=c");
    for bad in [
        "ftp://acme.example",
        "acme",
        "https://",
        "https://user:secret@acme.example",
        "https://acme.example/a b",
        "file:///etc/passwd",
        "mailto:a@acme.example",
    ] {
        assert_eq!(errors(site(bad)), [("/website".to_owned(), FieldErrorCode::InvalidUrl)], "{bad}");
    }
}

#[test]
fn dates_are_days_that_exist() {
    let due = |text: &str| complete("goals", &json!({"short_term_goals": [{"title": "x", "due": text}]}));
    assert!(due("2028-02-29").is_ok());
    for bad in ["2027-02-29", "2027-1-5", "27-01-05", "tomorrow", "2027-01-05T00:00:00Z"] {
        assert_eq!(errors(due(bad)), [("/short_term_goals/0/due".to_owned(), FieldErrorCode::InvalidDate)], "{bad}");
    }
}

#[test]
fn money_is_an_amount_with_a_currency() {
    let budget = |value: Value| complete("constraints", &json!({"monthly_budget": value}));
    assert_eq!(
        budget(json!({"amount_minor": 5, "currency": "inr"})).unwrap()["monthly_budget"],
        json!({"amount_minor": 5, "currency": "INR"})
    );
    assert_eq!(errors(budget(json!({"amount_minor": 5}))), [("/monthly_budget/currency".to_owned(), FieldErrorCode::Required)]);
    assert_eq!(
        errors(budget(json!({"amount_minor": 5, "currency": "XXQ"}))),
        [("/monthly_budget/currency".to_owned(), FieldErrorCode::NotOneOf)]
    );
    assert_eq!(errors(budget(json!(5))), [("/monthly_budget".to_owned(), FieldErrorCode::WrongType)]);
}

#[test]
fn a_critical_contradiction_needs_a_resolution_to_complete() {
    let answer = json!({"contradictions": [
        {"statement": "a", "conflicts_with": "b", "severity": "high"},
        {"statement": "c", "conflicts_with": "d", "severity": "critical", "resolution": "  "},
    ]});
    assert_eq!(errors(complete("integrity", &answer)), [("/contradictions/1/resolution".to_owned(), FieldErrorCode::ResolutionRequired)]);
    assert!(draft("integrity", &answer).is_ok());
}

#[test]
fn market_sizes_go_from_large_to_small() {
    let size = |answer: Value| complete("market-size", &answer);
    assert!(size(json!({"tam": 3, "sam": 2, "som": 2})).is_ok());
    assert_eq!(
        errors(size(json!({"tam": 1, "sam": 2, "som": 3}))),
        [("/sam".to_owned(), FieldErrorCode::OutOfOrder), ("/som".to_owned(), FieldErrorCode::OutOfOrder)]
    );
    assert_eq!(errors(size(json!({"tam": 1, "som": 3}))), [("/som".to_owned(), FieldErrorCode::OutOfOrder)]);
}

#[test]
fn a_review_is_complete_only_when_confirmed() {
    assert!(complete("review", &json!({"confirmed": true})).is_ok());
    assert_eq!(errors(complete("review", &json!({"confirmed": false}))), [("/confirmed".to_owned(), FieldErrorCode::NotConfirmed)]);
    assert_eq!(errors(complete("review", &json!({}))), [("/confirmed".to_owned(), FieldErrorCode::Required)]);
    assert!(draft("review", &json!({"confirmed": false})).is_ok());
}

#[test]
fn an_answer_of_more_than_32_kib_is_refused_with_its_size() {
    let evidence: Vec<_> = (0..25).map(|n| json!({"title": format!("Title {n}"), "note": "é".repeat(1000)})).collect();
    match draft("evidence", &json!({ "evidence": evidence })) {
        Err(Rejected::TooLarge { size, limit }) => {
            assert!(size > limit);
            assert_eq!(limit, 32_768);
        }
        other => panic!("expected a refusal by size, got {other:?}"),
    }
}

#[test]
fn the_normal_form_has_the_order_of_the_definition() {
    let answer = json!({"notes": "fine", "confirmed": true});
    let normal = complete("review", &answer).unwrap();
    assert_eq!(normal.to_string(), r#"{"confirmed":true,"notes":"fine"}"#);
}

/// All answers that lack one thing of this one: a member, an item, or most of a text.
fn lacking_one_thing(answer: &Value) -> Vec<Value> {
    let mut without = Vec::new();
    match answer {
        Value::Object(members) => {
            for (name, member) in members {
                let mut rest = members.clone();
                rest.shift_remove(name);
                without.push(Value::Object(rest));
                without.extend(lacking_one_thing(member).into_iter().map(|member| with(answer.clone(), name, member)));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let mut rest = items.clone();
                rest.remove(index);
                without.push(Value::Array(rest));
                without.extend(lacking_one_thing(item).into_iter().map(|item| {
                    let mut items = items.clone();
                    items[index] = item;
                    Value::Array(items)
                }));
            }
        }
        Value::String(text) => without.push(Value::String(text.chars().take(1).collect())),
        _ => {}
    }
    without
}

#[test]
fn a_draft_is_said_to_be_complete_exactly_when_it_could_be_completed() {
    let fixtures = [include_str!("../../tests/fixtures/answers/acme.json"), include_str!("../../tests/fixtures/answers/sahayak.json")];
    let (mut complete_ones, mut others) = (0, 0);
    for fixture in fixtures {
        let answers: Map<String, Value> = serde_json::from_str(fixture).unwrap();
        for (slug, answer) in &answers {
            for draft in lacking_one_thing(answer).iter().chain([answer]) {
                let Ok(checked) = check(Definition::current().step(slug).unwrap(), draft, Mode::Draft, 2026) else { continue };
                assert_eq!(checked.complete, complete(slug, &checked.answer).is_ok(), "{slug}: {draft}");
                *if checked.complete { &mut complete_ones } else { &mut others } += 1;
            }
        }
    }
    assert!(complete_ones > 100 && others > 100, "{complete_ones} complete, {others} not");
}
