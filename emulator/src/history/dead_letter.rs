//! The source of a dead letter, according to its attributes.

use crate::messages::message::{DEAD_LETTER_SOURCE, ReceivedMessage};
use crate::resources::name::ResourceName;

/// The id of the original message. Pub/Sub does not send it; a subscriber that publishes its own dead letters may.
pub(crate) const SOURCE_ID: &str = "pushgate-source-message-id";
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

impl DeadLetterSource {
    /// Returns true if its subscription receives the message: then it is not the dead letter, but a replay of it.
    pub(super) fn is_replayed_to(&self, subscriptions: &[ResourceName]) -> bool {
        subscriptions.contains(&self.subscription)
    }
}

/// Returns the subscription that dead-lettered the message.
pub(crate) fn source_subscription(dead_letter: &ReceivedMessage) -> Option<String> {
    let attribute = |name: &str| {
        dead_letter
            .attributes
            .get(&format!("{DEAD_LETTER_SOURCE}{name}"))
    };
    let project = attribute("SubscriptionProject")?;
    let id = attribute("Subscription")?;
    Some(format!("projects/{project}/subscriptions/{id}"))
}

/// Returns the source of a dead letter that its subscriber published itself, or of its replay.
pub(crate) fn source(dead_letter: &ReceivedMessage) -> Option<DeadLetterSource> {
    let sequence = dead_letter.attributes.get(SOURCE_ID)?.parse().ok()?;
    let name = source_subscription(dead_letter)?;
    let subscription = ResourceName::subscription(&name).ok()?;
    Some(DeadLetterSource {
        subscription,
        sequence,
    })
}
