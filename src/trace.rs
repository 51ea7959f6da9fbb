//! The trace that a message belongs to, in the form of W3C *Trace Context*.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use axum::http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceFlags, TraceState as VendorState};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

/// The names of W3C, which generic instrumentation reads.
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
/// The prefix that Google's clients add to W3C's names (Google, *OpenTelemetry tracing*).
const CLIENT_PREFIX: &str = "googclient_";

/// A position in a trace. Messages that are published with it belong to the same trace, so that one search finds all steps of an
/// event.
///
/// Its text form is the value of `traceparent`, such as `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace(SpanContext);

/// The error of a text that is not a `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a traceparent, expected VERSION-TRACE-PARENT-FLAGS in hexadecimal digits, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
)]
pub struct TraceError;

impl Trace {
    /// Starts a new trace. It is marked as sampled, since a subscriber that samples by its parent would skip it otherwise.
    #[must_use]
    pub fn begin() -> Self {
        let ids = RandomIdGenerator::default();
        Self(SpanContext::new(
            ids.new_trace_id(),
            ids.new_span_id(),
            TraceFlags::SAMPLED,
            false,
            VendorState::default(),
        ))
    }

    /// Returns the position of a span.
    pub(crate) fn of_span(context: SpanContext) -> Self {
        Self(context)
    }

    /// Returns this position as OpenTelemetry's library has it.
    pub(crate) fn context(&self) -> &SpanContext {
        &self.0
    }

    /// Returns the 32 hexadecimal digits that identify the trace.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.0.trace_id().to_string()
    }

    /// Returns the 16 hexadecimal digits of the span that published the message.
    pub(crate) fn span_id(&self) -> String {
        self.0.span_id().to_string()
    }

    pub(crate) fn is_sampled(&self) -> bool {
        self.0.is_sampled()
    }

    /// Reads the trace from a message's attributes. Google's name precedes W3C's, as in Google's clients.
    pub(crate) fn of(attributes: &BTreeMap<String, String>) -> Option<Self> {
        let read = |parent: &str, state: &str| {
            let parent = attributes.get(parent)?; // most messages have none
            let carried = [
                (TRACEPARENT, Some(parent)),
                (TRACESTATE, attributes.get(state)),
            ];
            let carried = carried
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?.clone())));
            Self::carried_by(&carried.collect())
        };
        read("googclient_traceparent", "googclient_tracestate")
            .or_else(|| read(TRACEPARENT, TRACESTATE))
    }

    /// Reads the trace from a request's header.
    pub(crate) fn of_request(headers: &HeaderMap) -> Option<Self> {
        headers.get(TRACEPARENT)?.to_str().ok()?.parse().ok()
    }

    /// Returns the attributes of a message of this trace, under W3C's names and under Google's.
    pub(crate) fn attributes(&self) -> Vec<(String, String)> {
        let plain = self
            .written()
            .into_iter()
            .filter(|(_, value)| !value.is_empty());
        plain
            .flat_map(|(name, value)| {
                [
                    (format!("{CLIENT_PREFIX}{name}"), value.clone()),
                    (name, value),
                ]
            })
            .collect()
    }

    fn carried_by(carrier: &HashMap<String, String>) -> Option<Self> {
        // The propagator also accepts ids that are too short, and letters in upper case.
        carrier
            .get(TRACEPARENT)
            .filter(|text| is_traceparent(text))?;
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), carrier);
        let found = context.span().span_context().clone();
        found.is_valid().then_some(Self(found))
    }

    /// Returns the headers of a request of this trace, of which the state may be empty.
    pub(crate) fn written(&self) -> HashMap<String, String> {
        let mut carrier = HashMap::new();
        let context = Context::new().with_remote_span_context(self.0.clone());
        TraceContextPropagator::new().inject_context(&context, &mut carrier);
        carrier
    }
}

/// Returns true for the form that W3C's *Trace Context* demands: versions later than 00 may have more parts.
fn is_traceparent(text: &str) -> bool {
    let is_hex = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().take(4).map(|part| part.len()).collect();
    lengths == [2, 32, 16, 2]
        && parts.iter().take(4).all(|part| is_hex(part))
        && !text.starts_with("ff")
        && (parts.len() == 4 || !text.starts_with("00"))
}

impl FromStr for Trace {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, TraceError> {
        let carrier = HashMap::from([(TRACEPARENT.to_owned(), text.to_owned())]);
        Self::carried_by(&carrier).ok_or(TraceError)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.0.trace_flags() & TraceFlags::SAMPLED;
        write!(
            f,
            "00-{}-{}-{flags:02x}",
            self.0.trace_id(),
            self.0.span_id()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    fn of(pairs: &[(&str, &str)]) -> Option<String> {
        let attributes = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Trace::of(&attributes).map(|trace| trace.to_string())
    }

    #[test]
    fn what_googles_clients_write_comes_before_what_others_do() {
        let found = of(&[("traceparent", OTHER), ("googclient_traceparent", GOOD)]);
        assert_eq!(found.as_deref(), Some(GOOD));
        assert_eq!(of(&[("traceparent", OTHER)]).as_deref(), Some(OTHER));
        let replaced = of(&[("traceparent", OTHER), ("googclient_traceparent", "hush")]);
        assert_eq!(replaced.as_deref(), Some(OTHER));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_trace_is_written_for_both_kinds_of_readers() {
        let attributes = BTreeMap::from([
            ("traceparent".to_owned(), GOOD.to_owned()),
            ("tracestate".to_owned(), "vendor=1".to_owned()),
        ]);
        let mut written = Trace::of(&attributes).expect("a trace").attributes();
        written.sort();
        let names: Vec<&str> = written.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "googclient_traceparent",
            "googclient_tracestate",
            "traceparent",
            "tracestate",
        ];
        assert_eq!(names, expected);
        assert_eq!(written[0].1, GOOD);
        assert_eq!(written[3].1, "vendor=1");
    }

    #[test]
    fn a_trace_without_state_writes_none() {
        assert_eq!(Trace::begin().attributes().len(), 2);
    }

    #[test]
    fn each_new_trace_is_another() {
        let (one, other) = (Trace::begin(), Trace::begin());
        assert_ne!(one.trace_id(), other.trace_id());
    }

    #[test]
    fn a_new_trace_can_be_read_back() {
        let one = Trace::begin();
        assert_eq!(
            one.to_string()
                .parse::<Trace>()
                .map(|trace| trace.trace_id()),
            Ok(one.trace_id())
        );
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        for text in [
            "",
            "hush",
            "00-0-0-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        ] {
            assert_eq!(text.parse::<Trace>(), Err(TraceError), "{text}");
        }
    }

    #[test]
    fn a_header_that_w3c_rejects_is_no_trace() {
        let (id, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        for text in [
            format!("00-{}-{span}-01", &id[1..]),
            format!("00-{id}-{}-01", &span[1..]),
            format!("00-{}-{span}-01", id.to_uppercase()),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{id}-{}-01", "0".repeat(16)),
            format!("00-{id}-{span}-01-more"),
            format!("ff-{id}-{span}-01"),
            format!("0-{id}-{span}-01"),
            format!("00-{id}-{span}"),
            format!(" 00-{id}-{span}-01"),
        ] {
            assert_eq!(text.parse::<Trace>(), Err(TraceError), "{text:?}");
        }
        for text in [
            format!("00-{id}-{span}-00"),
            format!("00-{id}-{span}-ff"),
            format!("01-{id}-{span}-01-more"),
        ] {
            assert!(text.parse::<Trace>().is_ok(), "{text:?}");
        }
    }
}
