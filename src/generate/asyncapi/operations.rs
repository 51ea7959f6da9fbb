//! The operations: which side sends, and which receives.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::messages;
use super::reference::{Reference, key};
use crate::generate::manifest::{Declared, Job};
use crate::generate::topics::Topic;

#[derive(Serialize)]
pub(super) struct Operation<'a> {
    action: &'static str,
    title: String,
    summary: String,
    channel: Reference,
    messages: Vec<Reference>,
    /// The subscription as `pushgate describe` prints it.
    #[serde(rename = "x-subscription", skip_serializing_if = "Option::is_none")]
    subscription: Option<Declared<'a>>,
    #[serde(rename = "x-producers", skip_serializing_if = "BTreeSet::is_empty")]
    producers: BTreeSet<&'a str>,
    #[serde(rename = "x-schedule", skip_serializing_if = "Option::is_none")]
    schedule: Option<Job<'a>>,
    /// The subscriptions whose messages are dead-lettered here.
    #[serde(rename = "x-from", skip_serializing_if = "Vec::is_empty")]
    from: Vec<&'a str>,
}

/// Returns the operations of a topic: of its producers, schedules and subscriptions.
pub(super) fn of_topic<'a>(topic: &Topic<'a>) -> BTreeMap<String, Operation<'a>> {
    let mut operations = BTreeMap::new();
    let all = messages::names(topic);
    let sends = Operation {
        title: format!("Publish to {}", topic.id),
        summary: "The messages that the producers publish.".into(),
        producers: topic.producers(),
        ..Operation::new("send", topic.id, &all)
    };
    operations.insert(format!("send-{}", key(topic.id)), sends);
    for subscriber in &topic.subscribers {
        let receives = Operation {
            title: subscriber.id.clone(),
            summary: subscriber.purpose.clone(),
            subscription: Some(Declared::of(subscriber)),
            ..Operation::new("receive", topic.id, &messages::read_by(topic, subscriber))
        };
        operations.insert(format!("receive-{}", key(&subscriber.id)), receives);
    }
    for (subscriber, schedule) in topic.schedules() {
        let sends = Operation {
            title: schedule.name(subscriber).to_owned(),
            summary: schedule.purpose_or(subscriber).to_owned(),
            schedule: Some(Job::of(schedule, subscriber)),
            ..Operation::new("send", topic.id, &messages::read_by(topic, subscriber))
        };
        let name = key(schedule.name(subscriber));
        operations.insert(format!("send-schedule-{name}"), sends);
    }
    operations
}

/// Returns the operation by which dead letters are sent.
pub(super) fn of_dead_letters<'a>(topic: &Topic<'a>) -> BTreeMap<String, Operation<'a>> {
    let from = topic.subscribers.iter();
    let sends = Operation {
        title: format!("Dead letters to {}", topic.id),
        summary: "Messages that can never succeed, or have failed too often.".into(),
        from: from.map(|subscriber| subscriber.id.as_str()).collect(),
        ..Operation::new("send", topic.id, &[messages::DEAD_LETTER])
    };
    BTreeMap::from([(format!("send-dead-letters-{}", key(topic.id)), sends)])
}

impl Operation<'_> {
    fn new(action: &'static str, topic: &str, messages: &[&str]) -> Self {
        let channel = key(topic);
        let of_channel = |name: &&str| Reference::to(["channels", &channel, "messages", name]);
        Self {
            action,
            title: String::new(),
            summary: String::new(),
            messages: messages.iter().map(of_channel).collect(),
            channel: Reference::to(["channels", &channel]),
            subscription: None,
            producers: BTreeSet::new(),
            schedule: None,
            from: Vec::new(),
        }
    }
}
