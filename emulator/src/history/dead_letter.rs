//! The source of a dead letter, according to its attributes.

use crate::messages::message::{DEAD_LETTER_SOURCE, ReceivedMessage};
use crate::resources::name::ResourceName;

/// The id of the original message. Pub/Sub does not send it; a subscriber that publishes its own dead letters may.
const SOURCE_ID: &str = "pushgate-source-message-id";
/// The prefixes of attributes that Pub/Sub or the subscriber adds to a dead letter.
pub(crate) const DEAD_LETTER_ATTRIBUTES: [&str; 4] = [
    DEAD_LETTER_SOURCE,
    "pushgate-dead-letter-",
    SOURCE_ID,
    "pushgate-source-publish-time",
];

/// The source of a dead letter: the message, and the subscription that could not deliver it.
pub(crate) struct DeadLetterSource {
    pub(crate) subscription: ResourceName,
    pub(crate) sequence: u64,
}

/// Returns the source of a dead letter that its subscriber published itself.
pub(crate) fn source(dead_letter: &ReceivedMessage) -> Option<DeadLetterSource> {
    let attribute = |name: &str| dead_letter.attributes.get(name);
    let sequence = attribute(SOURCE_ID)?.parse().ok()?;
    let project = attribute(&format!("{DEAD_LETTER_SOURCE}SubscriptionProject"))?;
    let id = attribute(&format!("{DEAD_LETTER_SOURCE}Subscription"))?;
    let name = format!("projects/{project}/subscriptions/{id}");
    let subscription = ResourceName::subscription(&name).ok()?;
    Some(DeadLetterSource {
        subscription,
        sequence,
    })
}
