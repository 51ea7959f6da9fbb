//! The steps of an operator in Firestore.

use std::time::Duration;

use async_trait::async_trait;
use googleapis_tonic_google_firestore_v1::google::firestore::v1::precondition::ConditionType;
use prost_types::Timestamp;
use uuid::Uuid;

use super::FirestoreStore;
use super::calls::Committed;
use super::document::{Record, Snapshot, State, nanoseconds, read_text, text_fields};
use crate::dedup::{
    Details, MessageKey, MessageState, OperatorStore, Replacement, StoreError, StoreTime, Text,
    Ticket,
};

fn time(timestamp: &Timestamp) -> StoreTime {
    let milliseconds = nanoseconds(timestamp) / 1_000_000;
    StoreTime(u64::try_from(milliseconds).unwrap_or(0))
}

/// Returns the details of a record whose window has not expired.
fn details(snapshot: &Snapshot) -> Option<Details> {
    let record = snapshot.record.as_ref();
    let record = record.filter(|record| !snapshot.is_expired(record))?;
    let since = time(record.since.as_ref()?);
    let lease = u64::try_from(record.lease.as_millis()).unwrap_or(u64::MAX);
    let (state, time_of_state) = match record.state {
        State::Claimed => (MessageState::Claimed, since.0.saturating_add(lease)),
        State::Begun => (MessageState::Begun, since.0.saturating_add(lease)),
        State::RunLost => (MessageState::RunLost, since.0.saturating_add(lease)),
        State::Parked => (MessageState::Parked, since.0.saturating_add(lease)),
        State::Done => (MessageState::Done, since.0),
    };
    Some(Details {
        state,
        owner: record.owner,
        number: record.number,
        time: StoreTime(time_of_state),
        removal: time(record.expires.as_ref()?),
        now: time(&snapshot.read_time),
        version: nanoseconds(snapshot.update_time.as_ref()?).to_string(),
    })
}

/// A text and the version of its document, as the condition of the next write.
struct Versioned {
    text: Option<Text>,
    unchanged: ConditionType,
}

impl FirestoreStore {
    async fn text(&self, name: &str) -> Result<Versioned, StoreError> {
        let (document, read_time) = self.calls.fetch(&name).await?;
        let Some(document) = document else {
            return Ok(Versioned {
                text: None,
                unchanged: ConditionType::Exists(false),
            });
        };
        let (content, expires) = read_text(&document.fields).ok_or(StoreError::Corrupt)?;
        let written = document.update_time.ok_or(StoreError::Corrupt)?;
        let is_expired = nanoseconds(&expires) <= nanoseconds(&read_time);
        Ok(Versioned {
            text: (!is_expired).then(|| Text {
                text: content.to_owned(),
                written: time(&written),
                now: time(&read_time),
            }),
            unchanged: ConditionType::UpdateTime(written),
        })
    }

    async fn try_replace(
        &self,
        key: &MessageKey,
        seen: Option<&Details>,
        by: Replacement,
    ) -> Result<bool, StoreError> {
        let snapshot = self.calls.read(key).await?;
        let now = details(&snapshot);
        let version = |details: &Details| details.version.clone();
        if now.as_ref().map(version) != seen.map(version) {
            return Ok(false);
        }
        let condition = snapshot.unchanged();
        let committed = match by {
            Replacement::Nothing if snapshot.record.is_none() => return Ok(true),
            Replacement::Nothing => self.calls.delete(key, condition).await?,
            Replacement::Parked(window) => {
                let nobody = Ticket {
                    owner: Uuid::nil(),
                    ..Ticket::new(key.clone(), Duration::ZERO, window)
                };
                let number = now.map_or(0, |details| details.number);
                let parked = Record::of(&nobody, State::Parked, number);
                let fields = parked.fields(key, self.calls.server_now());
                self.calls.put(key, fields, condition).await?
            }
        };
        Ok(matches!(committed, Committed::Yes(_)))
    }

    async fn try_write_text(
        &self,
        name: &str,
        seen: Option<&Text>,
        text: &str,
        window: Duration,
    ) -> Result<bool, StoreError> {
        let now = self.text(name).await?;
        let version = |text: &Text| (text.written, text.text.clone());
        if now.text.as_ref().map(version) != seen.map(version) {
            return Ok(false);
        }
        let fields = text_fields(name, text, self.calls.server_now() + window);
        let committed = self.calls.put(&name, fields, now.unchanged).await?;
        Ok(matches!(committed, Committed::Yes(_)))
    }
}

#[async_trait]
impl OperatorStore for FirestoreStore {
    async fn inspect(&self, key: &MessageKey) -> Result<Option<Details>, StoreError> {
        let snapshot = self.bounded(self.calls.read(key)).await?;
        Ok(details(&snapshot))
    }

    async fn replace(
        &self,
        key: &MessageKey,
        seen: Option<&Details>,
        by: Replacement,
    ) -> Result<bool, StoreError> {
        self.bounded(self.try_replace(key, seen, by)).await
    }

    async fn read_text(&self, name: &str) -> Result<Option<Text>, StoreError> {
        Ok(self.bounded(self.text(name)).await?.text)
    }

    async fn write_text(
        &self,
        name: &str,
        seen: Option<&Text>,
        text: &str,
        window: Duration,
    ) -> Result<bool, StoreError> {
        self.bounded(self.try_write_text(name, seen, text, window))
            .await
    }
}
