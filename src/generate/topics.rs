//! Topics, each with the subscribers that declare it.

use std::collections::{BTreeMap, BTreeSet};

use super::schemas::json_type;
use crate::subscriber::{Example, Schedule, Subscriber, TopicSchema};

/// A topic of subscribers, or of their dead letters.
pub(crate) struct Topic<'a> {
    /// The short name.
    pub(crate) id: &'a str,
    /// In the order of `main.rs`.
    pub(crate) subscribers: Vec<&'a Subscriber>,
}

/// Returns the topics by name.
pub(crate) fn topics(subscribers: &[Subscriber]) -> Vec<Topic<'_>> {
    grouped(subscribers, |subscriber| &subscriber.topic)
}

/// Returns the topics of dead letters by name.
pub(crate) fn dead_letter_topics(subscribers: &[Subscriber]) -> Vec<Topic<'_>> {
    grouped(subscribers, |subscriber| &subscriber.dead_letter_topic)
}

fn grouped(subscribers: &[Subscriber], id: fn(&Subscriber) -> &String) -> Vec<Topic<'_>> {
    let mut topics: BTreeMap<&str, Vec<&Subscriber>> = BTreeMap::new();
    for subscriber in subscribers {
        topics.entry(id(subscriber)).or_default().push(subscriber);
    }
    let topics = topics.into_iter();
    topics
        .map(|(id, subscribers)| Topic { id, subscribers })
        .collect()
}

impl<'a> Topic<'a> {
    /// Returns the names of the JSON types that are read from it.
    pub(crate) fn types(&self) -> BTreeSet<&'a str> {
        let subscribers = self.subscribers.iter();
        subscribers
            .filter_map(|subscriber| json_type(subscriber))
            .map(|(name, _)| name)
            .collect()
    }

    /// Returns the schema against which Pub/Sub itself checks messages.
    pub(crate) fn schema(&self) -> Option<&'a TopicSchema> {
        let mut subscribers = self.subscribers.iter();
        subscribers.find_map(|subscriber| subscriber.topic_schema.as_ref())
    }

    pub(crate) fn producers(&self) -> BTreeSet<&'a str> {
        let subscribers = self.subscribers.iter();
        subscribers
            .flat_map(|subscriber| subscriber.producers.iter().map(String::as_str))
            .collect()
    }

    pub(crate) fn owners(&self) -> BTreeSet<&'a str> {
        let subscribers = self.subscribers.iter();
        subscribers
            .filter_map(|subscriber| subscriber.operation.owner.as_deref())
            .collect()
    }

    /// Returns the subscribers that receive messages of one ordering key one after the other.
    pub(crate) fn ordered(&self) -> Vec<&'a Subscriber> {
        let subscribers = self.subscribers.iter().copied();
        subscribers
            .filter(|subscriber| subscriber.cloud.is_ordered)
            .collect()
    }

    /// Returns the schedules that publish to it, each with the subscriber that declares it.
    pub(crate) fn schedules(&self) -> Vec<(&'a Subscriber, &'a Schedule)> {
        let subscribers = self.subscribers.iter();
        subscribers
            .flat_map(|subscriber| {
                let schedules = subscriber.schedules.iter();
                schedules.map(move |schedule| (*subscriber, schedule))
            })
            .collect()
    }

    /// Returns the example messages that the handlers can read, each once, with its JSON type.
    pub(crate) fn examples(&self) -> Vec<(Option<&'a str>, &'a Example)> {
        let mut examples: Vec<(Option<&'a str>, &'a Example)> = Vec::new();
        for subscriber in &self.subscribers {
            let name = json_type(subscriber).map(|(name, _)| name);
            for example in good_examples(subscriber) {
                let is_same = |(known, other): &(Option<&str>, &Example)| {
                    *known == name
                        && other.data == example.data
                        && other.attributes == example.attributes
                };
                if !examples.iter().any(is_same) {
                    examples.push((name, example));
                }
            }
        }
        examples
    }
}

/// Returns the declared examples that the handler can read. The others show what happens to unreadable messages.
pub(crate) fn good_examples(subscriber: &Subscriber) -> Vec<&Example> {
    let fits = |example: &&Example| {
        let data = example.data.clone().into();
        let attributes = std::sync::Arc::new(example.attributes.clone());
        subscriber
            .payload()
            .is_none_or(|payload| payload.check(&data, &attributes).is_ok())
    };
    subscriber.examples.iter().filter(fits).collect()
}
