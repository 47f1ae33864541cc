use domain::{
    event::{EventType, MemberChanged, Open},
    ids::UserId,
    role::Role,
};
use lapin::types::{ByteArray, FieldArray};

use super::*;

fn event(workspace: WorkspaceId) -> Event {
    Event::MemberAdded(MemberChanged { workspace_id: workspace, user_id: UserId::generate(), role: Open::Known(Role::Admin) })
}

fn envelope(workspace: WorkspaceId) -> Envelope {
    Envelope {
        id: EventId::generate(),
        source: "/services/auth-svc".to_owned(),
        event_type: EventType::MemberAdded.as_str().to_owned(),
        subject: workspace.to_string(),
        time: DateTime::from_timestamp(1_790_000_000, 123_456_000).unwrap(),
        dataschema: EventType::MemberAdded.dataschema().to_owned(),
        sequence: 7,
        workspace_id: Some(workspace),
        trace: Some(TraceContext {
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            tracestate: Some("vendor=1".to_owned()),
        }),
    }
}

fn with_header(properties: &BasicProperties, name: &str, value: Option<AMQPValue>) -> BasicProperties {
    let mut headers = properties.headers().clone().unwrap().inner().clone();
    headers.remove(name);
    if let Some(value) = value {
        headers.insert(name.into(), value);
    }
    properties.clone().with_headers(headers.into())
}

fn reason_of(properties: &BasicProperties, data: &[u8]) -> &'static str {
    decode(properties, data).map(|_| "fine").map_err(|malformed| malformed.reason()).unwrap_or_else(|reason| reason)
}

#[test]
fn what_is_written_is_read_back() {
    let workspace = WorkspaceId::generate();
    let (written, event) = (envelope(workspace), event(workspace));
    let properties = written.to_properties("auth-svc").unwrap();
    assert_eq!(*properties.delivery_mode(), Some(2));
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), written.id.to_string());
    assert_eq!(properties.app_id().as_ref().unwrap().as_str(), "auth-svc");
    let Decoded::Known(read, data) = decode(&properties, event.to_data().to_string().as_bytes()).unwrap() else {
        panic!("the type is known")
    };
    assert_eq!((read, data), (written, event));
}

#[test]
fn attributes_are_read_with_either_prefix_and_in_every_form() {
    let workspace = WorkspaceId::generate();
    let written = envelope(workspace);
    let mut headers = FieldTable::default();
    for (name, value) in &written.to_properties("auth-svc").unwrap().headers().clone().unwrap() {
        let AMQPValue::LongString(text) = value else { panic!("written as a string") };
        let value = match name.as_str() {
            "cloudEvents_sequence" => AMQPValue::LongLongInt(7),
            "cloudEvents_subject" => AMQPValue::ByteArray(ByteArray::from(text.as_bytes())),
            "cloudEvents_time" => AMQPValue::Timestamp(1_790_000_000),
            _ => value.clone(),
        };
        headers.insert(name.as_str().replace('_', ":").into(), value);
    }
    let properties = BasicProperties::default().with_content_type("application/json; charset=utf-8".into()).with_headers(headers);
    let read = Envelope::parse(&properties).unwrap();
    assert_eq!(read, Envelope { time: DateTime::from_timestamp(1_790_000_000, 0).unwrap(), ..written });
}

#[test]
fn each_required_attribute_is_missed_by_name() {
    let properties = envelope(WorkspaceId::generate()).to_properties("auth-svc").unwrap();
    for name in ["specversion", "id", "source", "type", "subject", "time", "dataschema", "sequence"] {
        let without = with_header(&properties, &format!("cloudEvents_{name}"), None);
        assert_eq!(Envelope::parse(&without), Err(Malformed::Missing(name)));
        let broken = with_header(&properties, &format!("cloudEvents_{name}"), Some(AMQPValue::LongString(vec![0xff, 0xfe].into())));
        assert_eq!(Envelope::parse(&broken), Err(Malformed::Attribute(name)));
    }
}

#[test]
fn another_tenant_or_none_in_the_attributes_is_refused() {
    let workspace = WorkspaceId::generate();
    let data = event(workspace).to_data().to_string();
    let properties = envelope(workspace).to_properties("auth-svc").unwrap();
    assert_eq!(reason_of(&properties, data.as_bytes()), "fine");
    let other = AMQPValue::LongString(WorkspaceId::generate().to_string().into());
    for value in [None, Some(other)] {
        assert_eq!(reason_of(&with_header(&properties, "cloudEvents_workspaceid", value), data.as_bytes()), "tenant_mismatch");
    }
}

#[test]
fn poison_is_named_by_its_kind_and_never_quoted() {
    let workspace = WorkspaceId::generate();
    let properties = envelope(workspace).to_properties("auth-svc").unwrap();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(reason_of(&properties, deep.as_bytes()), "malformed_data");
    assert_eq!(reason_of(&properties, &[0xff; 16]), "malformed_data");
    assert_eq!(reason_of(&properties, &vec![b' '; MAX_DATA_BYTES + 1]), "too_large");
    let text = properties.clone().with_content_type("text/plain".into());
    assert_eq!(reason_of(&text, b"{}"), "content_type");
    let major = with_header(&properties, "cloudEvents_type", Some(AMQPValue::LongString("identity.member.added.v2".into())));
    assert_eq!(reason_of(&major, b"{}"), "unsupported_major");
    let secret = decode(&properties, br#"{"workspace_id":"canary-secret"}"#).unwrap_err();
    assert!(!secret.to_string().contains("canary"), "{secret}");
}

#[test]
fn a_type_of_a_newer_build_is_not_poison() {
    let properties = envelope(WorkspaceId::generate()).to_properties("auth-svc").unwrap();
    let newer = with_header(&properties, "cloudEvents_type", Some(AMQPValue::LongString("identity.member.promoted.v1".into())));
    assert!(matches!(decode(&newer, b"{}"), Ok(Decoded::Unknown(_))));
}

#[test]
fn a_header_bomb_is_refused_and_not_carried_on() {
    let properties = envelope(WorkspaceId::generate()).to_properties("auth-svc").unwrap();
    let mut many = properties.headers().clone().unwrap();
    for n in 0..10_000 {
        many.insert(format!("cloudEvents_bomb{n}").into(), AMQPValue::LongLongInt(n));
    }
    let mut nested = FieldTable::default();
    for _ in 0..10 {
        let mut outer = FieldTable::default();
        outer.insert("n".into(), AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::FieldTable(nested)])));
        nested = outer;
    }
    let deep = with_header(&properties, "deep", Some(AMQPValue::FieldTable(nested)));
    let wide = with_header(&properties, "wide", Some(AMQPValue::LongString("x".repeat(40_000).into())));
    for bomb in [properties.clone().with_headers(many), deep, wide] {
        assert_eq!(Envelope::parse(&bomb), Err(Malformed::Headers));
        assert!(carried(bomb.headers().as_ref()).len() <= 48);
    }
}

#[test]
fn a_broken_trace_context_costs_nothing() {
    let properties = envelope(WorkspaceId::generate()).to_properties("auth-svc").unwrap();
    let broken = with_header(&properties, "cloudEvents_traceparent", Some(AMQPValue::LongString(vec![0xff].into())));
    assert_eq!(Envelope::parse(&broken).map(|envelope| envelope.trace), Ok(None));
}

#[test]
fn the_notes_of_the_broker_are_not_carried_on() {
    let properties = envelope(WorkspaceId::generate()).to_properties("auth-svc").unwrap();
    let noted = with_header(&properties, "x-death", Some(AMQPValue::FieldArray(FieldArray::default())));
    let noted = with_header(&noted, "x-delivery-count", Some(AMQPValue::LongLongInt(3)));
    let kept = carried(noted.headers().as_ref());
    assert!(kept.keys().all(|name| !name.as_str().starts_with("x-")));
    assert_eq!(kept.len(), properties.headers().as_ref().unwrap().inner().len());
}
