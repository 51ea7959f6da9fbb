//! A topic of dead letters with its pull subscription.

use super::component::{Component, Kind, Part};
use super::links::Links;
use super::markdown::{code, joined};
use super::places::{Places, at};
use super::topic::{owners, schema_links};
use crate::delivery::dead_letter::{
    ERROR_ATTRIBUTE, MESSAGE_ID_ATTRIBUTE, PUBLISH_TIME_ATTRIBUTE, REASON_ATTRIBUTE,
};
use crate::generate::topics::Topic;

pub(super) fn component<'a>(topic: &Topic<'a>, places: &Places<'a>) -> Component<'a> {
    let sources = places.links_to_subscriptions_of(topic);
    let owner = match owners(topic) {
        none if none.is_empty() => "none declared".into(),
        owners => owners,
    };
    let names = topic.subscribers.iter().map(|each| code(&each.id));
    let names = joined(names);
    Component {
        kind: Kind::DeadLetters,
        place: at(&places.dead_letters, topic.id),
        purpose: format!(
            "Keeps the dead letters of {names}, until a person replays or discards them."
        ),
        owner,
        facts: vec![
            (
                "Form",
                "a topic and a pull subscription of the same name".into(),
            ),
            (
                "Consumers",
                "people, by pulling from the subscription".into(),
            ),
            ("Message schema", message_schema(topic, &places.links)),
            ("Ordering", "none".into()),
            (
                "At the end",
                "a dead letter is deleted after 31 days".into(),
            ),
            ("Performance", "none declared: it should stay empty".into()),
        ],
        parts: vec![Part {
            title: "Deliveries",
            fields: vec![
                ("Producers", producers(&sources)),
                ("Attributes", attributes()),
                ("Idempotency", idempotency()),
                ("Errors and retries", errors()),
                (
                    "Monitoring and alerts",
                    vec!["An alert is raised for every dead letter.".into()],
                ),
            ],
        }],
        examples: Vec::new(),
    }
}

fn message_schema(topic: &Topic<'_>, links: &Links) -> String {
    match schema_links(topic, links) {
        none if none.is_empty() => "as it was published".into(),
        links => format!("as it was published: {links}"),
    }
}

fn producers(sources: &str) -> Vec<String> {
    vec![
        format!("The service publishes messages of {sources} that can never succeed."),
        "Pub/Sub publishes a message after its last attempt.".into(),
    ]
}

fn attributes() -> Vec<String> {
    vec![
        "Those of the message.".into(),
        format!(
            "From Pub/Sub: {} and three more that name the source.",
            code("CloudPubSubDeadLetterSourceSubscription")
        ),
        format!(
            "From the service: {}, the kind of reason.",
            code(REASON_ATTRIBUTE)
        ),
        format!(
            "From the service: {}, the reason in words.",
            code(ERROR_ATTRIBUTE)
        ),
        format!(
            "From the service: {} and {}, the id and the time of the message before it was dead-lettered.",
            code(MESSAGE_ID_ATTRIBUTE),
            code(PUBLISH_TIME_ATTRIBUTE)
        ),
    ]
}

fn idempotency() -> Vec<String> {
    vec![
        "None: a person decides about each message, and sees its message id.".into(),
        "A dead letter can arrive twice.".into(),
        "A dead letter that is published to its topic again with its attributes runs once more at the subscription that \
         dead-lettered it, even if its idempotency key is known."
            .into(),
    ]
}

fn errors() -> Vec<String> {
    vec![
        "None: messages are delivered when they are pulled.".into(),
        "They stay until they are acked.".into(),
    ]
}
