//! The model of seeks, snapshots, redeliveries and restarts.

use super::expected::{Expected, HOUR, Line, Model, Place, WEEK};

/// The messages that were unacknowledged then, and the number of all messages.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    unacked: Vec<usize>,
    since: usize,
    pub(super) end: u64,
}

impl Model {
    pub(super) fn seek(&mut self, from: usize) {
        let (now, topic) = (self.now, self.topic_retention());
        let in_reach = |message: &Expected| {
            let is_retained = message.place == Place::Acked { is_retained: true };
            is_retained || (topic > 0 && now - message.published <= topic)
        };
        let reach: Vec<bool> = self.messages.iter().map(in_reach).collect();
        self.replay(|index| index >= from, |index| reach[index]);
    }

    /// Returns true if the snapshot would exist for an hour.
    pub(super) fn snapshot(&mut self, unacked: Vec<usize>) -> bool {
        let oldest = unacked.first().map(|index| self.messages[*index].published);
        let end = oldest.unwrap_or(self.now) + WEEK;
        if end < self.now + HOUR {
            return false;
        }
        self.snapshots.push(Snapshot {
            unacked,
            since: self.messages.len(),
            end,
        });
        true
    }

    pub(super) fn snapshots(&self) -> usize {
        self.snapshots.len()
    }

    /// Returns true if the snapshot still exists.
    pub(super) fn seek_snapshot(&mut self, place: usize) -> bool {
        let snapshot = self.snapshots[place].clone();
        if snapshot.end <= self.now {
            return false;
        }
        let wanted = |index: usize| index >= snapshot.since || snapshot.unacked.contains(&index);
        self.replay(wanted, |_| true);
        for index in self.unacked() {
            let message = &mut self.messages[index];
            message.kept_until = message.kept_until.max(Some(snapshot.end));
        }
        self.sought = Some((snapshot.end, self.messages.len()));
        true
    }

    fn replay(&mut self, wanted: impl Fn(usize) -> bool, in_reach: impl Fn(usize) -> bool) {
        for index in 0..self.messages.len() {
            let is_unacked = self.messages[index].is_unacked();
            if is_unacked && !wanted(index) {
                self.done(index);
            } else if !is_unacked && wanted(index) && in_reach(index) {
                let message = &mut self.messages[index];
                message.failures = 0;
                message.latest = None;
                message.kept_until = None;
                message.become_available();
            }
            let message = &mut self.messages[index];
            if let Place::Leased(_) = message.place {
                message.become_available();
            }
            message.latest = message.latest.filter(|_| !message.is_unacked());
        }
        if self.declared.is_ordered {
            self.line_up();
        }
    }

    /// Resets the keys after a replay: no message waits.
    fn line_up(&mut self) {
        for message in self.messages.iter_mut().filter(|each| each.key != 0) {
            if let Place::Delayed(_) = message.place {
                message.place = Place::Available;
            }
            message.line = Line::Waiting;
        }
    }

    /// Returns true if the subscription still has the message.
    pub(super) fn again(&mut self, index: usize) -> bool {
        let is_ordered = self.is_ordered(index);
        let message = &mut self.messages[index];
        match message.place {
            Place::Gone => return false,
            Place::Available => {}
            Place::Delayed(_) => message.place = Place::Available,
            Place::Leased(_) | Place::Acked { .. } if is_ordered => self.rewind(index),
            Place::Leased(_) => message.extra += 1,
            Place::Acked { .. } => {
                message.latest = None;
                message.become_available();
            }
        }
        true
    }

    /// Redelivers the later messages of a key after this one, including acknowledged ones.
    fn rewind(&mut self, first: usize) {
        let key = self.messages[first].key;
        for (index, message) in self.messages.iter_mut().enumerate() {
            if message.key != key {
                continue;
            }
            match message.place {
                Place::Acked { .. } if index >= first => {
                    message.latest = None;
                    message.become_available();
                }
                Place::Leased(_) => message.comes_again |= index >= first,
                Place::Delayed(_) | Place::Available => {
                    message.place = Place::Available;
                    message.line = Line::Waiting;
                }
                _ => {}
            }
        }
        self.forget_early(first);
    }

    /// Drops state that exists in memory only.
    pub(super) fn restart(&mut self) {
        for (index, message) in self.messages.iter_mut().enumerate() {
            message.latest = None;
            message.line = Line::Waiting;
            message.kept_until = None;
            if message.is_unacked() {
                message.become_available();
                let sought = self.sought.filter(|(_, before)| index < *before);
                message.kept_until = sought.map(|(until, _)| until);
            } else {
                // The number of failures is saved for unsettled messages.
                message.failures = 0;
                if message.place == (Place::Acked { is_retained: false }) {
                    message.place = Place::Gone;
                }
            }
        }
    }
}
