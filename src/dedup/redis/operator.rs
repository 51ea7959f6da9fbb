//! The steps of an operator in Redis.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::RedisStore;
use crate::dedup::{
    Details, MessageKey, MessageState, OperatorStore, Replacement, StoreError, StoreTime, Text,
};

/// The name of a text. No subscription begins with it.
fn key_of_text(name: &str) -> String {
    format!("text:{name}")
}

/// Returns the value of a text, as the scripts have it.
fn value_of_text(text: &Text) -> String {
    format!("{}:{}", text.written.0, text.text)
}

#[async_trait]
impl OperatorStore for RedisStore {
    async fn inspect(&self, key: &MessageKey) -> Result<Option<Details>, StoreError> {
        type Answer = (String, String, u64, u32, u64, u64, String);
        let nobody = [Uuid::nil().simple().to_string()];
        let (state, owner, time, number, left, now, version): Answer =
            self.run(&self.scripts.inspect, key, &nobody).await?;
        let state = match state.as_str() {
            "absent" => return Ok(None),
            "h" => MessageState::Claimed,
            "b" => MessageState::Begun,
            "l" => MessageState::RunLost,
            "p" => MessageState::Parked,
            "d" => MessageState::Done,
            _ => return Err(StoreError::Corrupt),
        };
        Ok(Some(Details {
            state,
            owner: owner.parse().map_err(|_| StoreError::Corrupt)?,
            number,
            time: StoreTime(time),
            removal: StoreTime(now.saturating_add(left)),
            now: StoreTime(now),
            version,
        }))
    }

    async fn replace(
        &self,
        key: &MessageKey,
        seen: Option<&Details>,
        by: Replacement,
    ) -> Result<bool, StoreError> {
        let (window, state) = match by {
            Replacement::Nothing => (Duration::ZERO, "nothing"),
            Replacement::Parked(window) => (window, "parked"),
        };
        let arguments = [
            Uuid::nil().simple().to_string(),
            seen.map(|seen| seen.version.clone()).unwrap_or_default(),
            window.as_millis().to_string(),
            String::new(),
            state.to_owned(),
        ];
        self.run(&self.scripts.replace, key, &arguments).await
    }

    async fn read_text(&self, name: &str) -> Result<Option<Text>, StoreError> {
        let (value, now): (String, u64) = self
            .run(&self.scripts.read_text, &key_of_text(name), &[])
            .await?;
        if value.is_empty() {
            return Ok(None);
        }
        let (written, text) = value.split_once(':').ok_or(StoreError::Corrupt)?;
        Ok(Some(Text {
            written: StoreTime(written.parse().map_err(|_| StoreError::Corrupt)?),
            text: text.to_owned(),
            now: StoreTime(now),
        }))
    }

    async fn write_text(
        &self,
        name: &str,
        seen: Option<&Text>,
        text: &str,
        window: Duration,
    ) -> Result<bool, StoreError> {
        let arguments = [
            seen.map(value_of_text).unwrap_or_default(),
            text.to_owned(),
            window.as_millis().to_string(),
        ];
        self.run(&self.scripts.write_text, &key_of_text(name), &arguments)
            .await
    }
}
