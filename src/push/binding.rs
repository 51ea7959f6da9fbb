//! From a subscription's name to its subscriber, and whether this caller may push to it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::dedup::Shielded;
use crate::delivery::pools::Pools;
use crate::delivery::registered::Registered;
use crate::handler::state::StateType;
use crate::loggable::excerpt::excerpt;
use crate::push::authentication::Caller;
use crate::push::forms::Endpoint;
use crate::subscriber::{Schedule, Subscriber, TopicSchema};

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
        store: &Shielded,
        pools: &Pools,
    ) -> Result<Self, Vec<String>> {
        let mut faults = faults(&subscribers, provided);
        faults.extend(
            subscribers
                .iter()
                .filter_map(|subscriber| short_lease(subscriber, config.store_timeout)),
        );
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
        let takes = |subscriber: &Arc<Registered>| subscriber.expects(caller);
        if self.callers.contains(caller) || self.by_name.values().any(takes) {
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
        if !subscriber.is_for(&caller.audience) {
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

fn joined(texts: &HashSet<String>) -> String {
    let sorted: BTreeSet<&str> = texts.iter().map(String::as_str).collect();
    sorted.into_iter().collect::<Vec<_>>().join(", ")
}

/// A lease is renewed three times in its length, and each of these may take as long as the store is given.
pub(crate) fn shortest_lease(store_timeout: Duration) -> Duration {
    3 * store_timeout
}

fn short_lease(subscriber: &Subscriber, store_timeout: Duration) -> Option<String> {
    let least = shortest_lease(store_timeout);
    (subscriber.lease < least).then(|| {
        let (id, lease) = (&subscriber.id, subscriber.lease);
        format!("subscriber {id:?}: lease is {lease:?}, expected at least {least:?}, three times PUSHGATE_STORE_TIMEOUT_MILLISECONDS: see .lease(…)")
    })
}

/// What subscribers of one topic, and schedules of one project, must agree on.
fn shared(subscribers: &[Subscriber]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut schemas: HashMap<&str, (&Subscriber, &TopicSchema)> = HashMap::new();
    let mut schedules: HashMap<&str, &Subscriber> = HashMap::new();
    for subscriber in subscribers {
        if let Some(schema) = &subscriber.topic_schema {
            let (first, known) = *schemas
                .entry(&subscriber.topic)
                .or_insert((subscriber, schema));
            if known != schema {
                faults.push(format!(
                    "subscribers {:?} and {:?} declare different schemas for topic {:?}: a topic has one, see .topic_schema(…)",
                    first.id, subscriber.id, subscriber.topic
                ));
            }
        }
        for schedule in &subscriber.schedules {
            let name = schedule.name(subscriber);
            faults.extend(strangers(subscribers, subscriber, schedule));
            let first = *schedules.entry(name).or_insert(subscriber);
            if first.id != subscriber.id {
                faults.push(format!(
                    "subscribers {:?} and {:?} both have a schedule {name:?}: see Schedule::named(…)",
                    first.id, subscriber.id
                ));
            }
        }
    }
    faults
}

/// What a schedule's message comes to at other subscribers of its topic.
fn strangers(all: &[Subscriber], owner: &Subscriber, schedule: &Schedule) -> Vec<String> {
    let attributes = Arc::new(schedule.attributes.clone());
    let data = schedule.data.clone().into();
    let others = all.iter().filter(|other| {
        other.topic == owner.topic && other.id != owner.id && other.gets(&attributes)
    });
    others
        .filter_map(|other| {
            let violations = other.violations(&data, &attributes);
            (!violations.is_empty()).then(|| {
                let name = schedule.name(owner);
                format!(
                    "schedule {name:?} of subscriber {:?} publishes what subscriber {:?} of the same topic would dead-letter: {}; give it a topic of its own, or see .filter(…)",
                    owner.id, other.id, violations.join("; ")
                )
            })
        })
        .collect()
}

/// Faults of each declaration, of them together, and of them with what `main.rs` provides.
pub(crate) fn faults(subscribers: &[Subscriber], provided: &[StateType]) -> Vec<String> {
    let mut faults: Vec<String> = subscribers.iter().flat_map(Subscriber::faults).collect();
    if subscribers.is_empty() {
        faults.push("no subscriber is declared: add one to the list in main.rs".into());
    }
    let mut ids = HashSet::new();
    for (index, state) in provided.iter().enumerate() {
        if provided.iter().take(index).any(|earlier| earlier == state) {
            faults.push(format!(
                "two states of type {} are provided: give one a type of its own",
                state.name
            ));
        }
    }
    faults.extend(shared(subscribers));
    for subscriber in subscribers {
        if !ids.insert(&subscriber.id) {
            faults.push(format!(
                "subscriber {:?} is declared twice: a subscription has one subscriber",
                subscriber.id
            ));
        }
        for state in subscriber
            .signature
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
