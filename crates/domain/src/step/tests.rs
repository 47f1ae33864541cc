use std::collections::BTreeSet;

use super::*;

#[test]
fn there_are_23_steps_in_6_phases_numbered_in_order() {
    let definition = Definition::current();
    assert_eq!(definition.schema_version, "2026.11");
    let numbers: Vec<_> = definition.steps.iter().map(|step| usize::from(step.number)).collect();
    assert_eq!(numbers, (1..=STEP_COUNT).collect::<Vec<_>>());
    assert!(definition.steps.is_sorted_by_key(|step| step.phase));
    let phases: BTreeSet<_> = definition.steps.iter().map(|step| step.phase).collect();
    let listed: BTreeSet<_> = definition.phases.iter().map(|phase| phase.number).collect();
    assert_eq!(phases, listed);
}

#[test]
fn the_optional_steps_are_those_of_the_specification() {
    let optional: Vec<_> = Definition::current().steps.iter().filter(|step| step.optional).map(|step| step.slug.as_str()).collect();
    assert_eq!(optional, ["evidence", "integrity", "facts", "market-size", "buying-journey", "soundbites", "constraints"]);
}

#[test]
fn a_slug_names_one_step_and_reads_back() {
    let slugs: BTreeSet<_> = Slug::all().collect();
    assert_eq!(slugs.len(), STEP_COUNT);
    for slug in slugs {
        assert_eq!(slug.as_str().parse::<Slug>().unwrap(), slug);
        assert_eq!(slug.step().slug, slug);
    }
    assert!("Company".parse::<Slug>().is_err());
    assert!("../company".parse::<Slug>().is_err());
}

#[test]
fn every_field_has_a_label_a_unique_name_and_bounds_in_order() {
    fn check(fields: &[Field], place: &str) {
        let mut names = BTreeSet::new();
        for field in fields {
            assert!(names.insert(field.name), "{place}: {} comes twice", field.name);
            assert!(!field.label.is_empty(), "{place}: {}", field.name);
            match field.kind {
                Kind::Text { min, max } | Kind::LongText { min, max } => assert!(min <= max),
                Kind::TextList { min_items, max_items, .. } => assert!(min_items <= max_items),
                Kind::ObjectList { min_items, max_items, fields, .. } => {
                    assert!(min_items <= max_items);
                    check(fields, field.name);
                }
                _ => {}
            }
        }
    }
    for step in Definition::current().steps {
        check(step.fields, step.slug.as_str());
    }
}

#[test]
fn the_definition_serves_what_a_form_needs() {
    let served = serde_json::to_value(Definition::current()).unwrap();
    let company = served.pointer("/steps/0").unwrap();
    assert_eq!(company["slug"], "company");
    let name = company.pointer("/fields/0").unwrap();
    assert_eq!(
        name,
        &serde_json::json!({
            "name": "company_name", "label": "Company name", "placeholder": "Acme",
            "required": true, "kind": "text", "min": 2, "max": 120,
        })
    );
    assert_eq!(company.pointer("/fields/2/options").and_then(|o| o.as_array()).map(Vec::len), Some(16));
}

#[test]
fn every_step_has_a_valid_json_schema() {
    for step in Definition::current().steps {
        let schema = step.json_schema();
        assert!(jsonschema::meta::is_valid(&schema), "{}", step.slug);
        assert!(jsonschema::validator_for(&schema).is_ok(), "{}", step.slug);
    }
}
