//! Faults of all declarations together, and of all with the states that `main.rs` provides.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Schedule, Subscriber, TopicSchema};
use crate::handler::state::StateType;

/// Returns the shortest lease: it is renewed three times in its length, and each renewal may take the store's time-out.
pub(crate) fn shortest_lease(store_timeout: Duration) -> Duration {
    3 * store_timeout
}

/// Returns a fault for each lease that is too short for this store's time-out.
pub(crate) fn short_leases(subscribers: &[Subscriber], store_timeout: Duration) -> Vec<String> {
    let least = shortest_lease(store_timeout);
    let short = subscribers
        .iter()
        .filter(|subscriber| subscriber.dedup.lease < least);
    short.map(|subscriber| {
        let (id, lease) = (&subscriber.id, subscriber.dedup.lease);
        format!("subscriber {id:?}: lease is {lease:?}, expected at least {least:?}, three times PUSHGATE_STORE_TIMEOUT_MILLISECONDS: see .lease(…)")
    }).collect()
}

/// Returns the disagreements among subscribers of one topic, and among schedules of one project.
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

/// Returns a fault for each other subscriber of the topic that would dead-letter a schedule's message.
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

/// Returns the faults of each declaration, of all together, and of all with the states that `main.rs` provides.
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
