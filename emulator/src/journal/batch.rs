//! Merges many changes into few writes.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::change::{Change, Held, Kind};

/// The writer's knowledge of the file, so that it need not read it.
#[derive(Default)]
pub(super) struct Written {
    /// The numbers of subscriptions. A hold is written for each message, and should not repeat a long name.
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
    /// Subscriptions whose earlier holds are deleted before `holds` are written.
    pub(super) released: Vec<u32>,
    pub(super) holds: BTreeMap<(u32, u64), Option<Held>>,
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
        let held = batch.holds.keys().map(|(_, sequence)| *sequence).max();
        self.newest = self.newest.max(newest.max(held).unwrap_or_default());
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
            Change::Hold {
                subscription,
                sequence,
                state,
            } => {
                let number = self.number(batch, subscription);
                batch.holds.insert((number, sequence), Some(state));
            }
            Change::Release {
                subscription,
                sequence,
            } => self.release(batch, &subscription, sequence),
            Change::ReleaseAll { subscription } => self.release_all(batch, subscription),
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

    fn release(&self, batch: &mut Batch, subscription: &str, sequence: u64) {
        let Some(number) = self.numbers.get(subscription) else {
            return;
        };
        batch.holds.remove(&(*number, sequence));
        if sequence <= self.newest {
            batch.holds.insert((*number, sequence), None);
        }
    }

    fn release_all(&mut self, batch: &mut Batch, subscription: String) {
        let Some(number) = self.numbers.remove(&subscription) else {
            return;
        };
        // The next subscription may have this number. Its holds are written after these are deleted.
        self.taken.remove(&number);
        batch.subscriptions.insert(subscription, None);
        batch.released.push(number);
        batch.holds.retain(|(holder, _), _| *holder != number);
    }
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.resources.is_empty()
            && self.messages.is_empty()
            && self.subscriptions.is_empty()
            && self.released.is_empty()
            && self.holds.is_empty()
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

    fn hold(subscription: &str, sequence: u64) -> Change {
        Change::Hold {
            subscription: subscription.to_owned(),
            sequence,
            state: Held::Acked,
        }
    }

    fn release(subscription: &str, sequence: u64) -> Change {
        Change::Release {
            subscription: subscription.to_owned(),
            sequence,
        }
    }

    fn release_all(subscription: &str) -> Change {
        Change::ReleaseAll {
            subscription: subscription.to_owned(),
        }
    }

    #[test]
    fn what_ends_in_the_batch_it_began_in_is_not_written() {
        let batch = Written::default().gather([
            message(7),
            hold("billing", 7),
            release("billing", 7),
            Change::ForgetMessage { sequence: 7 },
        ]);
        assert!(batch.messages.is_empty());
        assert!(batch.holds.is_empty());
    }

    #[test]
    fn what_is_in_the_file_is_taken_out_of_it() {
        let mut written = Written::default();
        written.gather([message(7), hold("billing", 7)]);
        let batch = written.gather([
            hold("billing", 7),
            release("billing", 7),
            Change::ForgetMessage { sequence: 7 },
        ]);
        assert_eq!(batch.messages, BTreeMap::from([(7, None)]));
        assert_eq!(batch.holds, BTreeMap::from([((0, 7), None)]));
    }

    #[test]
    fn a_number_serves_again_once_its_holds_are_released() {
        let mut written = Written::default();
        written.gather([hold("billing", 7), hold("orders", 7)]);
        let batch = written.gather([
            hold("billing", 8),
            release_all("billing"),
            hold("archive", 9),
        ]);
        assert_eq!(batch.holds, BTreeMap::from([((2, 9), Some(Held::Acked))]));
        let batch = written.gather([release_all("archive"), hold("billing", 10)]);
        assert_eq!(batch.released, [2]);
        assert_eq!(batch.holds, BTreeMap::from([((2, 10), Some(Held::Acked))]));
    }

    #[test]
    fn releasing_what_nobody_holds_writes_nothing() {
        let batch = Written::default().gather([release("billing", 7), release_all("billing")]);
        assert!(batch.holds.is_empty() && batch.subscriptions.is_empty());
    }
}
