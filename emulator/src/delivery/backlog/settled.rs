//! Acknowledged messages that can still be asked for: a few by everybody, all of the retention if the subscription says so.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::storage::StoredMessage;

/// Settled messages that can be asked for again although nobody asked to retain them.
pub(super) const MAX_MESSAGES: usize = 5_000;
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// A message that is done, as it was then.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) message: Arc<StoredMessage>,
    pub(super) failures: u32,
    pub(super) nth: u64,
    /// Whether the subscription retains acknowledged messages; a seek brings back only these.
    pub(super) is_retained: bool,
}

/// The settled messages of one subscription, by sequence.
#[derive(Default)]
pub(super) struct Settled {
    /// With the number under which each was settled.
    done: BTreeMap<u64, (u64, Done)>,
    /// The sequences of those not retained by those numbers, so that the first to be settled is the first to be forgotten.
    order: BTreeMap<u64, u64>,
    bytes: usize,
    last: u64,
}

impl Settled {
    pub(super) fn insert(&mut self, done: Done) {
        let sequence = done.message.sequence;
        self.remove(sequence);
        self.last += 1;
        if !done.is_retained {
            self.bytes += done.message.size_bytes();
            self.order.insert(self.last, sequence);
        }
        self.done.insert(sequence, (self.last, done));
        while (self.order.len() > MAX_MESSAGES || self.bytes > MAX_BYTES)
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.remove(oldest);
        }
    }

    pub(super) fn remove(&mut self, sequence: u64) -> Option<Done> {
        let (number, done) = self.done.remove(&sequence)?;
        if !done.is_retained {
            self.order.remove(&number);
            self.bytes -= done.message.size_bytes();
        }
        Some(done)
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Done> {
        self.done.get(&sequence).map(|(_, done)| done)
    }

    /// All of this sequence and later ones.
    pub(super) fn from(&self, sequence: u64) -> impl Iterator<Item = &Arc<StoredMessage>> {
        let later = self.done.range(sequence..);
        later.map(|(_, (_, done))| &done.message)
    }

    pub(super) fn retained(&self) -> impl Iterator<Item = &Arc<StoredMessage>> {
        let done = self.done.values().map(|(_, done)| done);
        done.filter(|done| done.is_retained)
            .map(|done| &done.message)
    }

    /// Lets go of what nobody asked to retain.
    pub(super) fn forget_unretained(&mut self) {
        self.done.retain(|_, (_, done)| done.is_retained);
        self.order.clear();
        self.bytes = 0;
    }

    /// Lets go of all retained ones, and tells their sequences.
    pub(super) fn forget_retained(&mut self) -> Vec<u64> {
        let retained: Vec<u64> = self.retained().map(|message| message.sequence).collect();
        for sequence in &retained {
            self.done.remove(sequence);
        }
        retained
    }

    /// Lets go of all up to the first message that is not too old, and tells the sequences of the retained ones.
    pub(super) fn expire(&mut self, is_old: impl Fn(&StoredMessage) -> bool) -> Vec<u64> {
        let mut expired = Vec::new();
        while let Some((sequence, (_, done))) = self.done.first_key_value()
            && is_old(&done.message)
        {
            let sequence = *sequence;
            if self.remove(sequence).is_some_and(|done| done.is_retained) {
                expired.push(sequence);
            }
        }
        expired
    }
}
