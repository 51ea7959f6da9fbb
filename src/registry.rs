//! From a subscription's name to its subscriber, and whether this caller may push to it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::authentication::Caller;
use crate::breaker::{Breaker, Open, Pass, Rules};
use crate::config::Config;
use crate::dedup::{DedupStore, MessageKey, Ticket, Unguarded};
use crate::envelope::Endpoint;
use crate::excerpt::excerpt;
use crate::pools::Pools;
use crate::state::StateType;
use crate::subscriber::{Idempotency, Identity, Limits, Subscriber};

/// A subscriber in its place: with full names, who may push to it, and its own bounds.
pub(crate) struct Registered {
    pub(crate) declared: Subscriber,
    /// `projects/P/subscriptions/S`.
    pub(crate) name: Arc<str>,
    /// `projects/P/topics/T`.
    pub(crate) dead_letter_topic: String,
    pub(crate) limits: Limits,
    pub(crate) store: Arc<dyn DedupStore>,
    pub(crate) places: Arc<Semaphore>,
    breaker: Option<Arc<Breaker>>,
    audiences: HashSet<String>,
    callers: HashSet<String>,
}

/// Why a push has no subscriber.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error(
        "no subscriber is declared for {found:?}, known are {known}: check GOOGLE_CLOUD_PROJECT and main.rs"
    )]
    UnknownSubscription { found: String, known: String },
    #[error(
        "caller {found:?} may not push here, expected {expected:?}: check PUSHGATE_CALLERS or .callers(…)"
    )]
    OtherCaller { found: String, expected: String },
    #[error(
        "token of {email:?} is for audience {found:?}, expected {expected:?}: check PUSHGATE_AUDIENCE or .audience(…), and the subscription's push-auth-token-audience"
    )]
    OtherAudience {
        email: String,
        found: String,
        expected: String,
    },
}

/// All subscribers by the full names of their subscriptions.
pub(crate) struct Registry {
    project: String,
    by_name: HashMap<Arc<str>, Arc<Registered>>,
    callers: HashSet<Caller>,
}

impl Registry {
    /// Puts the declarations in their places.
    ///
    /// # Errors
    /// All that is wrong with them, a sentence each.
    pub(crate) fn new(
        subscribers: Vec<Subscriber>,
        provided: &[StateType],
        config: &Config,
        store: &Arc<dyn DedupStore>,
        pools: &Pools,
    ) -> Result<Self, Vec<String>> {
        let mut faults = faults(&subscribers, provided);
        faults.extend(
            subscribers
                .iter()
                .filter_map(|subscriber| short_lease(subscriber, config.store_timeout)),
        );
        if subscribers.is_empty() {
            faults.push("no subscriber is declared: add one to the list in main.rs".into());
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let registered = subscribers
            .into_iter()
            .map(|declared| Arc::new(Registered::new(declared, config, store, pools)));
        let by_name: HashMap<_, _> = registered
            .map(|subscriber| (Arc::clone(&subscriber.name), subscriber))
            .collect();
        let callers = by_name
            .values()
            .flat_map(|subscriber| subscriber.bound())
            .collect();
        Ok(Self {
            project: config.project.clone(),
            by_name,
            callers,
        })
    }

    /// The endpoint at this path, with what is declared about it.
    pub(crate) fn endpoint<'a>(&'a self, path: Option<&'a str>) -> Endpoint<'a> {
        let named = path.and_then(|id| {
            let name = format!("projects/{}/subscriptions/{id}", self.project);
            self.by_name.get(name.as_str())
        });
        Endpoint {
            path,
            declared: named.map(|subscriber| (subscriber.name.as_ref(), &subscriber.declared)),
        }
    }

    /// Whether this caller may push to any subscription: a stranger's body is not even read.
    pub(crate) fn expects(&self, caller: &Caller) -> Result<(), RegistryError> {
        if self.callers.contains(caller) {
            return Ok(());
        }
        let distinct = |texts: BTreeSet<&str>| {
            texts
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let of_same_email = self
            .callers
            .iter()
            .filter(|known| known.email == caller.email);
        let audiences: BTreeSet<&str> =
            of_same_email.map(|known| known.audience.as_str()).collect();
        if !audiences.is_empty() {
            return Err(RegistryError::OtherAudience {
                email: excerpt(&caller.email),
                found: excerpt(&caller.audience),
                expected: distinct(audiences),
            });
        }
        let expected = distinct(
            self.callers
                .iter()
                .map(|known| known.email.as_str())
                .collect(),
        );
        Err(RegistryError::OtherCaller {
            found: excerpt(&caller.email),
            expected,
        })
    }

    /// The subscriber of this subscription, if this caller may push to it.
    pub(crate) fn find(
        &self,
        subscription: &str,
        caller: &Caller,
    ) -> Result<&Arc<Registered>, RegistryError> {
        let Some(subscriber) = self.by_name.get(subscription) else {
            let mut known: Vec<&str> = self.by_name.keys().map(AsRef::as_ref).take(20).collect();
            known.sort_unstable();
            return Err(RegistryError::UnknownSubscription {
                found: excerpt(subscription),
                known: known.join(", "),
            });
        };
        if !subscriber.audiences.contains(&caller.audience) {
            return Err(RegistryError::OtherAudience {
                email: excerpt(&caller.email),
                found: excerpt(&caller.audience),
                expected: joined(&subscriber.audiences),
            });
        }
        if !subscriber.callers.contains(&caller.email) {
            return Err(RegistryError::OtherCaller {
                found: excerpt(&caller.email),
                expected: joined(&subscriber.callers),
            });
        }
        Ok(subscriber)
    }
}

impl Registered {
    fn new(
        declared: Subscriber,
        config: &Config,
        store: &Arc<dyn DedupStore>,
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
        Self {
            name: format!("projects/{}/subscriptions/{}", config.project, declared.id).into(),
            dead_letter_topic: format!(
                "projects/{}/topics/{}",
                config.project, declared.dead_letter_topic
            ),
            limits: declared.limits(),
            store: if is_guarded {
                Arc::clone(store)
            } else {
                Arc::new(Unguarded)
            },
            places: Arc::new(Semaphore::new(
                declared
                    .concurrency
                    .unwrap_or_else(|| pools.room_for(&declared.work)),
            )),
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

    fn bound(&self) -> impl Iterator<Item = Caller> + '_ {
        self.callers.iter().flat_map(|email| {
            self.audiences.iter().map(|audience| Caller {
                email: email.clone(),
                audience: audience.clone(),
            })
        })
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
        Ticket {
            fingerprint: identity.fingerprint,
            ..Ticket::new(key, self.declared.lease, self.declared.window)
        }
    }
}

fn joined(texts: &HashSet<String>) -> String {
    let sorted: BTreeSet<&str> = texts.iter().map(String::as_str).collect();
    sorted.into_iter().collect::<Vec<_>>().join(", ")
}

/// A lease is renewed three times in its length, and each of these may take as long as the store is given.
fn short_lease(subscriber: &Subscriber, store_timeout: Duration) -> Option<String> {
    (subscriber.lease < 3 * store_timeout).then(|| {
        let (id, lease, least) = (&subscriber.id, subscriber.lease, 3 * store_timeout);
        format!("subscriber {id:?}: lease is {lease:?}, expected at least {least:?}, three times PUSHGATE_STORE_TIMEOUT_MILLISECONDS: see .lease(…)")
    })
}

/// Faults of each declaration, of them together, and of them with what `main.rs` provides.
pub(crate) fn faults(subscribers: &[Subscriber], provided: &[StateType]) -> Vec<String> {
    let mut faults: Vec<String> = subscribers.iter().flat_map(Subscriber::faults).collect();
    let mut ids = HashSet::new();
    for (index, state) in provided.iter().enumerate() {
        if provided.iter().take(index).any(|earlier| earlier == state) {
            faults.push(format!(
                "two states of type {} are provided: give one a type of its own",
                state.name
            ));
        }
    }
    for subscriber in subscribers {
        if !ids.insert(&subscriber.id) {
            faults.push(format!(
                "subscriber {:?} is declared twice: a subscription has one subscriber",
                subscriber.id
            ));
        }
        for state in subscriber
            .states
            .iter()
            .filter(|state| !provided.contains(state))
        {
            faults.push(format!(
                "subscriber {:?} takes State<{}>, which nothing provides: add .state(…) in main.rs",
                subscriber.id, state.name
            ));
        }
    }
    faults
}
