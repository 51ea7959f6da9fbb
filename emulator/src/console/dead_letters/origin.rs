//! The original message of a dead letter.

use serde_json::{Value, json};

use super::Configs;
use crate::console::source::Source;
use crate::console::view;
use crate::history::{self, DEAD_LETTER_ATTRIBUTES, DeadLetterOrigin};
use crate::messages::message::{DEAD_LETTER_SOURCE, Message, ReceivedMessage};
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;

/// Returns the original message as it was published.
pub(super) fn original(dead_letter: &ReceivedMessage) -> Message {
    let mut message = dead_letter.to_message();
    let is_added = |key: &str| {
        DEAD_LETTER_ATTRIBUTES
            .iter()
            .any(|begin| key.starts_with(begin))
    };
    message.attributes.retain(|key, _| !is_added(key));
    message
}

/// Returns the subscription that dead-lettered the message.
pub(in crate::console) fn source_subscription(dead_letter: &ReceivedMessage) -> Option<String> {
    let attribute = |name: &str| {
        dead_letter
            .attributes
            .get(&format!("{DEAD_LETTER_SOURCE}{name}"))
    };
    let (project, id) = (
        attribute("SubscriptionProject")?,
        attribute("Subscription")?,
    );
    Some(format!("projects/{project}/subscriptions/{id}"))
}

/// Returns the topic of the subscription that dead-lettered the message, if both still exist.
pub(super) fn source_topic(configs: &Configs, dead_letter: &ReceivedMessage) -> Option<String> {
    let subscription = source_subscription(dead_letter)?;
    let (_, config) = configs
        .iter()
        .find(|(name, _)| name.as_str() == subscription)?;
    ResourceName::topic(&config.topic)
        .ok()
        .map(|topic| topic.to_string())
}

/// Returns the origin of a dead letter, from the history or from its attributes.
pub(super) fn dead_letter_of(
    source: &Source,
    dead_letter: &StoredMessage,
) -> Option<DeadLetterOrigin> {
    let recorded = source
        .history()
        .look(dead_letter.sequence, |record| record.dead_letter_of);
    recorded.flatten().or_else(|| {
        let named = history::source(dead_letter)?;
        Some(DeadLetterOrigin {
            sequence: named.sequence,
            reply: None,
        })
    })
}

/// Returns the original message of a dead letter and the result of its last delivery, if the history has them.
pub(in crate::console) fn original_view(
    source: &Source,
    dead_letter_of: Option<DeadLetterOrigin>,
) -> Value {
    let history = source.history();
    dead_letter_of.map_or(Value::Null, |of| {
        json!({
            "id": of.sequence.to_string(), "isKnown": history.look(of.sequence, |_| ()).is_some(),
            "lastReply": of.reply.map(view::reply),
        })
    })
}
