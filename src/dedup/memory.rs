//! The reference store: one process, nothing kept. The default of `dev`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Claim, DedupStore, Hold, MessageKey, Record, StoreError, Ticket};

/// Keeps everything in this process, up to a number of messages; then the done ones that would be forgotten first make room.
pub struct MemoryStore {
    capacity: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    entries: HashMap<MessageKey, Entry>,
    /// Done entries by the instant at which they are forgotten.
    expiry: BTreeSet<(Instant, MessageKey)>,
}

enum Entry {
    InProgress {
        owner: Uuid,
        lapses: Instant,
        attempt: u32,
    },
    /// The owner is kept, so that a finish whose answer was lost can be repeated.
    Done { owner: Uuid },
}

impl MemoryStore {
    /// A store for at most `capacity` messages.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            known: Mutex::default(),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.forget_expired();
        known
    }
}

impl Default for MemoryStore {
    /// Room for 100,000 messages, some 30 MB.
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl Known {
    fn forget_expired(&mut self) {
        let now = Instant::now();
        while self
            .expiry
            .first()
            .is_some_and(|(forgotten, _)| *forgotten <= now)
        {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.expiry.pop_first() {
            self.entries.remove(&key);
        }
    }

    /// The entry, if this ticket still holds it: nobody has taken over, even if the lease has ended.
    fn held_by(&mut self, ticket: &Ticket) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&ticket.key)?;
        matches!(entry, Entry::InProgress { owner, .. } if *owner == ticket.owner).then_some(entry)
    }
}

#[async_trait]
impl DedupStore for MemoryStore {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        let mut known = self.known();
        let now = Instant::now();
        let attempt = match known.entries.get(&ticket.key) {
            Some(Entry::Done { .. }) => return Ok(Claim::Done),
            Some(Entry::InProgress { owner, attempt, .. }) if *owner == ticket.owner => *attempt,
            Some(Entry::InProgress { lapses, .. }) if *lapses > now => {
                return Ok(Claim::InProgress);
            }
            Some(Entry::InProgress { attempt, .. }) => attempt.saturating_add(1),
            None => 1,
        };
        if known.entries.len() >= self.capacity && !known.entries.contains_key(&ticket.key) {
            known.forget_first();
            if known.entries.len() >= self.capacity {
                return Err(StoreError::Full(self.capacity));
            }
        }
        known.entries.insert(
            ticket.key.clone(),
            Entry::InProgress {
                owner: ticket.owner,
                lapses: now + ticket.lease,
                attempt,
            },
        );
        Ok(Claim::Granted { attempt })
    }

    async fn renew(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        match self.known().held_by(ticket) {
            Some(Entry::InProgress { lapses, .. }) => *lapses = Instant::now() + ticket.lease,
            _ => return Ok(Hold::Lost),
        }
        Ok(Hold::Held)
    }

    async fn finish(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        let mut known = self.known();
        let Some(entry) = known.held_by(ticket) else {
            let by_this_ticket = matches!(known.entries.get(&ticket.key), Some(Entry::Done { owner }) if *owner == ticket.owner);
            return Ok(if by_this_ticket {
                Hold::Held
            } else {
                Hold::Lost
            });
        };
        *entry = Entry::Done {
            owner: ticket.owner,
        };
        known
            .expiry
            .insert((Instant::now() + ticket.window, ticket.key.clone()));
        Ok(Hold::Held)
    }

    async fn release(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        let mut known = self.known();
        if known.held_by(ticket).is_none() {
            return Ok(Hold::Lost);
        }
        known.entries.remove(&ticket.key);
        Ok(Hold::Held)
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        Ok(match self.known().entries.get(key) {
            None => Record::Absent,
            Some(Entry::Done { .. }) => Record::Done,
            Some(Entry::InProgress { lapses, .. }) if *lapses > Instant::now() => {
                Record::InProgress
            }
            Some(Entry::InProgress { .. }) => Record::Lapsed,
        })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
