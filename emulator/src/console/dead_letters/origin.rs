//! The original message of a dead letter.

use serde_json::{Value, json};

use super::Configs;
use crate::console::attempt;
use crate::console::source::Source;
use crate::history::{self, DEAD_LETTER_ATTRIBUTES, DeadLetterOrigin, SOURCE_ID};
use crate::messages::message::{Message, ReceivedMessage};
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;

/// The attributes by which a pushgate service recognizes the replay of a dead letter that it published. With them the message runs
/// again under a key of the publisher's own, too, which counts as handled.
const REPLAY_ATTRIBUTES: [&str; 3] = [
    SOURCE_ID,
    "CloudPubSubDeadLetterSourceSubscription",
    "CloudPubSubDeadLetterSourceSubscriptionProject",
];

/// Marks a message as the replay of a dead letter, if the dead letter names its original message.
pub(super) fn mark_as_replay(message: &mut Message, dead_letter: &ReceivedMessage) {
    if history::source(dead_letter).is_none() {
        return;
    }
    let marks = REPLAY_ATTRIBUTES.iter().filter_map(|name| {
        let value = dead_letter.attributes.get(*name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    message.attributes.extend(marks);
}

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

/// Returns the topic of the subscription that dead-lettered the message, if both still exist.
pub(super) fn source_topic(configs: &Configs, dead_letter: &ReceivedMessage) -> Option<String> {
    let subscription = history::source_subscription(dead_letter)?;
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
            "lastReply": of.reply.map(attempt::reply),
        })
    })
}
