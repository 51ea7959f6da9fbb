//! The records of the history, within their bounds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use time::OffsetDateTime;

use super::life::Life;
use super::statistics::Statistics;
use super::subscription_life::SeekEffect;
use super::{Note, Noted};
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;

/// The most bytes of the history beside the payloads.
pub(super) const MAX_BYTES: usize = 8 * 1024 * 1024;
/// The payloads that the history may keep alive; of older messages it knows the size only.
const MAX_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;
const MAX_NOTES: usize = 200;

#[derive(Default)]
pub(super) struct Kept {
    pub(super) lives: BTreeMap<u64, Life>,
    /// The sequences of `lives`, the one to be forgotten first in front.
    pub(super) order: VecDeque<u64>,
    /// The sequences whose payload is kept, the oldest in front.
    pub(super) payloads: VecDeque<u64>,
    pub(super) bytes: usize,
    pub(super) payload_bytes: usize,
    pub(super) notes: VecDeque<Noted>,
    pub(super) statistics: Statistics,
    /// The latest message that was ever forgotten.
    pub(super) latest_forgotten: u64,
    /// Grows with every change.
    pub(super) version: u64,
}

/// Records that were evicted, to be dropped without the lock.
pub(super) type Forgotten = (Vec<Life>, Vec<Arc<StoredMessage>>);

impl Kept {
    pub(super) fn insert(&mut self, mut life: Life) {
        self.version += 1;
        life.changed = self.version;
        let sequence = life.sequence;
        self.bytes += life.bytes();
        self.payload_bytes += life.payload_bytes();
        self.order.push_back(sequence);
        self.payloads.push_back(sequence);
        if let Some(same) = self.lives.insert(sequence, life) {
            self.discount(&same);
            self.order.retain(|each| *each != sequence);
            self.order.push_back(sequence);
        }
    }

    pub(super) fn change(&mut self, sequence: u64, change: impl FnOnce(&mut Life)) {
        self.version += 1;
        let Some(life) = self.lives.get_mut(&sequence) else {
            return;
        };
        let before = life.bytes();
        change(life);
        life.changed = self.version;
        self.bytes = self.bytes + life.bytes() - before;
    }

    /// Records the dead letter that was made of a message.
    pub(super) fn link(&mut self, subscription: &ResourceName, sequence: u64, dead_letter: u64) {
        self.change(sequence, |life| {
            let mut subscriptions = life.subscriptions.iter_mut();
            if let Some(entry) = subscriptions.find(|entry| entry.subscription == *subscription) {
                entry.dead_letter = Some(dead_letter);
            }
        });
    }

    /// Evicts the oldest until the bounds are met.
    pub(super) fn shrink(&mut self, max_messages: usize) -> Forgotten {
        let (mut lives, mut payloads) = (Vec::new(), Vec::new());
        while (self.lives.len() > max_messages || self.bytes > MAX_BYTES)
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(life) = self.lives.remove(&oldest) {
                self.latest_forgotten = self.latest_forgotten.max(oldest);
                self.discount(&life);
                lives.push(life);
            }
        }
        // Those forgotten above are still in the queue of payloads; it must not grow by them.
        while (self.payload_bytes > MAX_PAYLOAD_BYTES || self.payloads.len() > 2 * max_messages)
            && let Some(oldest) = self.payloads.pop_front()
        {
            if let Some(life) = self.lives.get_mut(&oldest) {
                let (bytes, payload_bytes) = (life.bytes(), life.payload_bytes());
                payloads.extend(life.release());
                self.bytes = self.bytes + life.bytes() - bytes;
                self.payload_bytes -= payload_bytes;
            }
        }
        (lives, payloads)
    }

    fn discount(&mut self, life: &Life) {
        self.bytes -= life.bytes();
        self.payload_bytes -= life.payload_bytes();
    }

    pub(super) fn note(&mut self, at: OffsetDateTime, subscription: &ResourceName, note: Note) {
        self.version += 1;
        if self.notes.len() >= MAX_NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(Noted {
            at,
            subscription: subscription.clone(),
            note,
        });
    }

    /// A seek and a purge settle messages, or take that back, without a delivery.
    pub(super) fn apply(
        &mut self,
        subscription: &ResourceName,
        gone: SeekEffect,
        is_unacked: impl Fn(u64) -> bool,
    ) {
        let version = self.version;
        for life in self.lives.values_mut() {
            let is_unacked = is_unacked(life.sequence);
            let mut subscriptions = life.subscriptions.iter_mut();
            let Some(entry) = subscriptions.find(|entry| entry.subscription == *subscription)
            else {
                continue;
            };
            entry.seek_effect = match (entry.is_settled(), is_unacked) {
                (false, false) => Some(gone),
                (true, true) => Some(SeekEffect::Recalled),
                _ => continue,
            };
            life.changed = version;
        }
    }
}
