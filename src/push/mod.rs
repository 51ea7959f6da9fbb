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
use crate::delivery::large::beside_executor;
use crate::delivery::settlement::Settlement;
use crate::delivery::{Arrived, Deliveries};
use crate::loggable::chain;
use crate::push::authentication::{Authentication, Caller};
use crate::push::binding::Bindings;
use crate::push::body::Bodies;
use crate::push::readiness::Readiness;
use crate::push::refusal::Refusal;
use crate::push::report::Report;
use crate::trace::Trace;

/// Everything that pushes share, in the order of the path.
pub(crate) struct Gate {
    pub(crate) authentication: Authentication,
    pub(crate) admission: Admission,
    pub(crate) bodies: Bodies,
    pub(crate) bindings: Bindings,
    pub(crate) deliveries: Deliveries,
    pub(crate) store: Arc<dyn DedupStore>,
    /// The answer of the latest check; true at first, so that the first trouble is logged.
    pub(crate) was_ready: AtomicBool,
    pub(crate) readiness: Readiness,
}

impl Gate {
    /// Takes a push: reads its message and delivers it. Stale keys are fetched beside that: after the response there may be no
    /// CPU for it.
    pub(crate) async fn receive(
        &self,
        path: Option<&str>,
        request: Request<Body>,
        report: &mut Report,
    ) -> Result<Settlement, Refusal> {
        let push = async {
            let read = self.read(path, request, report);
            let arrived = self.deliveries.drain.unless_leaving(read).await?;
            Ok(self.deliveries.deliver(arrived).await?)
        };
        tokio::join!(push, self.authentication.refresh()).0
    }

    /// Reads a push of a caller that is bound to its subscription. `report` is filled in on the way.
    async fn read(
        &self,
        path: Option<&str>,
        request: Request<Body>,
        report: &mut Report,
    ) -> Result<Arrived, Refusal> {
        let caller = self.authenticate(request.headers()).await?; // before a byte of the body is read
        self.bindings.expects(&caller)?;
        report.is_of_known_caller = true;
        self.deliveries.drain.check()?;
        let place = self.admission.enter()?;
        let (head, body) = request.into_parts();
        let (body, room) = self.bodies.read(body).await?;
        let endpoint = self.bindings.endpoint(path);
        let envelope = beside_executor(body.len(), || forms::read(&endpoint, &head.headers, body))?;
        let trace = Trace::of(&envelope.attributes).or_else(|| Trace::of_request(&head.headers));
        report.learn(&envelope, trace.as_ref());
        let subscriber = self.bindings.find(&envelope.subscription, &caller)?;
        forms::check_form(&envelope, &subscriber.declared)?;
        Ok(Arrived {
            subscriber: Arc::clone(subscriber),
            envelope,
            trace,
            at: report.arrival,
            places: vec![place, room],
        })
    }

    /// Returns the caller. A service that shuts down does not wait for keys.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        if let Some(caller) = self.authentication.check_at_once(headers)? {
            return Ok(caller);
        }
        self.deliveries.drain.check()?;
        Ok(self.authentication.check(headers).await?)
    }

    /// True if pushes can be taken: the answer of the latest check, unless the service shuts down.
    pub(crate) async fn is_ready(self: &Arc<Self>) -> bool {
        let gate = Arc::clone(self);
        let check = async move { gate.check_and_log().await };
        self.readiness.or_check(check).await && self.deliveries.drain.check().is_ok()
    }

    /// Checks, and logs a change.
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

    /// Not leaving, keys known, and the store answers.
    async fn check(&self) -> Result<(), String> {
        /// Cloud Run's probes wait 1 s by default (Google, *Probe*, `timeoutSeconds`); a late answer would be none.
        const PROBE: Duration = Duration::from_millis(900);
        self.deliveries
            .drain
            .check()
            .map_err(|leaving| leaving.to_string())?;
        let checks = async {
            self.authentication
                .is_ready()
                .await
                .map_err(|error| chain(&error))?;
            self.store.ping().await.map_err(|error| chain(&error))
        };
        timeout(PROBE, checks)
            .await
            .unwrap_or_else(|_| Err("keys or store do not answer in time".into()))
    }
}
