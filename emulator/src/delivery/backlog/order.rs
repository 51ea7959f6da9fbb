//! Ordering keys: of each key, one message is on its way, and the later ones wait for it.

use std::collections::{BTreeSet, HashMap};

use super::{Backlog, Entry, Place};

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
            lane.insert(sequence);
            self.set_place(sequence, Place::Waiting);
        } else {
            self.lanes.insert(key, BTreeSet::new());
            self.make_ready(sequence);
        }
    }

    /// Makes room for the others of its key, now that a message is gone.
    pub(super) fn leave_line(&mut self, entry: &Entry) {
        let key = &entry.message.ordering_key;
        match self.lanes.get_mut(key) {
            Some(lane) if entry.place == Place::Waiting => drop(lane.remove(&entry.sequence())),
            _ => self.follow(key),
        }
    }

    /// Lets the next message of a key go, now that the one before it is settled.
    pub(super) fn follow(&mut self, key: &str) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        match lane.pop_first() {
            Some(next) => self.make_ready(next),
            None => drop(self.lanes.remove(key)),
        }
    }

    /// Delivers a message and all later ones of its key again, in order, even those acknowledged before (Google, *Order
    /// messages*). One that is being delivered goes on, and comes again in its turn.
    pub(super) fn rewind(&mut self, first: u64, key: &str) {
        let later = self.settled.from(first);
        let later = later.filter(|message| message.ordering_key == key);
        let sequences: Vec<u64> = later.map(|message| message.sequence).collect();
        for sequence in sequences {
            self.bring_back(sequence);
        }
        let out = self.unacked.range_mut(first..);
        for (_, entry) in out.filter(|(_, entry)| entry.message.ordering_key == key) {
            entry.comes_again = matches!(entry.place, Place::Out(_));
        }
        self.rebuild_lane(key);
    }

    /// Puts the messages of a key in line anew: behind the one that is being delivered, if there is one.
    fn rebuild_lane(&mut self, key: &str) {
        let lanes = self.lines(|other| other == key);
        self.install(lanes);
    }

    /// Puts all keys in line anew, after messages were taken out and brought back.
    pub(super) fn rebuild_lanes(&mut self) {
        self.lanes.clear();
        if self.ordered {
            let lanes = self.lines(|key| !key.is_empty());
            self.install(lanes);
        }
    }

    /// The unacknowledged messages of these keys that are not being delivered, and the one of the key that is.
    fn lines(
        &self,
        is_one: impl Fn(&str) -> bool,
    ) -> HashMap<String, (BTreeSet<u64>, Option<u64>)> {
        let mut lines: HashMap<String, (BTreeSet<u64>, Option<u64>)> = HashMap::new();
        for (sequence, entry) in &self.unacked {
            let key = &entry.message.ordering_key;
            if !is_one(key) {
                continue;
            }
            let (lane, underway) = lines.entry(key.clone()).or_default();
            match entry.place {
                Place::Out(_) => *underway = Some(*sequence),
                _ => drop(lane.insert(*sequence)),
            }
        }
        lines
    }

    fn install(&mut self, lanes: HashMap<String, (BTreeSet<u64>, Option<u64>)>) {
        for (key, (lane, underway)) in lanes {
            for sequence in &lane {
                self.set_place(*sequence, Place::Waiting);
            }
            let first = lane.first().copied();
            self.lanes.insert(key.clone(), lane);
            let Some(underway) = underway else {
                self.follow(&key);
                continue;
            };
            // Whoever gets an earlier message again gets the later ones again, this one included.
            if first.is_some_and(|first| first < underway)
                && let Some(entry) = self.unacked.get_mut(&underway)
            {
                entry.comes_again = true;
            }
        }
    }
}
