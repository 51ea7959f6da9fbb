//! What the pusher is told, and the one log line of a push. Nothing outside this file knows a status code of a push.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use crate::breaker::Open;
use crate::dedup::StoreError;
use crate::delivery::admission::OverCapacity;
use crate::delivery::drain::Leaving;
use crate::delivery::envelope::Envelope;
use crate::delivery::settlement::Settlement;
use crate::loggable::chain;
use crate::loggable::excerpt;
use crate::push::authentication::AuthenticationError;
use crate::push::binding::BindingError;
use crate::push::body::BodyError;
use crate::push::forms::EnvelopeError;
use crate::push::refusals::{Kind, Refusals};
use crate::trace::Trace;

/// Why a push never came to a claim.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(transparent)]
    Leaving(#[from] Leaving),
    #[error("no push endpoint")]
    Endpoint(#[from] NoEndpoint),
    #[error("{}", if .0.is_transient() { "cannot check the token now" } else { "authentication failed" })]
    Authentication(#[from] AuthenticationError),
    #[error("{}", match .0 { BindingError::UnknownSubscription { .. } => "no subscriber for this subscription", _ => "not allowed to push here" })]
    Binding(#[from] BindingError),
    #[error("over capacity")]
    OverCapacity(#[from] OverCapacity),
    #[error("what the handler depends on is down")]
    CircuitOpen(#[from] Open),
    #[error("the body cannot be taken")]
    Body(#[from] BodyError),
    #[error("not a push")]
    Envelope(#[from] EnvelopeError),
    #[error("cannot tell whether the message was handled")]
    Store(#[from] StoreError),
    #[error("a step of the push itself panicked")]
    Defect,
}

/// A request that cannot be a push, by its method or path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoEndpoint {
    #[error(
        "a request to {0:?}, expected POST / or POST /push/SUBSCRIPTION: check the push endpoint"
    )]
    Path(String),
    /// Not even a post, so nobody's push: strangers look around.
    #[error("nothing is at {0:?}")]
    Nothing(String),
    #[error("the method is {0}, expected POST")]
    Method(String),
}

/// How much a person should care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warn,
    /// A person must act.
    Error,
}

/// The decision about one push: the status, its word in the log, and the level.
struct Verdict(StatusCode, &'static str, Level);

impl Verdict {
    /// Only 204 of the ack statuses: the official emulator does not take 202 (Google, *Receive push messages*: 102, 200, 201,
    /// 202 and 204 ack, everything else nacks).
    fn of_settlement(settlement: &Settlement) -> Self {
        const ACK: StatusCode = StatusCode::NO_CONTENT;
        const AGAIN: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
        let (status, outcome, level) = match settlement {
            Settlement::Handled => (ACK, "handled", Level::Info),
            Settlement::Discarded { .. } => (ACK, "discarded", Level::Info),
            Settlement::DeadLettered { .. } => (ACK, "dead-lettered", Level::Warn),
            Settlement::DoneBefore => (ACK, "done before", Level::Info),
            Settlement::OtherPayloadIgnored => (ACK, "ignored", Level::Warn),
            Settlement::OtherPayload => (AGAIN, "other payload", Level::Warn),
            Settlement::Unguarded { .. } => (ACK, "handled unguarded", Level::Warn),
            // A nack would surely run it again; an ack only might.
            Settlement::Unrecorded { .. } => (ACK, "unrecorded", Level::Error),
            Settlement::Failed { .. } => (AGAIN, "failed", Level::Warn),
            Settlement::TimedOut { .. } => (AGAIN, "timed out", Level::Warn),
            Settlement::StillRunning { .. } => (AGAIN, "still running", Level::Error),
            Settlement::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, "panicked", Level::Error),
            Settlement::Left => (AGAIN, "stopped to leave", Level::Warn),
            Settlement::NotBegun { .. } => (AGAIN, "not begun", Level::Warn),
            Settlement::FailedElsewhere => (AGAIN, "failed elsewhere", Level::Info),
            Settlement::Busy => (StatusCode::CONFLICT, "in progress elsewhere", Level::Info),
            Settlement::FencedOut => (StatusCode::CONFLICT, "fenced out", Level::Warn),
            Settlement::NotDeadLettered { .. } => (AGAIN, "not dead-lettered", Level::Error),
        };
        Self(status, outcome, level)
    }

    fn of_refusal(refusal: &Refusal) -> Self {
        let (status, level) = match refusal {
            Refusal::Endpoint(NoEndpoint::Path(_)) => (StatusCode::NOT_FOUND, Level::Warn),
            Refusal::Endpoint(NoEndpoint::Nothing(_)) => (StatusCode::NOT_FOUND, Level::Info),
            Refusal::Endpoint(NoEndpoint::Method(_)) => {
                (StatusCode::METHOD_NOT_ALLOWED, Level::Info)
            }
            Refusal::Leaving(_) => (StatusCode::SERVICE_UNAVAILABLE, Level::Info),
            Refusal::Authentication(error) if error.is_transient() => {
                (StatusCode::SERVICE_UNAVAILABLE, Level::Error)
            }
            Refusal::Authentication(_) => (StatusCode::UNAUTHORIZED, Level::Warn),
            Refusal::Binding(BindingError::UnknownSubscription { .. }) => {
                (StatusCode::NOT_FOUND, Level::Error)
            }
            Refusal::Binding(
                BindingError::OtherCaller { .. } | BindingError::OtherAudience { .. },
            ) => (StatusCode::FORBIDDEN, Level::Warn),
            Refusal::OverCapacity(_) => (StatusCode::TOO_MANY_REQUESTS, Level::Info),
            Refusal::CircuitOpen(_) => (StatusCode::SERVICE_UNAVAILABLE, Level::Info),
            Refusal::Body(BodyError::NoRoom(_)) => (StatusCode::TOO_MANY_REQUESTS, Level::Info),
            Refusal::Body(BodyError::TooLarge(_)) => (StatusCode::PAYLOAD_TOO_LARGE, Level::Warn),
            Refusal::Body(BodyError::TooSlow(_)) => (StatusCode::REQUEST_TIMEOUT, Level::Warn),
            Refusal::Body(BodyError::BrokenOff(_)) | Refusal::Envelope(_) => {
                (StatusCode::BAD_REQUEST, Level::Warn)
            }
            Refusal::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, Level::Error),
            Refusal::Defect => (StatusCode::INTERNAL_SERVER_ERROR, Level::Error),
        };
        Self(status, "refused", level)
    }
}

/// What is known of one push, and in the end what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) arrival: Instant,
    /// True once the caller has proved that it may push here.
    pub(crate) is_of_known_caller: bool,
    pub(crate) path: Option<String>,
    pub(crate) subscription: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) delivery_attempt: Option<u32>,
    pub(crate) trace: Option<Trace>,
    /// Above 1 if an earlier claim lapsed because its owner vanished.
    pub(crate) claim: Option<u32>,
    pub(crate) duration: Duration,
    pub(crate) status: StatusCode,
    pub(crate) outcome: &'static str,
    pub(crate) reason: Option<String>,
    /// The number of requests that this report is about, if it sums up several.
    pub(crate) times: Option<u64>,
}

/// Names the outcome of an authenticated push, so that a pusher's own history can show it. Pub/Sub ignores it.
const OUTCOME_HEADER: HeaderName = HeaderName::from_static("pushgate-outcome");

/// Who is told of each push's end; besides the log, `dev` prints a line.
pub(crate) type Listener = Arc<dyn Fn(&Report) + Send + Sync>;

/// The destinations of reports.
#[derive(Default)]
pub(crate) struct Reports {
    pub(crate) listener: Option<Listener>,
    pub(crate) refusals: Refusals,
}

/// Marks the response to a caller that may push here.
#[derive(Clone, Copy)]
pub(crate) struct ToKnownCaller;

impl Report {
    /// `path` is the subscription's short name in the endpoint's path, before anything else is known.
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
            status: StatusCode::INTERNAL_SERVER_ERROR,
            outcome: "refused",
            reason: None,
            times: None,
        }
    }

    pub(crate) fn learn(&mut self, envelope: &Envelope, trace: Option<&Trace>) {
        self.trace = trace.cloned();
        self.subscription = Some(envelope.subscription.clone());
        self.message_id = Some(envelope.known_as.clone());
        self.delivery_attempt = envelope.delivery_attempt;
    }

    pub(crate) fn claimed(&mut self, attempt: u32) {
        self.claim = Some(attempt);
    }

    /// Decides the reply and writes the log line.
    pub(crate) fn close(
        mut self,
        result: Result<Settlement, Refusal>,
        reports: &Reports,
    ) -> Response {
        let refused = result
            .as_ref()
            .err()
            .map(|refusal| (Kind::of(refusal), refusal.to_string()));
        let (Verdict(status, outcome, level), reason) = match result {
            Ok(settlement) => (Verdict::of_settlement(&settlement), reason(settlement)),
            Err(refusal) => (Verdict::of_refusal(&refusal), Some(chain(&refusal))),
        };
        self.duration = self.arrival.elapsed();
        (self.status, self.outcome, self.reason) = (status, outcome, reason);
        if let Some(listener) = &reports.listener {
            listener(&self);
        }
        match refused {
            // A stranger could leave a body unread for ever.
            Some((kind, _)) if !self.is_of_known_caller => {
                reports.refusals.log(kind, self, level);
                status.into_response()
            }
            refused => {
                self.log(level);
                let kind = refused.map(|(_, kind)| kind);
                self.to_known_caller(kind, reports.listener.is_some())
            }
        }
    }

    /// The caller learns the kind of trouble only; what was found and expected is for the log, and for `dev`.
    fn to_known_caller(&self, kind: Option<String>, is_dev: bool) -> Response {
        let text = match is_dev && self.status != StatusCode::NO_CONTENT {
            true => self.reason.clone(),
            false => kind,
        };
        let outcome = [(OUTCOME_HEADER, self.outcome_kind())];
        let known = Extension(ToKnownCaller);
        match text {
            Some(text) => (self.status, known, outcome, format!("{text}\n")).into_response(),
            None => (self.status, known, outcome).into_response(),
        }
    }

    /// Returns the outcome as one word of a header.
    fn outcome_kind(&self) -> String {
        match self.outcome {
            "done before" => "duplicate".to_owned(),
            outcome => outcome.replace(' ', "-"),
        }
    }

    pub(crate) fn log(&self, level: Level) {
        macro_rules! line {
            ($event:ident) => {
                tracing::$event!(
                    subscription = self.subscription.as_ref().or(self.path.as_ref()),
                    message_id = self.message_id,
                    delivery_attempt = self.delivery_attempt,
                    claim_number = self.claim.filter(|number| *number > 1),
                    outcome = self.outcome,
                    status = self.status.as_u16(),
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

fn reason(settlement: Settlement) -> Option<String> {
    match settlement {
        Settlement::Discarded { reason }
        | Settlement::Failed { reason }
        | Settlement::NotBegun { reason } => Some(reason),
        Settlement::TimedOut { limit } => Some(format!(
            "the handler passed its hard limit of {limit:?}: see .ack_deadline(…) and .hard_limit(…)"
        )),
        Settlement::StillRunning { limit } => Some(format!(
            "the handler passed its hard limit of {limit:?} and cannot be stopped; the message keeps its claim until it ends: see Context::is_stopping, .ack_deadline(…) and .hard_limit(…)"
        )),
        Settlement::DeadLettered { reason, topic } => Some(format!(
            "{reason} (see topic {})",
            topic.rsplit('/').next().unwrap_or(&topic)
        )),
        Settlement::Unrecorded { error } => Some(error),
        Settlement::Unguarded { error } => {
            Some(format!("without deduplication, and not recorded: {error}"))
        }
        Settlement::OtherPayloadIgnored | Settlement::OtherPayload => Some(
            "its idempotency key was handled before with another payload: see .on_conflict(…)"
                .into(),
        ),
        Settlement::NotDeadLettered { reason, error } => {
            Some(format!("{reason}, and it cannot be dead-lettered: {error}"))
        }
        Settlement::Handled
        | Settlement::DoneBefore
        | Settlement::Panicked
        | Settlement::Left
        | Settlement::FailedElsewhere
        | Settlement::Busy
        | Settlement::FencedOut => None,
    }
}
