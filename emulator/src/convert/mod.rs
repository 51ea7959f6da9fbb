//! Google's messages and the emulator's own, one into the other.

mod push_config;
mod refusal;
mod schema_settings;
mod snapshot;
mod subscription;
mod topic;

use std::time::Duration;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::PubsubMessage;
use time::OffsetDateTime;

pub(crate) use self::push_config::{push_config_from, push_config_to};
pub(crate) use self::snapshot::{snapshot_from, snapshot_to};
pub(crate) use self::subscription::{subscription_from, subscription_to};
pub(crate) use self::topic::{topic_from, topic_to};
use crate::error::ApiError;
use crate::message::{Message, ReceivedMessage};

/// A message as clients see it.
pub(crate) fn message(message: &ReceivedMessage) -> PubsubMessage {
    let attributes = message.attributes.iter();
    PubsubMessage {
        data: message.data.to_vec(),
        attributes: attributes
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        message_id: message.id.clone(),
        publish_time: Some(timestamp(message.publish_time)),
        ordering_key: message.ordering_key.clone(),
    }
}

/// Id and time are the service's to give, so a client's are dropped (Google, *PubsubMessage*, `messageId`, `publishTime`).
impl From<PubsubMessage> for Message {
    fn from(message: PubsubMessage) -> Self {
        Self {
            data: message.data.into(),
            attributes: message.attributes.into_iter().collect(),
            ordering_key: message.ordering_key,
        }
    }
}

pub(crate) fn timestamp(time: OffsetDateTime) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.unix_timestamp(),
        // Nanoseconds of a second are below a thousand million, which fits.
        nanos: i32::try_from(time.nanosecond()).unwrap_or_default(),
    }
}

/// # Errors
/// If no clock could show it.
pub(crate) fn time(timestamp: &prost_types::Timestamp) -> Result<OffsetDateTime, ApiError> {
    let nanoseconds = i128::from(timestamp.seconds) * 1_000_000_000 + i128::from(timestamp.nanos);
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .map_err(|_| ApiError::invalid("A timestamp lies beyond the years 1 to 9999"))
}

fn duration_to(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// # Errors
/// If it is negative.
fn duration_from(field: &str, duration: prost_types::Duration) -> Result<Duration, ApiError> {
    Duration::try_from(duration)
        .map_err(|_| ApiError::invalid(format!("{field} is negative, or no duration")))
}
