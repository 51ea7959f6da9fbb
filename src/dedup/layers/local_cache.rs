//! The messages that this process has finished: their duplicates cost no round trip to the store.

use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::time::Instant;

use crate::dedup::{Fingerprint, MessageKey, Ticket};

/// The capacity, some 6 MB.
const REMEMBERED: u64 = 20_000;

/// The longest time that a message is remembered. A record that is deleted from the store without `pushgate message`, so that
/// its message runs again, is remembered here no longer than this. Most duplicates arrive sooner.
const LONGEST: Duration = Duration::from_secs(10 * 60);

#[derive(Clone)]
pub(super) struct LocalCache(Cache<MessageKey, Done>);

#[derive(Clone, Copy)]
struct Done {
    fingerprint: Option<Fingerprint>,
    /// The generation of the operators' changes that was known.
    generation: u64,
    until: Instant,
}

impl LocalCache {
    /// Returns the fingerprint of a message that was finished here, if its key had one, and the generation that was known then.
    pub(super) fn get(&self, key: &MessageKey) -> Option<(Option<Fingerprint>, u64)> {
        let done = self.0.get(key)?;
        if done.until > Instant::now() {
            return Some((done.fingerprint, done.generation));
        }
        self.0.invalidate(key);
        None
    }

    pub(super) fn remember(&self, ticket: &Ticket, generation: u64) {
        let done = Done {
            generation,
            fingerprint: ticket.fingerprint,
            until: Instant::now() + ticket.window.min(LONGEST),
        };
        self.0.insert(ticket.key.clone(), done);
    }
}

impl Default for LocalCache {
    /// Evicts the least recently used: duplicates of a message arrive seldom, and soon or not at all.
    fn default() -> Self {
        let cache = Cache::builder()
            .max_capacity(REMEMBERED)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(LONGEST);
        Self(cache.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ids_are_known_however_many_came_before() {
        let finished = LocalCache::default();
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
            finished.remember(&ticket, 0);
        }
        let last = 5 * REMEMBERED - 1000..5 * REMEMBERED;
        let known = last.filter(|id| finished.get(&ticket(*id).key).is_some());
        assert_eq!(known.count(), 1000);
    }
}
