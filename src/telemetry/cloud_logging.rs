//! One JSON object for each line, with the fields that Cloud Logging recognizes: `severity`, `message`, `time`, `httpRequest`, the trace,
//! labels and the place in the source (Google, *Structured logging*). Errors have the form of Error Reporting (Google,
//! *ReportedErrorEvent*).

use std::fmt;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::loggable::chain;
use crate::trace::Trace;

/// The type by which Error Reporting finds errors.
const ERROR_EVENT: &str =
    "type.googleapis.com/google.devtools.clouderrorreporting.v1beta1.ReportedErrorEvent";

/// The format of events.
pub(super) struct CloudLogging {
    /// The name of the service, for Error Reporting.
    pub(super) service: String,
    /// The revision of the service, if Cloud Run runs it.
    pub(super) revision: Option<String>,
}

/// The format of a span's fields: JSON, for the lines of its events.
pub(super) struct SpanFields;

impl<S> FormatEvent<S, SpanFields> for CloudLogging
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, SpanFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = Map::new();
        line.insert(
            "severity".into(),
            severity(*event.metadata().level()).into(),
        );
        let now = OffsetDateTime::now_utc().format(&Rfc3339);
        line.insert("time".into(), now.unwrap_or_default().into());
        line.insert("target".into(), event.metadata().target().into());
        if let Some(message) = fields.0.remove("message") {
            line.insert("message".into(), message);
        }
        // The outermost span, which is the delivery's, comes first.
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            if let Some(written) = span.extensions().get::<FormattedFields<SpanFields>>() {
                add(&mut line, span.name(), Fields::of_span(written).0);
            }
        }
        add(&mut line, "event", fields.0);
        name_trace(&mut line);
        self.label(&mut line);
        if line.contains_key("status") {
            line.insert("httpRequest".into(), http_request(&line));
        }
        let metadata = event.metadata();
        let location = json!({
            "file": line.remove("file").unwrap_or_else(|| metadata.file().into()),
            "line": line.remove("line").unwrap_or_else(|| metadata.line().into()).to_string(),
        });
        if *metadata.level() == Level::ERROR {
            self.report(&mut line, &location);
        }
        line.insert("logging.googleapis.com/sourceLocation".into(), location);
        writeln!(writer, "{}", Value::Object(line))
    }
}

impl CloudLogging {
    /// Adds labels, by which lines are found without reading their text.
    fn label(&self, line: &mut Map<String, Value>) {
        let mut labels = Map::new();
        if let Some(Value::String(subscription)) = line.get("subscription") {
            let short = subscription.rsplit('/').next().unwrap_or(subscription);
            labels.insert("subscription".into(), short.into());
        }
        if let Some(outcome) = line.get("outcome") {
            labels.insert("outcome".into(), outcome.clone());
        }
        if let Some(revision) = &self.revision {
            labels.insert("revision".into(), revision.as_str().into());
        }
        if !labels.is_empty() {
            line.insert("logging.googleapis.com/labels".into(), labels.into());
        }
    }

    /// Adds the fields by which Error Reporting groups an error. It reads no stack of Rust, so the place stands for it.
    fn report(&self, line: &mut Map<String, Value>, location: &Value) {
        line.insert("@type".into(), ERROR_EVENT.into());
        let version = self.revision.as_deref().unwrap_or_default();
        line.insert(
            "serviceContext".into(),
            json!({"service": self.service, "version": version}),
        );
        let place = json!({
            "filePath": location["file"],
            "lineNumber": location["line"].as_str().and_then(|line| line.parse::<u32>().ok()),
            "functionName": line.get("target"),
        });
        line.insert("context".into(), json!({"reportLocation": place}));
    }
}

/// Returns the request of a push's line (Google, *LogEntry*, `HttpRequest`).
fn http_request(line: &Map<String, Value>) -> Value {
    let milliseconds = line.get("duration_ms").and_then(Value::as_u64);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a push")]
    let latency = milliseconds.map(|duration| format!("{}s", duration as f64 / 1000.0));
    json!({
        "requestMethod": "POST",
        "status": line.get("status"),
        "latency": latency,
    })
}

impl<'a> FormatFields<'a> for SpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'a>, found: R) -> fmt::Result {
        let mut fields = Fields::default();
        found.record(&mut fields);
        write!(writer, "{}", Value::Object(fields.0))
    }

    fn add_fields(
        &self,
        current: &'a mut FormattedFields<Self>,
        found: &Record<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::of_span(current);
        found.record(&mut fields);
        current.fields = Value::Object(fields.0).to_string();
        Ok(())
    }
}

/// Adds fields to a line. A name that exists already gets a prefix, so that a handler's own `message_id` replaces nothing.
fn add(line: &mut Map<String, Value>, prefix: &str, fields: Map<String, Value>) {
    for (name, value) in fields {
        let is_taken = line.contains_key(&name);
        let name = if is_taken {
            format!("{prefix}.{name}")
        } else {
            name
        };
        line.insert(name, value);
    }
}

/// Writes `traceparent` as Cloud Logging expects a trace: in the project of the line's subscription (Google, *LogEntry*,
/// `trace`, `spanId`, `traceSampled`).
fn name_trace(line: &mut Map<String, Value>) -> Option<()> {
    let trace: Trace = line.get("traceparent")?.as_str()?.parse().ok()?;
    let subscription = line.get("subscription")?.as_str()?;
    let (project, _) = subscription.strip_prefix("projects/")?.split_once('/')?;
    let name = format!("projects/{project}/traces/{}", trace.trace_id());
    line.insert("logging.googleapis.com/trace".into(), name.into());
    line.insert(
        "logging.googleapis.com/spanId".into(),
        trace.span_id().into(),
    );
    line.insert(
        "logging.googleapis.com/trace_sampled".into(),
        trace.is_sampled().into(),
    );
    line.remove("traceparent");
    Some(())
}

/// Returns Google's name of a level (Google, *LogEntry*, `LogSeverity`).
fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        _ => "DEBUG",
    }
}

/// The fields of an event or a span.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn of_span(written: &FormattedFields<SpanFields>) -> Self {
        Self(serde_json::from_str(written).unwrap_or_default())
    }

    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        self.0.insert(name.into(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.insert(field, chain(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;

    use super::*;
    use crate::telemetry::captured::Captured;

    const SUBSCRIPTION: &str = "projects/shop/subscriptions/orders";
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// The lines that these events write, without their times.
    fn lines(events: impl FnOnce()) -> Vec<Value> {
        let captured = Captured::default();
        with_default(captured.json(), events);
        let mut lines = captured.lines();
        for line in &mut lines {
            let line = line.as_object_mut().expect("an object");
            line.remove("time");
            let place = line.remove("logging.googleapis.com/sourceLocation");
            let file = &place.expect("a place")["file"];
            assert!(file.as_str().expect("a file").ends_with("cloud_logging.rs"));
        }
        lines
    }

    #[test]
    fn the_fields_of_spans_are_added_to_a_line_without_loss() {
        let found = lines(|| {
            let outer = tracing::info_span!(
                "handler",
                subscription = SUBSCRIPTION,
                message_id = "7",
                traceparent = TRACE,
                late = tracing::field::Empty,
            );
            let _outer = outer.enter();
            outer.record("late", true);
            let _inner =
                tracing::info_span!("order", message_id = "mine", message = "no", r#type = 1)
                    .entered();
            tracing::warn!(message_id = "other", severity = "none", half = 0.5, "done");
        });
        let expected = serde_json::json!({
            "severity": "WARNING",
            "message": "done",
            "target": "pushgate::telemetry::cloud_logging::tests",
            "subscription": SUBSCRIPTION,
            "message_id": "7",
            "late": true,
            "logging.googleapis.com/trace": "projects/shop/traces/4bf92f3577b34da6a3ce929d0e0e4736",
            "logging.googleapis.com/spanId": "00f067aa0ba902b7",
            "logging.googleapis.com/trace_sampled": true,
            "logging.googleapis.com/labels": {"subscription": "orders", "revision": "shop-7"},
            "order.message_id": "mine",
            "order.message": "no",
            "type": 1,
            "event.message_id": "other",
            "event.severity": "none",
            "half": 0.5,
        });
        assert_eq!(found, [expected]);
    }

    #[test]
    fn what_names_no_trace_is_left_as_it_is() {
        let found = lines(|| {
            tracing::error!(subscription = SUBSCRIPTION, traceparent = "mine", "a");
            tracing::debug!(traceparent = TRACE, "b");
        });
        let traces: Vec<_> = found.iter().map(|line| &line["traceparent"]).collect();
        assert_eq!(traces, ["mine", TRACE]);
        let severities: Vec<_> = found.iter().map(|line| &line["severity"]).collect();
        assert_eq!(severities, ["ERROR", "DEBUG"]);
    }

    #[test]
    fn the_line_of_a_push_has_its_request() {
        let found = lines(|| tracing::info!(status = 204, duration_ms = 1500, outcome = "handled"));
        let request = json!({"requestMethod": "POST", "status": 204, "latency": "1.5s"});
        assert_eq!(found[0]["httpRequest"], request);
        let labels = &found[0]["logging.googleapis.com/labels"];
        assert_eq!(labels["outcome"], "handled");
    }

    #[test]
    fn an_error_is_reported_with_its_place() {
        let found = lines(|| tracing::error!("a fault"));
        assert_eq!(found[0]["@type"], ERROR_EVENT);
        let service = json!({"service": "shop", "version": "shop-7"});
        assert_eq!(found[0]["serviceContext"], service);
        let place = &found[0]["context"]["reportLocation"];
        assert!(place["lineNumber"].is_number(), "{place}");
        assert!(
            lines(|| tracing::warn!("no fault"))[0]
                .get("@type")
                .is_none()
        );
    }
}
