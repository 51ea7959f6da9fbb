//! A topic, for a team that publishes to it.

use std::collections::BTreeSet;

use super::component::{Component, Kind, Part};
use super::example;
use super::links::Links;
use super::markdown::{code, joined, joined_or, text};
use super::places::{Place, Places, at};
use super::words;
use crate::generate::schemas::Schemas;
use crate::generate::topics::Topic;
use crate::subscriber::{Idempotency, Subscriber};

pub(super) fn component<'a>(
    topic: &Topic<'a>,
    places: &Places<'a>,
    schemas: &Schemas<'_>,
) -> Component<'a> {
    let schedules = topic.schedules().into_iter();
    let schedules = schedules.map(|(subscriber, schedule)| schedule.name(subscriber));
    Component {
        kind: Kind::Topic,
        place: at(&places.topics, topic.id),
        purpose: purpose(topic, schemas),
        owner: owner(topic),
        facts: vec![("Producers", places.producers(topic.producers(), schedules))],
        parts: vec![
            Part {
                title: "To publish",
                fields: vec![
                    ("Message schema", message_schema(topic, &places.links)),
                    ("Pub/Sub schema", topic_schema(topic, &places.links)),
                    ("Attributes", attributes(topic)),
                    ("Ordering", ordering(topic)),
                    ("Idempotency", idempotency(topic, places)),
                ],
            },
            Part {
                title: "Deliveries",
                fields: vec![
                    ("Consumers", consumers(topic, places)),
                    ("Performance", performance(topic)),
                ],
            },
            Part {
                title: "On errors",
                fields: vec![
                    ("Errors and retries", errors(topic, places)),
                    ("Monitoring and alerts", alerts(topic, places)),
                ],
            },
        ],
        examples: examples(topic, places),
    }
}

fn purpose(topic: &Topic<'_>, schemas: &Schemas<'_>) -> String {
    let ids = topic.subscribers.iter().map(|each| code(&each.id));
    let types = topic.types().into_iter();
    let carried = types.map(|name| match schemas.description(name) {
        Some(description) => format!("Carries {}: {}", code(name), text(description)),
        None => format!("Carries {}.", code(name)),
    });
    match carried.collect::<Vec<_>>().join(" ") {
        none if none.is_empty() => {
            format!("Carries data without a JSON type, for {}.", joined(ids))
        }
        carried => carried,
    }
}

fn owner(topic: &Topic<'_>) -> String {
    match owners(topic) {
        none if none.is_empty() => "none declared".into(),
        owners => format!("{owners} (of its subscriptions)"),
    }
}

/// Returns the owners of the topic's subscriptions in one line, which is empty without any.
pub(super) fn owners(topic: &Topic<'_>) -> String {
    joined(topic.owners().into_iter().map(text))
}

/// Returns the links to the JSON Schemas of the topic's messages, in one line.
pub(super) fn schema_links(topic: &Topic<'_>, links: &Links) -> String {
    joined(topic.types().into_iter().map(|name| links.schema(name)))
}

fn message_schema(topic: &Topic<'_>, links: &Links) -> Vec<String> {
    let mut lines = match topic.types().len() {
        0 => vec!["None: the subscriptions read bytes or attributes.".into()],
        1 => vec![format!("JSON that fits {}.", schema_links(topic, links))],
        _ => vec![format!(
            "JSON that fits all schemas of the subscriptions: {}.",
            schema_links(topic, links)
        )],
    };
    if topic.schema().is_some() {
        lines.push("Pub/Sub rejects a field that the Pub/Sub schema does not have.".into());
    } else if !topic.types().is_empty() {
        lines.push("Fields that are not in the schema are ignored.".into());
    }
    lines
}

fn topic_schema(topic: &Topic<'_>, links: &Links) -> Vec<String> {
    let Some(schema) = topic.schema() else {
        return vec!["None.".into()];
    };
    vec![
        format!(
            "{}, {}, messages as {}.",
            code(&schema.name),
            code(schema.language.name()),
            code(schema.encoding.name())
        ),
        "Pub/Sub rejects other messages when they are published.".into(),
        format!("Its definition is in {}.", links.asyncapi),
    ]
}

/// Returns the attributes that are idempotency keys.
fn keys<'a>(topic: &Topic<'a>) -> BTreeSet<&'a str> {
    let subscribers = topic.subscribers.iter();
    subscribers
        .filter_map(|subscriber| subscriber.idempotency.as_ref()?.attribute())
        .collect()
}

fn attributes(topic: &Topic<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for key in keys(topic) {
        lines.push(format!(
            "{} is required. It identifies the event: the same value each time the event is published, another value for another event.",
            code(key)
        ));
    }
    for subscriber in &topic.subscribers {
        if let Some(filter) = &subscriber.cloud.filter {
            lines.push(format!(
                "{} receives only messages with {}.",
                code(&subscriber.id),
                code(filter)
            ));
        }
    }
    lines.push(if lines.is_empty() {
        "None is required.".into()
    } else {
        "Other attributes are free.".into()
    });
    lines
}

fn ordering(topic: &Topic<'_>) -> Vec<String> {
    let ordered = topic.ordered();
    if ordered.is_empty() {
        return vec!["None: messages are handled at the same time and in any order.".into()];
    }
    let ids = joined(ordered.iter().map(|subscriber| code(&subscriber.id)));
    vec![
        format!("Messages of one ordering key are handled one after the other by {ids}."),
        "An ordering key has at most 1024 bytes.".into(),
        "Publish all messages of a key in one region, at most 1 MB a second.".into(),
    ]
}

fn idempotency(topic: &Topic<'_>, places: &Places<'_>) -> Vec<String> {
    let keys = joined_or("", keys(topic).into_iter().map(code));
    let mut lines = vec![if keys.is_empty() {
        "Each publish is a message of its own.".into()
    } else {
        format!(
            "Publish an event again with the same {keys} if the result of a publish is unknown."
        )
    }];
    let subscriptions = places.subscriptions_of(topic).into_iter();
    lines.extend(subscriptions.map(|(place, declared)| second_publish(&place, declared)));
    lines
}

/// Returns the number of times that the subscription handles an event that was published twice.
fn second_publish(place: &Place<'_>, declared: &Subscriber) -> String {
    let subscription = place.link();
    let idempotency = declared.idempotency.as_ref();
    let key = idempotency
        .and_then(Idempotency::place)
        .map(code)
        .unwrap_or_default();
    match idempotency.map_or("none", Idempotency::kind) {
        "messageId" => format!(
            "{subscription} handles an event twice if it is published twice, also with the same `event-id`."
        ),
        "attribute" => format!("{subscription} handles an event once for each value of {key}."),
        "payload" => {
            format!("{subscription} handles an event once for each value at {key} in the data.")
        }
        "function" => format!(
            "{subscription} handles an event once for each key that it computes from the message."
        ),
        _ => format!("{subscription} handles each delivery, duplicates included."),
    }
}

fn consumers(topic: &Topic<'_>, places: &Places<'_>) -> Vec<String> {
    let subscriptions = places.subscriptions_of(topic).into_iter();
    subscriptions
        .map(|(place, declared)| format!("{}: {}", place.link(), text(&declared.purpose)))
        .collect()
}

fn performance(topic: &Topic<'_>) -> Vec<String> {
    let subscribers = topic.subscribers.iter();
    subscribers
        .map(|each| format!("{}: {}", code(&each.id), words::expected(each)))
        .collect()
}

fn errors(topic: &Topic<'_>, places: &Places<'_>) -> Vec<String> {
    let mut lines = vec![
        "A publish that fails must be repeated by the publisher.".into(),
        "Pub/Sub does not report errors of a consumer to the publisher: each subscription has its own retries, and its own dead letters."
            .into(),
        "A message that can never succeed, or does not fit the schema, is dead-lettered at once.".into(),
    ];
    for (place, declared) in places.subscriptions_of(topic) {
        let retries = match declared.survived_outage() {
            Some(_) => format!("about {} deliveries", declared.cloud.attempts),
            None => "the retries of Eventarc's own subscription".into(),
        };
        let dead_letters = at(&places.dead_letters, &declared.dead_letter_topic).link();
        lines.push(format!(
            "{}: {retries}, dead letters in {dead_letters}.",
            place.link()
        ));
    }
    lines
}

fn alerts(topic: &Topic<'_>, places: &Places<'_>) -> Vec<String> {
    let links = places.links_to_subscriptions_of(topic);
    vec![format!("Those of its subscriptions: {links}.")]
}

fn examples(topic: &Topic<'_>, places: &Places<'_>) -> Vec<String> {
    let examples = topic.examples().into_iter();
    let blocks: Vec<String> = examples
        .flat_map(|(_, example)| example::blocks(example))
        .collect();
    if !blocks.is_empty() {
        return blocks;
    }
    let schedules = topic.schedules().into_iter();
    let links = joined(
        schedules
            .map(|(subscriber, schedule)| at(&places.schedules, schedule.name(subscriber)).link()),
    );
    vec![if links.is_empty() {
        "No example is declared.".into()
    } else {
        format!("No example is declared; a message that is published at set times is one: {links}.")
    }]
}
