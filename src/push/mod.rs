//! The path of a push: from the HTTP request to the settlement of its message.

pub(crate) mod authentication;
pub(crate) mod binding;
pub(crate) mod body;
pub(crate) mod forms;
pub(crate) mod readiness;
pub(crate) mod refusal;
pub(crate) mod refusal_log;
pub(crate) mod reply;
pub(crate) mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use tokio::time::timeout;

use crate::dedup::DedupStore;
use crate::delivery::admission::Admission;
use crate::delivery::pools::executor::block_in_place_if_large;
use crate::delivery::settlement::Settlement;
use crate::delivery::{Deliveries, IncomingMessage};
use crate::loggable::chain;
use crate::push::authentication::{Authentication, Caller};
use crate::push::binding::Bindings;
use crate::push::body::Bodies;
use crate::push::readiness::Readiness;
use crate::push::refusal::Refusal;
use crate::push::report::Report;
use crate::trace::Trace;

/// Receives pushes, with everything that they share, in the order of the path.
pub(crate) struct PushReceiver {
    pub(crate) authentication: Authentication,
    pub(crate) admission: Admission,
    pub(crate) bodies: Bodies,
    pub(crate) bindings: Bindings,
    pub(crate) deliveries: Deliveries,
    pub(crate) store: Arc<dyn DedupStore>,
    /// The result of the latest check; initially true, so that the first failure is logged.
    pub(crate) was_ready: AtomicBool,
    pub(crate) readiness: Readiness,
}

impl PushReceiver {
    /// Reads the message of a push and delivers it. Stale keys are fetched concurrently, since there may be no CPU after the
    /// response.
    pub(crate) async fn receive(
        &self,
        path: Option<&str>,
        request: Request<Body>,
        report: &mut Report,
    ) -> Result<Settlement, Refusal> {
        let push = async {
            let read = self.read(path, request, report);
            let incoming = self.deliveries.shutdown.unless_aborting(read).await?;
            Ok(self.deliveries.deliver(incoming).await?)
        };
        tokio::join!(push, self.authentication.refresh()).0
    }

    /// Reads a push of a caller that is bound to its subscription, and fills in `report`.
    async fn read(
        &self,
        path: Option<&str>,
        request: Request<Body>,
        report: &mut Report,
    ) -> Result<IncomingMessage, Refusal> {
        let caller = self.authenticate(request.headers()).await?; // before a byte of the body is read
        self.bindings.allows(&caller)?;
        report.is_of_known_caller = true;
        self.deliveries.shutdown.check()?;
        let place = self.admission.enter()?;
        let (head, body) = request.into_parts();
        let (body, room) = self.bodies.read(body).await?;
        let endpoint = self.bindings.endpoint(path);
        let envelope =
            block_in_place_if_large(body.len(), || forms::read(&endpoint, &head.headers, body))?;
        let trace = Trace::of(&envelope.attributes).or_else(|| Trace::of_request(&head.headers));
        report.set_message(&envelope, trace.as_ref());
        let subscriber = self.bindings.find(&envelope.subscription, &caller)?;
        forms::check_form(&envelope, &subscriber.declared)?;
        Ok(IncomingMessage {
            subscriber: Arc::clone(subscriber),
            envelope,
            trace,
            arrival: report.arrival,
            places: vec![place, room],
        })
    }

    /// Returns the caller. A service that shuts down does not wait for keys.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        if let Some(caller) = self.authentication.check_at_once(headers)? {
            return Ok(caller);
        }
        self.deliveries.shutdown.check()?;
        Ok(self.authentication.check(headers).await?)
    }

    /// Returns true if pushes can be received: the result of the latest check, unless the service shuts down.
    pub(crate) async fn is_ready(self: &Arc<Self>) -> bool {
        let receiver = Arc::clone(self);
        let check = async move { receiver.check_and_log().await };
        self.readiness.or_check(check).await && self.deliveries.shutdown.check().is_ok()
    }

    /// Checks the readiness, and logs a change.
    async fn check_and_log(&self) -> bool {
        let ready = self.check().await;
        let was_ready = self.was_ready.swap(ready.is_ok(), Ordering::Relaxed);
        match &ready {
            Ok(()) if !was_ready => tracing::info!("ready"),
            Err(reason) if was_ready => tracing::warn!(reason, "not ready"),
            _ => {}
        }
        ready.is_ok()
    }

    /// Returns an error if the service shuts down, the keys are unknown, or the store does not answer.
    async fn check(&self) -> Result<(), String> {
        /// Cloud Run's probes wait 1 s by default (Google, *Probe*, `timeoutSeconds`); a later answer would be ignored.
        const PROBE: Duration = Duration::from_millis(900);
        self.deliveries
            .shutdown
            .check()
            .map_err(|error| error.to_string())?;
        let checks = async {
            self.authentication
                .is_ready()
                .await
                .map_err(|error| chain(&error))?;
            self.store.ping().await.map_err(|error| chain(&error))
        };
        timeout(PROBE, checks)
            .await
            .unwrap_or_else(|_| Err("the key server or the store does not answer in time".into()))
    }
}
