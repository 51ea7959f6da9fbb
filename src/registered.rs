//! A subscriber in its place.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::admission::Waiting;
use crate::authentication::Caller;
use crate::breaker::{Breaker, Open, Pass, Rules};
use crate::config::Config;
use crate::dead_letter;
use crate::dedup::{MessageKey, Shielded, Ticket};
use crate::pools::Pools;
use crate::subscriber::{Idempotency, Identity, Limits, Subscriber};
use crate::threads::Share;

/// How many messages an `async` handler works on at once, unless declared.
const ASYNC_ROOM: usize = 100;

/// A subscriber with full names, who may push to it, and its own bounds.
pub(crate) struct Registered {
    pub(crate) declared: Subscriber,
    /// `projects/P/subscriptions/S`.
    pub(crate) name: Arc<str>,
    /// `projects/P/topics/T`.
    pub(crate) dead_letter_topic: String,
    /// Open while dead letters cannot be published.
    pub(crate) dead_letters: Arc<Breaker>,
    pub(crate) limits: Limits,
    pub(crate) store: Shielded,
    pub(crate) places: Arc<Semaphore>,
    /// The threads it may use; `None` for an `async` handler.
    pub(crate) share: Option<Share>,
    pub(crate) waiting: Waiting,
    breaker: Option<Arc<Breaker>>,
    pub(crate) audiences: HashSet<String>,
    pub(crate) callers: HashSet<String>,
}

impl Registered {
    pub(crate) fn new(
        declared: Subscriber,
        config: &Config,
        store: &Shielded,
        pools: &Pools,
    ) -> Self {
        let callers = if declared.callers.is_empty() {
            &config.callers
        } else {
            &declared.callers
        };
        let audiences = if declared.audiences.is_empty() {
            &config.audiences
        } else {
            &declared.audiences
        };
        let is_guarded = declared
            .idempotency
            .as_ref()
            .is_some_and(Idempotency::is_guarded);
        let share = pools.share(&declared.work);
        // For a pool, one runs and one waits.
        let room = share.as_ref().map_or(ASYNC_ROOM, |share| 2 * share.size);
        let places = declared.concurrency.unwrap_or(room);
        Self {
            name: format!("projects/{}/subscriptions/{}", config.project, declared.id).into(),
            dead_letter_topic: format!(
                "projects/{}/topics/{}",
                config.project, declared.dead_letter_topic
            ),
            dead_letters: Breaker::new(
                format!("dead letters of {}", declared.id),
                dead_letter::RULES,
            ),
            limits: declared.limits(),
            store: if is_guarded {
                store.clone()
            } else {
                Shielded::none()
            },
            places: Arc::new(Semaphore::new(places)),
            waiting: Waiting::of(places),
            share,
            breaker: declared.circuit_breaker.map(|breaker| {
                let rules = Rules {
                    failures: breaker.failures,
                    shortest_pause: breaker.pause.minimum,
                    longest_pause: breaker.pause.maximum,
                    probes: breaker.probes,
                };
                Breaker::new(declared.id.as_str(), rules)
            }),
            audiences: audiences.iter().cloned().collect(),
            callers: callers.iter().cloned().collect(),
            declared,
        }
    }

    pub(crate) fn bound(&self) -> impl Iterator<Item = Caller> + '_ {
        self.callers.iter().flat_map(|email| {
            self.audiences.iter().map(|audience| Caller {
                email: email.clone(),
                audience: audience.clone(),
            })
        })
    }

    /// Returns how long after its arrival a message may still be given to the handler: one that cannot be stopped is not begun
    /// with less than half of its time left.
    pub(crate) fn begins_within(&self) -> Duration {
        match self.share {
            None => self.limits.hard,
            Some(_) => self.limits.hard / 2,
        }
    }

    /// Leave of the subscriber's circuit breaker, if it has one.
    pub(crate) fn pass(&self) -> Result<Option<Pass>, Open> {
        self.breaker.as_ref().map(Breaker::enter).transpose()
    }

    /// A new ticket for one delivery of what is known by this.
    pub(crate) fn ticket(&self, identity: Identity) -> Ticket {
        let key = MessageKey {
            subscription: self.name.to_string(),
            epoch: self.declared.epoch,
            id: identity.id,
        };
        let mut ticket = Ticket {
            fingerprint: identity.fingerprint,
            ..Ticket::new(key, self.declared.lease, self.declared.dedup_window())
        };
        self.store.adopt(&mut ticket);
        ticket
    }
}
