//! The places of components in the document.

use std::collections::BTreeMap;

use super::links::Links;
use super::markdown::{Anchors, code, joined, text};
use crate::generate::paths::Paths;
use crate::generate::topics::{Topic, dead_letter_topics, topics};
use crate::subscriber::Subscriber;

/// A name with the place where it is described.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) id: &'a str,
    pub(super) anchor: String,
}

impl Place<'_> {
    pub(super) fn link(&self) -> String {
        format!("[{}](#{})", code(self.id), self.anchor)
    }
}

/// All topics, from which the places borrow.
pub(super) struct Topics<'a> {
    pub(super) all: Vec<Topic<'a>>,
    pub(super) dead_letters: Vec<Topic<'a>>,
}

impl<'a> Topics<'a> {
    pub(super) fn of(subscribers: &'a [Subscriber]) -> Self {
        Self {
            all: topics(subscribers),
            dead_letters: dead_letter_topics(subscribers),
        }
    }
}

/// The anchors of all headings, in their order.
pub(super) struct Places<'a> {
    pub(super) topics: BTreeMap<&'a str, Place<'a>>,
    pub(super) subscriptions: BTreeMap<&'a str, Place<'a>>,
    pub(super) schedules: BTreeMap<&'a str, Place<'a>>,
    pub(super) dead_letters: BTreeMap<&'a str, Place<'a>>,
    pub(super) links: Links,
}

impl<'a> Places<'a> {
    pub(super) fn of(subscribers: &'a [Subscriber], topics: &Topics<'a>, paths: &Paths) -> Self {
        let mut anchors = Anchors::default();
        let mut places = |kind: &str, ids: Vec<&'a str>| {
            let ids = ids.into_iter();
            ids.map(|id| {
                let anchor = anchors.next(&format!("{kind} {id}"));
                (id, Place { id, anchor })
            })
            .collect()
        };
        let topic_ids = topics.all.iter().map(|topic| topic.id).collect();
        let subscription_ids = subscribers.iter().map(|each| each.id.as_str()).collect();
        let schedules = topics.all.iter().flat_map(Topic::schedules);
        let schedule_ids = schedules.map(|(subscriber, schedule)| schedule.name(subscriber));
        let dead_letter_ids = topics.dead_letters.iter().map(|topic| topic.id).collect();
        Self {
            topics: places("Topic", topic_ids),
            subscriptions: places("Subscription", subscription_ids),
            schedules: places("Schedule", schedule_ids.collect()),
            dead_letters: places("Dead letters", dead_letter_ids),
            links: Links::of(paths),
        }
    }

    /// Returns the subscriptions of the topic, or those whose dead letters go there.
    pub(super) fn subscriptions_of(&self, topic: &Topic<'a>) -> Vec<(Place<'a>, &'a Subscriber)> {
        let subscribers = topic.subscribers.iter();
        subscribers
            .map(|subscriber| (at(&self.subscriptions, &subscriber.id), *subscriber))
            .collect()
    }

    /// Returns the links to these subscriptions, in one line.
    pub(super) fn links_to_subscriptions_of(&self, topic: &Topic<'a>) -> String {
        let subscriptions = self.subscriptions_of(topic).into_iter();
        joined(subscriptions.map(|(place, _)| place.link()))
    }

    /// Returns the producers, and links to the schedules, in one line.
    pub(super) fn producers(
        &self,
        producers: impl IntoIterator<Item = &'a str>,
        schedules: impl IntoIterator<Item = &'a str>,
    ) -> String {
        let producers = joined(producers.into_iter().map(text));
        let links = schedules
            .into_iter()
            .map(|schedule| at(&self.schedules, schedule).link());
        match joined(links) {
            links if links.is_empty() => producers,
            links => format!("{producers}; at set times {links}"),
        }
    }
}

/// Returns the place of an id. Every id of a declaration has one; another one would get an empty anchor.
pub(super) fn at<'a>(places: &BTreeMap<&'a str, Place<'a>>, id: &'a str) -> Place<'a> {
    places.get(id).cloned().unwrap_or(Place {
        id,
        anchor: String::new(),
    })
}
