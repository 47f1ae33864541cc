//! An OTLP collector in the test's process: what services export arrives as it would in a real one.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex},
};

use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, any_value::Value},
};
use prost::Message;

/// A span as it was exported.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub name: String,
    pub trace_id: Vec<u8>,
    pub id: Vec<u8>,
    pub parent: Vec<u8>,
    pub attributes: HashMap<String, String>,
}

impl Span {
    /// Whether it has the name and the attribute.
    pub fn is(&self, name: &str, attribute: &str, value: &str) -> bool {
        self.name == name && self.attributes.get(attribute).is_some_and(|found| found == value)
    }
}

/// Everything that has arrived.
#[derive(Clone, Default)]
pub struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    whole: Arc<Mutex<String>>,
}

impl Collector {
    /// Starts one on a free port; gives its endpoint as well.
    pub fn start() -> (Self, String) {
        let collector = Self::default();
        let received = collector.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(web::PayloadConfig::new(32 << 20))
                .app_data(web::Data::new(received.clone()))
                .route("/v1/traces", web::post().to(receive))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let endpoint = format!("http://{}", server.addrs()[0]);
        tokio::spawn(server.run());
        (collector, endpoint)
    }

    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }

    /// All that arrived, as text.
    pub fn everything(&self) -> String {
        self.whole.lock().unwrap().clone()
    }
}

async fn receive(collector: web::Data<Collector>, body: web::Bytes) -> HttpResponse {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    writeln!(collector.whole.lock().unwrap(), "{request:?}").unwrap();
    let spans = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
    collector.spans.lock().unwrap().extend(spans.map(|span| Span {
        name: span.name,
        trace_id: span.trace_id,
        id: span.span_id,
        parent: span.parent_span_id,
        attributes: span.attributes.into_iter().filter_map(|pair| Some((pair.key, text(pair.value?)?))).collect(),
    }));
    HttpResponse::Ok().content_type("application/x-protobuf").body(Vec::new())
}

fn text(value: AnyValue) -> Option<String> {
    match value.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        Value::BoolValue(truth) => Some(truth.to_string()),
        _ => None,
    }
}
