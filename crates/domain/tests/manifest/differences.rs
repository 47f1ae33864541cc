//! What changed between two contents.

use domain::{
    manifest::{Content, Difference, DifferenceKind, change, differences},
    reduce::{Policy, reduce},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::generated;

fn content(tree: Value) -> Content {
    serde_json::from_value(tree).unwrap()
}

fn told(old: &Content, new: &Content) -> Vec<String> {
    let say = |difference: Difference| {
        let of = difference.of.map(|of| format!(" of {of}")).unwrap_or_default();
        format!("{:?} {}{of} {}", difference.kind, difference.what, difference.pointer)
    };
    differences(old, new).unwrap().into_iter().map(say).collect()
}

#[test]
fn differences_are_told_in_the_words_of_the_business() {
    let old = content(json!({
        "company": {"name": "Acme", "employee_count": 12},
        "icps": [{"name": "Plant manager", "pains": [{"text": "Stops", "severity": 8}, {"text": "Noise"}]}, {"name": "Owner"}],
        "brand": {"tone": ["plain", "warm"]},
        "market": {"currency": "INR"},
    }));
    let new = content(json!({
        "company": {"name": "Acme", "employee_count": 14, "headquarters": "Pune"},
        "icps": [{"name": "Buyer"}, {"name": "Plant manager", "pains": [{"text": "Stops", "severity": 9}], "role": "Runs the line"}],
        "brand": {"tone": ["warm", "plain"]},
        "facts": [{"category": "proof", "label": "Plants", "value": "31"}],
    }));
    assert_eq!(
        told(&old, &new),
        [
            "Reordered brand tone /brand/tone".to_owned(),
            "Changed company employee count /company/employee_count".to_owned(),
            "Added company headquarters /company/headquarters".to_owned(),
            "Added fact /facts/0".to_owned(),
            "Added icp /icps/0".to_owned(),
            "Changed pain severity of Stops /icps/1/pains/0/severity".to_owned(),
            "Removed pain of Plant manager /icps/1/pains/1".to_owned(),
            "Added icp role of Plant manager /icps/1/role".to_owned(),
            "Removed icp /icps/1".to_owned(),
            "Removed market /market".to_owned(),
        ]
    );
}

#[test]
fn what_moved_alone_is_told_once_and_members_of_one_name_are_paired_in_order() {
    let list = |names: &[&str]| content(json!({"icps": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()}));
    assert_eq!(told(&list(&["a", "b", "c"]), &list(&["c", "a", "b"])), ["Reordered icps /icps"]);
    assert_eq!(told(&list(&["a", "a"]), &list(&["a"])), ["Removed icp /icps/1"]);
    assert_eq!(told(&list(&["a"]), &list(&["a", "a"])), ["Added icp /icps/1"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn there_are_differences_exactly_when_there_is_a_change_and_they_are_mirrored(
        one in generated::answers(),
        other in generated::answers(),
    ) {
        let (Ok(one), Ok(other)) = (generated::context(one), generated::context(other)) else {
            return Err(TestCaseError::reject("no context"));
        };
        let (one, other) = (reduce(&one, Policy::default()).unwrap().content, reduce(&other, Policy::default()).unwrap().content);
        prop_assert_eq!(differences(&one, &one).unwrap(), vec![]);
        let there = differences(&one, &other).unwrap();
        prop_assert_eq!(there.is_empty(), change(&one, &other).is_none());
        let back = differences(&other, &one).unwrap();
        let count = |list: &[Difference], kind| list.iter().filter(|difference| difference.kind == kind).count();
        prop_assert_eq!(count(&there, DifferenceKind::Added), count(&back, DifferenceKind::Removed));
        prop_assert_eq!(count(&there, DifferenceKind::Changed), count(&back, DifferenceKind::Changed));
        prop_assert_eq!(count(&there, DifferenceKind::Reordered), count(&back, DifferenceKind::Reordered));
        for difference in &there {
            let after = serde_json::to_value(&other).unwrap().pointer(&difference.pointer).cloned();
            if difference.kind != DifferenceKind::Removed && difference.kind != DifferenceKind::Reordered {
                prop_assert_eq!(&after, &difference.after);
            }
        }
    }
}
