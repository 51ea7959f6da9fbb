//! Views for the templates: declarations, and their places in the document.

use std::collections::BTreeSet;

use super::example::ExampleView;
use super::places::{Place, Places, Topics, at};
use super::words;
use crate::generate::schemas::{Schemas, json_type};
use crate::generate::topics::{Topic, good_examples};
use crate::handler::Work;
use crate::handler::content::Content;
use crate::subscriber::{Conflict, Example, Form, Idempotency, Schedule, Subscriber};

/// The whole section.
pub(super) struct View<'a> {
    pub(super) topics: Vec<TopicView<'a>>,
    pub(super) subscriptions: Vec<SubscriptionView<'a>>,
    pub(super) schedules: Vec<ScheduleView<'a>>,
    pub(super) dead_letters: Vec<DeadLetterView<'a>>,
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

/// The file of a declaration.
pub(super) struct Source<'a> {
    pub(super) path: &'a str,
    /// The link from the document, or `None` for a file outside the project.
    pub(super) link: Option<String>,
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
                    subscriptions: places.subscriptions_of(topic),
                })
                .collect(),
        }
    }
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
            subscriptions: places.subscriptions_of(topic),
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
        subscribers.any(|subscriber| subscriber.cloud.filter.is_some())
    }

    /// Returns the attributes that are idempotency keys.
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

    /// Returns the outage that a message survives, in words.
    pub(super) fn survived_outage(&self) -> Option<String> {
        self.declared.survived_outage().map(words::rough)
    }

    pub(super) fn is_eventarc(&self) -> bool {
        self.declared.pushes.form == Form::Eventarc
    }

    pub(super) fn reads_attributes(&self) -> bool {
        let payload = self.declared.payload();
        payload.is_some_and(|payload| matches!(payload.content, Content::Attributes))
    }

    /// Returns the path of its pushes.
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

    /// Returns the kind of the idempotency. A declaration without one is refused before it is written.
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

    /// Returns the fate of a known key with another payload, in words.
    pub(super) fn conflict(&self) -> &'static str {
        let idempotency = self.declared.idempotency.as_ref();
        match idempotency.map(|each| each.conflict()).unwrap_or_default() {
            Conflict::DeadLetter => "is dead-lettered",
            Conflict::Ignore => "counts as a duplicate and is not handled",
            Conflict::Retry => "is redelivered until the attempts are used up",
        }
    }

    pub(super) fn failed_share(&self) -> String {
        words::percent(self.declared.operation.alerts.failed_push_share)
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
            example: ExampleView::of_schedule(schedule),
        }
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
