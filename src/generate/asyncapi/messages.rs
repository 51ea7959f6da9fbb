//! The messages of a channel.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::reference::{Reference, key};
use super::{BINDING_VERSION, object, schema_name};
use crate::delivery::dead_letter::{
    ERROR_ATTRIBUTE, MESSAGE_ID_ATTRIBUTE, PUBLISH_TIME_ATTRIBUTE, REASON_ATTRIBUTE,
};
use crate::generate::schemas::{Schemas, json_type};
use crate::generate::topics::Topic;
use crate::handler::content::Content;

pub(super) const DEAD_LETTER: &str = "dead-letter";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    content_type: &'static str,
    /// The attributes, as a JSON Schema.
    headers: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Reference>,
    bindings: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    examples: Vec<Example<'a>>,
}

#[derive(Serialize)]
struct Example<'a> {
    name: &'a str,
    payload: Value,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: &'a BTreeMap<String, String>,
}

/// Returns the messages of a topic, by their keys among the components.
pub(super) fn of_topic<'a>(
    topic: &Topic<'a>,
    schemas: &Schemas<'_>,
    folder: &str,
) -> BTreeMap<String, Message<'a>> {
    let names = names(topic).into_iter();
    names
        .map(|name| {
            (
                component(topic.id, name),
                Message::of(topic, name, schemas, folder),
            )
        })
        .collect()
}

/// Returns references to the messages of a topic, by their names in the channel.
pub(super) fn references<'a>(topic: &Topic<'a>) -> BTreeMap<&'a str, Reference> {
    let names = names(topic).into_iter();
    names
        .map(|name| {
            let component = component(topic.id, name);
            (name, Reference::to(["components", "messages", &component]))
        })
        .collect()
}

/// Returns the names of the types that are read from the topic, or the kind of its data if there are none.
pub(super) fn names<'a>(topic: &Topic<'a>) -> Vec<&'a str> {
    let types = topic.types();
    if !types.is_empty() {
        return types.into_iter().collect();
    }
    let reads_data = topic.subscribers.iter().any(|subscriber| {
        let payload = subscriber.payload();
        payload.is_some_and(|payload| matches!(payload.content, Content::Bytes))
    });
    vec![if reads_data { "bytes" } else { "attributes" }]
}

pub(super) fn dead_letter_references(topic: &str) -> BTreeMap<&'static str, Reference> {
    let component = dead_letter_key(topic);
    let reference = Reference::to(["components", "messages", &component]);
    BTreeMap::from([(DEAD_LETTER, reference)])
}

pub(super) fn dead_letter_key(topic: &str) -> String {
    component(topic, DEAD_LETTER)
}

fn component(topic: &str, name: &str) -> String {
    format!("{}.{name}", key(topic))
}

/// The attributes of a dead letter besides those of its message, with their meanings.
const LETTER_ATTRIBUTES: [(&str, &str); 8] = [
    (
        REASON_ATTRIBUTE,
        "The kind of reason, if the service dead-lettered the message.",
    ),
    (
        ERROR_ATTRIBUTE,
        "The reason in words, if the service dead-lettered the message.",
    ),
    (
        MESSAGE_ID_ATTRIBUTE,
        "The id of the original message, if the service dead-lettered it.",
    ),
    (
        PUBLISH_TIME_ATTRIBUTE,
        "The publish time of the original message, if the service dead-lettered it.",
    ),
    (
        "CloudPubSubDeadLetterSourceDeliveryCount",
        "The number of deliveries of the original message, if Pub/Sub dead-lettered it.",
    ),
    (
        "CloudPubSubDeadLetterSourceSubscription",
        "The subscription that dead-lettered it, if Pub/Sub did.",
    ),
    (
        "CloudPubSubDeadLetterSourceSubscriptionProject",
        "The project of that subscription.",
    ),
    (
        "CloudPubSubDeadLetterSourceTopicPublishTime",
        "The publish time of the original message, if Pub/Sub dead-lettered it.",
    ),
];

impl<'a> Message<'a> {
    fn of(topic: &Topic<'a>, name: &'a str, schemas: &Schemas<'_>, folder: &str) -> Self {
        let is_json = topic.types().contains(name);
        let attributes = attributes(topic);
        Self {
            name,
            summary: schemas.description(name).map(str::to_owned),
            content_type: if is_json {
                "application/json"
            } else {
                "application/octet-stream"
            },
            headers: headers(&attributes, &required(topic)),
            payload: is_json.then(|| Reference::file(format!("./{folder}/{name}.json"))),
            bindings: bindings(json!({
                "attributes": attributes,
                "orderingKey": (!topic.ordered().is_empty()).then_some(
                    "Messages that must be handled in order have the same one, of at most 1024 bytes.",
                ),
                "schema": topic.schema().map(|schema| json!({"name": schema_name(schema)})),
            })),
            examples: examples(topic, name),
        }
    }

    /// Returns a dead letter: the message as it was published, with more attributes.
    pub(super) fn dead_letter() -> Self {
        let attributes = LETTER_ATTRIBUTES.map(|(name, meaning)| (name, meaning.to_owned()));
        let attributes = BTreeMap::from(attributes);
        Self {
            name: DEAD_LETTER,
            summary: Some(
                "A message as it was published, with the reason why it was dead-lettered.".into(),
            ),
            content_type: "application/octet-stream",
            headers: headers(&attributes, &BTreeSet::new()),
            payload: None,
            bindings: bindings(json!({"attributes": attributes})),
            examples: Vec::new(),
        }
    }
}

fn headers(attributes: &BTreeMap<&str, String>, required: &BTreeSet<&str>) -> Value {
    let attributes = attributes.iter();
    let properties: BTreeMap<_, _> = attributes
        .map(|(name, meaning)| (*name, json!({"type": "string", "description": meaning})))
        .collect();
    object(json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": {"type": "string"},
    }))
}

/// Returns the attributes that every message needs. A subscription with a filter receives some of the messages, so it cannot
/// require an attribute of all.
fn required<'a>(topic: &Topic<'a>) -> BTreeSet<&'a str> {
    let subscribers = topic.subscribers.iter();
    let unfiltered = subscribers.filter(|subscriber| subscriber.cloud.filter.is_none());
    unfiltered
        .filter_map(|subscriber| subscriber.idempotency.as_ref()?.attribute())
        .collect()
}

/// Returns the bindings with these fields.
fn bindings(mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("bindingVersion".into(), json!(BINDING_VERSION));
    }
    json!({"googlepubsub": object(fields)})
}

/// Returns all attributes that declarations name: as keys, and in examples and schedules.
fn attributes<'a>(topic: &Topic<'a>) -> BTreeMap<&'a str, String> {
    let examples = topic.examples().into_iter();
    let schedules = topic.schedules().into_iter();
    let shown = examples
        .flat_map(|(_, example)| &example.attributes)
        .chain(schedules.flat_map(|(_, schedule)| &schedule.attributes));
    let mut attributes: BTreeMap<&str, String> = shown
        .map(|(name, _)| (name.as_str(), String::from("As the examples show.")))
        .collect();
    for subscriber in &topic.subscribers {
        let idempotency = subscriber.idempotency.as_ref();
        if let Some(name) = idempotency.and_then(|idempotency| idempotency.attribute()) {
            let text = "Identifies the event: the same value for every publish of one event, another value for another event.";
            attributes.insert(name, text.into());
        }
    }
    attributes
}

fn examples<'a>(topic: &Topic<'a>, name: &str) -> Vec<Example<'a>> {
    let examples = topic.examples().into_iter();
    examples
        .filter(|(r#type, _)| *r#type == Some(name))
        .filter_map(|(_, example)| {
            Some(Example {
                name: &example.title,
                payload: serde_json::from_slice(&example.data).ok()?,
                headers: &example.attributes,
            })
        })
        .collect()
}

/// Returns the names of the messages that a subscription receives.
pub(super) fn read_by<'a>(topic: &Topic<'a>, subscriber: &'a crate::Subscriber) -> Vec<&'a str> {
    json_type(subscriber).map_or_else(|| names(topic), |(name, _)| vec![name])
}
