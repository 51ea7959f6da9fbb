//! The steps of an operator in the memory store.

use std::time::Duration;

use async_trait::async_trait;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::time::Instant;
use uuid::Uuid;

use super::{ActiveClaim, Entry, MemoryStore, Run, State};
use crate::dedup::{
    Details, MessageKey, MessageState, OperatorStore, Replacement, StoreError, StoreTime, Text,
    Ticket,
};

/// The most texts, some 6 MB of failures.
const TEXTS: u64 = 10_000;

/// The texts by name. The least recently used are evicted, so that a flood of failures does not evict a notice.
pub(super) struct Texts(Cache<String, Kept>);

#[derive(Clone)]
pub(super) struct Kept {
    text: String,
    written: Instant,
    removal: Instant,
}

impl Default for Texts {
    fn default() -> Self {
        let cache = Cache::builder().max_capacity(TEXTS);
        Self(cache.eviction_policy(EvictionPolicy::lru()).build())
    }
}

impl Texts {
    /// Returns a text whose window has not expired.
    fn get(&self, name: &str) -> Option<Kept> {
        let kept = self.0.get(name)?;
        (kept.removal > Instant::now()).then_some(kept)
    }
}

impl MemoryStore {
    fn time(&self, instant: Instant) -> StoreTime {
        let passed = instant.saturating_duration_since(self.start);
        StoreTime(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
    }

    fn details(&self, entry: &Entry) -> Details {
        let (state, number, time) = match &entry.state {
            State::Done {
                finished, number, ..
            } => (MessageState::Done, *number, *finished),
            State::InProgress { expires, claim } => (claim.run.state(), claim.number, *expires),
        };
        Details {
            state,
            owner: entry.owner,
            number,
            time: self.time(time),
            removal: self.time(entry.removal),
            now: self.time(Instant::now()),
            version: format!("{}:{state:?}:{time:?}", entry.owner),
        }
    }

    fn text(&self, kept: &Kept) -> Text {
        Text {
            text: kept.text.clone(),
            written: self.time(kept.written),
            now: self.time(Instant::now()),
        }
    }
}

impl Run {
    fn state(self) -> MessageState {
        match self {
            Self::NotBegun => MessageState::Claimed,
            Self::Begun => MessageState::Begun,
            Self::Lost => MessageState::RunLost,
            Self::Parked => MessageState::Parked,
        }
    }
}

#[async_trait]
impl OperatorStore for MemoryStore {
    async fn inspect(&self, key: &MessageKey) -> Result<Option<Details>, StoreError> {
        Ok(self
            .records()
            .entries
            .get(key)
            .map(|entry| self.details(entry)))
    }

    async fn replace(
        &self,
        key: &MessageKey,
        seen: Option<&Details>,
        by: Replacement,
    ) -> Result<bool, StoreError> {
        let mut records = self.records();
        let now = records.entries.get(key).map(|entry| self.details(entry));
        let version = |details: &Details| details.version.clone();
        if now.as_ref().map(version) != seen.map(version) {
            return Ok(false);
        }
        match by {
            Replacement::Nothing => records.remove(key),
            Replacement::Parked(window) => {
                if now.is_none() {
                    records.make_room(self.capacity)?;
                }
                let nobody = Ticket {
                    owner: Uuid::nil(),
                    ..Ticket::new(key.clone(), Duration::ZERO, window)
                };
                let claim = ActiveClaim {
                    number: now.map_or(0, |details| details.number),
                    run: Run::Parked,
                };
                records.hold(&nobody, claim);
            }
        }
        Ok(true)
    }

    async fn read_text(&self, name: &str) -> Result<Option<Text>, StoreError> {
        let kept = self.records().texts.get(name);
        Ok(kept.map(|kept| self.text(&kept)))
    }

    async fn write_text(
        &self,
        name: &str,
        seen: Option<&Text>,
        text: &str,
        window: Duration,
    ) -> Result<bool, StoreError> {
        let records = self.records(); // locked until the text is written
        let kept = records.texts.get(name);
        let version = kept.map(|kept| (self.time(kept.written), kept.text));
        if version != seen.map(|seen| (seen.written, seen.text.clone())) {
            return Ok(false);
        }
        let written = Instant::now();
        let kept = Kept {
            text: text.to_owned(),
            written,
            removal: written + window,
        };
        records.texts.0.insert(name.to_owned(), kept);
        Ok(true)
    }
}
