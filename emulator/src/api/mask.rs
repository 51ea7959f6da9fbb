//! stub
use crate::error::ApiError;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{Snapshot, Subscription, Topic};
use prost_types::FieldMask;
pub(super) fn merge_topic(_c: Topic, n: Topic, _m: Option<&FieldMask>) -> Result<Topic, ApiError> {
    Ok(n)
}
pub(super) fn merge_subscription(
    _c: Subscription,
    n: Subscription,
    _m: Option<&FieldMask>,
) -> Result<Subscription, ApiError> {
    Ok(n)
}
pub(super) fn merge_snapshot(
    _c: Snapshot,
    n: Snapshot,
    _m: Option<&FieldMask>,
) -> Result<Snapshot, ApiError> {
    Ok(n)
}
