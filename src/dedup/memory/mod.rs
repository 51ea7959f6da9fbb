//! The store in memory: the reference implementation, and the default of `dev`.

mod active_claim;
mod operator;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;
use uuid::Uuid;

use self::active_claim::{ActiveClaim, Run};
use self::operator::Texts;
use super::{
    Claim, ClaimStore, DedupStore, Fingerprint, MessageKey, Record, StepResult, StoreError, Ticket,
    TicketStore,
};

/// A store in this process, bounded by a number of messages. At the bound it evicts the finished message that expires first.
pub struct MemoryStore {
    capacity: usize,
    start: Instant,
    records: Mutex<Records>,
}

#[derive(Default)]
struct Records {
    entries: HashMap<MessageKey, Entry>,
    /// Every entry by the instant at which it is removed.
    expiry: BTreeSet<(Instant, MessageKey)>,
    texts: Texts,
}

struct Entry {
    /// Kept in `Done`, so that a finish whose answer was lost can be repeated.
    owner: Uuid,
    state: State,
    removal: Instant,
}

enum State {
    InProgress {
        expires: Instant,
        claim: ActiveClaim,
    },
    Done {
        finished: Instant,
        number: u32,
        fingerprint: Option<Fingerprint>,
    },
}

impl MemoryStore {
    /// Creates a store for at most `capacity` messages.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            start: Instant::now(),
            records: Mutex::default(),
        }
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.remove_expired();
        records
    }
}

impl Default for MemoryStore {
    /// Creates a store for 100,000 messages, some 30 MB.
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl Records {
    fn remove_expired(&mut self) {
        let now = Instant::now();
        while let Some((removal, _)) = self.expiry.first()
            && *removal <= now
            && let Some((_, key)) = self.expiry.pop_first()
        {
            self.entries.remove(&key);
        }
    }

    /// Evicts the finished message that expires first, if the capacity is reached.
    fn make_room(&mut self, capacity: usize) -> Result<(), StoreError> {
        if self.entries.len() < capacity {
            return Ok(());
        }
        let is_done = |key: &MessageKey| {
            self.entries
                .get(key)
                .is_some_and(|entry| matches!(entry.state, State::Done { .. }))
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
            self.expiry.remove(&(entry.removal, key.clone()));
        }
    }

    fn put(&mut self, ticket: &Ticket, state: State) {
        self.remove(&ticket.key);
        let removal = Instant::now() + ticket.window.max(ticket.lease);
        let entry = Entry {
            owner: ticket.owner,
            state,
            removal,
        };
        self.expiry.insert((removal, ticket.key.clone()));
        self.entries.insert(ticket.key.clone(), entry);
    }

    /// Returns the claim, if this ticket holds it. An expired lease does not matter.
    fn held_by(&self, ticket: &Ticket) -> Option<ActiveClaim> {
        match self.entries.get(&ticket.key)? {
            Entry {
                owner,
                state: State::InProgress { claim, .. },
                ..
            } if *owner == ticket.owner => Some(*claim),
            _ => None,
        }
    }

    /// Restarts the lease of the ticket's claim, changed by `change`.
    fn renew(
        &mut self,
        ticket: &Ticket,
        change: impl FnOnce(ActiveClaim) -> ActiveClaim,
    ) -> StepResult {
        let Some(claim) = self.held_by(ticket) else {
            return StepResult::ClaimLost;
        };
        self.hold(ticket, change(claim));
        StepResult::Done
    }

    fn hold(&mut self, ticket: &Ticket, claim: ActiveClaim) {
        let expires = Instant::now() + ticket.lease;
        self.put(ticket, State::InProgress { expires, claim });
    }
}

#[async_trait]
impl ClaimStore for MemoryStore {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        let mut records = self.records();
        let now = Instant::now();
        let claim = match records.entries.get(&ticket.key) {
            Some(Entry {
                state: State::Done { fingerprint, .. },
                ..
            }) => return Ok(Claim::Done(*fingerprint)),
            Some(Entry {
                owner,
                state: State::InProgress { claim, .. },
                ..
            }) if *owner == ticket.owner => *claim,
            Some(Entry {
                state: State::InProgress { expires, .. },
                ..
            }) if *expires > now => return Ok(Claim::InProgress),
            Some(Entry {
                state: State::InProgress { claim, .. },
                ..
            }) => claim.taken_over(),
            None => {
                records.make_room(self.capacity)?;
                ActiveClaim {
                    number: 1,
                    run: Run::NotBegun,
                }
            }
        };
        records.hold(ticket, claim);
        Ok(claim.granted())
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        Ok(match self.records().entries.get(key) {
            None => Record::Absent,
            Some(Entry {
                state: State::Done { fingerprint, .. },
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
    async fn begin(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        let begun = |claim| ActiveClaim {
            run: Run::Begun,
            ..claim
        };
        Ok(self.records().renew(ticket, begun))
    }

    async fn renew(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        Ok(self.records().renew(ticket, |claim| claim))
    }

    async fn finish(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        let mut records = self.records();
        match records.entries.get(&ticket.key) {
            Some(Entry { owner, state, .. }) if *owner == ticket.owner => {
                if let State::InProgress { claim, .. } = state {
                    let done = State::Done {
                        finished: Instant::now(),
                        number: claim.number,
                        fingerprint: ticket.fingerprint,
                    };
                    records.put(ticket, done);
                }
                Ok(StepResult::Done)
            }
            _ => Ok(StepResult::ClaimLost),
        }
    }

    async fn release(&self, ticket: &Ticket) -> Result<StepResult, StoreError> {
        let mut records = self.records();
        match records.held_by(ticket) {
            None => return Ok(StepResult::ClaimLost),
            Some(ActiveClaim {
                run: Run::NotBegun | Run::Begun,
                ..
            }) => records.remove(&ticket.key),
            Some(claim) => {
                let expires = Instant::now();
                records.put(ticket, State::InProgress { expires, claim });
            }
        }
        Ok(StepResult::Done)
    }
}

#[async_trait]
impl DedupStore for MemoryStore {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn system(&self) -> &'static str {
        "memory"
    }

    async fn advice(&self) -> Result<Vec<String>, StoreError> {
        Ok(vec![
            "the store is in memory, so messages that were handled by another instance or before a restart run again: set PUSHGATE_STORE to a shared store".into(),
        ])
    }
}
