//! The HTTP response to a push. Nothing outside this file knows a status code of a push.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::Extension;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::time::Instant;

use crate::delivery::NotClaimed;
use crate::delivery::settle::settlement::{End, Settlement};
use crate::loggable::{chain, excerpt};
use crate::push::binding::BindingError;
use crate::push::body::BodyError;
use crate::push::log_limit::LogLimit;
use crate::push::log_line::{Level, Listener, LogLine};
use crate::push::refusal::{NoEndpoint, Refusal};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::spans::end_push;

/// The decision about one push: the status, and the level of its log line.
struct Decision(StatusCode, Level);

impl Decision {
    /// Uses 204 only of the ack statuses: the official emulator does not accept 202 (Google, *Receive push messages*: 102, 200, 201,
    /// 202 and 204 ack, all others nack).
    fn of_end(end: End) -> Self {
        const ACK: StatusCode = StatusCode::NO_CONTENT;
        const AGAIN: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
        let (status, level) = match end {
            End::Handled => (ACK, Level::Info),
            End::Discarded => (ACK, Level::Info),
            End::DeadLettered => (ACK, Level::Warn),
            End::Duplicate => (ACK, Level::Info),
            End::OtherPayloadIgnored => (ACK, Level::Warn),
            End::OtherPayload => (AGAIN, Level::Warn),
            End::Unguarded => (ACK, Level::Warn),
            // After a nack the message certainly runs again; after an ack only a duplicate would.
            End::Unrecorded => (ACK, Level::Error),
            End::Failed => (AGAIN, Level::Warn),
            End::TimedOut => (AGAIN, Level::Warn),
            End::StillRunning => (AGAIN, Level::Error),
            End::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, Level::Error),
            End::Stopped => (AGAIN, Level::Warn),
            End::NotBegun => (AGAIN, Level::Warn),
            End::FailedElsewhere => (AGAIN, Level::Info),
            End::InProgress => (StatusCode::CONFLICT, Level::Info),
            End::FencedOut => (StatusCode::CONFLICT, Level::Warn),
            End::NotDeadLettered => (AGAIN, Level::Error),
        };
        debug_assert_eq!(status == ACK, !end.is_redelivered(), "{end:?}");
        Self(status, level)
    }

    fn of_refusal(refusal: &Refusal) -> Self {
        let (status, level) = match refusal {
            Refusal::Endpoint(NoEndpoint::Path(_)) => (StatusCode::NOT_FOUND, Level::Warn),
            Refusal::Endpoint(NoEndpoint::Nothing(_)) => (StatusCode::NOT_FOUND, Level::Info),
            Refusal::Endpoint(NoEndpoint::Method(_)) => {
                (StatusCode::METHOD_NOT_ALLOWED, Level::Info)
            }
            Refusal::NotClaimed(NotClaimed::ShuttingDown(_)) | Refusal::Paused(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, Level::Info)
            }
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
            Refusal::Operator(_) => (StatusCode::FORBIDDEN, Level::Warn),
            Refusal::NotClaimed(NotClaimed::OverCapacity(_)) => {
                (StatusCode::TOO_MANY_REQUESTS, Level::Info)
            }
            Refusal::NotClaimed(NotClaimed::CircuitOpen(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, Level::Info)
            }
            Refusal::Body(BodyError::NoRoom(_)) => (StatusCode::TOO_MANY_REQUESTS, Level::Info),
            Refusal::Body(BodyError::TooLarge(_)) => (StatusCode::PAYLOAD_TOO_LARGE, Level::Warn),
            Refusal::Body(BodyError::TooSlow(_)) => (StatusCode::REQUEST_TIMEOUT, Level::Warn),
            Refusal::Body(BodyError::Incomplete(_)) | Refusal::Envelope(_) => {
                (StatusCode::BAD_REQUEST, Level::Warn)
            }
            Refusal::NotClaimed(NotClaimed::Store(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, Level::Error)
            }
            Refusal::Defect => (StatusCode::INTERNAL_SERVER_ERROR, Level::Error),
        };
        Self(status, level)
    }
}

/// The header with the outcome of an authenticated push, for the history of the emulator. Pub/Sub ignores it.
const OUTCOME_HEADER: HeaderName = HeaderName::from_static("pushgate-outcome");

/// The header with the reason, percent-encoded, in `dev` only: an acknowledgement has no body that could name it.
const REASON_HEADER: HeaderName = HeaderName::from_static("pushgate-reason");

/// The bytes that are encoded there, besides those that are not ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// The failures that are kept for the status.
const FAILURES: usize = 50;

/// Creates the replies, and passes the log lines on.
pub(crate) struct Replies {
    /// The receiver of each log line besides the log.
    pub(crate) listener: Option<Listener>,
    /// The lines of unknown callers.
    pub(crate) log_limit: LogLimit,
    /// The latest failures of known callers' pushes, the oldest first.
    failures: Mutex<VecDeque<LogLine>>,
    metrics: Metrics,
}

/// Marks the response to a caller that may push here.
#[derive(Clone, Copy)]
pub(crate) struct ToKnownCaller;

impl Replies {
    pub(crate) fn new(listener: Option<Listener>, metrics: Metrics) -> Self {
        Self {
            listener,
            log_limit: LogLimit::default(),
            failures: Mutex::default(),
            metrics,
        }
    }

    /// Returns the latest failures of known callers' pushes, the newest first.
    pub(crate) fn failures(&self) -> Vec<LogLine> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.iter().rev().cloned().collect()
    }

    /// Keeps a failure for the status. Nothing reads it if no metrics are exported.
    fn keep_failure(&self, line: &LogLine) {
        if !self.metrics.is_recording() {
            return;
        }
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() == FAILURES {
            failures.pop_front();
        }
        failures.push_back(LogLine {
            span: None,
            ..line.clone()
        });
    }

    /// Replies to a request of which nothing is known.
    pub(crate) fn refuse(&self, arrival: Instant, refusal: Refusal) -> Response {
        self.reply(LogLine::new(arrival, None), Err(refusal))
    }

    /// Creates the reply to a push, and writes its log line.
    pub(crate) fn reply(&self, mut line: LogLine, result: Result<Settlement, Refusal>) -> Response {
        let is_push = result.as_ref().err().is_none_or(Refusal::is_push);
        let refused = result
            .as_ref()
            .err()
            .map(|refusal| (refusal.kind(), refusal.to_string()));
        line.duration = line.arrival.elapsed();
        let Decision(status, level) = match result {
            Ok(settlement) => {
                let decision = Decision::of_end(settlement.end);
                line.outcome = settlement.end.name();
                (line.claim, line.reason) = (settlement.claim_number, settlement.reason);
                line.count_end(settlement.end);
                decision
            }
            Err(refusal) => {
                let decision = Decision::of_refusal(&refusal);
                line.reason = Some(chain(&refusal));
                if is_push {
                    let (kind, status) = (refusal.kind(), decision.0.as_u16());
                    self.metrics.refused(kind, status, line.metrics.as_ref());
                }
                decision
            }
        };
        line.status = status.as_u16();
        if let Some(span) = &line.span {
            end_push(span, line.status);
        }
        if is_push {
            let (has_path, status) = (line.path.is_some(), line.status);
            self.metrics.responded(has_path, status, line.duration);
        }
        if let Some(listener) = &self.listener {
            listener(&line);
        }
        match refused {
            // A client could leave a body unread for ever.
            Some((kind, _)) if !line.is_of_known_caller => {
                self.log_limit.log(kind, line, level);
                status.into_response()
            }
            refused => {
                line.log(level);
                if level != Level::Info || refused.is_some() {
                    self.keep_failure(&line);
                }
                self.to_known_caller(status, &line, refused.map(|(_, text)| text))
            }
        }
    }

    /// Returns a reply that names the kind of error only; the details are for the log, and for `dev`.
    fn to_known_caller(
        &self,
        status: StatusCode,
        line: &LogLine,
        kind: Option<String>,
    ) -> Response {
        let is_dev = self.listener.is_some();
        let text = match is_dev && status != StatusCode::NO_CONTENT {
            true => line.reason.clone(),
            false => kind,
        };
        let outcome = line.outcome.replace(' ', "-");
        let head = (
            status,
            Extension(ToKnownCaller),
            [(OUTCOME_HEADER, outcome)],
        );
        let mut response = match text {
            Some(text) => (head.0, head.1, head.2, format!("{text}\n")).into_response(),
            None => head.into_response(),
        };
        if let Some(reason) = line.reason.as_deref().filter(|_| is_dev) {
            add_reason(&mut response, reason);
        }
        response
    }
}

/// Adds the beginning of the reason as a header.
fn add_reason(response: &mut Response, reason: &str) {
    let reason = utf8_percent_encode(&excerpt(reason), ENCODED).to_string();
    if let Ok(reason) = HeaderValue::try_from(reason) {
        response.headers_mut().insert(REASON_HEADER, reason);
    }
}
