//! A subscription: its pushes, the messages that count as the same, and its alerts.

use super::component::{Component, Kind, Part};
use super::failures;
use super::markdown::{code, joined_or, text};
use super::places::{Place, Places, at};
use super::words::{self, time};
use crate::generate::schemas::json_type;
use crate::generate::topics::good_examples;
use crate::handler::Work;
use crate::handler::content::Content;
use crate::subscriber::{Conflict, Form, Idempotency, Subscriber};

pub(super) fn component<'a>(declared: &'a Subscriber, places: &Places<'a>) -> Component<'a> {
    let topic = at(&places.topics, &declared.topic);
    let dead_letters = at(&places.dead_letters, &declared.dead_letter_topic);
    let producers = declared.producers.iter().map(String::as_str);
    let schedules = declared.schedules.iter().map(|each| each.name(declared));
    Component {
        kind: Kind::Subscription,
        place: at(&places.subscriptions, &declared.id),
        purpose: text(&declared.purpose),
        owner: words::owner(declared),
        facts: vec![
            ("Topic", topic.link()),
            ("Producers", places.producers(producers, schedules)),
            (
                "Consumer",
                format!("{}, {}", places.links.source(declared), kind(declared)),
            ),
            ("Message schema", message_schema(declared, places)),
            ("Pub/Sub schema", topic_schema(declared)),
            ("Performance", words::expected(declared)),
        ],
        parts: vec![
            Part {
                title: "Deliveries",
                fields: vec![
                    ("Filter", filter(declared)),
                    ("Ordering", ordering(declared)),
                    ("Delivery", delivery(declared)),
                    ("Ack deadline and time limits", limits(declared)),
                    ("Concurrency", concurrency(declared)),
                    ("Examples", examples(declared, &topic)),
                ],
            },
            Part {
                title: "Duplicates",
                fields: vec![
                    ("Idempotency", idempotency(declared)),
                    ("Deduplication window", window(declared)),
                ],
            },
            failures::part(declared, &dead_letters),
        ],
        examples: Vec::new(),
    }
}

fn kind(declared: &Subscriber) -> &'static str {
    match declared.work {
        Work::Async(_) => "asynchronous, for work that waits",
        Work::Blocking(_) => "on the blocking pool",
        Work::Cpu(_) => "on a thread for computing",
    }
}

fn message_schema(declared: &Subscriber, places: &Places<'_>) -> String {
    let payload = declared.payload();
    match json_type(declared) {
        Some((name, _)) => format!(
            "JSON: {}; other fields are ignored",
            places.links.schema(name)
        ),
        None if payload.is_some_and(|payload| matches!(payload.content, Content::Attributes)) => {
            "none: the attributes alone are read".into()
        }
        None => "none: the data are read as bytes".into(),
    }
}

fn topic_schema(declared: &Subscriber) -> String {
    match &declared.topic_schema {
        Some(schema) => format!("{}, see the topic", code(&schema.name)),
        None => "none declared here".into(),
    }
}

fn filter(declared: &Subscriber) -> Vec<String> {
    match &declared.cloud.filter {
        Some(filter) => vec![
            format!(
                "{}: other messages count as acked and are not delivered.",
                code(filter)
            ),
            "Another filter needs another subscription.".into(),
        ],
        None => vec!["None: every message is delivered.".into()],
    }
}

fn ordering(declared: &Subscriber) -> Vec<String> {
    if !declared.cloud.is_ordered {
        return vec!["None.".into()];
    }
    vec![
        "Messages of one ordering key are delivered one after the other, as they were published."
            .into(),
        "A failed one delays those behind it.".into(),
    ]
}

fn delivery(declared: &Subscriber) -> Vec<String> {
    let pushes = &declared.pushes;
    let form = match pushes.form {
        Form::Evident => "in Pub/Sub's wrapper or without",
        Form::Unwrapped => "without Pub/Sub's wrapper, its metadata in headers",
        Form::Eventarc => "as events of Eventarc, which owns the subscription",
    };
    let path = code(&format!("/push/{}", declared.id));
    let codes = |texts: &[String]| texts.iter().map(|each| code(each)).collect::<Vec<_>>();
    let audiences = joined_or("that of the service", codes(&pushes.audiences));
    let callers = joined_or("the push account of the service", codes(&pushes.callers));
    vec![
        format!("Push to {path}, {form}."),
        format!("Audience: {audiences}."),
        format!("Callers: {callers}."),
    ]
}

fn limits(declared: &Subscriber) -> Vec<String> {
    let limits = declared.limits();
    vec![
        format!(
            "Pub/Sub waits {} for the response.",
            time(declared.cloud.ack_deadline)
        ),
        format!(
            "The handler receives its stop signal after {}.",
            time(limits.soft)
        ),
        format!("It is stopped after {}.", time(limits.hard)),
    ]
}

fn concurrency(declared: &Subscriber) -> Vec<String> {
    let limit = match declared.runs.concurrency {
        Some(messages) => format!("{messages} messages at once in a process."),
        None => "The default of its kind of handler.".into(),
    };
    vec![
        limit,
        "Further pushes are answered 429, and redelivered.".into(),
    ]
}

fn examples(declared: &Subscriber, topic: &Place<'_>) -> Vec<String> {
    let examples = good_examples(declared);
    if examples.is_empty() {
        return vec![format!(
            "None declared here; those of the topic are under {}.",
            topic.link()
        )];
    }
    let mut lines: Vec<String> = examples.iter().map(|each| text(&each.title)).collect();
    lines.push(format!("All in full under {}.", topic.link()));
    lines
}

fn idempotency(declared: &Subscriber) -> Vec<String> {
    let idempotency = declared.idempotency.as_ref();
    let place = idempotency
        .and_then(Idempotency::place)
        .map(code)
        .unwrap_or_default();
    let conflict = conflict(idempotency.map(Idempotency::conflict).unwrap_or_default());
    let (source, key, data) = match idempotency.map_or("none", Idempotency::kind) {
        "messageId" => {
            return vec![
                "By message id: a publish is handled once, however often Pub/Sub delivers it."
                    .into(),
                "An event that is published twice is handled twice.".into(),
            ];
        }
        "attribute" => (format!("the attribute {place}"), "value", "other data"),
        "payload" => (
            format!("the value at {place} in the data (a JSON Pointer)"),
            "value",
            "otherwise other data",
        ),
        "function" => (
            "a key that the consumer computes from the message, see its source".into(),
            "key",
            "other data",
        ),
        _ => {
            let reason = idempotency
                .and_then(Idempotency::reason)
                .unwrap_or_default();
            return vec![
                "None: the handler runs for each delivery, duplicates included.".into(),
                text(reason),
            ];
        }
    };
    vec![
        format!("By {source}: all publishes with one {key} are one event, and handled once."),
        format!("A message without a {key} is dead-lettered."),
        format!("A message with a known {key} and {data} {conflict}."),
    ]
}

/// Returns the fate of a known key with another payload, in words.
fn conflict(conflict: Conflict) -> &'static str {
    match conflict {
        Conflict::DeadLetter => "is dead-lettered",
        Conflict::Ignore => "counts as a duplicate and is not handled",
        Conflict::Retry => "is redelivered until the attempts are used up",
    }
}

fn window(declared: &Subscriber) -> Vec<String> {
    if !declared.is_guarded() {
        return vec!["None: nothing is remembered.".into()];
    }
    vec![
        format!(
            "A handled message is remembered for {}.",
            time(declared.dedup_window())
        ),
        format!(
            "Replay epoch {}: another epoch lets handled messages run again.",
            declared.dedup.epoch
        ),
    ]
}
