//! The path of a push, from the HTTP request to the HTTP response. [`PushReceiver::receive`] takes these steps:
//! 1. `authentication`: verifies the token of the headers, which gives the caller. The body is not read before.
//! 2. `binding`: rejects a caller that may push to no subscription.
//! 3. `delivery/admission`: takes one of the places of the process, so that the number of bodies is bounded, too.
//! 4. `body`: reads the body, within limits of size, memory and time.
//! 5. `forms`: reads the envelope from the body and the headers.
//! 6. `binding`: finds the subscriber, if this caller may push to it.
//! 7. `delivery` settles the message.
//! 8. `reply`: chooses the status, and writes the log line.
//!
//! A push that ends before its message is claimed is a `refusal`.

pub(crate) mod authentication;
pub(crate) mod binding;
pub(crate) mod body;
pub(crate) mod forms;
mod gauges;
pub(crate) mod log_limit;
pub(crate) mod log_line;
pub(crate) mod operator;
pub(crate) mod readiness;
pub(crate) mod refusal;
pub(crate) mod reply;

use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use bytes::Bytes;
use opentelemetry::trace::FutureExt;
use tokio::time::Instant;

use crate::delivery::admission::{Admission, Place};
use crate::delivery::envelope::Envelope;
use crate::delivery::pools::executor::block_in_place_if_large;
use crate::delivery::{Deliveries, IncomingMessage};
use crate::push::authentication::{Authentication, Caller};
use crate::push::binding::Bindings;
use crate::push::body::Bodies;
use crate::push::log_line::LogLine;
use crate::push::operator::{NotOperator, Operators};
use crate::push::readiness::Readiness;
use crate::push::refusal::{Paused, Refusal};
use crate::push::reply::Replies;
use crate::telemetry::spans::{PushSpan, Spans};
use crate::trace::Trace;

/// Everything that pushes share.
pub(crate) struct PushReceiver {
    /// Verifies tokens.
    pub(crate) authentication: Authentication,
    /// The places for unanswered pushes.
    pub(crate) admission: Admission,
    /// The limits for bodies.
    pub(crate) bodies: Bodies,
    /// The subscribers, and the callers that may push to them.
    pub(crate) bindings: Bindings,
    /// Settles messages.
    pub(crate) deliveries: Deliveries,
    /// Creates the responses and the log lines.
    pub(crate) replies: Replies,
    /// The accounts that may read the status, if there are any.
    pub(crate) operators: Option<Operators>,
    /// The latest check for `/health/ready`.
    pub(crate) readiness: Readiness,
    /// The spans of pushes.
    pub(crate) spans: Spans,
}

impl PushReceiver {
    /// Reads the message of a push, delivers it, and replies with its settlement. Stale keys are fetched concurrently, since
    /// there may be no CPU after the response.
    pub(crate) async fn receive(
        &self,
        path: Option<&str>,
        request: Request<Body>,
        arrival: Instant,
    ) -> Response {
        let mut line = LogLine::new(arrival, path);
        let push = async {
            let incoming = {
                let read = pin!(self.read(path, request, &mut line));
                self.deliveries.shutdown.unless_aborting(read).await?
            };
            let span = line.span.clone().unwrap_or_default();
            Ok(self.deliveries.deliver(incoming).with_context(span).await?)
        };
        let (result, ()) = tokio::join!(push, self.authentication.refresh());
        self.replies.reply(line, result)
    }

    /// Reads the message of a push whose caller is bound to its subscription, and fills in `line`.
    async fn read(
        &self,
        path: Option<&str>,
        request: Request<Body>,
        line: &mut LogLine,
    ) -> Result<IncomingMessage, Refusal> {
        let (head, body) = request.into_parts();
        let caller = self.authenticate(&head.headers).await?; // before a byte of the body is read
        line.authenticated_in = line.arrival.elapsed();
        let place = self.admit(&caller, line)?;
        let (body, room) = self.bodies.read(body).await?;
        let envelope = self.read_envelope(path, &head.headers, body)?;
        let trace = self.start_span(path, &head.headers, &envelope, line);
        line.set_message(&envelope, trace.as_ref());
        let subscriber = self.bindings.find(&envelope.subscription, &caller)?;
        line.metrics = Some(subscriber.metrics.clone());
        forms::check_form(&envelope, &subscriber.declared)?;
        if subscriber.is_paused {
            return Err(Paused.into());
        }
        Ok(IncomingMessage {
            subscriber: Arc::clone(subscriber),
            envelope,
            trace,
            arrival: line.arrival,
            places: vec![place, room],
        })
    }

    /// Starts the span of the push, and returns the trace of the message, or else of the request.
    fn start_span(
        &self,
        path: Option<&str>,
        headers: &HeaderMap,
        envelope: &Envelope,
        line: &mut LogLine,
    ) -> Option<Trace> {
        let of_message = Trace::of(&envelope.attributes);
        let of_request = Trace::of_request(headers);
        line.span = self.spans.start_push(&PushSpan {
            path,
            arrival: line.arrival,
            authenticated_in: line.authenticated_in,
            message: of_message.as_ref(),
            request: of_request.as_ref(),
        });
        of_message.or(of_request)
    }

    /// Returns the caller. A service that shuts down does not wait for keys.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        if let Some(caller) = self.authentication.check_at_once(headers)? {
            return Ok(caller);
        }
        self.deliveries.shutdown.check()?;
        Ok(self.authentication.check(headers).await?)
    }

    /// Checks that a request comes from an operator, and returns the operator's e-mail.
    pub(crate) async fn check_operator(&self, headers: &HeaderMap) -> Result<String, Refusal> {
        let caller = self.authenticate(headers).await?;
        match &self.operators {
            Some(operators) => Ok(operators.check(caller)?),
            None => Err(NotOperator::Email(caller.email).into()),
        }
    }

    /// Admits a push of a caller that is bound to any subscription, if the process has capacity for it.
    fn admit(&self, caller: &Caller, line: &mut LogLine) -> Result<Place, Refusal> {
        self.bindings.allows(caller)?;
        line.is_of_known_caller = true;
        self.deliveries.shutdown.check()?;
        Ok(self.admission.enter()?)
    }

    /// Reads the envelope of a push in any form.
    fn read_envelope(
        &self,
        path: Option<&str>,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Envelope, Refusal> {
        let endpoint = self.bindings.endpoint(path);
        let bytes = body.len();
        Ok(block_in_place_if_large(bytes, || {
            forms::read(&endpoint, headers, body)
        })?)
    }
}
