//! The saved records of resources, with additional fields.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{PubsubMessage, Snapshot, Topic};
use prost::Message;
use prost_types::Timestamp;

use crate::convert::{self, timestamp, to_timestamp};
use crate::delivery::{Delivery, SnapshotSeek};
use crate::error::ApiError;
use crate::messages::storage::StoredMessage;
use crate::resources::topic::Origin;

#[derive(Clone, PartialEq, Message)]
pub(super) struct TopicRecord {
    #[prost(message, optional, tag = "1")]
    pub(super) topic: Option<Topic>,
    #[prost(uint64, tag = "2")]
    pub(super) since: u64,
}

/// The additional fields of a subscription. They follow Google's *Subscription* in the same record, with field numbers that
/// Google does not use, so that each reader skips the fields of the other.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SubscriptionRecord {
    #[prost(message, optional, tag = "1000")]
    pub(super) origin: Option<OriginRecord>,
    #[prost(message, optional, tag = "1001")]
    pub(super) snapshot_seek: Option<SnapshotSeekRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SnapshotRecord {
    #[prost(message, optional, tag = "1")]
    pub(super) snapshot: Option<Snapshot>,
    #[prost(uint64, tag = "2")]
    pub(super) since: u64,
    #[prost(uint64, repeated, tag = "3")]
    pub(super) unacked: Vec<u64>,
    #[prost(message, optional, tag = "4")]
    pub(super) origin: Option<OriginRecord>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OriginRecord {
    #[prost(string, tag = "1")]
    topic: String,
    #[prost(uint64, tag = "2")]
    since: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SnapshotSeekRecord {
    #[prost(message, optional, tag = "1")]
    until: Option<Timestamp>,
    #[prost(uint64, tag = "2")]
    before: u64,
}

impl SubscriptionRecord {
    pub(super) fn of(delivery: &Delivery) -> Self {
        Self {
            origin: delivery.origin().map(OriginRecord::from),
            snapshot_seek: delivery.snapshot_seek().map(SnapshotSeekRecord::from),
        }
    }
}

impl From<Origin> for OriginRecord {
    fn from(Origin { topic, since }: Origin) -> Self {
        Self { topic, since }
    }
}

impl From<OriginRecord> for Origin {
    fn from(OriginRecord { topic, since }: OriginRecord) -> Self {
        Self { topic, since }
    }
}

impl From<SnapshotSeek> for SnapshotSeekRecord {
    fn from(SnapshotSeek { until, before }: SnapshotSeek) -> Self {
        let until = Some(to_timestamp(until));
        Self { until, before }
    }
}

impl TryFrom<SnapshotSeekRecord> for SnapshotSeek {
    type Error = ApiError;

    fn try_from(record: SnapshotSeekRecord) -> Result<Self, ApiError> {
        Ok(Self {
            until: timestamp("sought.until", record.until.unwrap_or_default())?,
            before: record.before,
        })
    }
}

pub(super) fn message_record(message: &StoredMessage) -> Vec<u8> {
    PubsubMessage {
        publish_time: Some(to_timestamp(message.published_at)),
        ..convert::message(message)
    }
    .encode_to_vec()
}
