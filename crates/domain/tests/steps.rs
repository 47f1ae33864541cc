//! The committed documents of the steps are those of the definition; `UPDATE_SCHEMAS=1` rewrites them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, wherever its code stands")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use domain::step::Definition;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[track_caller]
fn held(file: &str, text: &str) {
    let path = root().join(file);
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(committed, text, "{file} is not that of the definition; run with UPDATE_SCHEMAS=1");
}

#[test]
fn the_typescript_is_that_of_the_definition() {
    held("deploy/schemas/onboarding.ts", &Definition::current().typescript());
}

#[test]
fn the_page_is_that_of_the_definition() {
    held("docs/STEPS.md", &Definition::current().page());
}

/// The web app's own tests draw its forms from it, without a service.
#[test]
fn what_the_web_app_is_tested_with_is_the_definition() {
    held("frontend/tests/support/definition.json", &format!("{}\n", serde_json::to_string_pretty(Definition::current()).unwrap()));
}

#[test]
fn every_step_has_its_schema_and_no_other_is_there() {
    for step in Definition::current().steps {
        held(&format!("deploy/schemas/answers/{}.1.json", step.slug), &format!("{:#}\n", step.json_schema()));
    }
    let files: BTreeSet<_> =
        fs::read_dir(root().join("deploy/schemas/answers")).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let expected: BTreeSet<_> = Definition::current().steps.iter().map(|step| format!("{}.1.json", step.slug)).collect();
    assert_eq!(files, expected);
}

/// What the schema refuses, the server refuses too; it also refuses more, which the schema says in extensions or not at all.
#[test]
fn the_answers_of_the_fixtures_fit_the_schemas_and_lack_nothing() {
    for fixture in ["acme", "sahayak"] {
        let text = fs::read_to_string(root().join(format!("crates/domain/tests/fixtures/answers/{fixture}.json"))).unwrap();
        let answers: Value = serde_json::from_str(&text).unwrap();
        for (slug, answer) in answers.as_object().unwrap() {
            let step = Definition::current().step(slug).unwrap();
            let validator = jsonschema::validator_for(&step.json_schema()).unwrap();
            assert!(
                validator.is_valid(answer),
                "{fixture} {slug}: {:?}",
                validator.iter_errors(answer).map(|e| e.to_string()).collect::<Vec<_>>()
            );
            for field in step.fields.iter().filter(|field| field.required) {
                let mut without = answer.clone();
                without.as_object_mut().unwrap().remove(field.name);
                assert!(!validator.is_valid(&without), "{fixture} {slug} without {}", field.name);
            }
        }
    }
}
