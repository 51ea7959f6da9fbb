//! One push from request to settled message: the only file that knows every step.

pub(crate) mod authentication;
pub(crate) mod binding;
pub(crate) mod body;
pub(crate) mod forms;
pub(crate) mod large;
pub(crate) mod readiness;
pub(crate) mod refusals;
pub(crate) mod reply;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use tokio::time::timeout;

use crate::dedup::DedupStore;
use crate::delivery::Means;
use crate::delivery::admission::{Admission, Place};
use crate::delivery::attempt::Attempt;
use crate::delivery::claim::{self, Asked};
use crate::delivery::drain::Leaving;
use crate::delivery::settlement::Settlement;
use crate::handler::state::States;
use crate::loggable::chain;
use crate::push::authentication::{Authentication, Caller};
use crate::push::binding::Bindings;
use crate::push::body::Bodies;
use crate::push::large::beside_executor;
use crate::push::readiness::Readiness;
use crate::push::reply::{Refusal, Report};
use crate::trace::Trace;

/// Everything a push passes, in the order of the path.
pub(crate) struct Gate {
    pub(crate) authentication: Authentication,
    pub(crate) admission: Admission,
    pub(crate) bodies: Bodies,
    pub(crate) bindings: Bindings,
    pub(crate) store: Arc<dyn DedupStore>,
    pub(crate) states: States,
    pub(crate) means: Means,
    /// As far as anybody has asked; optimistic at first, so that the first trouble is logged.
    pub(crate) was_ready: AtomicBool,
    pub(crate) readiness: Readiness,
}

impl Gate {
    /// The path of a push, and beside it what must not be left for the time after the response: there may be no CPU then.
    pub(crate) async fn receive(
        &self,
        path: Option<&str>,
        request: Request<Body>,
        report: &mut Report,
    ) -> Result<Settlement, Refusal> {
        let push = self.settle(path, request, report);
        tokio::join!(push, self.authentication.refresh()).0
    }

    /// The path of a push. `report` learns on the way what the push is about.
    async fn settle(
        &self,
        path: Option<&str>,
        request: Request<Body>,
        report: &mut Report,
    ) -> Result<Settlement, Refusal> {
        let drain = &self.means.drain;
        let (mut attempt, places) = drain
            .unless_leaving(self.admit(path, request, report))
            .await?;
        match claim::ask(&mut attempt, drain).await? {
            Asked::Granted { attempt: number } => {
                report.claimed(number);
                Ok(self.means.handle(attempt, places).await)
            }
            Asked::Elsewhere(settlement) => Ok(settlement),
            Asked::Leaving => Err(Leaving.into()),
        }
    }

    /// All steps before the claim.
    async fn admit(
        &self,
        path: Option<&str>,
        request: Request<Body>,
        report: &mut Report,
    ) -> Result<(Attempt, [Place; 3]), Refusal> {
        let caller = self.authenticate(request.headers()).await?; // before a byte of the body is read
        self.bindings.expects(&caller)?;
        report.is_of_known_caller = true;
        self.means.drain.check()?;
        let place = self.admission.enter()?;
        let (head, body) = request.into_parts();
        let (body, room) = self.bodies.read(body).await?;
        let endpoint = self.bindings.endpoint(path);
        let bytes = body.len();
        let envelope = beside_executor(bytes, || forms::read(&endpoint, &head.headers, body))?;
        let trace = Trace::of(&envelope.attributes).or_else(|| Trace::of_request(&head.headers));
        report.learn(&envelope, trace.as_ref());
        let subscriber = self.bindings.find(&envelope.subscription, &caller)?;
        forms::check_form(&envelope, &subscriber.declared)?;
        let places = [place, room, subscriber.enter()?];
        let pass = subscriber.pass()?;
        let stop = self.means.drain.stopping.child_token();
        let states = self.states.clone();
        let attempt = beside_executor(bytes, || {
            Attempt::new(subscriber, envelope, trace, report.arrival, stop, states)
        });
        Ok((attempt.with(pass), places))
    }

    /// Returns the caller. A service that shuts down does not wait for keys.
    async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        if let Some(caller) = self.authentication.check_at_once(headers)? {
            return Ok(caller);
        }
        self.means.drain.check()?;
        Ok(self.authentication.check(headers).await?)
    }

    /// True if pushes can be taken: the answer of the latest check, unless the service shuts down.
    pub(crate) async fn is_ready(self: &Arc<Self>) -> bool {
        let gate = Arc::clone(self);
        let check = async move { gate.check_and_log().await };
        self.readiness.or_check(check).await && self.means.drain.check().is_ok()
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
        self.means
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
