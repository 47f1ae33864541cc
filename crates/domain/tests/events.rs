//! The event contracts: the committed documents are those of the code, and what was once released stays readable.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use domain::event::{DecodeError, Event, EventType, Open, asyncapi, json_schema};
use domain::plan::PlanCode;
use serde_json::{Value, json};

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/schemas")
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events/v1")
}

fn read(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The golden data of a type, as version 1 was released.
fn golden(event_type: EventType) -> Value {
    read(&fixtures().join(format!("{}.json", event_type.name())))
}

fn decode(event_type: EventType, data: &Value) -> Result<Event, DecodeError> {
    Event::decode(event_type.as_str(), data.to_string().as_bytes())
}

fn file_stems(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    files
        .map(|file| file.unwrap_or_else(|error| panic!("{error}")).path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect()
}

/// Compares a committed document with the generated one; `UPDATE_SCHEMAS=1` writes it instead.
fn assert_committed(path: &Path, generated: &Value) {
    let text = format!("{generated:#}\n");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let committed = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(committed, text, "{} is out of date: run with UPDATE_SCHEMAS=1", path.display());
}

#[test]
fn the_committed_documents_are_those_of_the_code() {
    for &event_type in EventType::ALL {
        assert_committed(&schemas().join(format!("events/{event_type}.json")), &json_schema(event_type));
    }
    assert_committed(&schemas().join("asyncapi.json"), &asyncapi());
}

#[test]
fn every_type_has_a_document_and_a_fixture_and_nothing_else_has() {
    let types: BTreeSet<_> = EventType::ALL.iter().map(|kind| kind.as_str().to_owned()).collect();
    assert_eq!(file_stems(&schemas().join("events")), types);
    let names: BTreeSet<_> = EventType::ALL.iter().map(|kind| kind.name().to_owned()).collect();
    assert_eq!(file_stems(&fixtures()), names);
}

#[test]
fn released_events_decode_and_keep_every_field() {
    for &event_type in EventType::ALL {
        let data = golden(event_type);
        let event = decode(event_type, &data).unwrap();
        assert_eq!(event.event_type(), event_type);
        let written = event.to_data();
        for (field, value) in data.as_object().unwrap() {
            assert_eq!(&written[field], value, "{event_type} {field}");
        }
    }
}

#[test]
fn released_events_fit_the_committed_schemas_and_cut_ones_do_not() {
    for &event_type in EventType::ALL {
        let schema = read(&schemas().join(format!("events/{event_type}.json")));
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mut data = golden(event_type);
        assert!(validator.is_valid(&data), "{event_type}: {:?}", validator.iter_errors(&data).collect::<Vec<_>>());
        data.as_object_mut().unwrap().remove("workspace_id");
        assert!(!validator.is_valid(&data), "{event_type}");
        assert!(matches!(decode(event_type, &data), Err(DecodeError::Malformed { .. })), "{event_type}");
    }
}

#[test]
fn unknown_fields_are_ignored() {
    for &event_type in EventType::ALL {
        let mut data = golden(event_type);
        let plain = decode(event_type, &data).unwrap();
        data["added_by_a_newer_producer"] = json!({ "deep": [1, 2.5, null] });
        assert_eq!(decode(event_type, &data).unwrap(), plain, "{event_type}");
    }
}

#[test]
fn unknown_members_of_every_enumeration_decode_and_are_kept() {
    let mut met = BTreeSet::new();
    for &event_type in EventType::ALL {
        // A failure's reason is words, not an enumeration.
        let reason = if event_type == EventType::ManifestGenerationFailed { "" } else { "reason" };
        for field in ["role", "plan", "cycle", "currency", "status", reason] {
            let mut data = golden(event_type);
            if data.get(field).is_none() {
                continue;
            }
            data[field] = json!("from_the_future");
            let event = decode(event_type, &data).unwrap();
            assert_eq!(event.to_data()[field], "from_the_future", "{event_type} {field}");
            met.insert(field);
        }
    }
    assert_eq!(met.len(), 6);
}

#[test]
fn known_and_unknown_members_are_told_apart() {
    let mut data = golden(EventType::PaymentConfirmed);
    let plan = |data: &Value| match decode(EventType::PaymentConfirmed, data).unwrap() {
        Event::PaymentConfirmed(payment) => payment.plan,
        other => panic!("{other:?}"),
    };
    assert_eq!(plan(&data), Open::Known(PlanCode::Glide));
    assert_eq!(plan(&data).known(), Some(PlanCode::Glide));
    data["plan"] = json!("summit");
    assert_eq!(plan(&data), Open::Unknown("summit".to_owned()));
    assert_eq!(plan(&data).known(), None);
    data["plan"] = json!(7);
    assert!(decode(EventType::PaymentConfirmed, &data).is_err(), "an enumeration is still a text");
}

#[test]
fn another_major_an_unknown_type_and_malformed_data_are_told_apart() {
    for &event_type in EventType::ALL {
        let newer = format!("{}.v2", event_type.name());
        let refusal = Event::decode(&newer, golden(event_type).to_string().as_bytes()).unwrap_err();
        assert!(matches!(refusal, DecodeError::UnsupportedMajor { name, major: 2 } if name == event_type.name()), "{refusal}");
        for data in ["", "{", "[]", "null", "{}", "\"\u{0}\""] {
            let refusal = Event::decode(event_type.as_str(), data.as_bytes()).unwrap_err();
            assert!(matches!(refusal, DecodeError::Malformed { .. }), "{event_type} {data:?}");
        }
    }
    for unknown in ["", ".v1", "payments.payment.confirmed", "payments.payment.confirmed.v", "payments.payment.disputed.v1", "x.vv1"] {
        let refusal = Event::decode(unknown, b"{}").unwrap_err();
        assert!(matches!(refusal, DecodeError::UnknownType(_)), "{unknown:?}: {refusal}");
    }
}

#[test]
fn the_names_of_a_type_agree_with_each_other() {
    for &event_type in EventType::ALL {
        assert_eq!(event_type.as_str(), format!("{}.v{}", event_type.name(), EventType::MAJOR));
        assert_eq!(event_type.as_str().parse::<EventType>().unwrap(), event_type);
        assert_eq!(event_type.source(), format!("/services/{}", event_type.service()));
        let event = decode(event_type, &golden(event_type)).unwrap();
        assert_eq!(event.dataschema(), format!("urn:groundwork:schema:event:{}:{}", event_type.name(), EventType::MAJOR));
        assert_eq!(json_schema(event_type)["$id"], event.dataschema());
        assert_eq!(event.workspace_id().to_string(), event.to_data()["workspace_id"]);
    }
}

#[test]
fn an_aggregate_is_named_by_its_own_id() {
    for &event_type in EventType::ALL {
        let data = golden(event_type);
        let event = decode(event_type, &data).unwrap();
        let aggregate = event.aggregate();
        let field = match aggregate.kind {
            "order" => "order_id",
            "subscription" => "subscription_id",
            "workspace" | "onboarding" | "manifest" => "workspace_id",
            other => panic!("{other} is not an aggregate"),
        };
        assert_eq!(aggregate.id.to_string(), data[field], "{event_type}");
        assert_eq!(event.subject(), data[field], "{event_type}");
        assert_eq!(aggregate.kind, event_type.aggregate_kind());
    }
}

#[test]
fn answers_do_not_appear_in_debug_output() {
    let event = decode(EventType::OnboardingFinalized, &golden(EventType::OnboardingFinalized)).unwrap();
    let shown = format!("{event:?}");
    assert!(shown.contains("context_sha256") && !shown.contains("Chai"), "{shown}");
}

#[test]
fn the_asyncapi_document_is_whole() {
    let document = asyncapi();
    let channels = document["channels"].as_object().unwrap();
    assert_eq!(channels.len(), EventType::ALL.len());
    for (key, channel) in channels {
        let exchange = &channel["bindings"]["amqp"]["exchange"];
        assert_eq!((&exchange["name"], &exchange["type"]), (&json!("groundwork.events"), &json!("topic")));
        let reference = document["components"]["messages"][key]["payload"]["schema"]["$ref"].as_str().unwrap();
        assert!(schemas().join(reference).is_file(), "{reference}");
    }
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    for reference in references.iter().filter_map(|reference| reference.strip_prefix('#')) {
        assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        _ => {}
    }
}
