//! The documents of the contracts: a JSON Schema per type and one AsyncAPI description of them all.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{EXCHANGE, EventType, MAX_DATA_BYTES};

/// The JSON Schema of a type's data.
///
/// Draft 7, self-contained: the one dialect that every AsyncAPI 3 tool must read.
pub fn json_schema(event_type: EventType) -> Value {
    let generator = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true).into_generator();
    let mut schema = event_type.data_schema(generator);
    schema.insert("$id".to_owned(), event_type.dataschema().into());
    schema.insert("title".to_owned(), event_type.as_str().into());
    schema.insert("description".to_owned(), event_type.meaning().into());
    schema.to_value()
}

/// The AsyncAPI 3.0 document of all types. Schemas are referred to as `events/<type>.json` beside it.
pub fn asyncapi() -> Value {
    let mut channels = Map::new();
    let mut operations = Map::new();
    let mut messages = Map::new();
    for &event_type in EventType::ALL {
        let key = event_type.as_str();
        channels.insert(key.to_owned(), channel(event_type));
        operations.insert(format!("send-{key}"), operation(event_type));
        messages.insert(key.to_owned(), message(event_type));
    }
    json!({
        "asyncapi": "3.0.0",
        "id": "urn:groundwork:events",
        "info": {
            "title": "Groundwork events",
            "version": "1",
            "description": "CloudEvents 1.0 in binary mode. The routing key is the type with its major version. \
                            Changes within a major version are additive: ignore what you do not know.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "messageTraits": { "cloudEvent": { "headers": headers() } },
        },
    })
}

fn channel(event_type: EventType) -> Value {
    let key = event_type.as_str();
    json!({
        "address": key,
        "description": event_type.meaning(),
        "messages": { key: { "$ref": format!("#/components/messages/{key}") } },
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": { "name": EXCHANGE, "type": "topic", "durable": true, "autoDelete": false },
                "bindingVersion": "0.3.0",
            },
        },
    })
}

fn operation(event_type: EventType) -> Value {
    let key = event_type.as_str();
    json!({
        "action": "send",
        "channel": { "$ref": format!("#/channels/{key}") },
        "summary": format!("Sent by {}.", event_type.service()),
        "messages": [{ "$ref": format!("#/channels/{key}/messages/{key}") }],
        "bindings": { "amqp": { "deliveryMode": 2, "mandatory": true, "ack": true, "bindingVersion": "0.3.0" } },
    })
}

fn message(event_type: EventType) -> Value {
    let key = event_type.as_str();
    json!({
        "name": key,
        "title": event_type.name(),
        "summary": event_type.meaning(),
        "contentType": "application/json",
        "description": format!("At most {MAX_DATA_BYTES} bytes of JSON."),
        "traits": [{ "$ref": "#/components/messageTraits/cloudEvent" }],
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-07",
            "schema": { "$ref": format!("events/{key}.json") },
        },
    })
}

/// The attributes, named as the AMQP binding of CloudEvents names them.
fn headers() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "required": [
            "cloudEvents_specversion", "cloudEvents_id", "cloudEvents_source", "cloudEvents_type",
            "cloudEvents_subject", "cloudEvents_time", "cloudEvents_dataschema",
            "cloudEvents_sequence", "cloudEvents_workspaceid",
        ],
        "properties": {
            "cloudEvents_specversion": { "const": "1.0" },
            "cloudEvents_id": {
                "type": "string", "format": "uuid", "description": "UUIDv7; the consumer's idempotency key.",
            },
            "cloudEvents_source": text("The sending service, such as /services/payments-svc."),
            "cloudEvents_type": text("The type with its major version."),
            "cloudEvents_subject": text("The id of the aggregate."),
            "cloudEvents_time": {
                "type": "string", "format": "date-time", "description": "When the fact happened, not when it was sent.",
            },
            "cloudEvents_dataschema": text("The name of the data's schema."),
            "cloudEvents_sequence": text("Increases by one with each event of the aggregate."),
            "cloudEvents_workspaceid": { "type": "string", "format": "uuid", "description": "The tenant." },
            "cloudEvents_traceparent": text("W3C trace context of the creation."),
            "cloudEvents_tracestate": text("W3C trace state of the creation."),
        },
    })
}
