//! A subscriber of a running service.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::breaker::{Breaker, Open, Permit, Rules};
use crate::dedup::{MessageKey, ProtectedStore, Ticket};
use crate::delivery::admission::{OverCapacity, Place, Waiting};
use crate::delivery::dead_letter::DeadLetterTopic;
use crate::delivery::pools::{Pools, Quota};
use crate::subscriber::{Idempotency, Identity, Limits, Subscriber};
use crate::telemetry::export::Recorder;
use crate::telemetry::metrics::SubscriptionMetrics;
use crate::telemetry::spans::Spans;

/// The number of failures that are noted at once.
const NOTES_AT_ONCE: usize = 8;

/// The messages that an `async` handler takes at once, unless declared.
const ASYNC_PLACES: usize = 100;

/// A subscriber with full names, its store and its limits.
pub(crate) struct RunningSubscriber {
    /// The declaration.
    pub(crate) declared: Subscriber,
    /// The full name of the subscription, `projects/P/subscriptions/S`.
    pub(crate) name: Arc<str>,
    /// The topic for messages that can never succeed.
    pub(crate) dead_letter_topic: DeadLetterTopic,
    /// The time limits of a run.
    pub(crate) limits: Limits,
    /// The deduplication store, or one that records nothing.
    pub(crate) store: ProtectedStore,
    /// The places for deliveries.
    places: Arc<Semaphore>,
    /// The threads that its handler may use.
    pub(crate) quota: Quota,
    /// The deliveries that wait for another delivery of their message.
    pub(crate) waiting: Waiting,
    /// The places for failures that are being noted.
    pub(crate) notes: Arc<Semaphore>,
    /// The circuit breaker, if one is declared.
    breaker: Option<Arc<Breaker>>,
    /// The spans of its deliveries.
    pub(crate) spans: Spans,
    /// The metrics of its deliveries.
    pub(crate) metrics: SubscriptionMetrics,
    /// The number of places.
    pub(crate) limit: usize,
    /// True if its pushes are refused.
    pub(crate) is_paused: bool,
}

impl RunningSubscriber {
    pub(crate) fn new(
        declared: Subscriber,
        is_paused: bool,
        project: &str,
        store: &ProtectedStore,
        pools: &Pools,
        recorder: &Recorder,
    ) -> Self {
        let idempotency = declared.idempotency.as_ref();
        let quota = pools.quota(&declared.work);
        // Each thread has one message that runs and one that waits.
        let default = quota
            .threads
            .as_ref()
            .map_or(ASYNC_PLACES, |share| 2 * share.size);
        let places = declared.runs.concurrency.unwrap_or(default);
        Self {
            name: format!("projects/{project}/subscriptions/{}", declared.id).into(),
            dead_letter_topic: DeadLetterTopic::new(
                format!("projects/{project}/topics/{}", declared.dead_letter_topic),
                &declared.id,
                recorder.clone(),
            ),
            spans: recorder.spans.clone(),
            metrics: SubscriptionMetrics::new(
                recorder.metrics.clone(),
                &declared.id,
                &declared.topic,
                declared.cloud.attempts,
            ),
            limit: places,
            is_paused,
            limits: declared.limits(),
            store: match idempotency.is_some_and(Idempotency::is_guarded) {
                true => store.clone(),
                false => ProtectedStore::none(),
            },
            places: Arc::new(Semaphore::new(places)),
            waiting: Waiting::of(places),
            notes: Arc::new(Semaphore::new(NOTES_AT_ONCE)),
            quota,
            breaker: declared.runs.circuit_breaker.map(|breaker| {
                let rules = Rules {
                    failures: breaker.failures,
                    shortest_pause: breaker.pause.minimum,
                    longest_pause: breaker.pause.maximum,
                    probes: breaker.probes,
                };
                Breaker::new(declared.id.as_str(), rules)
            }),
            declared,
        }
    }

    /// Returns the time after the arrival within which a run may begin. A handler that cannot be stopped does not begin with less
    /// than half of its time left.
    pub(crate) fn begins_within(&self) -> Duration {
        match self.quota.threads {
            None => self.limits.hard,
            Some(_) => self.limits.hard / 2,
        }
    }

    /// Takes a place with the subscriber.
    pub(crate) fn enter(&self) -> Result<Place, OverCapacity> {
        Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_full| OverCapacity::Subscription)
    }

    /// Returns the number of deliveries that are running or waiting.
    pub(crate) fn in_flight(&self) -> usize {
        self.limit - self.places.available_permits()
    }

    /// Returns the circuit breakers of the handler and of the dead-letter topic.
    pub(crate) fn breakers(&self) -> impl Iterator<Item = &Breaker> {
        let own = self.breaker.iter().map(Arc::as_ref);
        own.chain([self.dead_letter_topic.breaker()])
    }

    /// Returns a permit from the subscriber's circuit breaker, or `None` without one.
    pub(crate) fn permit(&self) -> Result<Option<Permit>, Open> {
        self.breaker.as_ref().map(Breaker::acquire).transpose()
    }

    /// Creates a ticket for one delivery of a message with this identity.
    pub(crate) fn ticket(&self, identity: Identity) -> Ticket {
        let key = MessageKey {
            subscription: self.name.to_string(),
            epoch: self.declared.dedup.epoch,
            id: identity.id,
        };
        let mut ticket = Ticket {
            fingerprint: identity.fingerprint,
            ..Ticket::new(key, self.declared.dedup.lease, self.declared.dedup_window())
        };
        self.store.adopt(&mut ticket);
        ticket
    }
}
