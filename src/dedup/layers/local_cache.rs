//! What this process knows to be done: a duplicate that comes here again costs no round trip to the store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::time::Instant;

use crate::dedup::{Claim, DedupStore, Fingerprint, Hold, MessageKey, Record, StoreError, Ticket};

/// Some 6 MB.
const REMEMBERED: u64 = 20_000;

/// Most duplicates come soon. What an operator makes the store forget, so that it runs again, is known here no longer than this.
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// What was finished here, for a while.
#[derive(Clone)]
pub(crate) struct Finished(Cache<MessageKey, Done>);

#[derive(Clone, Copy)]
struct Done {
    fingerprint: Option<Fingerprint>,
    until: Instant,
}

impl Finished {
    fn get(&self, key: &MessageKey) -> Option<Done> {
        let done = self.0.get(key)?;
        if done.until > Instant::now() {
            return Some(done);
        }
        self.0.invalidate(key);
        None
    }

    pub(crate) fn remember(&self, ticket: &Ticket) {
        let done = Done {
            fingerprint: ticket.fingerprint,
            until: Instant::now() + ticket.window.min(LONGEST),
        };
        self.0.insert(ticket.key.clone(), done);
    }
}

impl Default for Finished {
    /// The oldest make room: each id is asked for seldom, and soon or not at all.
    fn default() -> Self {
        let cache = Cache::builder()
            .max_capacity(REMEMBERED)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(LONGEST);
        Self(cache.build())
    }
}

/// A store that is not asked about what was finished here.
pub(crate) struct Remembering {
    pub(crate) store: Arc<dyn DedupStore>,
    pub(crate) finished: Finished,
}

#[async_trait]
impl DedupStore for Remembering {
    async fn claim(&self, ticket: &Ticket) -> Result<Claim, StoreError> {
        match self.finished.get(&ticket.key) {
            Some(done) => Ok(Claim::Done(done.fingerprint)),
            None => self.store.claim(ticket).await,
        }
    }

    async fn begin(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.begin(ticket).await
    }

    async fn renew(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.renew(ticket).await
    }

    async fn finish(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        let hold = self.store.finish(ticket).await?;
        if hold == Hold::Held {
            self.finished.remember(ticket);
        }
        Ok(hold)
    }

    async fn release(&self, ticket: &Ticket) -> Result<Hold, StoreError> {
        self.store.release(ticket).await
    }

    async fn look(&self, key: &MessageKey) -> Result<Record, StoreError> {
        match self.finished.get(key) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ids_are_known_however_many_came_before() {
        let finished = Finished::default();
        let ticket = |id: u64| {
            let key = MessageKey {
                subscription: "projects/p/subscriptions/s".into(),
                epoch: 0,
                id: id.to_string(),
            };
            Ticket::new(key, LONGEST, LONGEST)
        };
        for id in 0..5 * REMEMBERED {
            let ticket = ticket(id);
            assert!(finished.get(&ticket.key).is_none());
            finished.remember(&ticket);
        }
        let last = 5 * REMEMBERED - 1000..5 * REMEMBERED;
        let known = last.filter(|id| finished.get(&ticket(*id).key).is_some());
        assert_eq!(known.count(), 1000);
    }
}
