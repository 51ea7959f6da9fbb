//! What the templates show: declarations, and where each stands in the document.

use std::collections::{BTreeMap, BTreeSet};

use super::markdown::{Anchors, fence};
use super::words;
use crate::derive::schemas::{Schemas, json_type};
use crate::derive::topics::{Topic, dead_letter_topics, good_examples, topics};
use crate::handler::Work;
use crate::payload::Content;
use crate::subscriber::{Conflict, Example, Form, Idempotency, Schedule, Subscriber};

/// The whole section.
pub(super) struct View<'a> {
    pub(super) topics: Vec<TopicView<'a>>,
    pub(super) subscriptions: Vec<SubscriptionView<'a>>,
    pub(super) schedules: Vec<ScheduleView<'a>>,
    pub(super) dead_letters: Vec<DeadLetterView<'a>>,
}

/// A name with the place where it is described.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) id: &'a str,
    pub(super) anchor: String,
}

pub(super) struct TopicView<'a> {
    pub(super) place: Place<'a>,
    pub(super) topic: &'a Topic<'a>,
    pub(super) messages: Vec<MessageView<'a>>,
    pub(super) subscriptions: Vec<(Place<'a>, &'a Subscriber)>,
    pub(super) schedules: Vec<Place<'a>>,
    pub(super) examples: Vec<ExampleView<'a>>,
}

pub(super) struct SubscriptionView<'a> {
    pub(super) place: Place<'a>,
    pub(super) topic: Place<'a>,
    pub(super) dead_letters: Place<'a>,
    pub(super) schedules: Vec<Place<'a>>,
    pub(super) declared: &'a Subscriber,
    pub(super) message: Option<&'a str>,
    pub(super) source: Source<'a>,
    pub(super) examples: Vec<&'a Example>,
}

pub(super) struct ScheduleView<'a> {
    pub(super) place: Place<'a>,
    pub(super) topic: Place<'a>,
    pub(super) subscription: Place<'a>,
    pub(super) declared: &'a Subscriber,
    pub(super) schedule: &'a Schedule,
    pub(super) message: Option<&'a str>,
    pub(super) source: Source<'a>,
    pub(super) example: ExampleView<'a>,
}

pub(super) struct DeadLetterView<'a> {
    pub(super) place: Place<'a>,
    pub(super) topic: &'a Topic<'a>,
    pub(super) subscriptions: Vec<(Place<'a>, &'a Subscriber)>,
}

pub(super) struct MessageView<'a> {
    pub(super) name: &'a str,
    pub(super) description: Option<&'a str>,
}

/// A message in full.
pub(super) struct ExampleView<'a> {
    pub(super) title: &'a str,
    pub(super) attributes: &'a BTreeMap<String, String>,
    /// As Markdown.
    pub(super) block: String,
}

/// The file of a declaration.
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    /// From the document; none for a file that is not in the project.
    pub(super) link: Option<String>,
}

/// Every topic, once; views borrow from it.
pub(super) struct Topics<'a> {
    all: Vec<Topic<'a>>,
    dead_letters: Vec<Topic<'a>>,
}

impl<'a> Topics<'a> {
    pub(super) fn of(subscribers: &'a [Subscriber]) -> Self {
        Self {
            all: topics(subscribers),
            dead_letters: dead_letter_topics(subscribers),
        }
    }
}

/// The anchors of all headings, in the order in which they come.
struct Places<'a> {
    topics: BTreeMap<&'a str, Place<'a>>,
    subscriptions: BTreeMap<&'a str, Place<'a>>,
    schedules: BTreeMap<&'a str, Place<'a>>,
    dead_letters: BTreeMap<&'a str, Place<'a>>,
}

impl<'a> Places<'a> {
    fn of(subscribers: &'a [Subscriber], topics: &Topics<'a>) -> Self {
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
        }
    }
}

/// Every id of a declaration has a place; a stranger's would have an empty one.
fn at<'a>(places: &BTreeMap<&'a str, Place<'a>>, id: &'a str) -> Place<'a> {
    places.get(id).cloned().unwrap_or(Place {
        id,
        anchor: String::new(),
    })
}

impl<'a> View<'a> {
    pub(super) fn of(
        subscribers: &'a [Subscriber],
        topics: &'a Topics<'a>,
        schemas: &'a Schemas<'_>,
    ) -> Self {
        let places = Places::of(subscribers, topics);
        let scheduled = topics.all.iter().flat_map(Topic::schedules);
        Self {
            topics: topics
                .all
                .iter()
                .map(|topic| TopicView::of(topic, &places, schemas))
                .collect(),
            subscriptions: subscribers
                .iter()
                .map(|declared| SubscriptionView::of(declared, &places))
                .collect(),
            schedules: scheduled
                .map(|(declared, schedule)| ScheduleView::of(declared, schedule, &places))
                .collect(),
            dead_letters: topics
                .dead_letters
                .iter()
                .map(|topic| DeadLetterView {
                    place: at(&places.dead_letters, topic.id),
                    topic,
                    subscriptions: subscriptions(topic, &places),
                })
                .collect(),
        }
    }
}

fn subscriptions<'a>(topic: &Topic<'a>, places: &Places<'a>) -> Vec<(Place<'a>, &'a Subscriber)> {
    let subscribers = topic.subscribers.iter();
    subscribers
        .map(|subscriber| (at(&places.subscriptions, &subscriber.id), *subscriber))
        .collect()
}

impl<'a> TopicView<'a> {
    fn of(topic: &'a Topic<'a>, places: &Places<'a>, schemas: &'a Schemas<'_>) -> Self {
        let types = topic.types().into_iter();
        let examples = topic.examples().into_iter();
        let schedules = topic.schedules().into_iter();
        Self {
            place: at(&places.topics, topic.id),
            topic,
            messages: types
                .map(|name| MessageView {
                    name,
                    description: schemas.description(name),
                })
                .collect(),
            subscriptions: subscriptions(topic, places),
            schedules: schedules
                .map(|(subscriber, schedule)| at(&places.schedules, schedule.name(subscriber)))
                .collect(),
            examples: examples
                .map(|(_, example)| ExampleView::of(example))
                .collect(),
        }
    }

    pub(super) fn is_filtered(&self) -> bool {
        let mut subscribers = self.topic.subscribers.iter();
        subscribers.any(|subscriber| subscriber.filter.is_some())
    }

    /// The attributes that subscribers take for the event's name.
    pub(super) fn keys(&self) -> BTreeSet<&'a str> {
        let subscribers = self.topic.subscribers.iter();
        subscribers
            .filter_map(|subscriber| subscriber.idempotency.as_ref()?.attribute())
            .collect()
    }
}

impl<'a> SubscriptionView<'a> {
    fn of(declared: &'a Subscriber, places: &Places<'a>) -> Self {
        let schedules = declared.schedules.iter();
        Self {
            place: at(&places.subscriptions, &declared.id),
            topic: at(&places.topics, &declared.topic),
            dead_letters: at(&places.dead_letters, &declared.dead_letter_topic),
            schedules: schedules
                .map(|schedule| at(&places.schedules, schedule.name(declared)))
                .collect(),
            declared,
            message: json_type(declared).map(|(name, _)| name),
            source: Source::of(declared),
            examples: good_examples(declared),
        }
    }

    pub(super) fn is_eventarc(&self) -> bool {
        self.declared.form == Form::Eventarc
    }

    pub(super) fn reads_attributes(&self) -> bool {
        let payload = self.declared.payload();
        payload.is_some_and(|payload| matches!(payload.content, Content::Attributes))
    }

    /// Where it is pushed to.
    pub(super) fn path(&self) -> String {
        format!("/push/{}", self.declared.id)
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.declared.work {
            Work::Async(_) => "asynchronous, for work that waits",
            Work::Blocking(_) => "on the blocking pool",
            Work::Cpu(_) => "on a thread for computing",
        }
    }

    pub(super) fn is_guarded(&self) -> bool {
        let idempotency = self.declared.idempotency.as_ref();
        idempotency.is_some_and(Idempotency::is_guarded)
    }

    /// A declaration without any is refused before it is written down.
    pub(super) fn idempotency_kind(&self) -> &'static str {
        let idempotency = self.declared.idempotency.as_ref();
        idempotency.map_or("none", Idempotency::kind)
    }

    pub(super) fn idempotency_place(&self) -> &'a str {
        let idempotency = self.declared.idempotency.as_ref();
        idempotency.and_then(Idempotency::place).unwrap_or_default()
    }

    pub(super) fn idempotency_reason(&self) -> &'a str {
        let idempotency = self.declared.idempotency.as_ref();
        idempotency
            .and_then(Idempotency::reason)
            .unwrap_or_default()
    }

    /// What becomes of a known key with another payload.
    pub(super) fn conflict(&self) -> &'static str {
        let idempotency = self.declared.idempotency.as_ref();
        match idempotency.map(|each| each.conflict()).unwrap_or_default() {
            Conflict::DeadLetter => "is dead-lettered",
            Conflict::Ignore => "counts as a duplicate and is not handled",
            Conflict::Retry => "is asked for again until the attempts are used up",
        }
    }

    pub(super) fn failed_share(&self) -> String {
        words::percent(self.declared.alerts.failed_push_share)
    }
}

impl<'a> ScheduleView<'a> {
    fn of(declared: &'a Subscriber, schedule: &'a Schedule, places: &Places<'a>) -> Self {
        Self {
            place: at(&places.schedules, schedule.name(declared)),
            topic: at(&places.topics, &declared.topic),
            subscription: at(&places.subscriptions, &declared.id),
            declared,
            schedule,
            message: json_type(declared).map(|(name, _)| name),
            source: Source::of(declared),
            example: ExampleView {
                title: "what it publishes",
                attributes: &schedule.attributes,
                block: block(&schedule.data),
            },
        }
    }
}

impl<'a> ExampleView<'a> {
    fn of(example: &'a Example) -> Self {
        Self {
            title: &example.title,
            attributes: &example.attributes,
            block: block(&example.data),
        }
    }
}

/// JSON is shown pretty, other texts as they are, and of bytes their number.
fn block(data: &[u8]) -> String {
    if let Ok(mut json) = serde_json::from_slice::<serde_json::Value>(data) {
        json.sort_all_objects();
        let json = format!("{json:#}");
        let fence = fence(&json);
        return format!("{fence}json\n{json}\n{fence}");
    }
    match std::str::from_utf8(data) {
        Ok("") => "No data, attributes alone.".into(),
        Ok(text) => {
            let fence = fence(text);
            format!("{fence}text\n{text}\n{fence}")
        }
        Err(_) => format!("{} bytes that are no text.", data.len()),
    }
}

impl<'a> Source<'a> {
    fn of(declared: &'a Subscriber) -> Self {
        let path = declared.source;
        let is_plain = |each: char| each.is_ascii_alphanumeric() || "/._-".contains(each);
        let is_inside = !path.starts_with('/') && path.chars().all(is_plain);
        Self {
            path,
            link: is_inside.then(|| format!("../{path}")),
        }
    }
}
