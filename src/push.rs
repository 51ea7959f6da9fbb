//! One push from request to settled message: the only file that knows every step.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use tokio::time::Instant;

use crate::admission::{Admission, Place};
use crate::authentication::Authentication;
use crate::body::Bodies;
use crate::claim::{self, Asked, Patience};
use crate::context::Context;
use crate::dead_letter::DeadLetters;
use crate::dedup::{DedupStore, Ticket};
use crate::drain::Drain;
use crate::envelope::Envelope;
use crate::handler::Delivery;
use crate::pools::Pools;
use crate::registry::{Registered, Registry};
use crate::reply::{Refusal, Report};
use crate::run::{End, LeaseKeeper, Run, end, run};
use crate::settlement::{InHand, Settlement};
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

/// A message in its handler's hands, with the places it takes up.
struct Granted {
    subscriber: Arc<Registered>,
    delivery: Delivery,
    ticket: Ticket,
    _places: [Place; 2],
}

impl Gate {
    /// The path of a push. `report` learns on the way what the push is about.
    pub(crate) async fn receive(
        self: &Arc<Self>,
        path: Option<&str>,
        request: Request<Body>,
        report: &mut Report,
    ) -> Result<Settlement, Refusal> {
        self.refuse_if_closing()?;
        let caller = self.authentication.check(request.headers()).await?; // before a byte of the body is read
        self.registry.expects(&caller)?;
        let place = self.admission.enter()?;
        let envelope = Envelope::parse(path, &self.bodies.read(request.into_body()).await?)?;
        report.learn(&envelope);
        let subscriber = Arc::clone(self.registry.find(&envelope.subscription, &caller)?);
        let places = [place, self.admission.enter_subscription(&subscriber)?];
        let ticket = subscriber.ticket(&envelope.message_id);
        match claim::ask(
            subscriber.store.as_ref(),
            &ticket,
            &self.patience(&subscriber, report.arrival),
        )
        .await?
        {
            Asked::Granted { attempt } => {
                report.claimed(attempt);
                let delivery = self.delivery(&subscriber, envelope, report.arrival);
                Ok(self
                    .handle(
                        Granted {
                            subscriber,
                            delivery,
                            ticket,
                            _places: places,
                        },
                        report.arrival,
                    )
                    .await)
            }
            Asked::Done => Ok(Settlement::DoneBefore),
            Asked::FailedElsewhere => Ok(Settlement::FailedElsewhere),
            Asked::Busy => Ok(Settlement::Busy),
            Asked::Leaving => Err(Refusal::Leaving),
        }
    }

    /// Runs the handler, its lease kept, and settles by how it ended. A handler that cannot be stopped keeps its claim and
    /// its places until it ends, so that no second run begins beside it.
    async fn handle(self: &Arc<Self>, granted: Granted, arrival: Instant) -> Settlement {
        let stop = granted.delivery.context.stop.clone();
        let lease = LeaseKeeper::keep(
            Arc::clone(&granted.subscriber.store),
            granted.ticket.clone(),
            stop,
        );
        match run(
            &granted.subscriber,
            granted.delivery.clone(),
            arrival,
            &self.pools,
            &self.drain.leaving,
        )
        .await
        {
            Run::Ended(end) => {
                drop(lease);
                self.in_hand(&granted).settle(end).await
            }
            Run::GoesOn(work) => {
                tracing::error!(subscription = %granted.subscriber.name, message.id = %granted.delivery.context.message_id, "a handler does not stop at its hard limit; it must look at Context::is_stopping, or await");
                let gate = Arc::clone(self);
                self.drain.pushes.spawn(async move {
                    let ended = tokio::select! {
                        said = work => end(said, End::TimedOut),
                        () = gate.drain.leaving.cancelled() => End::Left,
                    };
                    drop(lease);
                    let settlement = gate.in_hand(&granted).settle(ended).await;
                    tracing::warn!(subscription = %granted.subscriber.name, message.id = %granted.delivery.context.message_id, ?settlement, "a handler ended after its hard limit");
                });
                Settlement::StillRunning
            }
        }
    }

    fn in_hand<'a>(&'a self, granted: &'a Granted) -> InHand<'a> {
        InHand {
            subscriber: &granted.subscriber,
            delivery: granted.delivery.clone(),
            ticket: granted.ticket.clone(),
            dead_letters: &self.dead_letters,
            drain: &self.drain,
        }
    }

    fn refuse_if_closing(&self) -> Result<(), Refusal> {
        if self.drain.closing.is_cancelled() {
            Err(Refusal::Leaving)
        } else {
            Ok(())
        }
    }

    fn patience(&self, subscriber: &Registered, arrival: Instant) -> Patience {
        Patience {
            arrival,
            hard_limit: subscriber.limits.hard,
            closing: self.drain.closing.clone(),
        }
    }

    fn delivery(&self, subscriber: &Registered, envelope: Envelope, arrival: Instant) -> Delivery {
        let context = Context {
            subscription: Arc::clone(&subscriber.name),
            message_id: envelope.message_id.into(),
            publish_time: envelope.publish_time,
            attributes: Arc::new(envelope.attributes),
            ordering_key: envelope.ordering_key.map(Into::into),
            delivery_attempt: envelope.delivery_attempt,
            deadline: arrival + subscriber.declared.ack_deadline,
            stop: self.drain.stopping.child_token(),
        };
        Delivery {
            data: envelope.data,
            context,
            states: self.states.clone(),
        }
    }

    /// Whether pushes can be taken: not leaving, keys known, and the store answers.
    pub(crate) async fn ready(&self) -> Result<(), String> {
        /// Cloud Run's probes wait 1 s by default (Google, *Probe*, `timeoutSeconds`); a late answer would be none.
        const PROBE: Duration = Duration::from_millis(900);
        self.refuse_if_closing()
            .map_err(|leaving| leaving.to_string())?;
        let checks = async {
            self.authentication
                .is_ready()
                .await
                .map_err(|error| crate::outcome::chain(&error))?;
            self.store
                .ping()
                .await
                .map_err(|error| crate::outcome::chain(&error))
        };
        tokio::time::timeout(PROBE, checks)
            .await
            .unwrap_or_else(|_| Err("keys or store do not answer in time".into()))
    }
}
