//! The one log line of a push.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TraceContextExt;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::delivery::envelope::Envelope;
use crate::delivery::settle::settlement::End;
use crate::loggable::excerpt;
use crate::telemetry::metrics::{Ended, SubscriptionMetrics};
use crate::trace::Trace;

/// The target of the lines.
#[cfg(feature = "dev")]
pub(crate) const TARGET: &str = module_path!();

/// The level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warn,
    /// A person must act.
    Error,
}

/// The facts about one push, and at the end its outcome.
#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    /// The time at which the request's head was read.
    pub(crate) arrival: Instant,
    /// The time that authentication took.
    pub(crate) authenticated_in: Duration,
    /// True once the caller is verified and may push here.
    pub(crate) is_of_known_caller: bool,
    /// The subscription's short name in the endpoint's path.
    pub(crate) path: Option<String>,
    /// The subscription's full name, once the envelope is read.
    pub(crate) subscription: Option<String>,
    /// The message id, once the envelope is read.
    pub(crate) message_id: Option<String>,
    /// Pub/Sub's number of the delivery attempt, if the subscription has a dead-letter policy.
    pub(crate) delivery_attempt: Option<u32>,
    /// The time of the publish, once the envelope is read.
    pub(crate) publish_time: Option<OffsetDateTime>,
    /// The metrics of the subscription, once its subscriber is found.
    pub(crate) metrics: Option<SubscriptionMetrics>,
    /// The span of the push, if spans are exported.
    pub(crate) span: Option<opentelemetry::Context>,
    /// The trace of the message, or of the request.
    pub(crate) trace: Option<Trace>,
    /// The number of the claim: above 1 if an earlier claim's lease expired.
    pub(crate) claim: Option<u32>,
    /// The time from the arrival to the reply.
    pub(crate) duration: Duration,
    /// The status code of the reply.
    pub(crate) status: u16,
    /// The end of the push in one or two words.
    pub(crate) outcome: &'static str,
    /// The reason of the outcome in words.
    pub(crate) reason: Option<String>,
    /// The number of requests, if this line counts several.
    pub(crate) times: Option<u64>,
}

/// A function that gets each log line besides the log: `dev` prints it.
pub(crate) type Listener = Arc<dyn Fn(&LogLine) + Send + Sync>;

impl LogLine {
    /// Creates a line with the subscription's short name in the endpoint's path.
    pub(crate) fn new(arrival: Instant, path: Option<&str>) -> Self {
        Self {
            arrival,
            authenticated_in: Duration::ZERO,
            is_of_known_caller: false,
            path: path.map(excerpt),
            subscription: None,
            message_id: None,
            delivery_attempt: None,
            publish_time: None,
            metrics: None,
            span: None,
            trace: None,
            claim: None,
            duration: Duration::ZERO,
            status: 500,
            outcome: "refused",
            reason: None,
            times: None,
        }
    }

    /// Sets the fields that the envelope has.
    pub(crate) fn set_message(&mut self, envelope: &Envelope, trace: Option<&Trace>) {
        let span = self
            .span
            .as_ref()
            .map(|span| span.span().span_context().clone());
        self.trace = span.map(Trace::of_span).or_else(|| trace.cloned());
        self.subscription = Some(envelope.subscription.clone());
        self.message_id = Some(envelope.message_id.clone());
        self.delivery_attempt = envelope.delivery_attempt;
        self.publish_time = Some(envelope.publish_time);
    }

    /// Counts the end of the delivery.
    pub(crate) fn count_end(&self, end: End) {
        if let (Some(metrics), Some(publish_time)) = (&self.metrics, self.publish_time) {
            metrics.ended(&Ended {
                outcome: end.name(),
                is_redelivered: end.is_redelivered(),
                is_record_missing: matches!(end, End::Unrecorded | End::Unguarded),
                publish_time,
                delivery_attempt: self.delivery_attempt,
            });
        }
    }

    /// Writes the line.
    pub(crate) fn log(&self, level: Level) {
        macro_rules! line {
            ($event:ident) => {
                tracing::$event!(
                    subscription = self.subscription.as_ref().or(self.path.as_ref()),
                    message_id = self.message_id,
                    delivery_attempt = self.delivery_attempt,
                    claim_number = self.claim.filter(|number| *number > 1),
                    outcome = self.outcome,
                    status = self.status,
                    duration_ms = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
                    reason = self.reason,
                    times = self.times,
                    traceparent = self.trace.as_ref().map(tracing::field::display),
                    "push {}",
                    self.outcome
                )
            };
        }
        match level {
            Level::Info => line!(info),
            Level::Warn => line!(warn),
            Level::Error => line!(error),
        }
    }
}
