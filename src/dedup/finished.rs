//! What this process knows to be done: a duplicate that comes here again costs no round trip to the store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::sync::Cache;
use tokio::time::Instant;

use super::{Claim, DedupStore, Fingerprint, Hold, MessageKey, Record, StoreError, Ticket};

/// Some 6 MB.
const REMEMBERED: u64 = 20_000;

/// Most duplicates come soon. What an operator makes the store forget, so that it runs again, is known here no longer than this.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// A store, and a bounded memory of what was finished here.
pub(crate) struct Finished {
    store: Arc<dyn DedupStore>,
    done: Cache<MessageKey, Done>,
}

#[derive(Clone, Copy)]
struct Done {
    fingerprint: Option<Fingerprint>,
    until: Instant,
}

impl Finished {
    pub(crate) fn new(store: Arc<dyn DedupStore>) -> Self {
        Self {
            store,
            done: Cache::new(REMEMBERED),
        }
    }

    fn get(&self, key: &MessageKey) -> Option<Done> {
        let done = self.done.get(key)?;
        if done.until > Instant::now() {
            return Some(done);
        }
        self.done.invalidate(key);
        None
    }

    fn remember(&self, ticket: &Ticket) {
        let done = Done {
            fingerprint: ticket.fingerprint,
            until: Instant::now() + ticket.window.min(LONGEST),
        };
        self.done.insert(ticket.key.clone(), done);
    }
}

#[async_trait]
impl DedupStore for Finished {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        match self.get(&ticket.key) {
            Some(done) => Ok(Claim::Done(done.fingerprint)),
            None => self.store.claim(ticket).await,
        }
    }

    async fn renew(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.renew(ticket).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        let hold = self.store.finish(ticket).await?;
        if hold == Hold::Held {
            self.remember(ticket);
        }
        Ok(hold)
    }

    async fn release(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.release(ticket).await
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        match self.get(key) {
            Some(done) => Ok(Record::Done(done.fingerprint)),
            None => self.store.look(key).await,
        }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.store.ping().await
    }

    async fn advice(&self) -> Result<Vec<String>, StoreError> {
        self.store.advice().await
    }
}
