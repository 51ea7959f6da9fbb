//! The life of one message: where it was published, and what each subscription made of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::end::{End, Way};
use super::letter;
use crate::event::{Reply, Settlement};
use crate::faults::Plan;
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;

/// Attempts kept of one message, the first of each subscription and the latest; each subscription has two in any case.
const MAX_ATTEMPTS: usize = 50;
/// Subscriptions of one message that are followed.
const MAX_LEGS: usize = 100;

/// Outcomes, as a subscriber may name them in its replies, that decide how a message is shown.
const DEAD_LETTERED: &str = "dead-lettered";
const DUPLICATE: &str = "duplicate";

/// What these take, with their share of the collections that they are in.
const LIFE_BYTES: usize = 256;
const LEG_BYTES: usize = 96;
const ATTEMPT_BYTES: usize = 256;

/// What happened to one message.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    pub(crate) sequence: u64,
    /// Unknown if the message was published longer ago than the history reaches.
    pub(crate) topic: Option<ResourceName>,
    pub(crate) publish_time: OffsetDateTime,
    pub(crate) content: Content,
    pub(crate) legs: Vec<Leg>,
    /// Subscriptions that are not followed.
    pub(crate) more_legs: usize,
    /// If this is a dead letter: what was given up.
    pub(crate) letter_of: Option<LetterOf>,
    /// The version of the history when this last changed.
    pub(crate) changed: u64,
    attempts: usize,
    bytes: usize,
}

/// The message that a dead letter was made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LetterOf {
    pub(crate) sequence: u64,
    /// The reply to its last delivery; none if the subscriber published the letter itself.
    pub(crate) reply: Option<Reply>,
}

/// The message, or what is left of it when the history let go of its payload.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Kept(Arc<StoredMessage>),
    Released {
        data_bytes: usize,
        attributes: usize,
        ordering_key: Box<str>,
    },
}

/// What one subscription made of a message.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    pub(crate) subscription: ResourceName,
    pub(crate) attempts: VecDeque<Attempt>,
    /// Attempts between the first and those after it that are no longer kept.
    pub(crate) forgotten: usize,
    /// What was done to the message since the last attempt, by a seek or a purge.
    pub(crate) moved: Option<Moved>,
    /// The sequence of the latest dead letter that was made of the message here.
    pub(crate) letter: Option<u64>,
}

/// What a seek or a purge of the subscription did to a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Moved {
    Purged,
    /// It counts as acknowledged.
    Skipped,
    /// It is to be delivered again.
    Recalled,
}

/// One delivery of a message.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) way: Way,
    pub(crate) started: OffsetDateTime,
    /// The faults that were asked for, and met it.
    pub(crate) plan: Plan,
    /// When and how it ended; nothing yet if it is under way, or was aborted.
    pub(crate) end: Option<Arc<(OffsetDateTime, End)>>,
}

/// How a message stands with one subscription.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stand {
    Waiting,
    Delivering,
    /// The last attempt failed, and another follows, not before this time.
    Retrying(OffsetDateTime),
    Acked,
    DeadLettered,
    Purged,
    Skipped,
}

impl Life {
    pub(super) fn new(
        topic: Option<&ResourceName>,
        message: &Arc<StoredMessage>,
        to: &[ResourceName],
    ) -> Self {
        let followed = to.iter().take(MAX_LEGS);
        let legs: Vec<Leg> = followed.map(Leg::new).collect();
        Self {
            sequence: message.sequence,
            topic: topic.cloned(),
            publish_time: message.published_at,
            content: Content::Kept(Arc::clone(message)),
            more_legs: to.len() - legs.len(),
            letter_of: letter::source(message).map(|source| LetterOf {
                sequence: source.sequence,
                reply: None,
            }),
            changed: 0,
            attempts: 0,
            bytes: LIFE_BYTES + legs.len() * LEG_BYTES,
            legs,
        }
    }

    /// What it takes without the payload, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the payload takes, as long as it is kept.
    pub(super) fn payload_bytes(&self) -> usize {
        match &self.content {
            Content::Kept(message) => message.size_bytes(),
            Content::Released { .. } => 0,
        }
    }

    /// Lets go of the payload, and hands it over to be dropped elsewhere.
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

    pub(super) fn start(&mut self, subscription: &ResourceName, attempt: Attempt) {
        let room = self.attempts < MAX_ATTEMPTS;
        let known = self
            .legs
            .iter()
            .position(|leg| leg.subscription == *subscription);
        if known.is_none() {
            if self.legs.len() >= MAX_LEGS {
                return;
            }
            self.legs.push(Leg::new(subscription));
            self.bytes += LEG_BYTES;
        }
        let place = known.unwrap_or(self.legs.len().saturating_sub(1));
        let Some(leg) = self.legs.get_mut(place) else {
            return;
        };
        leg.moved = None;
        if !room && leg.attempts.len() >= 2 {
            let forgotten = leg.attempts.remove(1);
            self.bytes -= forgotten.map_or(0, |attempt| attempt.bytes());
            leg.forgotten += 1;
            self.attempts -= 1;
        }
        self.bytes += attempt.bytes();
        self.attempts += 1;
        leg.attempts.push_back(attempt);
    }

    /// How long ago an attempt began that is under way.
    pub(super) fn time_since_start(
        &self,
        subscription: &ResourceName,
        attempt: u32,
        now: OffsetDateTime,
    ) -> Option<Duration> {
        let leg = self
            .legs
            .iter()
            .find(|leg| leg.subscription == *subscription)?;
        let mut open = leg.attempts.iter().rev().filter(|each| each.end.is_none());
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
        let mut legs = self.legs.iter_mut();
        let Some(leg) = legs.find(|leg| leg.subscription == *subscription) else {
            return;
        };
        let mut open = leg
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

impl Leg {
    fn new(subscription: &ResourceName) -> Self {
        Self {
            subscription: subscription.clone(),
            attempts: VecDeque::new(),
            forgotten: 0,
            moved: None,
            letter: None,
        }
    }

    /// Returns how the message stands with this subscription.
    pub(crate) fn stand(&self) -> Stand {
        match self.moved {
            Some(Moved::Purged) => return Stand::Purged,
            Some(Moved::Skipped) => return Stand::Skipped,
            Some(Moved::Recalled) => return Stand::Waiting,
            None => {}
        }
        // An attempt beside another says nothing about the message.
        let mut attempts = self.attempts.iter().rev();
        match attempts.find_map(Attempt::stand).unwrap_or(Stand::Waiting) {
            Stand::Acked if self.outcome() == Some(DEAD_LETTERED) => Stand::DeadLettered,
            stand => stand,
        }
    }

    /// Returns the subscriber's own word for what became of the message, from the replies that acknowledged it. A duplicate
    /// does not replace an earlier outcome.
    pub(crate) fn outcome(&self) -> Option<&str> {
        let acks = self.attempts.iter().rev().filter_map(Attempt::acked_as);
        let mut last = None;
        for outcome in acks {
            last = last.or(Some(outcome));
            if outcome != DUPLICATE {
                return Some(outcome);
            }
        }
        last
    }

    /// Whether nothing is to come any more.
    pub(super) fn is_settled(&self) -> bool {
        !matches!(
            self.stand(),
            Stand::Waiting | Stand::Delivering | Stand::Retrying(_)
        )
    }
}

impl Attempt {
    fn stand(&self) -> Option<Stand> {
        let Some(ended) = &self.end else {
            return Some(Stand::Delivering);
        };
        match &ended.1.settlement {
            Settlement::Acked => Some(Stand::Acked),
            Settlement::DeadLettered { .. } => Some(Stand::DeadLettered),
            Settlement::Again { after } => Some(Stand::Retrying(later(ended.0, *after))),
            Settlement::Elsewhere => None,
        }
    }

    fn acked_as(&self) -> Option<&str> {
        let (_, end) = &**self.end.as_ref()?;
        let answer = end.answer.as_ref()?;
        let outcome = answer.outcome.as_deref();
        outcome.filter(|_| end.settlement == Settlement::Acked)
    }

    fn bytes(&self) -> usize {
        ATTEMPT_BYTES + self.end.as_ref().map_or(0, |ended| ended.1.text_bytes())
    }
}

fn later(time: OffsetDateTime, after: Duration) -> OffsetDateTime {
    let after = time::Duration::try_from(after).unwrap_or(time::Duration::MAX);
    time.saturating_add(after)
}
