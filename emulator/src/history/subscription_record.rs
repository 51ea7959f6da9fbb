//! The deliveries of one message to one subscription, and its state there.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::end::{DeliveryType, End};
use crate::event::Settlement;
use crate::faults::Plan;
use crate::resources::name::ResourceName;

/// Outcomes in a subscriber's replies that affect the state of a message.
const DEAD_LETTERED: &str = "dead-lettered";
const DUPLICATE: &str = "duplicate";

/// The memory of a delivery, including its share of the collection.
const DELIVERY_BYTES: usize = 256;

/// The deliveries of a message to one subscription.
#[derive(Clone, Debug)]
pub(crate) struct SubscriptionRecord {
    pub(crate) subscription: ResourceName,
    pub(crate) attempts: VecDeque<DeliveryRecord>,
    /// The number of attempts after the first that were evicted.
    pub(crate) forgotten: usize,
    /// The effect of an operation since the last attempt.
    pub(crate) intervention: Option<Intervention>,
    /// The sequence of the latest dead letter of the message in this subscription.
    pub(crate) dead_letter: Option<u64>,
}

/// The effect of an operation on a message without a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Intervention {
    Purged,
    /// It counts as acknowledged.
    Skipped,
    /// It is to be delivered again.
    Recalled,
    /// It was acknowledged in the console.
    Removed,
}

/// One delivery of a message.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryRecord {
    pub(crate) number: u32,
    pub(crate) delivery_type: DeliveryType,
    pub(crate) started: OffsetDateTime,
    /// The faults that were planned for it.
    pub(crate) plan: Plan,
    /// The end and its time; `None` if the delivery is under way, or was aborted.
    pub(crate) end: Option<Arc<(OffsetDateTime, End)>>,
}

/// The state of a message in one subscription.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DeliveryState {
    Waiting,
    Delivering,
    /// The last attempt failed. The next one starts no earlier than this time.
    Retrying(OffsetDateTime),
    Acked,
    DeadLettered,
    Purged,
    Skipped,
    Removed,
}

impl SubscriptionRecord {
    pub(super) fn new(subscription: &ResourceName) -> Self {
        Self {
            subscription: subscription.clone(),
            attempts: VecDeque::new(),
            forgotten: 0,
            intervention: None,
            dead_letter: None,
        }
    }

    /// Returns the state of the message in this subscription.
    pub(crate) fn state(&self) -> DeliveryState {
        match self.intervention {
            Some(Intervention::Purged) => return DeliveryState::Purged,
            Some(Intervention::Skipped) => return DeliveryState::Skipped,
            Some(Intervention::Removed) => return DeliveryState::Removed,
            Some(Intervention::Recalled) => return DeliveryState::Waiting,
            None => {}
        }
        // An attempt that ended while another was under way does not count.
        let mut attempts = self.attempts.iter().rev();
        match attempts
            .find_map(DeliveryRecord::state)
            .unwrap_or(DeliveryState::Waiting)
        {
            DeliveryState::Acked if self.outcome() == Some(DEAD_LETTERED) => {
                DeliveryState::DeadLettered
            }
            state => state,
        }
    }

    /// Returns the subscriber's outcome of the message, from the replies that acknowledged it. A duplicate does not replace
    /// an earlier outcome.
    pub(crate) fn outcome(&self) -> Option<&str> {
        let acks = self
            .attempts
            .iter()
            .rev()
            .filter_map(DeliveryRecord::acked_as);
        let mut last = None;
        for outcome in acks {
            last = last.or(Some(outcome));
            if outcome != DUPLICATE {
                return Some(outcome);
            }
        }
        last
    }

    /// Returns true if no further delivery is expected.
    pub(super) fn is_settled(&self) -> bool {
        !matches!(
            self.state(),
            DeliveryState::Waiting | DeliveryState::Delivering | DeliveryState::Retrying(_)
        )
    }
}

impl DeliveryRecord {
    fn state(&self) -> Option<DeliveryState> {
        let Some(ended) = &self.end else {
            return Some(DeliveryState::Delivering);
        };
        match &ended.1.settlement {
            Settlement::Acked => Some(DeliveryState::Acked),
            Settlement::DeadLettered { .. } => Some(DeliveryState::DeadLettered),
            Settlement::Again { after } => Some(DeliveryState::Retrying(later(ended.0, *after))),
            Settlement::Elsewhere => None,
        }
    }

    fn acked_as(&self) -> Option<&str> {
        let (_, end) = &**self.end.as_ref()?;
        let answer = end.answer.as_ref()?;
        let outcome = answer.outcome.as_deref();
        outcome.filter(|_| end.settlement == Settlement::Acked)
    }

    pub(super) fn bytes(&self) -> usize {
        DELIVERY_BYTES + self.end.as_ref().map_or(0, |ended| ended.1.text_bytes())
    }
}

fn later(time: OffsetDateTime, after: Duration) -> OffsetDateTime {
    let after = time::Duration::try_from(after).unwrap_or(time::Duration::MAX);
    time.saturating_add(after)
}
