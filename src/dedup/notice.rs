//! The notice of a subscription: the changes of operators that every instance must know. It is a text in the store, which an
//! instance reads when it meets a duplicate, at most every few seconds.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DedupStore, StoreError, StoreTime, Text};

/// The time for which a notice is kept after its last change: the longest retention of a subscription (Google, *Replay and purge
/// messages*).
const KEPT: Duration = Duration::from_secs(31 * 24 * 3600);
/// The most replays of a subscription that are known at once.
const REPLAYS: usize = 50;
/// The most attempts to change a notice beside other operators.
const ROUNDS: usize = 8;

/// The changes that operators made for a subscription.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    /// Counts the changes. What an instance remembers of an earlier generation is looked up in the store again.
    pub(crate) generation: u64,
    /// The replays, the latest last.
    replays: Vec<Replay>,
}

/// A replay: the messages that were published in a window, and handled before the replay, run once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replay {
    /// The part of a message's identity that makes this run another one.
    token: String,
    /// The first publish time, in milliseconds since 1970.
    since: i64,
    /// The publish time after the last one, in milliseconds since 1970.
    until: i64,
    /// The time of the replay by the store's clock; `None` until the notice is written again.
    at: Option<u64>,
}

impl Replay {
    /// Creates a replay. Its token is random, and distinguishes it from other replays.
    pub(crate) fn new(token: Uuid, since: OffsetDateTime, until: OffsetDateTime) -> Self {
        Self {
            token: token.simple().to_string(),
            since: milliseconds(since),
            until: milliseconds(until),
            at: None,
        }
    }

    /// Returns the id under which this replay of a message is recorded.
    pub(crate) fn identify(&self, id: &str) -> String {
        format!("{id}:again:{}", self.token)
    }

    /// Returns the time of the replay by the store's clock.
    pub(crate) fn at(&self) -> StoreTime {
        StoreTime(self.at.unwrap_or(u64::MAX))
    }
}

fn milliseconds(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

impl Notice {
    /// Returns the latest replay of messages that were published at this time.
    pub(crate) fn replay_of(&self, published: OffsetDateTime) -> Option<&Replay> {
        let published = milliseconds(published);
        let mut latest = self.replays.iter().rev();
        latest.find(|replay| (replay.since..replay.until).contains(&published))
    }

    /// Returns the ids under which a message may be recorded, the latest replay first.
    pub(crate) fn identities(&self, id: &str) -> Vec<String> {
        let replays = self.replays.iter().rev();
        let replayed = replays.map(|replay| replay.identify(id));
        replayed.chain([id.to_owned()]).collect()
    }

    /// Reads the notice from its text.
    fn parse(text: &Text) -> Result<Self, StoreError> {
        let mut notice: Self = serde_json::from_str(&text.text).map_err(|_| StoreError::Corrupt)?;
        for replay in &mut notice.replays {
            replay.at.get_or_insert(text.written.0);
        }
        Ok(notice)
    }

    /// Reads the notice of a subscription.
    pub(crate) async fn read(
        store: &dyn DedupStore,
        subscription: &str,
    ) -> Result<Self, StoreError> {
        let text = store.read_text(&name(subscription)).await?;
        text.as_ref()
            .map_or_else(|| Ok(Self::default()), Self::parse)
    }

    /// Makes all instances look up in the store what they remember, and adds a replay if there is one.
    pub(crate) async fn change(
        store: &dyn DedupStore,
        subscription: &str,
        replay: Option<&Replay>,
    ) -> Result<(), StoreError> {
        let name = name(subscription);
        for _ in 0..ROUNDS {
            let seen = store.read_text(&name).await?;
            let notice = seen.as_ref().map(Self::parse).transpose()?;
            let notice = notice.unwrap_or_default();
            let is_known = |replay: &Replay| {
                notice
                    .replays
                    .iter()
                    .any(|known| known.token == replay.token)
            };
            if replay.is_some_and(is_known) {
                return Ok(());
            }
            let notice = notice.changed(replay);
            let text = serde_json::to_string(&notice).map_err(|_| StoreError::Corrupt)?;
            if store.write_text(&name, seen.as_ref(), &text, KEPT).await? {
                return Ok(());
            }
        }
        Err(StoreError::no_answer())
    }

    fn changed(mut self, replay: Option<&Replay>) -> Self {
        self.generation += 1;
        self.replays.extend(replay.cloned());
        let excess = self.replays.len().saturating_sub(REPLAYS);
        self.replays.drain(..excess);
        self
    }
}

fn name(subscription: &str) -> String {
    format!("notice:{subscription}")
}
