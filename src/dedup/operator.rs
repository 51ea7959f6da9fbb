//! The store as operators see it: the whole record of a message, its replacement, and short texts beside the records.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{MessageKey, StoreError};

/// The longest text, in bytes.
pub const TEXT_LIMIT_BYTES: usize = 16 * 1024;

/// The steps of an operator, by `pushgate message` and `pushgate replay`. A store of your own may keep the defaults: these commands
/// then answer that the store does not support them, and all else works.
#[async_trait]
pub trait OperatorStore: Send + Sync {
    /// Returns the whole record of a message, or `None` if there is none.
    async fn inspect(&self, key: &MessageKey) -> Result<Option<Details>, StoreError> {
        let _ = key;
        Err(StoreError::Unsupported)
    }

    /// Replaces the record, if it is still the one that was `seen`. Returns false, and changes nothing, if it is not.
    async fn replace(
        &self,
        key: &MessageKey,
        seen: Option<&Details>,
        by: Replacement,
    ) -> Result<bool, StoreError> {
        let _ = (key, seen, by);
        Err(StoreError::Unsupported)
    }

    /// Returns the text of this name.
    async fn read_text(&self, name: &str) -> Result<Option<Text>, StoreError> {
        let _ = name;
        Ok(None)
    }

    /// Writes a text of at most [`TEXT_LIMIT_BYTES`] for `window`, if the present one is still `seen`. Returns false, and changes
    /// nothing, if it is not.
    async fn write_text(
        &self,
        name: &str,
        seen: Option<&Text>,
        text: &str,
        window: Duration,
    ) -> Result<bool, StoreError> {
        let _ = (name, seen, text, window);
        Err(StoreError::Unsupported)
    }
}

/// A time by the store's clock, in milliseconds since an epoch of the store's own: only differences and order have a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreTime(pub u64);

impl StoreTime {
    /// Returns the time from `earlier` until this one, or zero if it is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// The whole record of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// The state of the message.
    pub state: MessageState,
    /// The delivery that wrote the record.
    pub owner: Uuid,
    /// The number of the claim: above 1 after claims whose owner ended without settling it.
    pub number: u32,
    /// The time of the finish of a message that is done, otherwise the end of the lease.
    pub time: StoreTime,
    /// The end of the window in which the record is remembered.
    pub removal: StoreTime,
    /// The time of this answer.
    pub now: StoreTime,
    /// A text of the store's own that differs for each version of the record.
    pub version: String,
}

impl Details {
    /// Returns true if a delivery holds the message: it is claimed, and the lease has not expired.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.state != MessageState::Done && self.time > self.now
    }
}

/// The state of a message that has a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// Claimed; no run is recorded as begun.
    Claimed,
    /// Claimed, and the run has begun.
    Begun,
    /// Claimed, and a run of an earlier owner never ended.
    RunLost,
    /// An operator has parked it: the next delivery dead-letters it without a run.
    Parked,
    /// Handled.
    Done,
}

/// The new state of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// No record: the next delivery is the first one.
    Nothing,
    /// Parked for this window.
    Parked(Duration),
}

/// A text in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// The time of its writing.
    pub written: StoreTime,
    /// The time of this answer.
    pub now: StoreTime,
}
