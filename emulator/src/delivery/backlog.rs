//! What a subscription still has to deliver, and in which order.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use crate::storage::StoredMessage;

const MAX_MESSAGES: usize = 1_000_000;
const MAX_BYTES: usize = 512 * 1024 * 1024;
/// Settled messages that can be asked for again.
const MAX_SETTLED_MESSAGES: usize = 10_000;
const MAX_SETTLED_BYTES: usize = 64 * 1024 * 1024;

/// Delayed messages among which the oldest is searched for.
const MAX_LOOKED_THROUGH: usize = 10_000;

/// A message on its way: one delivery of it, with what happened to the pushes so far.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) message: Arc<StoredMessage>,
    /// Nacks and expired deadlines.
    pub(super) failures: u32,
}

impl Pending {
    fn sequence(&self) -> u64 {
        self.message.sequence
    }
}

/// The unsettled messages of one subscription. Each is in exactly one place: ready, delayed, outstanding, or, when messages
/// are ordered, in the lane of its key behind the one message of that key that is in the other three.
#[derive(Default)]
pub(super) struct Backlog {
    ordered: bool,
    ready: VecDeque<Pending>,
    delayed: BTreeMap<(Instant, u64), Pending>,
    outstanding: BTreeMap<u64, Pending>,
    lanes: HashMap<String, VecDeque<Pending>>,
    /// By sequence, with the number under which each was settled.
    settled: BTreeMap<u64, (u64, Pending)>,
    /// The sequences of the settled by those numbers, so that the first to be settled is the first to be forgotten.
    settled_order: BTreeMap<u64, u64>,
    settled_bytes: usize,
    /// Numbers pushes, delays and settlements, so that equal messages and instants stay apart.
    counter: u64,
    messages: usize,
    bytes: usize,
}

impl Backlog {
    pub(super) fn new(ordered: bool) -> Self {
        Self {
            ordered,
            ..Self::default()
        }
    }

    pub(super) fn has_room(&self, messages: usize, bytes: usize) -> bool {
        self.messages + messages <= MAX_MESSAGES && self.bytes + bytes <= MAX_BYTES
    }

    /// Takes in a message that was just published.
    pub(super) fn add(&mut self, message: Arc<StoredMessage>) {
        let pending = Pending {
            message,
            failures: 0,
        };
        self.count(&pending);
        match self.lane_of(&pending) {
            Some(lane) => lane.push_back(pending),
            None => self.lead(pending),
        }
    }

    /// The next message to push, with the number by which that push is settled.
    pub(super) fn take(&mut self, now: Instant) -> Option<(u64, Pending)> {
        while let Some(due) = self.delayed.first_entry()
            && due.key().0 <= now
        {
            self.ready.push_back(due.remove());
        }
        let pending = self.ready.pop_front()?;
        let push = self.next_number();
        self.outstanding.insert(push, pending.clone());
        Some((push, pending))
    }

    /// When the next delayed message is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.keys().next().map(|(due, _)| *due)
    }

    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// How many messages are not settled.
    pub(super) fn len(&self) -> usize {
        self.messages
    }

    /// How many messages failed, and wait.
    pub(super) fn delayed(&self) -> usize {
        self.delayed.len()
    }

    /// The oldest unsettled message, unless too many failed to look through them all.
    pub(super) fn oldest(&self) -> Option<Arc<StoredMessage>> {
        if self.delayed.len() > MAX_LOOKED_THROUGH {
            return None;
        }
        // What is ready is in order, but for what was delayed or asked for again; a lane is younger than its head.
        let candidates = self
            .ready
            .front()
            .into_iter()
            .chain(self.outstanding.values());
        let candidates = candidates.chain(self.delayed.values());
        let oldest = candidates.min_by_key(|each| each.sequence());
        oldest.map(|each| Arc::clone(&each.message))
    }

    /// Counts a failed push, and gives the new count. Its message stays outstanding until settled or delayed.
    pub(super) fn fail(&mut self, push: u64) -> u32 {
        let Some(pending) = self.outstanding.get_mut(&push) else {
            return 0;
        };
        pending.failures = pending.failures.saturating_add(1);
        pending.failures
    }

    /// The message of a push that is neither settled nor delayed.
    pub(super) fn pushed(&self, push: u64) -> Option<&Pending> {
        self.outstanding.get(&push)
    }

    /// The message of this push is to be pushed again, not before `due`.
    pub(super) fn delay(&mut self, push: u64, due: Instant) {
        if let Some(pending) = self.outstanding.remove(&push) {
            let number = self.next_number();
            self.delayed.insert((due, number), pending);
        }
    }

    /// The message of this push is acked or dead-lettered: forgotten here, except for `again`.
    pub(super) fn settle(&mut self, push: u64) {
        let Some(pending) = self.outstanding.remove(&push) else {
            return;
        };
        self.discount(&pending);
        self.follow(&pending.message.ordering_key);
        self.remember(pending);
    }

    /// Arranges one more delivery of a message that is still known, and says whether it is.
    ///
    /// A message that waits for its first push gets that one alone. Of ordered messages, the later ones of the same key
    /// are delivered again too, even if they were acked (Google, *Order messages*).
    pub(super) fn again(&mut self, sequence: u64) -> bool {
        if self.hasten(sequence) || self.is_waiting(sequence) {
            return true;
        }
        let outstanding = self.outstanding.values();
        let settled = self.settled.get(&sequence).map(|(_, each)| each);
        let mut known = outstanding.chain(settled);
        let found = known.find(|each| each.sequence() == sequence).cloned();
        let Some(found) = found else { return false };
        if self.is_ordered(&found) {
            self.rewind(&found);
        } else {
            self.count(&found);
            self.ready.push_back(found);
        }
        true
    }

    /// Forgets what was settled, which then cannot be asked for again.
    pub(super) fn forget_settled(&mut self) {
        self.settled.clear();
        self.settled_order.clear();
        self.settled_bytes = 0;
    }

    /// Every unsettled message, in the order of publishing.
    pub(super) fn held(&self) -> Vec<Arc<StoredMessage>> {
        let waiting = self.ready.iter().chain(self.delayed.values());
        let waiting = waiting.chain(self.outstanding.values());
        let all = waiting.chain(self.lanes.values().flatten());
        let held: BTreeMap<u64, _> = all.map(|each| (each.sequence(), &each.message)).collect();
        held.into_values().cloned().collect()
    }

    fn count(&mut self, pending: &Pending) {
        self.messages += 1;
        self.bytes += pending.message.size_bytes();
    }

    fn discount(&mut self, pending: &Pending) {
        self.messages -= 1;
        self.bytes -= pending.message.size_bytes();
    }

    fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn is_ordered(&self, pending: &Pending) -> bool {
        self.ordered && !pending.message.ordering_key.is_empty()
    }

    /// The lane that this message must queue in, if a message of its key is on its way.
    fn lane_of(&mut self, pending: &Pending) -> Option<&mut VecDeque<Pending>> {
        if !self.is_ordered(pending) {
            return None;
        }
        self.lanes.get_mut(&pending.message.ordering_key)
    }

    /// Makes this message the one of its key that is on its way.
    fn lead(&mut self, pending: Pending) {
        if self.is_ordered(&pending) {
            let key = pending.message.ordering_key.clone();
            self.lanes.entry(key).or_default();
        }
        self.ready.push_back(pending);
    }

    /// Lets the next message of a key go, now that the one before it is settled.
    fn follow(&mut self, key: &str) {
        let Some(lane) = self.lanes.get_mut(key) else {
            return;
        };
        match lane.pop_front() {
            Some(next) => self.ready.push_back(next),
            None => drop(self.lanes.remove(key)),
        }
    }

    fn remember(&mut self, pending: Pending) {
        let sequence = pending.sequence();
        self.forget(sequence);
        let number = self.next_number();
        self.settled_bytes += pending.message.size_bytes();
        self.settled.insert(sequence, (number, pending));
        self.settled_order.insert(number, sequence);
        while (self.settled.len() > MAX_SETTLED_MESSAGES || self.settled_bytes > MAX_SETTLED_BYTES)
            && let Some((_, oldest)) = self.settled_order.pop_first()
        {
            self.forget(oldest);
        }
    }

    fn forget(&mut self, sequence: u64) {
        if let Some((number, pending)) = self.settled.remove(&sequence) {
            self.settled_order.remove(&number);
            self.settled_bytes -= pending.message.size_bytes();
        }
    }

    /// Ends the delay of a message, if it has one.
    fn hasten(&mut self, sequence: u64) -> bool {
        let mut delayed = self.delayed.iter();
        let found = delayed.find(|(_, each)| each.sequence() == sequence);
        let Some(key) = found.map(|(key, _)| *key) else {
            return false;
        };
        self.ready.extend(self.delayed.remove(&key));
        true
    }

    fn is_waiting(&self, sequence: u64) -> bool {
        let mut waiting = self.ready.iter().chain(self.lanes.values().flatten());
        waiting.any(|each| each.sequence() == sequence)
    }

    /// Queues a message and all later ones of its key, in order, behind a push of that key that is under way.
    fn rewind(&mut self, first: &Pending) {
        let key = &first.message.ordering_key;
        self.withdraw_waiting_head(key);
        let mut lane = BTreeMap::new();
        for pending in self.lanes.remove(key).unwrap_or_default() {
            if let Some(same) = lane.insert(pending.sequence(), pending) {
                self.discount(&same);
            }
        }
        let later = self.settled.range(first.sequence()..);
        let of_key: Vec<Pending> = later
            .map(|(_, (_, each))| each)
            .chain(self.outstanding.values())
            .filter(|each| each.message.ordering_key == *key)
            .cloned()
            .collect();
        for pending in of_key {
            let sequence = pending.sequence();
            if sequence >= first.sequence() && !lane.contains_key(&sequence) {
                self.count(&pending);
                lane.insert(sequence, pending);
            }
        }
        self.lanes.insert(key.clone(), lane.into_values().collect());
        if !self.is_underway(key) {
            self.follow(key);
        }
    }

    fn is_underway(&self, key: &str) -> bool {
        let mut outstanding = self.outstanding.values();
        outstanding.any(|each| each.message.ordering_key == key)
    }

    /// Puts the message of a key that is on its way, but not under way, back at the front of its lane.
    fn withdraw_waiting_head(&mut self, key: &str) {
        let of_key = |each: &Pending| each.message.ordering_key == key;
        let place = self.ready.iter().position(of_key);
        let mut head = place.and_then(|place| self.ready.remove(place));
        if head.is_none() {
            let mut delayed = self.delayed.iter();
            let found = delayed.find(|(_, each)| of_key(each)).map(|(key, _)| *key);
            head = found.and_then(|found| self.delayed.remove(&found));
        }
        if let (Some(head), Some(lane)) = (head, self.lanes.get_mut(key)) {
            lane.push_front(head);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, ReceivedMessage};
    use crate::storage::Storage;
    use std::time::Duration;
    use time::OffsetDateTime;

    fn stored(sequence: u64, message: Message) -> Arc<StoredMessage> {
        let message = ReceivedMessage::new(sequence, message, OffsetDateTime::UNIX_EPOCH);
        let mut stored = Storage::default().store(vec![message]).unwrap();
        stored.remove(0)
    }

    fn backlog(ordered: bool, messages: &[(u64, &str)]) -> Backlog {
        let mut backlog = Backlog::new(ordered);
        for (sequence, key) in messages {
            let message = Message::new("data").with_ordering_key(*key);
            backlog.add(stored(*sequence, message));
        }
        backlog
    }

    /// Takes all that can be pushed now, and gives (push number, sequence) of each.
    fn take_all(backlog: &mut Backlog) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| backlog.take(Instant::now()))
            .map(|(push, pending)| (push, pending.sequence()))
            .collect()
    }

    /// Takes and settles until nothing is left, and gives the sequences in the order of delivery.
    fn drain(backlog: &mut Backlog) -> Vec<u64> {
        let mut order = Vec::new();
        while let Some((push, pending)) = backlog.take(Instant::now()) {
            order.push(pending.sequence());
            backlog.settle(push);
        }
        order
    }

    fn sequences(taken: &[(u64, u64)]) -> Vec<u64> {
        taken.iter().map(|(_, sequence)| *sequence).collect()
    }

    #[tokio::test]
    async fn one_message_of_a_key_is_outstanding_at_a_time() {
        let mut backlog = backlog(true, &[(1, "a"), (2, "a"), (3, "b"), (4, "")]);
        let taken = take_all(&mut backlog);
        assert_eq!(sequences(&taken), [1, 3, 4]);
        backlog.settle(taken[0].0);
        assert_eq!(sequences(&take_all(&mut backlog)), [2]);
    }

    #[tokio::test]
    async fn keys_mean_nothing_unless_ordering_is_enabled() {
        let mut backlog = backlog(false, &[(1, "a"), (2, "a")]);
        assert_eq!(sequences(&take_all(&mut backlog)), [1, 2]);
    }

    #[tokio::test]
    async fn a_delayed_message_blocks_only_its_key() {
        let mut backlog = backlog(true, &[(1, "a"), (2, "a"), (3, "b"), (4, "b")]);
        let taken = take_all(&mut backlog);
        backlog.delay(taken[0].0, Instant::now() + Duration::from_secs(60));
        backlog.settle(taken[1].0);
        assert_eq!(sequences(&take_all(&mut backlog)), [4]);
        assert!(backlog.next_due().is_some());
    }

    #[tokio::test]
    async fn failures_are_counted_across_pushes() {
        let mut backlog = backlog(false, &[(1, "")]);
        for failures in 1..=3 {
            let (push, _) = backlog.take(Instant::now()).unwrap();
            assert_eq!(backlog.fail(push), failures);
            backlog.delay(push, Instant::now());
        }
    }

    #[tokio::test]
    async fn a_settled_message_can_be_delivered_again() {
        let mut backlog = backlog(false, &[(1, ""), (2, "")]);
        drain(&mut backlog);
        assert!(backlog.again(1));
        assert!(!backlog.again(3));
        assert_eq!(drain(&mut backlog), [1]);
        assert_eq!((backlog.messages, backlog.bytes), (0, 0));
    }

    #[tokio::test]
    async fn an_outstanding_message_can_be_pushed_beside_itself() {
        let mut backlog = backlog(false, &[(1, "")]);
        take_all(&mut backlog);
        assert!(backlog.again(1));
        assert_eq!(sequences(&take_all(&mut backlog)), [1]);
        assert_eq!(backlog.outstanding(), 2);
    }

    #[tokio::test]
    async fn a_delayed_message_asked_for_again_comes_at_once_and_once() {
        let mut backlog = backlog(false, &[(1, "")]);
        let taken = take_all(&mut backlog);
        backlog.delay(taken[0].0, Instant::now() + Duration::from_secs(60));
        assert!(backlog.again(1));
        assert_eq!(drain(&mut backlog), [1]);
        assert_eq!(backlog.next_due(), None);
    }

    #[tokio::test]
    async fn an_ordered_message_again_brings_the_later_ones_of_its_key_again() {
        let mut backlog = backlog(true, &[(1, "a"), (2, "a"), (3, "b"), (4, "a"), (5, "a")]);
        let taken = take_all(&mut backlog);
        backlog.settle(taken[0].0);
        backlog.settle(taken[1].0);
        let underway = take_all(&mut backlog);
        assert_eq!(sequences(&underway), [2]);
        assert!(backlog.again(1));
        assert_eq!(take_all(&mut backlog), []);
        backlog.settle(underway[0].0);
        assert_eq!(drain(&mut backlog), [1, 2, 4, 5]);
        assert!(backlog.again(2));
        assert!(backlog.again(1));
        assert_eq!(drain(&mut backlog), [1, 2, 4, 5]);
        assert_eq!((backlog.messages, backlog.bytes), (0, 0));
        assert!(backlog.lanes.is_empty());
    }

    #[tokio::test]
    async fn everything_unsettled_is_held_in_the_order_of_publishing() {
        let mut backlog = backlog(true, &[(1, "a"), (2, "a"), (3, ""), (4, "b")]);
        let taken = take_all(&mut backlog);
        backlog.delay(taken[0].0, Instant::now() + Duration::from_secs(60));
        backlog.settle(taken[1].0);
        let held: Vec<u64> = backlog.held().iter().map(|each| each.sequence).collect();
        assert_eq!(held, [1, 2, 4]);
    }

    #[tokio::test]
    async fn the_backlog_and_the_memory_of_settled_messages_are_bounded() {
        let mut backlog = Backlog::new(false);
        assert!(backlog.has_room(MAX_MESSAGES, MAX_BYTES));
        assert!(!backlog.has_room(MAX_MESSAGES + 1, 0));
        assert!(!backlog.has_room(0, MAX_BYTES + 1));
        for sequence in 0..MAX_SETTLED_MESSAGES as u64 + 5 {
            backlog.add(stored(sequence, Message::new("x")));
        }
        drain(&mut backlog);
        assert_eq!(backlog.settled.len(), MAX_SETTLED_MESSAGES);
        assert!(!backlog.again(4));
        assert!(backlog.again(5));
    }

    #[tokio::test]
    async fn the_first_to_be_settled_is_the_first_to_be_forgotten() {
        let count = MAX_SETTLED_MESSAGES as u64;
        let mut backlog = Backlog::new(false);
        (0..count).for_each(|each| backlog.add(stored(each, Message::new("x"))));
        let taken = take_all(&mut backlog);
        // The oldest message is settled last, and the second once more.
        taken
            .iter()
            .skip(1)
            .for_each(|(push, _)| backlog.settle(*push));
        backlog.settle(taken[0].0);
        assert!(backlog.again(1));
        drain(&mut backlog);
        for sequence in [count, count + 1] {
            backlog.add(stored(sequence, Message::new("x")));
        }
        drain(&mut backlog);
        assert!(!backlog.again(2) && !backlog.again(3));
        assert!(backlog.again(0) && backlog.again(1) && backlog.again(4));
        assert_eq!(backlog.settled_order.len(), backlog.settled.len());
        backlog.forget_settled();
        assert!(!backlog.again(5));
    }
}
