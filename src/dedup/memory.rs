//! The reference store: one process, nothing kept. The default of `dev`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Claim, ClaimStore, DedupStore, Fingerprint, Hold, MessageKey, Record, StoreError, Ticket,
    TicketStore,
};

/// Keeps everything in this process, up to a number of messages; then the done ones that would be forgotten first make room.
pub struct MemoryStore {
    capacity: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    entries: HashMap<MessageKey, Entry>,
    /// Every entry by the instant at which it is forgotten.
    expiry: BTreeSet<(Instant, MessageKey)>,
}

struct Entry {
    /// Kept when done, so that a finish whose answer was lost can be repeated.
    owner: Uuid,
    state: State,
    forgotten: Instant,
}

enum State {
    InProgress { expires: Instant, held: Held },
    Done(Option<Fingerprint>),
}

#[derive(Clone, Copy)]
struct Held {
    number: u32,
    run: Run,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    NotBegun,
    /// Begun by the claim's owner.
    Begun,
    /// Begun by an earlier owner, who never recorded its end.
    Lost,
}

impl Held {
    fn granted(self) -> Claim {
        Claim::Granted {
            number: self.number,
            is_run_lost: self.run == Run::Lost,
        }
    }

    /// By another owner, after the lease ended.
    fn taken_over(self) -> Self {
        Self {
            number: self.number.saturating_add(1),
            run: match self.run {
                Run::NotBegun => Run::NotBegun,
                Run::Begun | Run::Lost => Run::Lost,
            },
        }
    }
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
        while let Some((forgotten, _)) = self.expiry.first()
            && *forgotten <= now
            && let Some((_, key)) = self.expiry.pop_first()
        {
            self.entries.remove(&key);
        }
    }

    /// Makes room by forgetting what is done, the first to be forgotten first.
    fn make_room(&mut self, capacity: usize) -> Result<(), StoreError> {
        if self.entries.len() < capacity {
            return Ok(());
        }
        let is_done = |key: &MessageKey| {
            self.entries
                .get(key)
                .is_some_and(|entry| matches!(entry.state, State::Done(_)))
        };
        let done = self
            .expiry
            .iter()
            .find(|(_, key)| is_done(key))
            .map(|(_, key)| key.clone());
        self.remove(&done.ok_or(StoreError::Full(capacity))?);
        Ok(())
    }

    fn remove(&mut self, key: &MessageKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.expiry.remove(&(entry.forgotten, key.clone()));
        }
    }

    fn put(&mut self, ticket: &Ticket, state: State) {
        self.remove(&ticket.key);
        let forgotten = Instant::now() + ticket.window.max(ticket.lease);
        self.expiry.insert((forgotten, ticket.key.clone()));
        self.entries.insert(
            ticket.key.clone(),
            Entry {
                owner: ticket.owner,
                state,
                forgotten,
            },
        );
    }

    /// The claim, if this ticket still holds it: nobody has taken over, even if the lease has ended.
    fn held_by(&self, ticket: &Ticket) -> Option<Held> {
        match self.entries.get(&ticket.key)? {
            Entry {
                owner,
                state: State::InProgress { held, .. },
                ..
            } if *owner == ticket.owner => Some(*held),
            _ => None,
        }
    }

    /// Lets the lease of the ticket's claim begin again, changed by `change`.
    fn renew(&mut self, ticket: &Ticket, change: impl FnOnce(Held) -> Held) -> Hold {
        let Some(held) = self.held_by(ticket) else {
            return Hold::Lost;
        };
        self.hold(ticket, change(held));
        Hold::Held
    }

    fn hold(&mut self, ticket: &Ticket, held: Held) {
        let expires = Instant::now() + ticket.lease;
        self.put(ticket, State::InProgress { expires, held });
    }
}

#[async_trait]
impl ClaimStore for MemoryStore {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        let mut known = self.known();
        let now = Instant::now();
        let held = match known.entries.get(&ticket.key) {
            Some(Entry {
                state: State::Done(fingerprint),
                ..
            }) => return Ok(Claim::Done(*fingerprint)),
            Some(Entry {
                owner,
                state: State::InProgress { held, .. },
                ..
            }) if *owner == ticket.owner => *held,
            Some(Entry {
                state: State::InProgress { expires, .. },
                ..
            }) if *expires > now => return Ok(Claim::InProgress),
            Some(Entry {
                state: State::InProgress { held, .. },
                ..
            }) => held.taken_over(),
            None => {
                known.make_room(self.capacity)?;
                Held {
                    number: 1,
                    run: Run::NotBegun,
                }
            }
        };
        known.hold(ticket, held);
        Ok(held.granted())
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        Ok(match self.known().entries.get(key) {
            None => Record::Absent,
            Some(Entry {
                state: State::Done(fingerprint),
                ..
            }) => Record::Done(*fingerprint),
            Some(Entry {
                state: State::InProgress { expires, .. },
                ..
            }) if *expires > Instant::now() => Record::InProgress,
            Some(Entry {
                state: State::InProgress { .. },
                ..
            }) => Record::Expired,
        })
    }
}

#[async_trait]
impl TicketStore for MemoryStore {
    async fn begin(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        let begun = |held| Held {
            run: Run::Begun,
            ..held
        };
        Ok(self.known().renew(ticket, begun))
    }

    async fn renew(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        Ok(self.known().renew(ticket, |held| held))
    }

    async fn finish(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        let mut known = self.known();
        match known.entries.get(&ticket.key) {
            Some(Entry { owner, state, .. }) if *owner == ticket.owner => {
                if matches!(state, State::InProgress { .. }) {
                    known.put(ticket, State::Done(ticket.fingerprint));
                }
                Ok(Hold::Held)
            }
            _ => Ok(Hold::Lost),
        }
    }

    async fn release(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        let mut known = self.known();
        match known.held_by(ticket) {
            None => return Ok(Hold::Lost),
            Some(Held {
                run: Run::NotBegun | Run::Begun,
                ..
            }) => known.remove(&ticket.key),
            Some(held) => {
                let expires = Instant::now();
                known.put(ticket, State::InProgress { expires, held });
            }
        }
        Ok(Hold::Held)
    }
}

#[async_trait]
impl DedupStore for MemoryStore {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn advice(&self) -> Result<Vec<String>, StoreError> {
        Ok(vec![
            "the store is in memory, and messages handled by another instance, or before a restart, run again: set PUSHGATE_STORE to a store that is shared".into(),
        ])
    }
}
