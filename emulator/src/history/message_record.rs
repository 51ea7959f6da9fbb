//! The history of one message: its topic, its content, and its deliveries to each subscription.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::dead_letter;
use super::end::End;
use super::subscription_record::{DeliveryRecord, Intervention, SubscriptionRecord};
use crate::event::Reply;
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;

/// The most attempts of one message: the first of each subscription, and the latest. Each subscription keeps at least two.
const MAX_ATTEMPTS: usize = 50;
/// The most subscriptions of one message that are recorded.
const MAX_SUBSCRIPTIONS: usize = 100;

/// Approximate sizes, including the share of the collections around them.
const MESSAGE_BYTES: usize = 256;
const SUBSCRIPTION_BYTES: usize = 96;

/// The deliveries of one message to all of its subscriptions.
#[derive(Clone, Debug)]
pub(crate) struct MessageRecord {
    pub(crate) sequence: u64,
    /// The topic, or `None` if the message was published before the history begins.
    pub(crate) topic: Option<ResourceName>,
    pub(crate) publish_time: OffsetDateTime,
    pub(crate) content: Content,
    pub(crate) subscriptions: Vec<SubscriptionRecord>,
    /// The number of further subscriptions, which are not recorded.
    pub(crate) more_subscriptions: usize,
    /// The original message, if this is a dead letter.
    pub(crate) dead_letter_of: Option<DeadLetterOrigin>,
    /// The sequence of the original message, if this is the replay of a dead letter.
    pub(crate) replay_of: Option<u64>,
    /// The version of the history when this last changed.
    pub(crate) changed: u64,
    attempts: usize,
    bytes: usize,
}

/// The message that a dead letter was made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DeadLetterOrigin {
    pub(crate) sequence: u64,
    /// The reply to its last delivery, or `None` if the subscriber published the dead letter itself.
    pub(crate) reply: Option<Reply>,
}

/// The message, or its sizes after the payload was released.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Kept(Arc<StoredMessage>),
    Released {
        data_bytes: usize,
        attributes: usize,
        ordering_key: Box<str>,
    },
}

impl Content {
    /// Returns the size of the data.
    pub(crate) fn data_bytes(&self) -> usize {
        match self {
            Self::Kept(message) => message.data.len(),
            Self::Released { data_bytes, .. } => *data_bytes,
        }
    }
}

impl MessageRecord {
    pub(super) fn new(
        topic: Option<&ResourceName>,
        message: &Arc<StoredMessage>,
        to: &[ResourceName],
    ) -> Self {
        let followed = to.iter().take(MAX_SUBSCRIPTIONS);
        let subscriptions: Vec<SubscriptionRecord> =
            followed.map(SubscriptionRecord::new).collect();
        let source = dead_letter::source(message);
        let is_replay = source
            .as_ref()
            .is_some_and(|source| source.is_replayed_to(to));
        let original = source.map(|source| source.sequence);
        let dead_letter_of = original.map(|sequence| DeadLetterOrigin {
            sequence,
            reply: None,
        });
        Self {
            sequence: message.sequence,
            topic: topic.cloned(),
            publish_time: message.published_at,
            content: Content::Kept(Arc::clone(message)),
            more_subscriptions: to.len() - subscriptions.len(),
            dead_letter_of: dead_letter_of.filter(|_| !is_replay),
            replay_of: original.filter(|_| is_replay),
            changed: 0,
            attempts: 0,
            bytes: MESSAGE_BYTES + subscriptions.len() * SUBSCRIPTION_BYTES,
            subscriptions,
        }
    }

    /// Returns its approximate size without the payload.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the size of the payload, or 0 once it is released.
    pub(super) fn payload_bytes(&self) -> usize {
        match &self.content {
            Content::Kept(message) => message.size_bytes(),
            Content::Released { .. } => 0,
        }
    }

    /// Releases the payload, and returns it to be dropped without the lock.
    pub(super) fn release(&mut self) -> Option<Arc<StoredMessage>> {
        let Content::Kept(message) = &self.content else {
            return None;
        };
        let released = Content::Released {
            data_bytes: message.data.len(),
            attributes: message.attributes.len(),
            ordering_key: message.ordering_key.as_str().into(),
        };
        self.bytes += message.ordering_key.len();
        match std::mem::replace(&mut self.content, released) {
            Content::Kept(message) => Some(message),
            Content::Released { .. } => None,
        }
    }

    pub(super) fn start(&mut self, subscription: &ResourceName, attempt: DeliveryRecord) {
        let room = self.attempts < MAX_ATTEMPTS;
        let known = self
            .subscriptions
            .iter()
            .position(|entry| entry.subscription == *subscription);
        if known.is_none() {
            if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
                return;
            }
            self.subscriptions
                .push(SubscriptionRecord::new(subscription));
            self.bytes += SUBSCRIPTION_BYTES;
        }
        let place = known.unwrap_or(self.subscriptions.len().saturating_sub(1));
        let Some(entry) = self.subscriptions.get_mut(place) else {
            return;
        };
        entry.intervention = None;
        if !room && entry.attempts.len() >= 2 {
            let forgotten = entry.attempts.remove(1);
            self.bytes -= forgotten.map_or(0, |attempt| attempt.bytes());
            entry.forgotten += 1;
            self.attempts -= 1;
        }
        self.bytes += attempt.bytes();
        self.attempts += 1;
        entry.attempts.push_back(attempt);
    }

    /// Records that it was acknowledged in the console.
    pub(super) fn remove_from(&mut self, subscription: &ResourceName) {
        let mut subscriptions = self.subscriptions.iter_mut();
        if let Some(entry) = subscriptions.find(|entry| entry.subscription == *subscription) {
            entry.intervention = Some(Intervention::Removed);
        }
    }

    /// Returns the time since the start of an attempt that is under way.
    pub(super) fn time_since_start(
        &self,
        subscription: &ResourceName,
        attempt: u32,
        now: OffsetDateTime,
    ) -> Option<Duration> {
        let entry = self
            .subscriptions
            .iter()
            .find(|entry| entry.subscription == *subscription)?;
        let mut open = entry
            .attempts
            .iter()
            .rev()
            .filter(|each| each.end.is_none());
        let open = open.find(|each| each.number == attempt)?;
        Duration::try_from(now - open.started).ok()
    }

    pub(super) fn end(
        &mut self,
        subscription: &ResourceName,
        attempt: u32,
        at: OffsetDateTime,
        end: End,
    ) {
        let mut subscriptions = self.subscriptions.iter_mut();
        let Some(entry) = subscriptions.find(|entry| entry.subscription == *subscription) else {
            return;
        };
        let mut open = entry
            .attempts
            .iter_mut()
            .rev()
            .filter(|each| each.end.is_none());
        if let Some(open) = open.find(|each| each.number == attempt) {
            self.bytes += end.text_bytes();
            open.end = Some(Arc::new((at, end)));
        }
    }
}
