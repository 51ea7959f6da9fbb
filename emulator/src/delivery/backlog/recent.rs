//! Acknowledged messages that need not be retained. The latest of them can be delivered again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::entry::SettledMessage;

/// The bounds for all subscriptions of an emulator together.
pub(super) const MAX_MESSAGES: usize = 5_000;
pub(super) const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The latest settled messages of all subscriptions. The oldest is evicted first, whatever its subscription, so that the
/// memory does not depend on the number of subscriptions.
///
/// Its lock is the last in the order of locks. Evicted messages are dropped without it.
#[derive(Default)]
pub(crate) struct Remembered {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Messages by subscription and sequence, each with the number of its settlement.
    done: BTreeMap<(u64, u64), (u64, SettledMessage)>,
    /// The keys of the messages by these numbers.
    order: BTreeMap<u64, (u64, u64)>,
    bytes: usize,
    last: u64,
    subscriptions: u64,
}

/// The share of one subscription.
pub(super) struct Recent {
    all: Arc<Remembered>,
    subscription: u64,
}

impl Remembered {
    /// Drops everything to make room for new messages.
    pub(crate) fn forget(&self) {
        let mut kept = self.kept();
        let forgotten = std::mem::take(&mut kept.done);
        kept.order.clear();
        kept.bytes = 0;
        drop(kept);
        drop(forgotten);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn insert(&mut self, key: (u64, u64), done: SettledMessage) {
        self.last += 1;
        self.bytes += done.message.size_bytes();
        self.order.insert(self.last, key);
        self.done.insert(key, (self.last, done));
    }

    fn remove(&mut self, key: (u64, u64)) -> Option<SettledMessage> {
        let (number, done) = self.done.remove(&key)?;
        self.order.remove(&number);
        self.bytes -= done.message.size_bytes();
        Some(done)
    }

    fn remove_oldest(&mut self) -> Option<SettledMessage> {
        let is_over = self.order.len() > MAX_MESSAGES || self.bytes > MAX_BYTES;
        let (_, key) = self.order.first_key_value().filter(|_| is_over)?;
        self.remove(*key)
    }

    /// Returns the keys of one subscription from a sequence on.
    fn keys(&self, subscription: u64, first: u64) -> Vec<(u64, u64)> {
        let own = self
            .done
            .range((subscription, first)..=(subscription, u64::MAX));
        own.map(|(key, _)| *key).collect()
    }
}

impl Recent {
    pub(super) fn new(all: Arc<Remembered>) -> Self {
        let mut kept = all.kept();
        kept.subscriptions += 1;
        let subscription = kept.subscriptions;
        drop(kept);
        Self { all, subscription }
    }

    pub(super) fn insert(&mut self, done: SettledMessage) {
        let key = (self.subscription, done.message.sequence);
        let mut forgotten = Vec::new();
        let mut kept = self.all.kept();
        forgotten.extend(kept.remove(key));
        kept.insert(key, done);
        while let Some(oldest) = kept.remove_oldest() {
            forgotten.push(oldest);
        }
        drop(kept);
    }

    pub(super) fn remove(&mut self, sequence: u64) -> Option<SettledMessage> {
        self.all.kept().remove((self.subscription, sequence))
    }

    pub(super) fn get(&self, sequence: u64) -> Option<SettledMessage> {
        let kept = self.all.kept();
        let found = kept.done.get(&(self.subscription, sequence));
        found.map(|(_, done)| done.clone())
    }

    /// Returns the messages from this sequence on.
    pub(super) fn from(&self, sequence: u64) -> Vec<SettledMessage> {
        let kept = self.all.kept();
        let later = (self.subscription, sequence)..=(self.subscription, u64::MAX);
        let later = kept.done.range(later);
        later.map(|(_, (_, done))| done.clone()).collect()
    }

    /// Drops messages beyond the bounds.
    pub(super) fn forget(&mut self, is_over: impl Fn(&SettledMessage) -> bool) {
        let mut forgotten = Vec::new();
        let mut kept = self.all.kept();
        for key in kept.keys(self.subscription, 0) {
            if kept.done.get(&key).is_some_and(|(_, done)| is_over(done)) {
                forgotten.extend(kept.remove(key));
            }
        }
        drop(kept);
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Drop for Recent {
    fn drop(&mut self) {
        self.forget(|_| true);
    }
}
