//! Converts between Google's messages and the emulator's own.

mod form;
mod ingestion;
mod push_config;
mod schema_settings;
mod snapshot;
mod subscription;
mod time;
mod topic;
mod transforms;
mod without_effect;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::PubsubMessage;

pub(crate) use self::push_config::{push_config_from, push_config_to};
pub(crate) use self::snapshot::{snapshot_from, snapshot_to};
pub(crate) use self::subscription::{subscription_from, subscription_to};
use self::time::{duration, to_duration};
pub(crate) use self::time::{timestamp, to_timestamp};
pub(crate) use self::topic::{topic_from, topic_to};
pub(crate) use self::without_effect::{subscription_without_effect, topic_without_effect};
use crate::messages::message::{Message, ReceivedMessage};

/// Converts a message for clients.
pub(crate) fn message(message: &ReceivedMessage) -> PubsubMessage {
    let attributes = message.attributes.iter();
    PubsubMessage {
        data: message.data.to_vec(),
        attributes: attributes
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        message_id: message.id.clone(),
        publish_time: Some(to_timestamp(message.publish_time)),
        ordering_key: message.ordering_key.clone(),
    }
}

/// The service sets id and time, so a client's values are dropped (Google, *PubsubMessage*, `messageId`, `publishTime`).
impl From<PubsubMessage> for Message {
    fn from(message: PubsubMessage) -> Self {
        Self {
            data: message.data.into(),
            attributes: message.attributes.into_iter().collect(),
            ordering_key: message.ordering_key,
        }
    }
}
