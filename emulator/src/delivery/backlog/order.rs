//! Ordering keys: of each key, one batch is on its way, and the later messages wait for it.
//!
//! A batch is what one pull takes, and a push takes one message (Google, *Order messages*). Whatever is left of a batch behind a
//! message that failed is taken back, and comes again after it.

use std::collections::{BTreeSet, HashMap};

use super::leases::give_back;
use super::{Backlog, Entry, Place};

/// The messages of one key.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Those on their way; there is at least one, but while a lane is put in order.
    batch: BTreeSet<u64>,
    /// Those behind them.
    waiting: BTreeSet<u64>,
    /// Those of the batch that were acknowledged before an earlier one of it.
    early: BTreeSet<u64>,
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
                batch: BTreeSet::from([sequence]),
                ..Lane::default()
            };
            self.lanes.insert(key, lane);
            self.make_ready(sequence);
        }
    }

    /// Lets the message behind one that was just taken join its batch, to be taken next. It is returned, so that it can be sent
    /// back if nobody takes it.
    pub(in crate::delivery) fn join_next(&mut self, taken: u64) -> Option<u64> {
        let entry = self.unacked.get(&taken)?;
        if !self.is_ordered(entry) {
            return None;
        }
        let lane = self.lanes.get_mut(&entry.message.ordering_key)?;
        // Behind it may be one of the batch that is out already, or waits for its time: nobody passes that one.
        if lane.batch.last() != Some(&taken) {
            return None;
        }
        let next = lane.waiting.pop_first()?;
        lane.batch.insert(next);
        self.set_place(next, Place::Ready);
        self.ready.push_front(next);
        Some(next)
    }

    /// Sends back in line what joined a batch and was not taken.
    pub(in crate::delivery) fn leave_batch(&mut self, joined: u64) {
        let Some(entry) = self.unacked.get(&joined) else {
            return;
        };
        if entry.place != Place::Ready {
            return;
        }
        if self.ready.front() == Some(&joined) {
            self.ready.pop_front();
        }
        let key = entry.message.ordering_key.clone();
        self.set_place(joined, Place::Waiting);
        self.wait_again(&key, joined);
    }

    /// Takes back what is on its way behind a message that failed: it comes again in its turn, and whoever has it in hand can
    /// do no more to it. So does what was acknowledged meanwhile, unless that `stays` (Google, *Order messages*).
    pub(in crate::delivery) fn take_back_behind(&mut self, failed: u64, acked_stays: bool) {
        let Some(entry) = self.unacked.get(&failed) else {
            return;
        };
        if !self.is_ordered(entry) {
            return;
        }
        let Some(lane) = self.lanes.get_mut(&entry.message.ordering_key) else {
            return;
        };
        // One that nobody holds is about to be dead-lettered, or failed itself and finds its place later.
        let unacked = &self.unacked;
        let (behind, leaving): (BTreeSet<u64>, BTreeSet<u64>) = lane
            .batch
            .split_off(&(failed + 1))
            .into_iter()
            .partition(|sequence| {
                let entry = unacked.get(sequence);
                entry.is_some_and(|entry| entry.place != Place::Out(0))
            });
        lane.batch.extend(leaving);
        let mut early = lane.early.split_off(&(failed + 1));
        early.retain(|sequence| !acked_stays && self.settled.get(*sequence).is_some());
        lane.waiting.extend(behind.iter().chain(&early));
        for sequence in early {
            self.bring_back(sequence);
        }
        for sequence in behind {
            self.take_back(sequence);
        }
    }

    fn take_back(&mut self, sequence: u64) {
        self.leases.end_all(sequence);
        self.set_place(sequence, Place::Waiting);
        if let Some(entry) = self.unacked.get_mut(&sequence) {
            entry.lease = 0;
            entry.extra = 0;
            entry.comes_again = false;
        }
    }

    /// Whether a message of the batch must not come before an earlier one of it, which waits.
    pub(super) fn is_behind_failed(&self, entry: &Entry) -> bool {
        let lane = self.lanes.get(&entry.message.ordering_key);
        let earlier = lane.map(|lane| lane.batch.range(..entry.sequence()));
        earlier.into_iter().flatten().any(|sequence| {
            let earlier = self.unacked.get(sequence);
            earlier.is_some_and(|earlier| !matches!(earlier.place, Place::Out(1..)))
        })
    }

    /// Notes that a message is acknowledged, before it leaves its line.
    pub(super) fn note_early(&mut self, sequence: u64) {
        if let Some(entry) = self.unacked.get(&sequence)
            && let Some(lane) = self.lanes.get_mut(&entry.message.ordering_key)
            && lane.batch.contains(&sequence)
            && lane.batch.first() != Some(&sequence)
        {
            lane.early.insert(sequence);
        }
    }

    /// Puts a message of a key that was on its way back in line.
    pub(super) fn wait_again(&mut self, key: &str, sequence: u64) {
        let lane = self.lanes.entry(key.to_owned()).or_default();
        lane.batch.remove(&sequence);
        lane.waiting.insert(sequence);
        self.follow(key);
    }

    /// Makes room for the others of its key, now that a message is gone.
    pub(super) fn leave_line(&mut self, entry: &Entry) {
        let key = &entry.message.ordering_key;
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        let sequence = entry.sequence();
        lane.waiting.remove(&sequence);
        lane.batch.remove(&sequence);
        self.follow(key);
    }

    /// Lets the next message of a key go if those before it are settled.
    pub(super) fn follow(&mut self, key: &str) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        if let Some(first) = lane.batch.first() {
            lane.early = lane.early.split_off(first);
            return;
        }
        lane.early.clear();
        match lane.waiting.pop_first() {
            Some(next) => {
                lane.batch.insert(next);
                self.make_ready(next);
            }
            None => {
                self.lanes.remove(key);
                give_back(&mut self.lanes);
            }
        }
    }

    /// Delivers a message and all later ones of its key again, in order, even those acknowledged before (Google, *Order
    /// messages*). What is being delivered goes on, and comes again in its turn.
    pub(super) fn rewind(&mut self, first: u64, key: &str) {
        let later = self.settled.of_key(first, key);
        for sequence in &later {
            self.bring_back(*sequence);
        }
        let lane = self.lanes.entry(key.to_owned()).or_default();
        lane.waiting.extend(later);
        lane.early.split_off(&first);
        let (out, not_out): (BTreeSet<u64>, BTreeSet<u64>) = std::mem::take(&mut lane.batch)
            .into_iter()
            .partition(|sequence| {
                let entry = self.unacked.get(sequence);
                entry.is_some_and(|entry| matches!(entry.place, Place::Out(_)))
            });
        lane.waiting.extend(&not_out);
        for sequence in out.range(first..) {
            if let Some(entry) = self.unacked.get_mut(sequence) {
                entry.comes_again = true;
            }
        }
        lane.batch = out;
        for sequence in not_out {
            self.set_place(sequence, Place::Waiting);
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

    /// The unacknowledged messages of each key, those that are being delivered as its batch.
    fn lines(&self) -> HashMap<String, Lane> {
        let mut lines: HashMap<String, Lane> = HashMap::new();
        for (sequence, entry) in &self.unacked {
            if !self.is_ordered(entry) || entry.place == Place::Held {
                continue;
            }
            let key = entry.message.ordering_key.clone();
            let lane = lines.entry(key).or_default();
            match entry.place {
                Place::Out(_) => lane.batch.insert(*sequence),
                _ => lane.waiting.insert(*sequence),
            };
        }
        lines
    }

    fn install(&mut self, key: String, lane: Lane) {
        for sequence in &lane.waiting {
            self.set_place(*sequence, Place::Waiting);
        }
        // Whoever gets an earlier message again gets the later ones again, those in hand included.
        if let Some(first) = lane.waiting.first() {
            for sequence in lane.batch.range(first..) {
                if let Some(entry) = self.unacked.get_mut(sequence) {
                    entry.comes_again = true;
                }
            }
        }
        self.lanes.insert(key.clone(), lane);
        self.follow(&key);
    }
}
