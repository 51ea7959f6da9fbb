//! Messages that wait until their publisher has their ids.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Delivery;
use super::active_faults::Recipient;

/// The messages of one publish request, in all subscriptions. They wait until this is dropped.
#[derive(Default)]
pub(crate) struct Unanswered {
    /// The sequence of the first one.
    first: u64,
    deliveries: Vec<Arc<Delivery>>,
}

/// The first sequences of the publish requests whose messages wait. Later messages wait with them, which keeps the order.
#[derive(Default)]
pub(super) struct Waiting(BTreeMap<u64, Stage>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Unanswered,
    /// The answer is on its way to the publisher.
    Answered,
}

impl Unanswered {
    /// Makes the messages from `first` on wait. The caller adds them afterwards.
    pub(crate) fn new(first: u64, deliveries: &[Arc<Delivery>]) -> Self {
        for delivery in deliveries {
            delivery.state().waiting.0.insert(first, Stage::Unanswered);
        }
        Self {
            first,
            deliveries: deliveries.to_vec(),
        }
    }

    /// Lets clients pull the messages, as they do when they know the ids. Pushes and streams wait on.
    pub(crate) fn answered(&self) {
        for delivery in &self.deliveries {
            let mut state = delivery.state();
            state.waiting.0.insert(self.first, Stage::Answered);
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        for delivery in &self.deliveries {
            delivery.state().waiting.0.remove(&self.first);
            delivery.wake();
        }
    }
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if this message waits for its publisher.
    pub(super) fn holds(&self, sequence: u64, recipient: Recipient) -> bool {
        let mut earlier = self.0.range(..=sequence);
        match recipient {
            Recipient::Pull(_, None) => earlier.any(|(_, stage)| *stage == Stage::Unanswered),
            _ => earlier.next().is_some(),
        }
    }
}
