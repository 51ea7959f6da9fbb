//! The model: a list of messages with their states.

use super::operation::Declared;
use super::replayed::Snapshot;

pub(super) const ACK_DEADLINE: u64 = 10;
const ATTEMPTS: u32 = 5;
pub(super) const SHORT: u64 = 600;
pub(super) const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;
/// The default retention of subscriptions, and the lifetime of snapshots.
pub(super) const WEEK: u64 = 7 * DAY;
/// The retention of dead letters.
pub(super) const MONTH: u64 = 31 * DAY;
/// The machine's clock continues during a script, so the model does not predict a message that is just about to expire.
const SLACK: u64 = 60;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    Available,
    /// Leased, until this time.
    Leased(Vec<(usize, u64)>),
    Delayed(u64),
    Acked {
        is_retained: bool,
    },
    /// The subscription no longer has it.
    Gone,
}

/// The state of an ordered message among those of its key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Line {
    Waiting,
    InBatch,
    /// Acknowledged before an earlier one of its batch.
    Early,
}

#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// The ordering key; 0 for none.
    pub(super) key: u8,
    pub(super) published: u64,
    pub(super) failures: u32,
    pub(super) place: Place,
    pub(super) line: Line,
    /// The latest lease.
    pub(super) latest: Option<usize>,
    /// Requested deliveries besides its lease.
    pub(super) extra: u32,
    /// True if it is redelivered in its turn, whatever the result of its lease.
    pub(super) comes_again: bool,
    /// True if a snapshot keeps it.
    pub(super) kept_until: Option<u64>,
}

/// All messages of one topic in one subscription. Time is in seconds.
pub(super) struct Model {
    pub(super) declared: Declared,
    pub(super) messages: Vec<Expected>,
    pub(super) now: u64,
    /// Dead letters with their times.
    pub(super) dead_letters: Vec<(usize, u64)>,
    pub(super) snapshots: Vec<Snapshot>,
    /// The messages that another subscription of the topic has not acknowledged.
    pub(super) others: Vec<usize>,
    /// The expiration of the latest snapshot of a seek, and its number of messages.
    pub(super) sought: Option<(u64, usize)>,
    pub(super) has_topic: bool,
}

impl Model {
    pub(super) fn new(declared: Declared) -> Self {
        Self {
            declared,
            messages: Vec::new(),
            now: 0,
            dead_letters: Vec::new(),
            snapshots: Vec::new(),
            others: Vec::new(),
            sought: None,
            has_topic: true,
        }
    }

    pub(super) fn publish(&mut self, key: u8) {
        self.others.push(self.messages.len());
        self.messages.push(Expected {
            key,
            published: self.now,
            failures: 0,
            place: Place::Available,
            line: Line::Waiting,
            latest: None,
            extra: 0,
            comes_again: false,
            kept_until: None,
        });
    }

    /// Returns the deliveries that may start now, in a pull that has already taken some.
    pub(super) fn available(&self, taken: &[usize]) -> usize {
        let all = 0..self.messages.len();
        all.map(|index| self.available_of(index, taken)).sum()
    }

    pub(super) fn is_available(&self, index: usize, taken: &[usize]) -> bool {
        self.available_of(index, taken) > 0
    }

    fn available_of(&self, index: usize, taken: &[usize]) -> usize {
        let message = &self.messages[index];
        match message.place {
            Place::Available if self.is_ordered(index) => {
                usize::from(self.is_next_of_its_key(index, taken))
            }
            Place::Available => 1 + usize::try_from(message.extra).unwrap(),
            Place::Leased(_) => usize::try_from(message.extra).unwrap(),
            _ => 0,
        }
    }

    pub(super) fn is_ordered(&self, index: usize) -> bool {
        self.declared.is_ordered && self.messages[index].key != 0
    }

    /// Returns true if a pull may take messages of a key: it has already started the key, or no other client has.
    fn is_next_of_its_key(&self, index: usize, taken: &[usize]) -> bool {
        if self.messages[index].line == Line::InBatch {
            return true;
        }
        let mut earlier = self.of_key(index).take_while(|other| *other < index);
        let is_first = earlier.all(|other| self.messages[other].place != Place::Available);
        let last = self.batch(index).last();
        is_first && last.is_none_or(|last| taken.contains(&last))
    }

    /// Returns the messages with the key of this one, in order.
    fn of_key(&self, index: usize) -> impl Iterator<Item = usize> {
        let key = self.messages[index].key;
        let all = self.messages.iter().enumerate();
        all.filter(move |(_, each)| each.key == key)
            .map(|(index, _)| index)
    }

    /// Returns the messages of its key that are being delivered.
    fn batch(&self, index: usize) -> impl Iterator<Item = usize> {
        let of_key = self.of_key(index);
        of_key.filter(|other| self.messages[*other].line == Line::InBatch)
    }

    pub(super) fn hand_out(&mut self, index: usize, handing: usize) {
        let lease = (handing, self.now + ACK_DEADLINE);
        let message = &mut self.messages[index];
        message.latest = Some(handing);
        if let Place::Leased(leases) = &mut message.place {
            message.extra -= 1;
            leases.push(lease);
        } else {
            message.place = Place::Leased(vec![lease]);
        }
        if self.is_ordered(index) {
            self.messages[index].line = Line::InBatch;
        }
    }

    pub(super) fn ack(&mut self, index: usize, handing: usize) -> bool {
        let is_leased = self.end_lease(index, handing);
        let message = &mut self.messages[index];
        let is_late = !self.declared.is_strict && message.latest == Some(handing);
        if !message.is_unacked() || !(is_leased || is_late) {
            return false;
        }
        if message.comes_again {
            message.become_available();
        } else if message.extra > 0 && message.place == Place::Leased(Vec::new()) {
            message.extra -= 1;
            message.place = Place::Available;
        } else {
            let is_early = message.line == Line::InBatch;
            let is_early = is_early && self.batch(index).any(|other| other < index);
            self.done(index);
            if is_early {
                self.messages[index].line = Line::Early;
            }
        }
        self.forget_early(index);
        true
    }

    /// Returns true if there was this lease.
    fn end_lease(&mut self, index: usize, handing: usize) -> bool {
        let Place::Leased(leases) = &mut self.messages[index].place else {
            return false;
        };
        let before = leases.len();
        leases.retain(|(each, _)| *each != handing);
        leases.len() < before
    }

    pub(super) fn nack(&mut self, index: usize, handing: usize) -> bool {
        let is_leased = self.end_lease(index, handing);
        if is_leased {
            self.fail(index);
            self.forget_early(index);
        }
        is_leased
    }

    pub(super) fn extend(&mut self, index: usize, handing: usize) -> bool {
        let end = self.now + 60;
        let Place::Leased(leases) = &mut self.messages[index].place else {
            return false;
        };
        let lease = leases.iter_mut().find(|(each, _)| *each == handing);
        lease.map(|(_, until)| *until = end).is_some()
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        self.expire();
        let now = self.now;
        // A nacked message revokes the later leases of its key, so the last one fails first.
        for index in (0..self.messages.len()).rev() {
            while let Place::Leased(leases) = &self.messages[index].place
                && let Some((handing, _)) = leases.iter().find(|(_, until)| *until <= now)
            {
                self.nack(index, *handing);
            }
        }
        for message in &mut self.messages {
            if matches!(message.place, Place::Delayed(until) if until <= now) {
                message.place = Place::Available;
            }
        }
    }

    /// Returns true if a message is about to expire.
    pub(super) fn is_at_an_edge(&self) -> bool {
        let ages = [SHORT, HOUR, WEEK - HOUR, WEEK];
        let published = self.messages.iter().map(|each| each.published);
        let ends = published.flat_map(|time| ages.map(|age| time + age));
        let letters = self.dead_letters.iter().map(|(_, time)| time + MONTH);
        let snapshots = self.snapshots.iter().map(|each| each.end);
        let mut ends = ends.chain(letters).chain(snapshots);
        ends.any(|end| end.abs_diff(self.now) < SLACK)
    }

    fn retention(&self) -> u64 {
        let own = if self.declared.is_short { SHORT } else { WEEK };
        own.max(self.topic_retention())
    }

    pub(super) fn topic_retention(&self) -> u64 {
        if self.declared.topic_retains && self.has_topic {
            HOUR
        } else {
            0
        }
    }

    fn expire(&mut self) {
        let (now, retention, topic) = (self.now, self.retention(), self.topic_retention());
        for message in &mut self.messages {
            let is_kept = message.kept_until.is_some_and(|until| now < until);
            let is_kept = is_kept && message.place != Place::Acked { is_retained: true };
            if now - message.published > retention && !is_kept {
                message.place = Place::Gone;
                message.line = Line::Waiting;
            }
        }
        (0..self.messages.len()).for_each(|index| self.forget_early(index));
        self.dead_letters.retain(|(_, time)| now - time <= MONTH);
        let messages = &self.messages;
        let retention = topic.max(WEEK);
        self.others
            .retain(|index| now - messages[*index].published <= retention);
    }

    fn fail(&mut self, index: usize) {
        let message = &mut self.messages[index];
        message.failures += 1;
        // Other deliveries of it are under way.
        if message.place != Place::Leased(Vec::new()) {
            return;
        }
        message.extra = 0;
        if self.declared.has_dead_letters && message.failures >= ATTEMPTS {
            self.dead_letters.push((index, self.now));
            self.done(index);
            return;
        }
        if message.comes_again {
            message.become_available();
        } else if self.declared.has_backoff {
            let wait = (10 * 2_u64.pow(message.failures - 1)).min(600);
            message.place = Place::Delayed(self.now + wait);
        } else {
            message.place = Place::Available;
        }
        if self.is_ordered(index) {
            self.take_back_behind(index);
        }
    }

    /// Messages behind a failed one are redelivered after it, even if they were acknowledged.
    fn take_back_behind(&mut self, failed: usize) {
        let behind: Vec<usize> = self
            .of_key(failed)
            .filter(|other| *other > failed)
            .collect();
        for index in behind {
            let is_strict = self.declared.is_strict;
            let message = &mut self.messages[index];
            let comes_back = match message.line {
                Line::InBatch => true,
                Line::Early => !is_strict && message.place != Place::Gone,
                Line::Waiting => false,
            };
            message.line = Line::Waiting;
            if comes_back {
                message.latest = None;
                message.become_available();
            }
        }
    }

    /// Early acknowledgements become final once all messages before them are settled.
    pub(super) fn forget_early(&mut self, index: usize) {
        let first = self.batch(index).next();
        let of_key: Vec<usize> = self.of_key(index).collect();
        for index in of_key {
            let message = &mut self.messages[index];
            if message.line == Line::Early && first.is_none_or(|first| first > index) {
                message.line = Line::Waiting;
            }
        }
    }

    pub(super) fn done(&mut self, index: usize) {
        let is_retained = self.declared.retains_acked;
        let message = &mut self.messages[index];
        message.become_available();
        message.place = Place::Acked { is_retained };
    }

    pub(super) fn unacked(&self) -> Vec<usize> {
        let all = 0..self.messages.len();
        all.filter(|index| self.messages[*index].is_unacked())
            .collect()
    }
}

impl Expected {
    pub(super) fn is_unacked(&self) -> bool {
        !matches!(self.place, Place::Acked { .. } | Place::Gone)
    }

    /// Ends the last lease of a message. A requested redelivery replaces it.
    pub(super) fn become_available(&mut self) {
        self.place = Place::Available;
        self.line = Line::Waiting;
        self.comes_again = false;
        self.extra = 0;
    }
}
