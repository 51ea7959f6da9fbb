//! A subscriber in its place.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::breaker::{Breaker, Open, Pass, Rules};
use crate::config::Config;
use crate::dedup::{MessageKey, Shielded, Ticket};
use crate::delivery::admission::Waiting;
use crate::delivery::dead_letter;
use crate::delivery::pools::Pools;
use crate::delivery::pools::threads::Share;
use crate::push::authentication::Caller;
use crate::subscriber::{Form, Idempotency, Identity, Limits, Subscriber};

/// The messages that an `async` handler works on at once, unless declared.
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
    /// The workers on which its `async` handler may be polled.
    pub(crate) workers: Arc<Share>,
    pub(crate) waiting: Waiting,
    breaker: Option<Arc<Breaker>>,
    pub(crate) audiences: HashSet<String>,
    pub(crate) callers: HashSet<String>,
    /// The Cloud Run service of this process, whose URLs are audiences, too: of Eventarc's tokens no audience can be declared.
    own_service: Option<String>,
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
        let idempotency = declared.idempotency.as_ref();
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
            store: match idempotency.is_some_and(Idempotency::is_guarded) {
                true => store.clone(),
                false => Shielded::none(),
            },
            places: Arc::new(Semaphore::new(places)),
            waiting: Waiting::of(places),
            share,
            workers: pools.workers(),
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
            own_service: own_service(&declared, config),
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

    /// Returns true if tokens for this audience may push here.
    pub(crate) fn is_for(&self, audience: &str) -> bool {
        let is_url = |service: &String| is_url_of(service, audience);
        self.audiences.contains(audience) || self.own_service.as_ref().is_some_and(is_url)
    }

    /// Returns true if this caller may push here.
    pub(crate) fn expects(&self, caller: &Caller) -> bool {
        self.callers.contains(&caller.email) && self.is_for(&caller.audience)
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

/// The name of this Cloud Run service, for a subscriber that Eventarc pushes to.
fn own_service(declared: &Subscriber, config: &Config) -> Option<String> {
    let is_eventarc = declared.form == Form::Eventarc;
    let name = config.environment.get("K_SERVICE");
    name.filter(|_| is_eventarc).map(str::to_owned)
}

/// Returns true for the two URLs that Cloud Run gives a service (Google, *Cloud Run, deterministic and non-deterministic URLs*):
/// `https://SERVICE-NUMBER.REGION.run.app` and `https://SERVICE-HASH-REGION.a.run.app`. Number and hash are not known here; who
/// pushes is told by the caller's e-mail, and a token of that account for a service of the same name elsewhere is not a
/// stranger's.
fn is_url_of(service: &str, audience: &str) -> bool {
    let url = audience.strip_prefix("https://").unwrap_or_default();
    let rest = url
        .strip_prefix(service)
        .and_then(|rest| rest.strip_prefix('-'));
    let Some((own, domain)) = rest.and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    let is_word = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let is_number = !own.is_empty() && own.chars().all(|c| c.is_ascii_digit());
    let is_hash = own
        .split_once('-')
        .is_some_and(|(hash, region)| is_word(hash) && is_word(region));
    let region = domain.strip_suffix(".run.app").unwrap_or_default();
    let is_region = !region.is_empty() && region.split('-').all(is_word);
    is_number && is_region || is_hash && domain == "a.run.app"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_run_service_has_two_urls() {
        for url in [
            "https://shop-gate-123456789012.europe-west1.run.app",
            "https://shop-gate-u5jzw3umja-ew.a.run.app",
        ] {
            assert!(is_url_of("shop-gate", url), "{url}");
        }
        for url in [
            "http://shop-gate-u5jzw3umja-ew.a.run.app",
            "https://other-u5jzw3umja-ew.a.run.app",
            "https://shop-gate-u5jzw3umja-ew.a.run.app.example.com",
            "https://shop-gate-u5jzw3umja-ew.a.run.app/push",
            "https://shop-gate-x-u5jzw3umja-ew.a.run.app",
            "https://shop-gate-12a.europe-west1.run.app",
            "https://shop-gate-123456789012.run.app",
            "https://shop-gate.a.run.app",
            "",
        ] {
            assert!(!is_url_of("shop-gate", url), "{url}");
        }
    }
}
