//! From what a page says to the fields that ask for it: schema.org `Organization` first, then Open Graph, then the description.

use serde_json::{Value, json};

use super::{Said, page::Page};

/// `Organization` and its kinds that companies use (schema.org 28).
const KINDS: [&str; 22] = [
    "Organization",
    "Corporation",
    "LocalBusiness",
    "OnlineBusiness",
    "OnlineStore",
    "Store",
    "ProfessionalService",
    "FinancialService",
    "EducationalOrganization",
    "MedicalOrganization",
    "NewsMediaOrganization",
    "NGO",
    "SoftwareCompany",
    "Restaurant",
    "Hotel",
    "TravelAgency",
    "RealEstateAgent",
    "LegalService",
    "Consortium",
    "Project",
    "Airline",
    "SportsOrganization",
];

/// Networks by their hosts.
const NETWORKS: [(&str, &str); 9] = [
    ("linkedin.com", "LinkedIn"),
    ("x.com", "X"),
    ("twitter.com", "X"),
    ("facebook.com", "Facebook"),
    ("instagram.com", "Instagram"),
    ("youtube.com", "YouTube"),
    ("tiktok.com", "TikTok"),
    ("pinterest.com", "Pinterest"),
    ("threads.net", "Threads"),
];

/// Documents are looked through this deep for an organization.
const DEEPEST: usize = 8;

/// Everything that the page says, the most trustworthy first.
pub(super) fn said(page: &Page) -> Vec<Said> {
    let mut said = Vec::new();
    let mut found = Vec::new();
    for document in page.json_ld.iter().chain(&page.items) {
        organizations(document, 0, &mut found);
    }
    for organization in found {
        of_organization(organization, &mut said);
    }
    let metas = [
        ("og:site_name", "company_name", "Open Graph site_name"),
        ("og:url", "website", "Open Graph url"),
        ("og:description", "description", "Open Graph description"),
        ("description", "description", "meta description"),
    ];
    for (name, field, found_in) in metas {
        for (_, content) in page.metas.iter().filter(|(other, _)| other == name) {
            said.push(Said { step: "company", field, value: json!(content), found_in });
        }
    }
    said
}

/// The organizations in a document, the outer ones first.
fn organizations<'a>(value: &'a Value, depth: usize, found: &mut Vec<&'a Value>) {
    if depth > DEEPEST {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| organizations(item, depth + 1, found)),
        Value::Object(members) => {
            if texts(value.get("@type")).iter().any(|kind| is_organization(kind)) {
                found.push(value);
            }
            for name in ["@graph", "publisher", "provider", "author", "about", "mainEntity", "sourceOrganization", "parentOrganization"] {
                if let Some(member) = members.get(name) {
                    organizations(member, depth + 1, found);
                }
            }
        }
        _ => {}
    }
}

/// The kind stands alone, or as an address: `https://schema.org/Corporation`.
fn is_organization(kind: &str) -> bool {
    let name = kind.rsplit(['/', '#', ':']).next().unwrap_or(kind);
    KINDS.contains(&name)
}

/// A text, or the texts of a list.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        // {"@value": …} is a text with a language.
        Some(Value::Object(members)) => members.get("@value").and_then(Value::as_str).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The text, or the name of what stands in its place.
fn named(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| texts(value.get("name")).first().copied())
}

fn of_organization(organization: &Value, said: &mut Vec<Said>) {
    let mut say = |step, field, value: Value, found_in| said.push(Said { step, field, value, found_in });
    let of = |name: &str| texts(organization.get(name));
    for (property, step, field, found_in) in [
        ("name", "company", "company_name", "schema.org Organization name"),
        ("legalName", "company", "company_name", "schema.org Organization legalName"),
        ("url", "company", "website", "schema.org Organization url"),
        ("description", "company", "description", "schema.org Organization description"),
        ("slogan", "value-proposition", "core_promise", "schema.org Organization slogan"),
    ] {
        for text in of(property) {
            say(step, field, json!(text), found_in);
        }
    }
    let founded = of("foundingDate").first().and_then(|date| date.get(..4)).and_then(|year| year.parse::<i32>().ok());
    if let Some(year) = founded {
        say("company", "founded_year", json!(year), "schema.org Organization foundingDate");
    }
    if let Some(count) = organization.get("numberOfEmployees").and_then(employees) {
        say("company", "employee_count", json!(count), "schema.org Organization numberOfEmployees");
    }
    let addresses = match organization.get("address") {
        Some(Value::Array(addresses)) => addresses.iter().collect(),
        other => Vec::from_iter(other),
    };
    if let Some(place) = addresses.first().copied().and_then(headquarters) {
        say("company", "headquarters", json!(place), "schema.org Organization address");
    }
    let areas = match organization.get("areaServed") {
        Some(Value::Array(areas)) => areas.iter().filter_map(named).collect(),
        Some(area) => Vec::from_iter(named(area)),
        None => Vec::new(),
    };
    if !areas.is_empty() {
        say("market-size", "geographies", json!(areas), "schema.org Organization areaServed");
    }
    let channels: Vec<Value> =
        of("sameAs").iter().filter_map(|url| network(url)).map(|name| json!({"name": name, "kind": "social_media"})).collect();
    if !channels.is_empty() {
        say("channels", "channels", json!(channels), "schema.org Organization sameAs");
    }
}

/// A number, a text of one, or a `QuantitativeValue`.
fn employees(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.replace([',', ' '], "").parse().ok(),
        Value::Object(members) => members.get("value").or_else(|| members.get("maxValue")).and_then(|value| match value {
            Value::Object(_) => None,
            other => employees(other),
        }),
        _ => None,
    }
}

/// `Pune, India`, from a text or a `PostalAddress`.
fn headquarters(address: &Value) -> Option<String> {
    if let Some(text) = address.as_str() {
        return Some(text.to_owned());
    }
    let part = |name: &str| address.get(name).and_then(named).map(str::trim).filter(|part| !part.is_empty());
    let town = part("addressLocality").or_else(|| part("addressRegion"));
    let parts: Vec<_> = [town, part("addressCountry")].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn network(url: &str) -> Option<&'static str> {
    let host = url.split_once("://")?.1.split(['/', '?', '#']).next()?.to_lowercase();
    let of = |known: &str| host == known || host.strip_suffix(known).is_some_and(|head| head.ends_with('.'));
    NETWORKS.iter().find(|(known, _)| of(known)).map(|(_, name)| *name)
}
