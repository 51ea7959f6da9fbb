//! Ordering keys: of each key, one message is on its way, and the later ones wait for it.

use std::collections::{BTreeSet, HashMap};

use super::leases::give_back;
use super::{Backlog, Entry, Place};

/// The messages of one key.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// The one on its way; there is one, but while a lane is put in order.
    head: Option<u64>,
    /// Those behind it.
    waiting: BTreeSet<u64>,
}

impl Backlog {
    /// Whether this message must keep the order of its key.
    pub(super) fn is_ordered(&self, entry: &Entry) -> bool {
        self.ordered && !entry.message.ordering_key.is_empty()
    }

    /// Finds the place of a message that has just come in: behind others of its key, or on its way.
    pub(super) fn line_up(&mut self, sequence: u64) {
        let Some(entry) = self.unacked.get(&sequence) else {
            return;
        };
        if !self.is_ordered(entry) {
            self.make_ready(sequence);
            return;
        }
        let key = entry.message.ordering_key.clone();
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.waiting.insert(sequence);
            self.set_place(sequence, Place::Waiting);
        } else {
            let lane = Lane {
                head: Some(sequence),
                ..Lane::default()
            };
            self.lanes.insert(key, lane);
            self.make_ready(sequence);
        }
    }

    /// Puts the message of a key that was on its way back in line.
    pub(super) fn wait_again(&mut self, key: String, sequence: u64) {
        let lane = self.lanes.entry(key.clone()).or_default();
        lane.waiting.insert(sequence);
        self.follow(&key);
    }

    /// Makes room for the others of its key, now that a message is gone.
    pub(super) fn leave_line(&mut self, entry: &Entry) {
        let key = &entry.message.ordering_key;
        match self.lanes.get_mut(key) {
            _ if entry.place == Place::Held => {}
            Some(lane) if entry.place == Place::Waiting => {
                lane.waiting.remove(&entry.sequence());
            }
            _ => self.follow(key),
        }
    }

    /// Lets the next message of a key go, now that the one before it is settled.
    pub(super) fn follow(&mut self, key: &str) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        lane.head = lane.waiting.pop_first();
        match lane.head {
            Some(next) => self.make_ready(next),
            None => {
                self.lanes.remove(key);
                give_back(&mut self.lanes);
            }
        }
    }

    /// Delivers a message and all later ones of its key again, in order, even those acknowledged before (Google, *Order
    /// messages*). One that is being delivered goes on, and comes again in its turn.
    pub(super) fn rewind(&mut self, first: u64, key: &str) {
        let later = self.settled.of_key(first, key);
        for sequence in &later {
            self.bring_back(*sequence);
        }
        let lane = self.lanes.entry(key.to_owned()).or_default();
        lane.waiting.extend(later);
        if let Some(head) = lane.head
            && let Some(entry) = self.unacked.get_mut(&head)
        {
            if matches!(entry.place, Place::Out(_)) {
                entry.comes_again |= head >= first;
                return;
            }
            lane.waiting.insert(head);
            self.set_place(head, Place::Waiting);
        }
        self.follow(key);
    }

    /// Puts all keys in line anew, after messages were taken out and brought back.
    pub(super) fn rebuild_lanes(&mut self) {
        self.lanes.clear();
        if !self.ordered {
            return;
        }
        for (key, lane) in self.lines() {
            self.install(key, lane);
        }
    }

    /// The unacknowledged messages of each key, the one that is being delivered as its head.
    fn lines(&self) -> HashMap<String, Lane> {
        let mut lines: HashMap<String, Lane> = HashMap::new();
        for (sequence, entry) in &self.unacked {
            if !self.is_ordered(entry) || entry.place == Place::Held {
                continue;
            }
            let key = entry.message.ordering_key.clone();
            let lane = lines.entry(key).or_default();
            match entry.place {
                Place::Out(_) => lane.head = Some(*sequence),
                _ => drop(lane.waiting.insert(*sequence)),
            }
        }
        lines
    }

    fn install(&mut self, key: String, lane: Lane) {
        for sequence in &lane.waiting {
            self.set_place(*sequence, Place::Waiting);
        }
        let (head, first) = (lane.head, lane.waiting.first().copied());
        self.lanes.insert(key.clone(), lane);
        let Some(head) = head else {
            self.follow(&key);
            return;
        };
        // Whoever gets an earlier message again gets the later ones again, this one included.
        if first.is_some_and(|first| first < head)
            && let Some(entry) = self.unacked.get_mut(&head)
        {
            entry.comes_again = true;
        }
    }
}
