//! Messages, acknowledgements and deadlines of pull requests.

mod failure;
mod streaming;
mod unary;

use std::sync::Arc;
use std::time::Duration;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::ReceivedMessage;
use tonic::Status;

pub(super) use self::failure::rejected;
pub(super) use self::streaming::{Messages, open};
pub(super) use self::unary::{MAX_ACK_REQUEST_BYTES, acknowledge, modify_ack_deadline, pull};
use super::saved;
use crate::broker::Broker;
use crate::convert;
use crate::delivery::{AckId, AckResult, Delivery, PulledMessage};
use crate::error::ApiError;
use crate::resources::name::ResourceName;

/// The most bytes in one response, unless a single message is larger.
const MAX_ANSWER_BYTES: usize = 3_000_000;
const MAX_ANSWER_MESSAGES: usize = 1_000;

/// Returns a subscription, which is created if it is missing and the emulator creates such.
///
/// # Errors
/// If there is none, or if it cannot be created.
async fn subscription(broker: &Arc<Broker>, name: &str) -> Result<Arc<Delivery>, Status> {
    let name = ResourceName::subscription(name)?;
    if broker.ensure_subscription(&name)? {
        saved(broker).await?;
    }
    Ok(broker.subscription(&name)?)
}

fn received(pulled: PulledMessage) -> ReceivedMessage {
    ReceivedMessage {
        ack_id: pulled.ack_id.to_string(),
        message: Some(convert::message(&pulled.message)),
        delivery_attempt: pulled
            .attempt
            .map_or(0, |attempt| i32::try_from(attempt).unwrap_or(i32::MAX)),
    }
}

/// # Errors
/// If one of them is malformed.
fn parse(ack_ids: &[String]) -> Result<Vec<AckId>, ApiError> {
    ack_ids.iter().map(|id| id.parse()).collect()
}

/// Checks a deadline of outstanding messages, 0 to 600 s (Google, *ModifyAckDeadlineRequest*, `ackDeadlineSeconds`).
fn deadline(seconds: i32) -> Result<Duration, ApiError> {
    let deadline = u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds <= 600);
    deadline.map(Duration::from_secs).ok_or_else(|| {
        ApiError::invalid(format!(
            "Invalid ack deadline given (ack_deadline_seconds={seconds}): it must be 0 to 600 s"
        ))
    })
}

/// Returns the ids that were valid, and the others.
fn split(ack_ids: &[String], results: &[AckResult]) -> (Vec<String>, Vec<String>) {
    let both = ack_ids.iter().cloned().zip(results);
    let (done, invalid): (Vec<_>, Vec<_>) =
        both.partition(|(_, result)| **result == AckResult::Done);
    let ids = |pairs: Vec<(String, &AckResult)>| pairs.into_iter().map(|(id, _)| id).collect();
    (ids(done), ids(invalid))
}
