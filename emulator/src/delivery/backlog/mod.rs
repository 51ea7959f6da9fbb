//! The unacknowledged messages of a subscription, in the order of delivery.

mod ack_changes;
mod ending;
mod entry;
mod leases;
mod order;
mod ready;
mod recent;
mod seek;
mod settled;
mod withheld;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::time::Instant;

pub(super) use self::entry::{Entry, Leased, PutBack};
use self::entry::{Place, SettledMessage};
use self::leases::{Leases, Outstanding};
use self::order::KeyQueue;
pub(crate) use self::recent::Remembered;
use self::settled::Settled;
use crate::journal::data_folder::AckChange;
use crate::messages::age::Oldest;
use crate::messages::storage::StoredMessage;

const MAX_MESSAGES: usize = 1_000_000;
const MAX_BYTES: usize = 512 * 1024 * 1024;

/// The messages of one subscription.
#[derive(Default)]
pub(super) struct Backlog {
    ordered: bool,
    retains_acked: bool,
    unacked: BTreeMap<u64, Entry>,
    /// The messages to deliver next. Entries of messages that were moved elsewhere are skipped.
    ready: VecDeque<u64>,
    delayed: BTreeSet<(Instant, u64)>,
    leases: Leases,
    /// The batch under way and the later messages, by key. A key without a batch has no queue.
    key_queues: HashMap<String, KeyQueue>,
    settled: Settled,
    /// The messages that a fault withholds.
    withheld: Vec<u64>,
    /// A bound for the age of all messages, including settled ones.
    oldest: Oldest,
    bytes: usize,
    received: u64,
    /// True if there is a data folder, for which changes are recorded.
    is_recording: bool,
    ack_changes: Vec<AckChange>,
}

impl Backlog {
    pub(super) fn new(
        ordered: bool,
        retains_acked: bool,
        is_recording: bool,
        remembered: Arc<Remembered>,
    ) -> Self {
        Self {
            ordered,
            retains_acked,
            is_recording,
            settled: Settled::new(remembered),
            ..Self::default()
        }
    }

    pub(super) fn has_room(&self, messages: usize, bytes: usize) -> bool {
        self.unacked.len() + messages <= MAX_MESSAGES && self.bytes + bytes <= MAX_BYTES
    }

    /// Adds a message that was just published.
    pub(super) fn add(&mut self, message: Arc<StoredMessage>) {
        let sequence = message.sequence;
        self.insert(Entry::new(message));
        self.record_unacked(sequence, 0);
        self.line_up(sequence);
    }

    /// Restores a message with its state before a restart.
    pub(super) fn restore(
        &mut self,
        message: Arc<StoredMessage>,
        failures: Option<u32>,
        kept_until: Option<OffsetDateTime>,
    ) {
        let sequence = message.sequence;
        let mut entry = Entry::new(message);
        entry.kept_until = kept_until;
        let Some(failures) = failures else {
            self.remember_as(entry, true);
            return;
        };
        entry.failures = failures;
        self.insert(entry);
        self.line_up(sequence);
    }

    /// Leases the next message until `ends`, and returns it.
    pub(super) fn take(
        &mut self,
        now: Instant,
        ends: Option<Instant>,
        stream: Option<u64>,
    ) -> Option<Leased> {
        self.promote(now);
        while let Some(sequence) = self.next() {
            let Some(entry) = self.unacked.get_mut(&sequence) else {
                continue;
            };
            entry.place = match entry.place {
                Place::Ready => Place::Out(1),
                Place::Out(deliveries) if entry.extra > 0 => {
                    entry.extra -= 1;
                    Place::Out(deliveries + 1)
                }
                _ => continue,
            };
            let size_bytes = entry.message.content_bytes();
            entry.lease = self.leases.begin(sequence, size_bytes, ends, stream);
            return Some(Leased {
                lease: entry.lease,
                message: Arc::clone(&entry.message),
                failures: entry.failures,
                nth: entry.nth,
                is_put_back: entry.is_put_back,
                is_repetition: entry.is_repetition,
            });
        }
        None
    }

    /// Returns the next message, if there is one.
    pub(super) fn peek(&mut self, now: Instant) -> Option<Arc<StoredMessage>> {
        self.promote(now);
        while let Some(sequence) = self.ready.front() {
            match self.unacked.get(sequence) {
                Some(entry)
                    if entry.place == Place::Ready
                        || (matches!(entry.place, Place::Out(_)) && entry.extra > 0) =>
                {
                    return Some(Arc::clone(&entry.message));
                }
                _ => drop(self.next()),
            }
        }
        None
    }

    /// Makes due messages ready. Returns true if there were any.
    pub(super) fn promote(&mut self, now: Instant) -> bool {
        let waited = self.delayed.len();
        while let Some((due, sequence)) = self.delayed.first().copied()
            && due <= now
        {
            self.make_ready(sequence);
        }
        self.delayed.len() < waited
    }

    /// Returns the next time at which a delayed message is due or a lease ends.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let delayed = self.delayed.first().map(|(due, _)| *due);
        [delayed, self.leases.next_end()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Returns expired leases, in the order of their messages.
    pub(super) fn expired_leases(&self, now: Instant) -> Vec<u64> {
        self.leases.ended(now)
    }

    /// Returns the earliest end of a lease.
    pub(super) fn next_lease_end(&self) -> Option<Instant> {
        self.leases.next_end()
    }

    pub(super) fn is_leased(&self, lease: u64) -> bool {
        self.leases.get(lease).is_some()
    }

    /// Returns the number of pushes under way.
    pub(super) fn pushes(&self) -> usize {
        self.leases.pushes()
    }

    /// Returns the number of deliveries under way.
    pub(super) fn outstanding(&self) -> usize {
        self.leases.len()
    }

    pub(super) fn outstanding_of(&self, stream: u64) -> Outstanding {
        self.leases.outstanding_of(stream)
    }

    /// Moves the end of a lease. Returns false if there is no such lease.
    pub(super) fn extend(&mut self, lease: u64, until: Instant) -> bool {
        self.leases.extend(lease, until)
    }

    /// Returns the unacknowledged messages, in the order of publishing.
    pub(super) fn unacked_messages(&self) -> impl Iterator<Item = &Arc<StoredMessage>> {
        self.unacked.values().map(|entry| &entry.message)
    }

    /// Returns the number of unacknowledged messages, and the number of delayed ones among them.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.unacked.len(), self.delayed.len())
    }

    /// Renumbers the messages, starting with the current ones.
    pub(super) fn renumber(&mut self) {
        self.received = 0;
        for entry in self.unacked.values_mut() {
            entry.nth = self.received;
            entry.is_put_back = false;
            self.received += 1;
        }
    }

    /// Returns an unacknowledged message.
    pub(super) fn unacked(&self, sequence: u64) -> Option<&Entry> {
        self.unacked.get(&sequence)
    }

    fn set_place(&mut self, sequence: u64, place: Place) {
        if let Some(entry) = self.unacked.get_mut(&sequence) {
            if let Place::Delayed(due) = entry.place {
                self.delayed.remove(&(due, sequence));
            }
            entry.place = place;
        }
    }

    fn insert(&mut self, mut entry: Entry) {
        entry.nth = self.received;
        self.received += 1;
        self.bytes += entry.message.size_bytes();
        self.oldest.note(&entry.message);
        self.unacked.insert(entry.sequence(), entry);
    }

    fn remove(&mut self, sequence: u64) -> Option<Entry> {
        let entry = self.unacked.remove(&sequence)?;
        match entry.place {
            Place::Delayed(due) => drop(self.delayed.remove(&(due, sequence))),
            Place::Out(deliveries) if deliveries > 0 => self.leases.end_all(sequence),
            _ => {}
        }
        self.bytes -= entry.message.size_bytes();
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::message::{Message, ReceivedMessage};
    use crate::messages::storage::Storage;
    use std::time::Duration;
    use time::OffsetDateTime;

    fn stored(sequence: u64, message: Message) -> Arc<StoredMessage> {
        let message = ReceivedMessage::new(sequence, message, OffsetDateTime::UNIX_EPOCH);
        let mut stored = Storage::new(None).store(vec![message]).unwrap();
        stored.remove(0)
    }

    fn backlog(ordered: bool, messages: &[(u64, &str)]) -> Backlog {
        let mut backlog = Backlog::new(ordered, false, false, Arc::default());
        for (sequence, key) in messages {
            let message = Message::new("data").with_ordering_key(*key);
            backlog.add(stored(*sequence, message));
        }
        backlog
    }

    /// Takes all messages that can be pushed now, and returns their push numbers and sequences.
    fn take_all(backlog: &mut Backlog) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| backlog.take(Instant::now(), None, None))
            .map(|leased| (leased.lease, leased.message.sequence))
            .collect()
    }

    /// Takes and settles messages until none is left, and returns their sequences in the order of delivery.
    fn drain(backlog: &mut Backlog) -> Vec<u64> {
        let mut order = Vec::new();
        while let Some(leased) = backlog.take(Instant::now(), None, None) {
            order.push(leased.message.sequence);
            ack(backlog, (leased.lease, leased.message.sequence));
        }
        order
    }

    fn ack(backlog: &mut Backlog, (lease, sequence): (u64, u64)) {
        assert!(backlog.ack(lease, sequence, true).is_some());
    }

    fn fail(backlog: &mut Backlog, (lease, sequence): (u64, u64), due: Instant) {
        backlog.fail(lease);
        backlog.delay(sequence, due);
    }

    fn sequences(leased: &[(u64, u64)]) -> Vec<u64> {
        leased.iter().map(|(_, sequence)| *sequence).collect()
    }

    #[tokio::test]
    async fn one_message_of_a_key_is_outstanding_at_a_time() {
        let mut backlog = backlog(true, &[(1, "a"), (2, "a"), (3, "b"), (4, "")]);
        let leased = take_all(&mut backlog);
        assert_eq!(sequences(&leased), [1, 3, 4]);
        ack(&mut backlog, leased[0]);
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
        let leased = take_all(&mut backlog);
        fail(
            &mut backlog,
            leased[0],
            Instant::now() + Duration::from_secs(60),
        );
        ack(&mut backlog, leased[1]);
        assert_eq!(sequences(&take_all(&mut backlog)), [4]);
        assert!(backlog.next_due().is_some());
    }

    #[tokio::test]
    async fn failures_are_counted_across_pushes() {
        let mut backlog = backlog(false, &[(1, "")]);
        for failures in 1..=3 {
            let leased = backlog.take(Instant::now(), None, None).unwrap();
            assert_eq!(backlog.fail(leased.lease).unwrap().failures, failures);
            backlog.delay(1, Instant::now());
        }
    }

    #[tokio::test]
    async fn a_settled_message_can_be_delivered_again() {
        let mut backlog = backlog(false, &[(1, ""), (2, "")]);
        drain(&mut backlog);
        assert!(backlog.redeliver(1));
        assert!(!backlog.redeliver(3));
        assert_eq!(drain(&mut backlog), [1]);
        assert_eq!(backlog.unacked.len(), 0);
        assert_eq!(backlog.bytes, 0);
    }

    #[tokio::test]
    async fn an_outstanding_message_can_be_pushed_beside_itself() {
        let mut backlog = backlog(false, &[(1, "")]);
        take_all(&mut backlog);
        assert!(backlog.redeliver(1));
        assert_eq!(sequences(&take_all(&mut backlog)), [1]);
        assert_eq!(backlog.outstanding(), 2);
    }

    #[tokio::test]
    async fn a_delayed_message_asked_for_again_is_due_only_now() {
        let mut backlog = backlog(false, &[(1, "")]);
        let leased = take_all(&mut backlog);
        fail(
            &mut backlog,
            leased[0],
            Instant::now() + Duration::from_secs(60),
        );
        assert!(backlog.redeliver(1));
        assert_eq!(drain(&mut backlog), [1]);
        assert_eq!(backlog.next_due(), None);
    }

    #[tokio::test]
    async fn an_ordered_message_again_brings_the_later_ones_again() {
        let mut backlog = backlog(true, &[(1, "a"), (2, "a"), (3, "b"), (4, "a"), (5, "a")]);
        let leased = take_all(&mut backlog);
        ack(&mut backlog, leased[0]);
        ack(&mut backlog, leased[1]);
        let underway = take_all(&mut backlog);
        assert_eq!(sequences(&underway), [2]);
        assert!(backlog.redeliver(1));
        assert_eq!(take_all(&mut backlog), []);
        ack(&mut backlog, underway[0]);
        assert_eq!(drain(&mut backlog), [1, 2, 4, 5]);
        assert!(backlog.redeliver(2));
        assert!(backlog.redeliver(1));
        assert_eq!(drain(&mut backlog), [1, 2, 4, 5]);
        assert_eq!(backlog.unacked.len(), 0);
        assert_eq!(backlog.bytes, 0);
        assert!(backlog.key_queues.is_empty());
    }

    #[tokio::test]
    async fn unacked_messages_are_in_the_order_of_publishing() {
        let mut backlog = backlog(true, &[(1, "a"), (2, "a"), (3, ""), (4, "b")]);
        let leased = take_all(&mut backlog);
        fail(
            &mut backlog,
            leased[0],
            Instant::now() + Duration::from_secs(60),
        );
        ack(&mut backlog, leased[1]);
        let unacked: Vec<u64> = backlog
            .unacked_messages()
            .map(|each| each.sequence)
            .collect();
        assert_eq!(unacked, [1, 2, 4]);
    }

    #[tokio::test]
    async fn the_backlog_is_bounded() {
        let backlog = Backlog::new(false, false, false, Arc::default());
        assert!(backlog.has_room(MAX_MESSAGES, MAX_BYTES));
        assert!(!backlog.has_room(MAX_MESSAGES + 1, 0));
        assert!(!backlog.has_room(0, MAX_BYTES + 1));
    }

    #[tokio::test]
    async fn the_memory_of_settled_messages_is_bounded() {
        let mut backlog = Backlog::new(false, false, false, Arc::default());
        for sequence in 0..recent::MAX_MESSAGES as u64 + 5 {
            backlog.add(stored(sequence, Message::new("x")));
        }
        drain(&mut backlog);
        let remembered = backlog.settled.of_key(0, "");
        assert_eq!(remembered.len(), recent::MAX_MESSAGES);
        assert!(!backlog.redeliver(4));
        assert!(backlog.redeliver(5));
    }

    #[tokio::test]
    async fn the_first_to_be_settled_is_the_first_to_be_forgotten() {
        let count = recent::MAX_MESSAGES as u64;
        let mut backlog = Backlog::new(false, false, false, Arc::default());
        (0..count).for_each(|each| backlog.add(stored(each, Message::new("x"))));
        let leased = take_all(&mut backlog);
        // The oldest message is settled last, and the second one twice.
        leased
            .iter()
            .skip(1)
            .for_each(|each| ack(&mut backlog, *each));
        ack(&mut backlog, leased[0]);
        assert!(backlog.redeliver(1));
        drain(&mut backlog);
        for sequence in [count, count + 1] {
            backlog.add(stored(sequence, Message::new("x")));
        }
        drain(&mut backlog);
        assert!(!backlog.redeliver(2) && !backlog.redeliver(3));
        assert!(backlog.redeliver(0) && backlog.redeliver(1) && backlog.redeliver(4));
    }

    const LARGE_BYTES: usize = recent::MAX_BYTES / 2;

    /// Returns the backlogs of two subscriptions. Each has settled a message of half the size that may be remembered.
    fn two_settled(remembered: &Arc<Remembered>) -> [Backlog; 2] {
        let mut backlogs =
            [0; 2].map(|_| Backlog::new(false, false, false, Arc::clone(remembered)));
        for backlog in &mut backlogs {
            settle_large(backlog, 1);
        }
        backlogs
    }

    fn settle_large(backlog: &mut Backlog, sequence: u64) {
        backlog.add(stored(sequence, Message::new(vec![0; LARGE_BYTES])));
        drain(backlog);
    }

    #[tokio::test]
    async fn what_is_remembered_has_one_bound_for_all_subscriptions() {
        let [mut first, mut second] = two_settled(&Arc::default());
        // Two messages exceed the bound. The first settled one is evicted first.
        assert!(!first.redeliver(1));
        assert!(second.redeliver(1));
    }

    #[tokio::test]
    async fn what_is_remembered_is_dropped_with_its_subscription() {
        let [mut first, mut second] = two_settled(&Arc::default());
        assert!(second.redeliver(1));
        drain(&mut second);
        drop(second);
        settle_large(&mut first, 2);
        assert!(first.redeliver(2));
    }

    #[tokio::test]
    async fn what_was_forgotten_is_not_delivered_again() {
        let remembered = Arc::<Remembered>::default();
        let [mut first, _second] = two_settled(&remembered);
        settle_large(&mut first, 2);
        assert!(first.redeliver(2));
        drain(&mut first);
        remembered.forget();
        assert!(!first.redeliver(2));
    }

    #[tokio::test]
    async fn places_that_are_left_do_not_pile_up() {
        let all: Vec<(u64, &str)> = (0..500).map(|sequence| (sequence, "")).collect();
        let mut backlog = backlog(false, &all);
        backlog.set_retains_acked(true);
        for _ in 0..20 {
            backlog.seek(&BTreeMap::new(), |_| false, None);
            backlog.seek(&BTreeMap::new(), |_| true, None);
            assert!(backlog.ready.len() < 1_200, "{}", backlog.ready.len());
        }
        assert!(backlog.redeliver(7));
        assert_eq!(drain(&mut backlog), (0..500).collect::<Vec<_>>());
        backlog.add(stored(500, Message::new("x")));
        for _ in 0..1_000 {
            let leased = backlog.take(Instant::now(), None, None).unwrap();
            // One place in the queue for the request and one for the failure; the latter serves both.
            assert!(backlog.redeliver(500));
            fail(&mut backlog, (leased.lease, 500), Instant::now());
        }
        assert!(backlog.ready.len() < 100, "{}", backlog.ready.len());
    }
}
