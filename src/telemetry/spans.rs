//! Spans: the steps of a push, as OpenTelemetry's conventions for messaging name them. Without an exporter nothing is recorded.
//!
//! The span of a push and the span of its delivery are the current context of everything that runs below them, so a step finds its
//! parent there.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    FutureExt, Link, SpanBuilder, SpanKind, SpanRef, Status, TraceContextExt,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;
use tokio::time::Instant;

use crate::loggable::excerpt;
use crate::trace::Trace;

/// The tracer of a service, or nothing if spans are not exported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(Option<Arc<Tracing>>);

#[derive(Debug)]
struct Tracing {
    tracer: SdkTracer,
    parent: Parent,
}

/// The parent of a push's span. The other trace, if there is one, is linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Parent {
    /// The trace of the message, so that all its deliveries belong to one trace.
    #[default]
    Message,
    /// The trace of the HTTP request.
    Request,
}

/// The facts with which the span of a push begins.
pub(crate) struct PushSpan<'a> {
    /// The subscription in the endpoint's path.
    pub(crate) path: Option<&'a str>,
    pub(crate) arrival: Instant,
    /// The time that authentication took.
    pub(crate) authenticated_in: Duration,
    pub(crate) message: Option<&'a Trace>,
    pub(crate) request: Option<&'a Trace>,
}

impl Spans {
    pub(crate) fn new(tracer: SdkTracer, parent: Parent) -> Self {
        Self(Some(Arc::new(Tracing { tracer, parent })))
    }

    /// Returns true if spans are exported.
    pub(crate) fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    /// Returns true if a span below the current one is recorded: spans are exported, and this trace is.
    pub(crate) fn is_recording_here(&self) -> bool {
        self.is_recording() && Context::map_current(|context| context.span().is_recording())
    }

    /// Starts the span of a push at its arrival, with the span of its authentication. It ends with [`end_push`].
    pub(crate) fn start_push(&self, push: &PushSpan<'_>) -> Option<Context> {
        let Tracing { tracer, parent } = self.0.as_deref()?;
        let (first, second) = match parent {
            Parent::Message => (push.message, push.request),
            Parent::Request => (push.request, push.message),
        };
        let parent = first.or(second);
        let linked = first.and(second);
        let context = parent.map_or_else(Context::new, |parent| {
            Context::new().with_remote_span_context(parent.context().clone())
        });
        let start = wall_clock(push.arrival);
        let (name, route) = match push.path {
            Some(_) => ("POST /push/{subscription}", "/push/{subscription}"),
            None => ("POST /", "/"),
        };
        let path = push
            .path
            .map_or_else(|| "/".into(), |id| format!("/push/{id}"));
        let span = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_start_time(start)
            .with_links(linked.map(link).into_iter().collect())
            .with_attributes([
                KeyValue::new("http.request.method", "POST"),
                KeyValue::new("http.route", route),
                KeyValue::new("url.scheme", "http"),
                KeyValue::new("url.path", path),
            ])
            .start_with_context(tracer, &context);
        let context = context.with_span(span);
        if context.span().is_recording() {
            let authentication = SpanBuilder::from_name("authenticate")
                .with_start_time(start)
                .start_with_context(tracer, &context);
            let end = start + push.authenticated_in;
            context
                .with_span(authentication)
                .span()
                .end_with_timestamp(end);
        }
        Some(context)
    }

    /// Runs a step in a span below the current one. Nothing is recorded if that is not. The step is pinned by its caller, since
    /// the steps are nested, and each copy of one here would double the size of the whole push.
    pub(crate) async fn step<T>(
        &self,
        begin: impl FnOnce() -> SpanBuilder,
        running: Pin<&mut impl Future<Output = T>>,
        end: impl FnOnce(&SpanRef<'_>, &T),
    ) -> T {
        let parent = Context::current();
        let tracing = self.0.as_deref().filter(|_| parent.span().is_recording());
        let Some(Tracing { tracer, .. }) = tracing else {
            return running.await;
        };
        let span = begin().start_with_context(tracer, &parent);
        let context = parent.with_span(span);
        let result = running.with_context(context.clone()).await;
        end(&context.span(), &result);
        context.span().end();
        result
    }
}

/// Starts a description of a span within the process.
pub(crate) fn internal(name: impl Into<Cow<'static, str>>) -> SpanBuilder {
    SpanBuilder::from_name(name).with_kind(SpanKind::Internal)
}

/// Starts a description of the span of a message that is sent to a dead-letter topic.
pub(crate) fn send_span(topic: &str, reason: &'static str) -> SpanBuilder {
    let topic = topic.rsplit('/').next().unwrap_or(topic);
    SpanBuilder::from_name(format!("send {topic}"))
        .with_kind(SpanKind::Producer)
        .with_attributes([
            KeyValue::new("messaging.operation.name", "send"),
            KeyValue::new("messaging.operation.type", "send"),
            KeyValue::new("messaging.system.name", "gcp.pubsub"),
            KeyValue::new("messaging.destination.name", topic.to_owned()),
            KeyValue::new("server.address", "pubsub.googleapis.com"),
            KeyValue::new("pushgate.dead_letter.reason", reason),
        ])
}

/// Returns a link to another trace.
pub(crate) fn link(trace: &Trace) -> Link {
    Link::with_context(trace.context().clone())
}

/// Marks a span as failed, by the kind of error.
pub(crate) fn fail(span: &SpanRef<'_>, kind: impl Into<Cow<'static, str>>) {
    let kind = kind.into();
    span.set_attribute(KeyValue::new("error.type", kind.to_string()));
    span.set_status(Status::error(kind));
}

/// Adds the beginning of the reason of a failure, as the log has it (OpenTelemetry, *Semantic conventions for exceptions on spans*).
pub(crate) fn explain(span: &SpanRef<'_>, kind: &'static str, reason: &str) {
    let attributes = vec![
        KeyValue::new("exception.type", kind),
        KeyValue::new("exception.message", excerpt(reason)),
    ];
    span.add_event("exception", attributes);
}

/// Ends the span of a push with its status code.
pub(crate) fn end_push(context: &Context, status: u16) {
    let span = context.span();
    span.set_attribute(KeyValue::new(
        "http.response.status_code",
        i64::from(status),
    ));
    if status >= 500 {
        fail(&span, status.to_string());
    }
    span.end();
}

/// Returns the position of the current span, if it is recorded.
pub(crate) fn current() -> Option<Trace> {
    let context = Context::current();
    let span = context.span();
    span.is_recording()
        .then(|| Trace::of_span(span.span_context().clone()))
}

fn wall_clock(instant: Instant) -> SystemTime {
    SystemTime::now() - instant.elapsed()
}
