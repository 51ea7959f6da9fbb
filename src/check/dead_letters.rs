//! Dead-letter topics: loops, clashes of names, and topics of several subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::rules::{CLASH, LOOP, SHARED};
use crate::subscriber::Subscriber;

pub(super) fn findings(subscribers: &[Subscriber]) -> Vec<Finding> {
    let topics: BTreeSet<&str> = subscribers.iter().map(|each| each.topic.as_str()).collect();
    let ids: BTreeSet<&str> = subscribers.iter().map(|each| each.id.as_str()).collect();
    let mut findings = Vec::new();
    for subscriber in subscribers {
        let name = subscriber.dead_letter_topic.as_str();
        if name == subscriber.topic {
            continue; // Rejected as a declaration.
        }
        let fix = "declare another .dead_letter_topic(…); to read dead letters, pull from the subscription of the same name as their topic";
        if comes_back(subscriber, subscribers) {
            let what = format!(
                "its dead letters go to topic {name:?}, and the dead letters of its subscribers return to {:?}",
                subscriber.topic
            );
            findings.push(LOOP.found(&subscriber.id, what, fix));
        } else if topics.contains(name) {
            let what = format!("its dead-letter topic {name:?} is also a topic with subscribers");
            findings.push(CLASH.found(&subscriber.id, what, fix));
        } else if ids.contains(name) {
            let what = format!("its dead-letter topic {name:?} has the name of a subscription");
            findings.push(CLASH.found(&subscriber.id, what, fix));
        }
    }
    findings.extend(shared(subscribers));
    findings
}

/// Returns true if a dead letter of this subscriber can reach its topic again.
fn comes_back(first: &Subscriber, subscribers: &[Subscriber]) -> bool {
    let mut reached = BTreeSet::new();
    let mut next = vec![first.dead_letter_topic.as_str()];
    while let Some(topic) = next.pop() {
        if topic == first.topic {
            return true;
        }
        if reached.insert(topic) {
            let readers = subscribers.iter().filter(|each| each.topic == topic);
            next.extend(readers.map(|each| each.dead_letter_topic.as_str()));
        }
    }
    false
}

fn shared(subscribers: &[Subscriber]) -> Vec<Finding> {
    let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for subscriber in subscribers {
        let topic = users.entry(&subscriber.dead_letter_topic).or_default();
        topic.insert(&subscriber.id);
    }
    let several = users.into_iter().filter(|(_, ids)| ids.len() > 1);
    several
        .map(|(topic, ids)| {
            let ids: Vec<&str> = ids.into_iter().collect();
            SHARED.found(
                topic,
                format!("it is the dead-letter topic of {}", ids.join(", ")),
                "remove .dead_letter_topic(…): each subscription then has the topic <subscription>-dead-letter",
            )
        })
        .collect()
}
