//! `CloudEvents` 1.0 in binary mode over AMQP 0-9-1: attributes in the header table, data in the body.
//!
//! We write `cloudEvents_` and read `cloudEvents:` as well, as the AMQP binding asks; values may arrive as strings,
//! bytes or native numbers, because brokers and bridges convert them.

mod headers;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{
    event::{DecodeError, Event, MAX_DATA_BYTES},
    ids::{EventId, WorkspaceId},
};
use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};

pub use headers::{DEAD_AT, DEAD_DETAIL, DEAD_REASON, REDRIVE_COUNT, RETRY_COUNT};
pub(crate) use headers::{carried, number, text, text_of};

use crate::trace::TraceContext;

const CONTENT_TYPE: &str = "application/json";
const PERSISTENT: u8 = 2;

/// The attributes of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The consumer's idempotency key.
    pub id: EventId,
    /// `/services/payments-svc`.
    pub source: String,
    /// The type with its major version: `payments.payment.confirmed.v1`.
    pub event_type: String,
    /// The id of the aggregate.
    pub subject: String,
    /// When the fact happened.
    pub time: DateTime<Utc>,
    /// The name of the data's schema.
    pub dataschema: String,
    /// Increases by one with each event of the aggregate.
    pub sequence: i64,
    /// The tenant; absent for an event that belongs to none.
    pub workspace_id: Option<WorkspaceId>,
    /// The trace in which the fact happened.
    pub trace: Option<TraceContext>,
}

/// Why a message is not an event that this consumer can read. Waiting does not change it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More header values, bytes or nesting than any event has.
    #[error("the header table is too large or too deep")]
    Headers,
    /// More data than an event may have.
    #[error("the data has {0} bytes")]
    TooLarge(usize),
    /// Not `application/json`.
    #[error("the content type is not application/json")]
    ContentType,
    /// A required attribute is not there.
    #[error("the attribute {0} is missing")]
    Missing(&'static str),
    /// An attribute's value cannot be read.
    #[error("the attribute {0} is not valid")]
    Attribute(&'static str),
    /// The data does not fit the type; the place, never the content, which may be personal.
    #[error("the data does not fit {event_type} (line {line}, column {column})")]
    Data {
        /// The type.
        event_type: String,
        /// Line of the data, from 1.
        line: usize,
        /// Column of the line, from 1.
        column: usize,
    },
    /// A major version that this build cannot read.
    #[error("major version {major} of {name} is not supported")]
    UnsupportedMajor {
        /// The type without its version.
        name: &'static str,
        /// The version.
        major: u32,
    },
    /// The tenant in the attributes is not the one in the data.
    #[error("the workspace of the attributes is not that of the data")]
    Tenant,
}

impl Malformed {
    /// A stable name for headers, metrics and filters.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Headers => "malformed_headers",
            Self::TooLarge(_) => "too_large",
            Self::ContentType => "content_type",
            Self::Missing(_) | Self::Attribute(_) => "malformed_attributes",
            Self::Data { .. } => "malformed_data",
            Self::UnsupportedMajor { .. } => "unsupported_major",
            Self::Tenant => "tenant_mismatch",
        }
    }
}

/// What a readable message turned out to be.
#[derive(Debug)]
pub enum Decoded {
    /// An event of a type that this build knows.
    Known(Envelope, Event),
    /// A well-formed event of a type that only a newer build knows.
    Unknown(Envelope),
}

impl Envelope {
    /// The AMQP properties that carry the attributes; `service` becomes the `app_id`.
    ///
    /// # Errors
    /// [`Malformed::Attribute`] when the type is too long for AMQP.
    pub fn to_properties(&self, service: &str) -> Result<BasicProperties, Malformed> {
        let kind = ShortString::try_new(self.event_type.as_str()).map_err(|_| Malformed::Attribute("type"))?;
        let app_id = ShortString::try_new(service).map_err(|_| Malformed::Attribute("source"))?;
        let mut headers = FieldTable::default();
        let mut put = |name: &str, value: String| {
            headers.insert(format!("cloudEvents_{name}").into(), AMQPValue::LongString(value.into()));
        };
        put("specversion", "1.0".to_owned());
        put("id", self.id.to_string());
        put("source", self.source.clone());
        put("type", self.event_type.clone());
        put("subject", self.subject.clone());
        put("time", self.time.to_rfc3339_opts(SecondsFormat::Micros, true));
        put("dataschema", self.dataschema.clone());
        put("sequence", self.sequence.to_string());
        if let Some(workspace) = self.workspace_id {
            put("workspaceid", workspace.to_string());
        }
        if let Some(trace) = &self.trace {
            put("traceparent", trace.traceparent.clone());
            if let Some(state) = &trace.tracestate {
                put("tracestate", state.clone());
            }
        }
        Ok(BasicProperties::default()
            .with_content_type(CONTENT_TYPE.into())
            .with_delivery_mode(PERSISTENT)
            .with_message_id(self.id.to_string().into())
            .with_type(kind)
            .with_app_id(app_id)
            .with_timestamp(u64::try_from(self.time.timestamp()).unwrap_or_default())
            .with_headers(headers))
    }

    /// Reads the attributes of a message.
    pub fn parse(properties: &BasicProperties) -> Result<Self, Malformed> {
        let content_type = properties.content_type().as_ref().map_or("", ShortString::as_str);
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case(CONTENT_TYPE) {
            return Err(Malformed::ContentType);
        }
        let empty = FieldTable::default();
        let headers = properties.headers().as_ref().unwrap_or(&empty);
        if !headers::bounded(headers) {
            return Err(Malformed::Headers);
        }
        let attributes = headers::Attributes(headers);
        if attributes.required("specversion")? != "1.0" {
            return Err(Malformed::Attribute("specversion"));
        }
        Ok(Self {
            id: attributes.required("id")?.parse().map_err(|_| Malformed::Attribute("id"))?,
            source: attributes.required("source")?,
            event_type: attributes.required("type")?,
            subject: attributes.required("subject")?,
            time: attributes.time()?,
            dataschema: attributes.required("dataschema")?,
            sequence: attributes.required("sequence")?.parse().map_err(|_| Malformed::Attribute("sequence"))?,
            workspace_id: attributes
                .optional("workspaceid")?
                .map(|id| id.parse().map_err(|_| Malformed::Attribute("workspaceid")))
                .transpose()?,
            // A broken trace context never costs a message: it starts a new trace.
            trace: attributes
                .optional("traceparent")
                .ok()
                .flatten()
                .map(|traceparent| TraceContext { traceparent, tracestate: attributes.optional("tracestate").ok().flatten() }),
        })
    }
}

/// Reads a whole message.
pub fn decode(properties: &BasicProperties, data: &[u8]) -> Result<Decoded, Malformed> {
    if data.len() > MAX_DATA_BYTES {
        return Err(Malformed::TooLarge(data.len()));
    }
    let envelope = Envelope::parse(properties)?;
    let event = match Event::decode(&envelope.event_type, data) {
        Ok(event) => event,
        Err(DecodeError::UnknownType(_)) => return Ok(Decoded::Unknown(envelope)),
        Err(DecodeError::UnsupportedMajor { name, major }) => return Err(Malformed::UnsupportedMajor { name, major }),
        Err(DecodeError::Malformed { event_type, source }) => {
            let (line, column) = (source.line(), source.column());
            return Err(Malformed::Data { event_type: event_type.to_string(), line, column });
        }
    };
    if envelope.workspace_id == Some(event.workspace_id()) { Ok(Decoded::Known(envelope, event)) } else { Err(Malformed::Tenant) }
}

#[cfg(test)]
mod tests;
