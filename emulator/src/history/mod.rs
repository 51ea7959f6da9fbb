//! The deliveries of each message, within bounds.
//!
//! Every push is recorded, so recording is cheap: one short lock, reference counts, and no formatting. Readers take copies,
//! and format them without the lock.

mod dead_letter;
mod end;
mod histogram;
mod kept;
mod message_record;
mod reading;
mod statistics;
mod subscription_record;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

pub(crate) use self::dead_letter::{
    DEAD_LETTER_ATTRIBUTES, SOURCE_ID, source, source_subscription,
};
pub(crate) use self::end::{DeliveryType, End, Note};
use self::kept::Kept;
pub(crate) use self::message_record::{Content, DeadLetterOrigin, MessageRecord};
pub(crate) use self::statistics::{Counts, Failing, Rates, SECONDS, Series};
pub(crate) use self::subscription_record::{
    DeliveryRecord, DeliveryState, Intervention, SubscriptionRecord,
};
use crate::clock::Clock;
use crate::event::Reply;
use crate::faults::Plan;
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;

/// The default number of messages in the history.
pub(crate) const DEFAULT_MESSAGES: usize = 2_000;
/// The history of one emulator.
pub(crate) struct History {
    clock: Clock,
    max_messages: usize,
    kept: Mutex<Kept>,
}

/// An operation on a subscription, and its time.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) at: OffsetDateTime,
    pub(crate) subscription: ResourceName,
    pub(crate) note: Note,
}

impl History {
    pub(crate) fn new(clock: Clock, max_messages: usize) -> Self {
        Self {
            clock,
            max_messages,
            kept: Mutex::default(),
        }
    }

    /// Records a message that was published to a topic, with its subscriptions.
    pub(crate) fn published(
        &self,
        topic: &ResourceName,
        message: &Arc<StoredMessage>,
        to: &[ResourceName],
    ) {
        let now = self.clock.utc();
        let record = MessageRecord::new(Some(topic), message, to);
        let mut kept = self.kept();
        kept.statistics.published(now.unix_timestamp(), to);
        kept.insert(record);
        if let Some(source) = source(message)
            && !source.is_replayed_to(to)
        {
            kept.link(&source.subscription, source.sequence, message.sequence);
        }
        let forgotten = kept.shrink(self.max_messages);
        drop(kept);
        drop(forgotten);
    }

    /// Records the start of a delivery. `topic` returns the topic of a message that was evicted.
    pub(crate) fn started(
        &self,
        subscription: &ResourceName,
        topic: impl FnOnce() -> Option<ResourceName>,
        message: &Arc<StoredMessage>,
        attempt: u32,
        delivery_type: DeliveryType,
        plan: Plan,
    ) {
        let now = self.clock.utc();
        let attempt = DeliveryRecord {
            number: attempt,
            delivery_type,
            started: now,
            plan,
            end: None,
        };
        let mut kept = self.kept();
        kept.statistics.started(now.unix_timestamp(), subscription);
        if !kept.messages.contains_key(&message.sequence) {
            kept.insert(MessageRecord::new(topic().as_ref(), message, &[]));
        }
        kept.change(message.sequence, |record| {
            record.start(subscription, attempt)
        });
        let forgotten = kept.shrink(self.max_messages);
        drop(kept);
        drop(forgotten);
    }

    /// Records the end of a delivery.
    pub(crate) fn ended(&self, subscription: &ResourceName, sequence: u64, attempt: u32, end: End) {
        let now = self.clock.utc();
        let mut end = end.bounded();
        let mut kept = self.kept();
        let record = kept.messages.get(&sequence);
        let since_start = || record?.time_since_start(subscription, attempt, now);
        end.latency = end.latency.or_else(since_start);
        kept.statistics
            .ended(now.unix_timestamp(), subscription, &end);
        kept.change(sequence, |record| {
            record.end(subscription, attempt, now, end)
        });
        let forgotten = kept.shrink(self.max_messages);
        drop(kept);
        drop(forgotten);
    }

    /// Records that a subscription dead-lettered a message.
    pub(crate) fn forwarded(
        &self,
        subscription: &ResourceName,
        dead_letter_id: &str,
        sequence: u64,
        reply: Reply,
    ) {
        let Ok(dead_letter) = dead_letter_id.parse() else {
            return;
        };
        let reply = Some(reply);
        let dead_letter_of = DeadLetterOrigin { sequence, reply };
        let mut kept = self.kept();
        kept.link(subscription, sequence, dead_letter);
        kept.change(dead_letter, |record| {
            record.dead_letter_of = Some(dead_letter_of)
        });
    }

    /// Records an operation on a whole subscription.
    pub(crate) fn noted(&self, subscription: &ResourceName, note: Note) {
        let at = self.clock.utc();
        let mut kept = self.kept();
        if matches!(note, Note::PushConfigChanged) {
            kept.statistics.forget_failures(subscription);
        }
        kept.note(at, subscription, note);
    }

    /// Forgets the figures of a deleted subscription. The records of its messages stay.
    pub(crate) fn deleted(&self, subscription: &ResourceName) {
        self.kept().statistics.forget(subscription);
    }

    /// Records a seek or a purge of a subscription. `is_unacked` is true for messages that remain to be delivered.
    pub(crate) fn seek(
        &self,
        subscription: &ResourceName,
        note: Note,
        is_unacked: impl Fn(u64) -> bool,
    ) {
        let at = self.clock.utc();
        let gone = match note {
            Note::Purged => Intervention::Purged,
            _ => Intervention::Skipped,
        };
        let mut kept = self.kept();
        kept.note(at, subscription, note);
        kept.apply(subscription, gone, is_unacked);
    }

    /// Records messages that were acknowledged in the console.
    pub(crate) fn removed(&self, subscription: &ResourceName, sequences: &[u64]) {
        let at = self.clock.utc();
        let messages = sequences.len();
        let mut kept = self.kept();
        kept.note(at, subscription, Note::Removed { messages });
        for sequence in sequences {
            kept.change(*sequence, |record| record.remove_from(subscription));
        }
    }

    /// Returns the most messages that are recorded.
    pub(crate) fn max_messages(&self) -> usize {
        self.max_messages
    }

    /// Returns true if the history records any messages.
    pub(crate) fn is_on(&self) -> bool {
        self.max_messages > 0
    }

    /// Returns true if a message may have been evicted.
    pub(crate) fn may_have_forgotten(&self, sequence: u64) -> bool {
        sequence <= self.kept().latest_forgotten
    }

    /// Returns a number that grows with every change.
    pub(crate) fn version(&self) -> u64 {
        self.kept().version
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.utc()
    }

    /// Calls `look` with the figures of all subscriptions together.
    pub(crate) fn all<T>(&self, look: impl FnOnce(&Series) -> T) -> T {
        look(&self.kept().statistics.all)
    }

    /// Returns the current rates of one subscription, or `None` if so many others are active that it is not counted.
    pub(crate) fn rates(&self, subscription: &ResourceName, now: i64) -> Option<Rates> {
        self.kept().statistics.rates(subscription, now)
    }

    /// Returns the consecutive failures of a subscription whose last delivery failed.
    pub(crate) fn failing(&self, subscription: &ResourceName) -> Option<Failing> {
        self.kept().statistics.failing(subscription)
    }

    /// Calls `look` with the figures of one subscription, if it was active lately.
    pub(crate) fn of<T>(
        &self,
        subscription: &ResourceName,
        look: impl FnOnce(&Series) -> T,
    ) -> Option<T> {
        self.kept().statistics.subscription(subscription).map(look)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::kept::MAX_BYTES;
    use super::*;
    use crate::event::Settlement;
    use crate::messages::message::{Message, ReceivedMessage};
    use crate::messages::storage::Storage;
    use crate::push::Answer;
    use std::cmp::Ordering;
    use std::time::Duration;

    const LATEST_FIRST: Option<fn(&MessageRecord, &MessageRecord) -> Ordering> = None;

    fn topic() -> ResourceName {
        ResourceName::topic("projects/shop/topics/orders").unwrap()
    }

    fn billing() -> ResourceName {
        ResourceName::subscription("projects/shop/subscriptions/billing").unwrap()
    }

    fn stored(sequence: u64, bytes: usize) -> Arc<StoredMessage> {
        let message = Message::new(vec![b'x'; bytes]);
        let message = ReceivedMessage::new(sequence, message, OffsetDateTime::now_utc());
        Storage::new(None).store(vec![message]).unwrap().remove(0)
    }

    fn end(settlement: Settlement) -> End {
        End {
            reply: Reply::Status(500),
            reason: None,
            latency: Some(Duration::from_millis(3)),
            answer: None,
            settlement,
        }
    }

    fn again() -> Settlement {
        Settlement::Again {
            after: Duration::from_secs(60),
        }
    }

    fn published(history: &History, sequences: impl IntoIterator<Item = u64>, bytes: usize) {
        for sequence in sequences {
            history.published(&topic(), &stored(sequence, bytes), &[billing()]);
        }
    }

    fn history(max_messages: usize) -> History {
        History::new(Clock::default(), max_messages)
    }

    fn state(history: &History, sequence: u64) -> DeliveryState {
        history.record(sequence).unwrap().subscriptions[0].state()
    }

    #[test]
    fn a_message_is_followed_from_its_publication_to_its_end() {
        let history = history(10);
        let message = stored(7, 4);
        history.published(&topic(), &message, &[billing()]);
        assert_eq!(state(&history, 7), DeliveryState::Waiting);
        history.started(
            &billing(),
            || Some(topic()),
            &message,
            1,
            DeliveryType::Push,
            Plan::FAULTLESS,
        );
        assert_eq!(state(&history, 7), DeliveryState::Delivering);
        history.ended(&billing(), 7, 1, end(again()));
        assert!(
            matches!(state(&history, 7), DeliveryState::Retrying(next) if next > history.now())
        );
        history.started(
            &billing(),
            || Some(topic()),
            &message,
            2,
            DeliveryType::Push,
            Plan::FAULTLESS,
        );
        history.ended(&billing(), 7, 2, end(Settlement::Acked));
        assert_eq!(state(&history, 7), DeliveryState::Acked);
        let record = history.record(7).unwrap();
        assert_eq!(record.topic, Some(topic()));
        assert_eq!(record.subscriptions[0].attempts.len(), 2);
    }

    #[test]
    fn the_oldest_messages_are_forgotten() {
        let history = history(100);
        published(&history, 0..1_000, 4);
        let page = history.page(10, 5, |_| true, LATEST_FIRST);
        let sequences: Vec<u64> = page.messages.iter().map(|record| record.sequence).collect();
        assert_eq!(page.total, 100);
        assert_eq!(sequences, [989, 988, 987, 986, 985]);
        assert!(history.record(899).is_none());
        let kept = history.kept();
        assert!(kept.order.len() == 100 && kept.payloads.len() <= 200);
    }

    #[test]
    fn a_forgotten_message_that_is_delivered_again_is_followed_anew() {
        let history = history(2);
        let old = stored(1, 4);
        history.published(&topic(), &old, &[billing()]);
        published(&history, 2..4, 4);
        assert!(history.record(1).is_none());
        history.started(
            &billing(),
            || Some(topic()),
            &old,
            1,
            DeliveryType::Push,
            Plan::FAULTLESS,
        );
        assert_eq!(history.record(1).unwrap().topic, Some(topic()));
        assert!(history.record(2).is_none() && history.record(3).is_some());
    }

    #[test]
    fn payloads_are_let_go_of_before_what_happened_to_them() {
        let history = history(100);
        published(&history, 0..20, 1024 * 1024);
        let payloads = |record: &MessageRecord| matches!(record.content, Content::Kept(_));
        assert_eq!(history.page(0, 100, payloads, LATEST_FIRST).total, 15);
        let Content::Released { data_bytes, .. } = history.record(0).unwrap().content else {
            panic!("the oldest payload is kept");
        };
        assert_eq!(data_bytes, 1024 * 1024);
    }

    #[test]
    fn of_many_attempts_those_in_the_middle_are_forgotten() {
        let history = history(10);
        let message = stored(1, 4);
        for attempt in 1..=200 {
            history.started(
                &billing(),
                || Some(topic()),
                &message,
                attempt,
                DeliveryType::Push,
                Plan::FAULTLESS,
            );
            history.ended(&billing(), 1, attempt, end(again()));
        }
        let record = history.record(1).unwrap();
        let numbers: Vec<u32> = record.subscriptions[0]
            .attempts
            .iter()
            .map(|each| each.number)
            .collect();
        assert_eq!(numbers.len(), 50);
        assert_eq!(numbers[0], 1);
        assert_eq!(numbers[1], 152);
        assert_eq!(numbers[49], 200);
        assert_eq!(record.subscriptions[0].forgotten, 150);
    }

    #[test]
    fn long_answers_crowd_out_old_messages() {
        let history = history(2_000);
        for sequence in 0..500 {
            let message = stored(sequence, 4);
            history.published(&topic(), &message, &[billing()]);
            for attempt in 1..=5 {
                history.started(
                    &billing(),
                    || Some(topic()),
                    &message,
                    attempt,
                    DeliveryType::Push,
                    Plan::FAULTLESS,
                );
                let answer = Answer {
                    status: 500,
                    outcome: None,
                    reason: None,
                    headers: vec![("x-long".to_owned(), "v".repeat(1_000)); 100],
                    body: vec![b'x'; 10_000],
                };
                let end = End {
                    answer: Some(answer),
                    ..end(again())
                };
                history.ended(&billing(), sequence, attempt, end);
            }
        }
        let kept = history.kept();
        assert!(kept.bytes <= MAX_BYTES, "{}", kept.bytes);
        assert!(kept.messages.len() > 50, "{}", kept.messages.len());
    }

    #[test]
    fn a_dead_letter_is_known_to_be_one_of_another_message() {
        let history = history(10);
        history.published(&topic(), &stored(7, 4), &[]);
        let version = history.version();
        history.forwarded(&billing(), "7", 1, Reply::Status(500));
        let dead_letter_of = DeadLetterOrigin {
            sequence: 1,
            reply: Some(Reply::Status(500)),
        };
        assert_eq!(
            history.record(7).unwrap().dead_letter_of,
            Some(dead_letter_of)
        );
        assert!(history.version() > version);
        history.forwarded(&billing(), "8", 1, Reply::Status(500));
        assert!(history.record(8).is_none());
    }

    #[test]
    fn the_books_are_balanced_when_all_is_forgotten() {
        let history = history(50);
        published(&history, 0..200, 1024 * 1024);
        for sequence in 100..200 {
            history.started(
                &billing(),
                || None,
                &stored(sequence, 9),
                1,
                DeliveryType::Push,
                Plan::FAULTLESS,
            );
            history.ended(&billing(), sequence, 1, end(again()));
        }
        let mut kept = history.kept();
        drop(kept.shrink(0));
        assert_eq!(kept.bytes, 0);
        assert_eq!(kept.payload_bytes, 0);
        assert_eq!(kept.messages.len(), 0);
    }

    /// Returns a history of two messages: the first is acknowledged, and the second is purged.
    fn acked_then_purged() -> History {
        let history = history(10);
        published(&history, 1..3, 4);
        let message = stored(1, 4);
        history.started(
            &billing(),
            || Some(topic()),
            &message,
            1,
            DeliveryType::Push,
            Plan::FAULTLESS,
        );
        history.ended(&billing(), 1, 1, end(Settlement::Acked));
        history.seek(&billing(), Note::Purged, |_| false);
        history
    }

    fn seek_to_snapshot(history: &History) {
        let snapshot = "before".to_owned();
        history.seek(&billing(), Note::SeekToSnapshot { snapshot }, |_| true);
    }

    #[test]
    fn a_purge_settles_what_waits() {
        let history = acked_then_purged();
        assert_eq!(state(&history, 1), DeliveryState::Acked);
        assert_eq!(state(&history, 2), DeliveryState::Purged);
    }

    #[test]
    fn a_seek_takes_settlements_back() {
        let history = acked_then_purged();
        seek_to_snapshot(&history);
        assert_eq!(state(&history, 1), DeliveryState::Waiting);
        assert_eq!(state(&history, 2), DeliveryState::Waiting);
    }

    #[test]
    fn a_seek_skips_what_it_does_not_bring_back() {
        let history = acked_then_purged();
        seek_to_snapshot(&history);
        let to = history.now();
        history.seek(&billing(), Note::Seek { to }, |sequence| sequence == 2);
        assert_eq!(state(&history, 1), DeliveryState::Skipped);
        assert_eq!(state(&history, 2), DeliveryState::Waiting);
        assert_eq!(history.notes(&billing()).len(), 3, "one for each seek");
    }
}
