use super::*;

fn content() -> Content {
    Content {
        company: Company { name: Some("Acme".into()), ..Company::default() },
        offer: Offer { value_proposition: Some("Anvils by noon".into()), ..Offer::default() },
        competitive: Competitive { category: Some("Anvils".into()), ..Competitive::default() },
        icps: vec![icp("Smith"), icp("Coyote")],
        ..Content::default()
    }
}

fn icp(name: &str) -> Icp {
    Icp { name: Some(name.into()), pains: vec![Pain { text: Some("Late anvils".into()), severity: Some(5) }], ..Icp::default() }
}

fn after(change: impl Fn(&mut Content)) -> Option<String> {
    let current = Version { major: 2, minor: 3, patch: 4 };
    let mut new = content();
    change(&mut new);
    next_version(current, &content(), &new).map(|version| version.to_string())
}

#[test]
fn an_unchanged_content_has_no_new_version() {
    assert_eq!(after(|_| {}), None);
}

#[test]
fn a_change_of_identity_is_major() {
    assert_eq!(after(|c| c.company.name = Some("Apex".into())).as_deref(), Some("3.0.0"));
    assert_eq!(after(|c| c.offer.value_proposition = None).as_deref(), Some("3.0.0"));
    assert_eq!(after(|c| c.competitive.category = Some("Tools".into())).as_deref(), Some("3.0.0"));
    assert_eq!(after(|c| c.icps.truncate(1)).as_deref(), Some("3.0.0"));
    assert_eq!(after(|c| c.icps.push(icp("Farrier"))).as_deref(), Some("3.0.0"));
}

#[test]
fn a_change_of_list_members_is_minor() {
    assert_eq!(after(|c| c.brand.tone.push("Dry".into())).as_deref(), Some("2.4.0"));
    assert_eq!(after(|c| c.icps[0].pains.clear()).as_deref(), Some("2.4.0"));
    assert_eq!(after(|c| c.icps[1].pains[0].text = Some("No anvils".into())).as_deref(), Some("2.4.0"));
}

#[test]
fn any_other_change_is_a_patch() {
    assert_eq!(after(|c| c.company.description = Some("Anvils".into())).as_deref(), Some("2.3.5"));
    assert_eq!(after(|c| c.icps[0].pains[0].severity = Some(6)).as_deref(), Some("2.3.5"));
    assert_eq!(after(|c| c.icps.reverse()).as_deref(), Some("2.3.5"));
}

#[test]
fn empty_members_are_left_out() {
    let written = serde_json::to_value(content()).unwrap();
    let keys: Vec<_> = written.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["company", "offer", "icps", "competitive"]);
    assert_eq!(serde_json::from_value::<Content>(written).unwrap(), content());
}

#[test]
fn a_version_reads_only_its_own_form() {
    assert_eq!("1.0.0".parse(), Ok(Version::FIRST));
    for bad in ["1.0", "1.0.0.0", "01.0.0", "+1.0.0", "1.0.0-rc", "v1.0.0", ""] {
        assert_eq!(bad.parse::<Version>(), Err(InvalidVersion), "{bad}");
    }
    assert!(Version { major: 1, minor: 10, patch: 0 } > Version { major: 1, minor: 9, patch: 9 });
}
