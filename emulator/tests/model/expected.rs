//! The model: a list of messages, and where each of them is.

use super::operation::Declared;

const ACK_DEADLINE: u64 = 10;
const ATTEMPTS: u32 = 5;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    Available,
    Leased { until: u64, comes_again: bool },
    Delayed { until: u64 },
    Acked { is_retained: bool },
}

/// Where an ordered message is among those of its key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Line {
    Waiting,
    InBatch,
    /// Acknowledged before an earlier one of its batch.
    Early,
}

#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// 0 for none.
    pub(super) key: u8,
    pub(super) failures: u32,
    pub(super) place: Place,
    line: Line,
    /// The latest handing out.
    pub(super) latest: Option<usize>,
}

/// All messages of one topic, as one subscription has them. Time is in seconds.
pub(super) struct Model {
    pub(super) declared: Declared,
    pub(super) messages: Vec<Expected>,
    pub(super) now: u64,
    pub(super) dead_letters: Vec<usize>,
    /// The unacknowledged of each snapshot, and how many messages there were.
    snapshots: Vec<(Vec<usize>, usize)>,
}

impl Model {
    pub(super) fn new(declared: Declared) -> Self {
        Self {
            declared,
            messages: Vec::new(),
            now: 0,
            dead_letters: Vec::new(),
            snapshots: Vec::new(),
        }
    }

    pub(super) fn publish(&mut self, key: u8) {
        self.messages.push(Expected {
            key,
            failures: 0,
            place: Place::Available,
            line: Line::Waiting,
            latest: None,
        });
    }

    /// The messages that may be handed out next by a pull that has already taken some.
    pub(super) fn available(&self, taken: &[usize]) -> Vec<usize> {
        let all = 0..self.messages.len();
        all.filter(|index| self.is_available(*index, taken))
            .collect()
    }

    fn is_available(&self, index: usize, taken: &[usize]) -> bool {
        if self.messages[index].place != Place::Available {
            return false;
        }
        if !self.is_ordered(index) || self.messages[index].line == Line::InBatch {
            return true;
        }
        let is_next = self.of_key(index).take_while(|other| *other < index);
        let is_next = is_next
            .into_iter()
            .all(|other| self.messages[other].place != Place::Available);
        let last = self.batch(index).last();
        is_next && last.is_none_or(|last| taken.contains(&last))
    }

    fn is_ordered(&self, index: usize) -> bool {
        self.declared.is_ordered && self.messages[index].key != 0
    }

    /// The messages with the key of this one, in order.
    fn of_key(&self, index: usize) -> impl Iterator<Item = usize> {
        let key = self.messages[index].key;
        let all = self.messages.iter().enumerate();
        all.filter(move |(_, each)| each.key == key)
            .map(|(index, _)| index)
    }

    /// Those of its key that are on their way.
    fn batch(&self, index: usize) -> impl Iterator<Item = usize> {
        let of_key = self.of_key(index);
        of_key.filter(|other| self.messages[*other].line == Line::InBatch)
    }

    pub(super) fn hand_out(&mut self, index: usize, handing: usize) {
        let until = self.now + ACK_DEADLINE;
        let message = &mut self.messages[index];
        message.place = Place::Leased {
            until,
            comes_again: false,
        };
        message.latest = Some(handing);
        if self.is_ordered(index) {
            self.messages[index].line = Line::InBatch;
        }
    }

    fn is_leased(&self, index: usize, handing: usize) -> bool {
        let message = &self.messages[index];
        message.latest == Some(handing) && matches!(message.place, Place::Leased { .. })
    }

    pub(super) fn ack(&mut self, index: usize, handing: usize) -> bool {
        let is_leased = self.is_leased(index, handing);
        let message = &mut self.messages[index];
        let is_unacked = !matches!(message.place, Place::Acked { .. });
        let is_late = !self.declared.is_strict && message.latest == Some(handing);
        if !is_unacked || !(is_leased || is_late) {
            return false;
        }
        if let Place::Leased {
            comes_again: true, ..
        } = message.place
        {
            message.place = Place::Available;
            message.line = Line::Waiting;
        } else {
            let is_early = self.messages[index].line == Line::InBatch
                && self.batch(index).any(|other| other < index);
            self.done(index);
            if is_early {
                self.messages[index].line = Line::Early;
            }
        }
        self.forget_early(index);
        true
    }

    pub(super) fn nack(&mut self, index: usize, handing: usize) -> bool {
        if !self.is_leased(index, handing) {
            return false;
        }
        self.fail(index);
        self.forget_early(index);
        true
    }

    pub(super) fn extend(&mut self, index: usize, handing: usize) -> bool {
        let end = self.now + 60;
        let is_leased = self.is_leased(index, handing);
        if let Place::Leased { until, .. } = &mut self.messages[index].place
            && is_leased
        {
            *until = end;
        }
        is_leased
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        let letters = self.dead_letters.len();
        // Of a key, a message takes those behind it back with it; the last one fails first.
        for index in (0..self.messages.len()).rev() {
            if let Place::Leased { until, .. } = self.messages[index].place
                && until <= self.now
            {
                self.fail(index);
            }
        }
        self.dead_letters[letters..].reverse();
        for index in 0..self.messages.len() {
            self.forget_early(index);
        }
        for message in &mut self.messages {
            if let Place::Delayed { until } = message.place
                && until <= self.now
            {
                message.place = Place::Available;
            }
        }
    }

    fn fail(&mut self, index: usize) {
        let message = &mut self.messages[index];
        message.failures += 1;
        if self.declared.has_dead_letters && message.failures >= ATTEMPTS {
            self.dead_letters.push(index);
            self.done(index);
            return;
        }
        let comes_again = matches!(
            message.place,
            Place::Leased {
                comes_again: true,
                ..
            }
        );
        if comes_again {
            message.line = Line::Waiting;
        }
        message.place = if self.declared.has_backoff && !comes_again {
            let wait = (10 * 2_u64.pow(message.failures - 1)).min(600);
            Place::Delayed {
                until: self.now + wait,
            }
        } else {
            Place::Available
        };
        self.take_back_behind(index);
    }

    /// What is behind a failed message comes again after it, even what was acknowledged out of turn.
    fn take_back_behind(&mut self, failed: usize) {
        if !self.is_ordered(failed) {
            return;
        }
        let behind: Vec<usize> = self
            .of_key(failed)
            .filter(|other| *other > failed)
            .collect();
        for index in behind {
            let message = &mut self.messages[index];
            match message.line {
                Line::InBatch => message.latest = None,
                Line::Early if self.declared.is_strict => {
                    message.line = Line::Waiting;
                    continue;
                }
                Line::Early => message.latest = None,
                Line::Waiting => continue,
            }
            message.line = Line::Waiting;
            message.place = Place::Available;
        }
    }

    /// What was acknowledged out of turn stays so once everything before it is settled.
    fn forget_early(&mut self, index: usize) {
        let first = self.batch(index).next();
        let of_key: Vec<usize> = self.of_key(index).collect();
        for index in of_key {
            let message = &mut self.messages[index];
            if message.line == Line::Early && first.is_none_or(|first| first > index) {
                message.line = Line::Waiting;
            }
        }
    }

    fn done(&mut self, index: usize) {
        self.messages[index].line = Line::Waiting;
        self.messages[index].place = Place::Acked {
            is_retained: self.declared.retains_acked,
        };
    }

    pub(super) fn seek(&mut self, from: usize) {
        let retained = |message: &Expected| message.place == Place::Acked { is_retained: true };
        let reach: Vec<bool> = self.messages.iter().map(retained).collect();
        self.replay(|index| index >= from, |index| reach[index]);
    }

    pub(super) fn snapshot(&mut self) {
        let unacked = self.unacked();
        self.snapshots.push((unacked, self.messages.len()));
    }

    pub(super) fn snapshots(&self) -> usize {
        self.snapshots.len()
    }

    pub(super) fn seek_snapshot(&mut self, place: usize) {
        let (unacked, since) = self.snapshots[place].clone();
        let wanted = |index: usize| index >= since || unacked.contains(&index);
        self.replay(wanted, |_| true);
    }

    fn replay(&mut self, wanted: impl Fn(usize) -> bool, in_reach: impl Fn(usize) -> bool) {
        for index in 0..self.messages.len() {
            let is_acked = matches!(self.messages[index].place, Place::Acked { .. });
            if !is_acked && !wanted(index) {
                self.done(index);
            } else if is_acked && wanted(index) && in_reach(index) {
                self.messages[index].failures = 0;
                self.messages[index].place = Place::Available;
                self.messages[index].latest = None;
            }
        }
        if self.declared.is_ordered {
            self.line_up();
        }
    }

    /// After a replay the keys begin anew: nobody waits, and a later message that is out comes again.
    fn line_up(&mut self) {
        for index in 0..self.messages.len() {
            let key = self.messages[index].key;
            if key == 0 {
                continue;
            }
            if !matches!(self.messages[index].place, Place::Leased { .. }) {
                self.messages[index].line = Line::Waiting;
            }
            if let Place::Delayed { .. } = self.messages[index].place {
                self.messages[index].place = Place::Available;
            }
            let earlier = self.messages.iter().take(index);
            let mut earlier = earlier.filter(|each| each.key == key);
            let is_behind = earlier.any(|each| each.place == Place::Available);
            if let Place::Leased { comes_again, .. } = &mut self.messages[index].place
                && is_behind
            {
                *comes_again = true;
            }
        }
    }

    /// Only for messages without an order. Says whether the subscription still knows the message.
    pub(super) fn again(&mut self, index: usize) {
        let message = &mut self.messages[index];
        match message.place {
            Place::Delayed { .. } => message.place = Place::Available,
            Place::Acked { .. } => {
                message.place = Place::Available;
                message.latest = None;
            }
            _ => {}
        }
    }

    pub(super) fn can_come_again(&self, index: usize) -> bool {
        !self.is_ordered(index) && !matches!(self.messages[index].place, Place::Leased { .. })
    }

    pub(super) fn unacked(&self) -> Vec<usize> {
        let all = 0..self.messages.len();
        all.filter(|index| !matches!(self.messages[*index].place, Place::Acked { .. }))
            .collect()
    }
}
