//! W3C trace context as text: what an outbox row stores and a message carries.

use std::str::FromStr;

use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt, TraceState},
};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// A `traceparent` with its `tracestate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// `00-<trace id>-<span id>-<flags>`.
    pub traceparent: String,
    /// The vendors' own list, if there is one.
    pub tracestate: Option<String>,
}

impl TraceContext {
    /// The context of the current span; `None` when no tracer is installed.
    pub fn current() -> Option<Self> {
        let context = tracing::Span::current().context();
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| Self {
            traceparent: format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8()),
            tracestate: Some(span.trace_state().header()).filter(|state| !state.is_empty()),
        })
    }

    /// Makes this context the parent of `span`. A context that is not well-formed leaves the span a new trace.
    pub fn adopt(&self, span: &tracing::Span) {
        if let Some(context) = self.remote() {
            // Fails only when no tracer is installed, and then there is nothing to continue.
            let _ = span.set_parent(context);
        }
    }

    fn remote(&self) -> Option<Context> {
        let mut fields = self.traceparent.split('-');
        let (version, trace_id, span_id, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let lower_hex =
            |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let well_formed = lower_hex(version, 2)
            && version != "ff"
            && (version != "00" || fields.next().is_none())
            && lower_hex(trace_id, 32)
            && lower_hex(span_id, 16)
            && lower_hex(flags, 2);
        if !well_formed {
            return None;
        }
        let state = self.tracestate.as_deref().and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
        let span = SpanContext::new(
            TraceId::from_hex(trace_id).ok()?,
            SpanId::from_hex(span_id).ok()?,
            TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
            true,
            state,
        );
        span.is_valid().then(|| Context::new().with_remote_span_context(span))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_goes_on_in_another_process() {
        use opentelemetry::trace::TracerProvider;
        use tracing_subscriber::layer::SubscriberExt;

        let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));

        let here = tracing::info_span!("here");
        let carried = here.in_scope(TraceContext::current).unwrap();
        let there = tracing::info_span!("there");
        carried.adopt(&there);
        let continued = there.in_scope(TraceContext::current).unwrap();
        assert_eq!(continued.traceparent.get(..35), carried.traceparent.get(..35), "the same trace");
        assert_ne!(continued.traceparent, carried.traceparent, "another span");
        assert_eq!(tracing::Span::none().in_scope(TraceContext::current), None);
    }

    fn remote(traceparent: &str) -> Option<Context> {
        TraceContext { traceparent: traceparent.to_owned(), tracestate: None }.remote()
    }

    #[test]
    fn a_well_formed_context_keeps_its_ids_and_its_sampling() {
        let context = remote("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        let span = context.span().span_context().clone();
        assert_eq!(span.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span.span_id().to_string(), "b7ad6b7169203331");
        assert!(span.is_sampled() && span.is_remote());
    }

    #[test]
    fn a_malformed_context_starts_a_new_trace() {
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        ] {
            assert!(remote(bad).is_none(), "{bad}");
        }
    }
}
