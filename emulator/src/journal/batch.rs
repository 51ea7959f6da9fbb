//! Merges many changes into few writes.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::change::{AckState, Change, Kind};

/// The writer's knowledge of the file, so that it need not read it.
#[derive(Default)]
pub(super) struct Written {
    /// The numbers of subscriptions. A state is written for each message, and should not repeat a long name.
    numbers: HashMap<String, u32>,
    taken: HashSet<u32>,
    next_number: u32,
    /// The latest message with a row in the file.
    newest: u64,
}

/// The last value of each row to write. `None` deletes the row.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) resources: BTreeMap<(u8, String), Option<Vec<u8>>>,
    pub(super) messages: BTreeMap<u64, Option<(String, Vec<u8>)>>,
    pub(super) subscriptions: BTreeMap<String, Option<u32>>,
    /// Subscriptions whose earlier states are deleted before `ack_states` are written.
    pub(super) forgotten: Vec<u32>,
    pub(super) ack_states: BTreeMap<(u32, u64), Option<AckState>>,
}

impl Written {
    pub(super) fn new(numbers: HashMap<String, u32>, newest: u64) -> Self {
        Self {
            taken: numbers.values().copied().collect(),
            numbers,
            next_number: 0,
            newest,
        }
    }

    /// Merges changes into the rows to write. A message that is published and settled within one batch is never written.
    pub(super) fn gather(&mut self, changes: impl IntoIterator<Item = Change>) -> Batch {
        let mut batch = Batch::default();
        for change in changes {
            self.add(&mut batch, change);
        }
        let newest = batch
            .messages
            .last_key_value()
            .map(|(sequence, _)| *sequence);
        let newest_state = batch.ack_states.keys().map(|(_, sequence)| *sequence).max();
        self.newest = self
            .newest
            .max(newest.max(newest_state).unwrap_or_default());
        batch
    }

    fn add(&mut self, batch: &mut Batch, change: Change) {
        match change {
            Change::Put { kind, name, value } => batch.resource(kind, name, Some(value)),
            Change::Delete { kind, name } => batch.resource(kind, name, None),
            Change::Message {
                sequence,
                topic,
                value,
            } => {
                batch.messages.insert(sequence, Some((topic, value)));
            }
            Change::ForgetMessage { sequence } => {
                batch.messages.remove(&sequence);
                if sequence <= self.newest {
                    batch.messages.insert(sequence, None);
                }
            }
            Change::AckState {
                subscription,
                sequence,
                state,
            } => {
                let number = self.number(batch, subscription);
                batch.ack_states.insert((number, sequence), Some(state));
            }
            Change::ForgetAckState {
                subscription,
                sequence,
            } => self.forget_ack_state(batch, &subscription, sequence),
            Change::ForgetAckStates { subscription } => self.forget_ack_states(batch, subscription),
        }
    }

    fn number(&mut self, batch: &mut Batch, subscription: String) -> u32 {
        if let Some(number) = self.numbers.get(&subscription) {
            return *number;
        }
        while self.taken.contains(&self.next_number) {
            self.next_number = self.next_number.wrapping_add(1);
        }
        let number = self.next_number;
        self.taken.insert(number);
        self.numbers.insert(subscription.clone(), number);
        batch.subscriptions.insert(subscription, Some(number));
        number
    }

    fn forget_ack_state(&self, batch: &mut Batch, subscription: &str, sequence: u64) {
        let Some(number) = self.numbers.get(subscription) else {
            return;
        };
        batch.ack_states.remove(&(*number, sequence));
        if sequence <= self.newest {
            batch.ack_states.insert((*number, sequence), None);
        }
    }

    fn forget_ack_states(&mut self, batch: &mut Batch, subscription: String) {
        let Some(number) = self.numbers.remove(&subscription) else {
            return;
        };
        // The next subscription may have this number. Its states are written after these are deleted.
        self.taken.remove(&number);
        batch.subscriptions.insert(subscription, None);
        batch.forgotten.push(number);
        batch.ack_states.retain(|(of, _), _| *of != number);
    }
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.resources.is_empty()
            && self.messages.is_empty()
            && self.subscriptions.is_empty()
            && self.forgotten.is_empty()
            && self.ack_states.is_empty()
    }

    fn resource(&mut self, kind: Kind, name: String, value: Option<Vec<u8>>) {
        self.resources.insert((kind.code(), name), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: u64) -> Change {
        Change::Message {
            sequence,
            topic: "orders".to_owned(),
            value: Vec::new(),
        }
    }

    fn ack_state(subscription: &str, sequence: u64) -> Change {
        Change::AckState {
            subscription: subscription.to_owned(),
            sequence,
            state: AckState::Acked,
        }
    }

    fn forget_ack_state(subscription: &str, sequence: u64) -> Change {
        Change::ForgetAckState {
            subscription: subscription.to_owned(),
            sequence,
        }
    }

    fn forget_ack_states(subscription: &str) -> Change {
        Change::ForgetAckStates {
            subscription: subscription.to_owned(),
        }
    }

    #[test]
    fn what_ends_in_the_batch_it_began_in_is_not_written() {
        let batch = Written::default().gather([
            message(7),
            ack_state("billing", 7),
            forget_ack_state("billing", 7),
            Change::ForgetMessage { sequence: 7 },
        ]);
        assert!(batch.messages.is_empty());
        assert!(batch.ack_states.is_empty());
    }

    #[test]
    fn what_is_in_the_file_is_taken_out_of_it() {
        let mut written = Written::default();
        written.gather([message(7), ack_state("billing", 7)]);
        let batch = written.gather([
            ack_state("billing", 7),
            forget_ack_state("billing", 7),
            Change::ForgetMessage { sequence: 7 },
        ]);
        assert_eq!(batch.messages, BTreeMap::from([(7, None)]));
        assert_eq!(batch.ack_states, BTreeMap::from([((0, 7), None)]));
    }

    #[test]
    fn a_number_serves_again_once_its_states_are_forgotten() {
        let mut written = Written::default();
        written.gather([ack_state("billing", 7), ack_state("orders", 7)]);
        let batch = written.gather([
            ack_state("billing", 8),
            forget_ack_states("billing"),
            ack_state("archive", 9),
        ]);
        assert_eq!(
            batch.ack_states,
            BTreeMap::from([((2, 9), Some(AckState::Acked))])
        );
        let batch = written.gather([forget_ack_states("archive"), ack_state("billing", 10)]);
        assert_eq!(batch.forgotten, [2]);
        assert_eq!(
            batch.ack_states,
            BTreeMap::from([((2, 10), Some(AckState::Acked))])
        );
    }

    #[test]
    fn forgetting_an_unknown_state_writes_nothing() {
        let batch = Written::default()
            .gather([forget_ack_state("billing", 7), forget_ack_states("billing")]);
        assert!(batch.ack_states.is_empty() && batch.subscriptions.is_empty());
    }
}
