use serde_json::json;

use super::*;

/// What a page suggests, as `field: value`.
fn suggested(html: &str) -> Vec<String> {
    usable(organization::said(&page::read(html.as_bytes())), 2026)
        .into_iter()
        .map(|(slug, field, value, _)| format!("{slug}/{}: {value}", field.name))
        .collect()
}

#[test]
fn an_organization_in_json_ld_fills_the_fields_that_ask_for_it() {
    let html = r#"<!doctype html><html><head><title>x</title>
        <script type="application/ld+json; charset=utf-8">
        {"@context": "https://schema.org", "@graph": [
            {"@type": "WebSite", "name": "The site"},
            {"@type": ["Thing", "https://schema.org/Corporation"], "name": "Acme &amp; Co", "legalName": "Acme Company Ltd",
             "url": "acme.example", "description": "Anvils <b>for</b> people in a hurry.", "slogan": "Never late",
             "foundingDate": "1949-09-17", "numberOfEmployees": {"@type": "QuantitativeValue", "value": "1,200"},
             "address": {"@type": "PostalAddress", "addressLocality": "Pune", "addressCountry": {"@type": "Country", "name": "India"}},
             "areaServed": ["India", {"@type": "Place", "name": "Nepal"}],
             "sameAs": ["https://www.linkedin.com/company/acme", "https://x.com/acme", "https://blog.example/acme", "https://notx.com/acme"]}
        ]}</script></head><body>"#;
    assert_eq!(
        suggested(html),
        [
            r#"company/company_name: "Acme &amp; Co""#,
            r#"company/company_name: "Acme Company Ltd""#,
            r#"company/website: "https://acme.example""#,
            r#"company/description: "Anvils <b>for</b> people in a hurry.""#,
            "company/founded_year: 1949",
            "company/employee_count: 1200",
            r#"company/headquarters: "Pune, India""#,
            r#"value-proposition/core_promise: "Never late""#,
            r#"market-size/geographies: ["India","Nepal"]"#,
            r#"channels/channels: [{"name":"LinkedIn","kind":"social_media"},{"name":"X","kind":"social_media"}]"#,
        ]
    );
}

#[test]
fn open_graph_and_the_description_come_after_and_say_nothing_twice() {
    let html = r#"<meta property="og:site_name" content="Acme"><META NAME=Description CONTENT='Anvils for people in a hurry.'>
        <meta property='og:description' content="Anvils for people in a hurry."><meta property="og:url" content="https://acme.example/">
        <script type="application/ld+json">{"@type": "Organization", "name": "Acme"}</script>
        <script>var x = '<meta property="og:site_name" content="Not this">';</script>"#;
    assert_eq!(
        suggested(html),
        [
            r#"company/company_name: "Acme""#,
            r#"company/website: "https://acme.example/""#,
            r#"company/description: "Anvils for people in a hurry.""#,
        ]
    );
    let found_in: Vec<_> =
        usable(organization::said(&page::read(html.as_bytes())), 2026).into_iter().map(|(_, _, _, found_in)| found_in).collect();
    assert_eq!(found_in, ["schema.org Organization name", "Open Graph url", "Open Graph description"]);
}

#[test]
fn microdata_is_read_with_nested_items_and_forgotten_ends() {
    let html = r#"<div itemscope itemtype="https://schema.org/LocalBusiness"><h1><span itemprop="name">Acme
        Tea</span></h1><p itemprop=description>Tea, <i>slowly</i> made.<br>Every day.<p>
        <a itemprop="url" href="https://tea.example">us</a>
        <div itemprop="address" itemscope itemtype="https://schema.org/PostalAddress"><span itemprop="addressLocality">Kolkata</span>,
        <meta itemprop="addressCountry" content="IN"></div><link itemprop="sameAs" href="https://instagram.com/tea"></div>
        <span itemprop="name">Nobody's</span>"#;
    assert_eq!(
        suggested(html),
        [
            r#"company/company_name: "Acme Tea""#,
            r#"company/website: "https://tea.example""#,
            r#"company/description: "Tea, slowly made.Every day.""#,
            r#"company/headquarters: "Kolkata, IN""#,
            r#"channels/channels: [{"name":"Instagram","kind":"social_media"}]"#,
        ]
    );
}

#[test]
fn what_a_field_would_refuse_is_not_suggested() {
    let organization = json!({
        "@type": "Organization", "name": "A\u{202e}cme", "url": "javascript:alert(1)", "foundingDate": "1700", "numberOfEmployees": -3,
        "description": "x".repeat(1001), "address": {"addressLocality": " "}, "slogan": ["", "  "], "sameAs": "not an address",
    });
    assert_eq!(suggested(&format!(r#"<script type="application/ld+json">{organization}</script>"#)), Vec::<String>::new());
}

#[test]
fn a_page_that_is_hostile_or_no_page_is_read_to_its_end() {
    let deep = "<div itemscope>".repeat(20_000);
    let nested = format!(r#"<script type="application/ld+json">{}{}</script>"#, "[".repeat(10_000), "]".repeat(10_000));
    let graph = format!(r#"<script type="application/ld+json">{}1{}</script>"#, r#"{"@graph":"#.repeat(120), "}".repeat(120));
    let many = r#"<meta property="og:site_name" content="A name">"#.repeat(5_000);
    for html in [deep, nested, graph, "</div>".repeat(10_000), "<script type=application/ld+json>{".to_owned(), "\0\u{fffd}<".repeat(9_000)]
    {
        assert_eq!(suggested(&html), Vec::<String>::new());
    }
    assert_eq!(suggested(&many), [r#"company/company_name: "A name""#]);
    assert_eq!(page::read(&[0xff, 0xfe, b'<', 0xc3]), page::Page::default());
    let in_a_deep_page = format!("{}<span itemprop=name>x</span>{}", "<b>".repeat(300), "</b>".repeat(300));
    let after = format!(r#"{in_a_deep_page}<div itemscope itemtype="Organization"><span itemprop="name">Acme</span></div>"#);
    assert_eq!(suggested(&after), [r#"company/company_name: "Acme""#]);
}
