//! One push from request to settled message: the only file that knows every step.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use tokio::time::timeout;

use crate::admission::Admission;
use crate::authentication::Authentication;
use crate::body::Bodies;
use crate::claim::{self, Asked};
use crate::dead_letter::DeadLetters;
use crate::dedup::DedupStore;
use crate::drain::Drain;
use crate::envelope::Envelope;
use crate::handling::Handling;
use crate::outcome::chain;
use crate::pools::Pools;
use crate::registry::Registry;
use crate::reply::{Refusal, Report};
use crate::settlement::Settlement;
use crate::state::States;

/// Everything a push passes, in the order of the path.
pub(crate) struct Gate {
    pub(crate) drain: Drain,
    pub(crate) authentication: Authentication,
    pub(crate) admission: Admission,
    pub(crate) bodies: Bodies,
    pub(crate) registry: Registry,
    pub(crate) store: Arc<dyn DedupStore>,
    pub(crate) pools: Pools,
    pub(crate) states: States,
    pub(crate) dead_letters: DeadLetters,
}

impl Gate {
    /// The path of a push. `report` learns on the way what the push is about.
    pub(crate) async fn receive(
        self: &Arc<Self>,
        path: Option<&str>,
        request: Request<Body>,
        report: &mut Report,
    ) -> Result<Settlement, Refusal> {
        self.drain.refuse_if_closing()?;
        self.admission.look_at(self.drain.pushes.len())?;
        let admit = async {
            let caller = self.authentication.check(request.headers()).await?; // before a byte of the body is read
            self.registry.expects(&caller)?;
            let place = self.admission.enter()?;
            let envelope = Envelope::parse(path, &self.bodies.read(request.into_body()).await?)?;
            report.learn(&envelope);
            let subscriber = self.registry.find(&envelope.subscription, &caller)?;
            let places = [place, self.admission.enter_subscription(subscriber)?];
            Ok(Handling::new(
                subscriber,
                envelope,
                report.arrival,
                places,
                self,
            ))
        };
        let message = self.drain.unless_leaving(admit).await?;
        match claim::ask(
            message.store(),
            &message.ticket,
            &message.patience(&self.drain),
        )
        .await?
        {
            Asked::Granted { attempt } => {
                report.claimed(attempt);
                Ok(message.handle(self).await)
            }
            Asked::Elsewhere(settlement) => Ok(settlement),
            Asked::Leaving => Err(Refusal::Leaving),
        }
    }

    /// Whether pushes can be taken: not leaving, keys known, and the store answers.
    pub(crate) async fn ready(&self) -> Result<(), String> {
        /// Cloud Run's probes wait 1 s by default (Google, *Probe*, `timeoutSeconds`); a late answer would be none.
        const PROBE: Duration = Duration::from_millis(900);
        self.drain
            .refuse_if_closing()
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
