//! Logs as JSON lines on standard output; spans over OTLP when an endpoint is configured.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::TelemetryConfig;

/// Flushes spans when the process ends. Keep it until the very end of `main`.
#[derive(Debug, Default)]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Installs the process's subscriber. Call it once, before anything logs.
    ///
    /// # Errors
    /// When the log filter or the endpoint is unusable.
    pub fn install(config: &TelemetryConfig, service: &str) -> anyhow::Result<Self> {
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let filter = EnvFilter::try_new(&config.log)?;
        let json = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
        let provider = if config.otlp_endpoint.is_empty() { None } else { Some(provider(config, service)?) };
        let spans = provider.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer(service.to_owned())));
        tracing_subscriber::registry().with(filter).with(spans).with(json).init();
        Ok(Self(provider))
    }

    /// Sends what is buffered.
    pub fn shutdown(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(error = %error, "spans were lost at shutdown");
        }
    }
}

/// The batch processor has a thread of its own and therefore needs the blocking client: with an async one it compiles
/// and exports nothing.
fn provider(config: &TelemetryConfig, service: &str) -> anyhow::Result<SdkTracerProvider> {
    let endpoint = format!("{}/v1/traces", config.otlp_endpoint.trim_end_matches('/'));
    let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().with_endpoint(endpoint).build()?;
    let resource = Resource::builder().with_service_name(service.to_owned()).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
