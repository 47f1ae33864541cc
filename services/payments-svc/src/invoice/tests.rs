//! What a document shows, as page and as file.

use domain::{
    financial_year::FinancialYear,
    gst::TaxSplit,
    ids::OrderId,
    invoice::{DocumentKind, DocumentNumber},
    money::Paise,
    plan::{Cycle, PlanCode},
};

use super::*;

/// An invoice to a buyer in Maharashtra, of a seller in Karnataka.
pub fn example(buyer: Option<Buyer>) -> Invoice {
    let content = Content {
        seller: Seller {
            legal_name: "Groundwork Example Private Limited".to_owned(),
            address: vec!["12 Residency Road".to_owned(), "Bengaluru 560025".to_owned()],
            gstin: "29AAACG0000A1ZO".parse().unwrap(),
            email: "billing@groundwork.example".to_owned(),
            sac: "998315".to_owned(),
        },
        buyer,
        plan: PlanCode::Glide,
        cycle: Cycle::Yearly,
        period_start: "2026-11-28T10:00:00Z".parse().unwrap(),
        period_end: "2027-11-28T10:00:00Z".parse().unwrap(),
        provider_reference: Some("OMO2611281030001000000001".to_owned()),
        corrects: None,
    };
    Invoice {
        id: "019c2d6e-0000-7000-8000-000000000003".parse().unwrap(),
        workspace: "019c2d6e-0000-7000-8000-000000000004".parse().unwrap(),
        number: DocumentNumber { kind: DocumentKind::Invoice, year: FinancialYear::beginning(2026), n: 42 },
        order: "019c2d6e-0000-7000-8000-000000000001".parse::<OrderId>().unwrap(),
        refund: None,
        corrects: None,
        split: TaxSplit::of(Paise::new(7_000_000), content.supply()),
        content,
        issued_at: "2026-11-28T20:30:00Z".parse().unwrap(),
    }
}

pub fn buyer() -> Buyer {
    Buyer {
        legal_name: "Ångström & Söhne <Pune> LLP".to_owned(),
        gstin: Some("27AAPFU0939F1ZV".parse().unwrap()),
        address: vec!["4th floor, 221 Fergusson College Road, next to the old printing press".to_owned(), "Pune 411004".to_owned()],
        state: "27".parse().unwrap(),
    }
}

#[test]
fn an_invoice_to_another_state_shows_integrated_tax() {
    insta::assert_debug_snapshot!("invoice_between_states", Printed::from(&example(Some(buyer()))));
}

#[test]
fn an_invoice_without_a_known_buyer_is_supplied_in_the_sellers_state() {
    let printed = Printed::from(&example(None));
    assert_eq!(printed.buyer[0], "Unregistered customer");
    assert_eq!(printed.facts[1].1, "29 Karnataka");
    let taxes: Vec<&str> = printed.sums.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(taxes, ["Taxable value", "CGST 9 %", "SGST 9 %"]);
}

#[test]
fn a_credit_note_names_its_invoice() {
    let mut note = example(Some(buyer()));
    note.number.kind = DocumentKind::CreditNote;
    note.content.corrects = Some(Corrected { number: "GW/26-27/000042".to_owned(), issued_at: note.issued_at });
    let printed = Printed::from(&note);
    assert_eq!((printed.title, printed.number.as_str()), ("Credit note", "CN/26-27/000042"));
    // 20:30 in London is the next day in India.
    assert!(printed.facts.contains(&("Invoice", "GW/26-27/000042 of 29 November 2026".to_owned())));
}

#[test]
fn nothing_that_somebody_typed_becomes_markup() {
    let page = html::page(&Printed::from(&example(Some(buyer()))));
    assert!(page.contains("Söhne &lt;Pune&gt; LLP") && !page.contains("<Pune>"));
    assert_eq!(page.matches("<script").count(), 0);
}

#[test]
fn the_same_document_is_always_the_same_file() {
    let printed = Printed::from(&example(Some(buyer())));
    let issued_at = "2026-11-28T20:30:00Z".parse().unwrap();
    let file = pdf::file(&printed, issued_at).unwrap();
    assert!(file.starts_with(b"%PDF-1."));
    assert!(file.len() < 100_000, "{} bytes", file.len());
    assert_eq!(file, pdf::file(&printed, issued_at).unwrap());
}

#[test]
fn what_the_font_lacks_is_named() {
    assert_eq!(pdf::unprintable("Ångström & Söhne, ₹ 5,000 – “quoted”"), None);
    assert_eq!(pdf::unprintable("Groundwork भारत"), Some('भ'));
    assert_eq!(pdf::unprintable("a\u{0}b"), Some('\u{0}'));
}

#[test]
fn a_text_of_any_length_fits_the_page_and_is_set_whole() {
    let mut wide = example(Some(buyer()));
    wide.content.buyer.as_mut().unwrap().legal_name = "W".repeat(120);
    wide.content.buyer.as_mut().unwrap().address = vec!["M".repeat(100); 4];
    pdf::file(&Printed::from(&wide), wide.issued_at).unwrap();
}
