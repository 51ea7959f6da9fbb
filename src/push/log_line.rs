//! The one log line of a push.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::delivery::envelope::Envelope;
use crate::loggable::excerpt;
use crate::trace::Trace;

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
pub(crate) struct Report {
    pub(crate) arrival: Instant,
    /// True once the caller is verified and may push here.
    pub(crate) is_of_known_caller: bool,
    pub(crate) path: Option<String>,
    pub(crate) subscription: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) delivery_attempt: Option<u32>,
    pub(crate) trace: Option<Trace>,
    /// The number of the claim: above 1 if an earlier claim's lease expired.
    pub(crate) claim: Option<u32>,
    pub(crate) duration: Duration,
    pub(crate) status: u16,
    pub(crate) outcome: &'static str,
    pub(crate) reason: Option<String>,
    /// The number of requests, if this report stands for several.
    pub(crate) times: Option<u64>,
}

/// A function that gets the report of each push besides the log: `dev` prints a line.
pub(crate) type Listener = Arc<dyn Fn(&Report) + Send + Sync>;

impl Report {
    /// Creates a report of which only the subscription's short name in the endpoint's path is known.
    pub(crate) fn new(arrival: Instant, path: Option<&str>) -> Self {
        Self {
            arrival,
            is_of_known_caller: false,
            path: path.map(excerpt),
            subscription: None,
            message_id: None,
            delivery_attempt: None,
            trace: None,
            claim: None,
            duration: Duration::ZERO,
            status: 500,
            outcome: "refused",
            reason: None,
            times: None,
        }
    }

    pub(crate) fn set_message(&mut self, envelope: &Envelope, trace: Option<&Trace>) {
        self.trace = trace.cloned();
        self.subscription = Some(envelope.subscription.clone());
        self.message_id = Some(envelope.known_as.clone());
        self.delivery_attempt = envelope.delivery_attempt;
    }

    /// Writes the log line.
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
