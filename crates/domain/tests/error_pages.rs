//! Every error code has its page in docs/ERRORS.md, and no page is without a code.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use domain::ErrorCode;

/// The sections of docs/ERRORS.md that are headed by a code.
fn pages() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ERRORS.md");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut pages = BTreeMap::new();
    for section in text.split("\n## ").skip(1) {
        let (heading, body) = section.split_once('\n').unwrap_or((section, ""));
        let previous = pages.insert(heading.to_owned(), body.to_owned());
        assert!(previous.is_none(), "{heading} has two pages");
    }
    pages
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let mut codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    codes.sort();
    assert_eq!(pages().into_keys().collect::<Vec<_>>(), codes);
}

#[test]
fn a_page_gives_the_title_the_status_the_meaning_and_the_remedy() {
    let pages = pages();
    for code in ErrorCode::ALL {
        let body = &pages[code.as_str()];
        let first = format!("**{}** · {}\n", code.title(), code.status());
        assert!(body.trim_start().starts_with(&first), "{code} does not begin with {first}");
        let remedy = body.split_once("What to do: ").map(|(_, remedy)| remedy.trim());
        assert!(remedy.is_some_and(|remedy| !remedy.is_empty()), "{code} does not say what to do");
    }
}

#[test]
fn codes_are_well_formed_unique_and_errors() {
    let mut seen = std::collections::HashSet::new();
    for code in ErrorCode::ALL {
        let (prefix, number) = code.as_str().split_once('-').unwrap();
        assert!(["GW", "AUTH", "PAY", "ONB", "BCM"].contains(&prefix), "{code}");
        assert!(number.len() == 4 && number.bytes().all(|digit| digit.is_ascii_digit()), "{code}");
        assert!((400..600).contains(&code.status()), "{code}");
        assert!(seen.insert(code.as_str()), "{code} is used twice");
    }
    assert_eq!(ErrorCode::ManifestMissing.as_str(), "BCM-0001");
}
