//! *Pull*, *Acknowledge* and *ModifyAckDeadline*.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    AcknowledgeRequest, ModifyAckDeadlineRequest, PullRequest, PullResponse,
};
use tonic::Status;

use super::{
    MAX_ANSWER_BYTES, MAX_ANSWER_MESSAGES, deadline, parse, received, rejected, split, subscription,
};
use crate::broker::Broker;
use crate::delivery::{AckResult, Delivery, PullOptions};
use crate::error::ApiError;
use crate::resources::name::ResourceName;

/// The time that a pull waits for a first message. Google's is not documented, and clients pull again.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest request to acknowledge or to change deadlines (Google, *Quotas and limits*).
pub(in crate::api) const MAX_ACK_REQUEST_BYTES: usize = 524_288;

pub(in crate::api) async fn pull(
    broker: &Arc<Broker>,
    request: PullRequest,
) -> Result<PullResponse, Status> {
    let most = usize::try_from(request.max_messages).unwrap_or(0);
    if most == 0 {
        let found = request.max_messages;
        return Err(Status::invalid_argument(format!(
            "You have passed a non-positive number of messages to pull (max_messages={found})"
        )));
    }
    let delivery = subscription(broker, &request.subscription).await?;
    let options = PullOptions {
        messages: most.min(MAX_ANSWER_MESSAGES),
        bytes: MAX_ANSWER_BYTES,
        lease: None,
        stream: None,
    };
    #[expect(deprecated, reason = "clients still set it")]
    let is_patient = !request.return_immediately;
    let waited = broker
        .clock()
        .within(PATIENCE, first_messages(&delivery, &options, is_patient))
        .await;
    let pulled = waited.unwrap_or(Ok(Vec::new()))?;
    Ok(PullResponse {
        received_messages: pulled.into_iter().map(received).collect(),
    })
}

/// Waits for available messages.
async fn first_messages(
    delivery: &Delivery,
    options: &PullOptions,
    is_patient: bool,
) -> Result<Vec<crate::delivery::PulledMessage>, Status> {
    let _in_use = delivery.in_use();
    loop {
        let mut available = pin!(delivery.is_available());
        available.as_mut().enable();
        let pulled = delivery.pull(options)?;
        if !pulled.is_empty() || !is_patient {
            return Ok(pulled);
        }
        tokio::select! {
            // A client that cancelled this pull would lose the messages. Its connection may notice first and drop them.
            () = available => tokio::task::yield_now().await,
            why = delivery.ended() => return Err(why.into()),
        }
    }
}

pub(in crate::api) fn acknowledge(
    broker: &Arc<Broker>,
    request: &AcknowledgeRequest,
) -> Result<(), Status> {
    check_size(request)?;
    let delivery = find(broker, &request.subscription, &request.ack_ids)?;
    let ids = parse(&request.ack_ids)?;
    let results = delivery.acknowledge(&ids);
    confirm(&delivery, &request.ack_ids, &results)
}

pub(in crate::api) fn modify_ack_deadline(
    broker: &Arc<Broker>,
    request: &ModifyAckDeadlineRequest,
) -> Result<(), Status> {
    check_size(request)?;
    let delivery = find(broker, &request.subscription, &request.ack_ids)?;
    let ids = parse(&request.ack_ids)?;
    let by = deadline(request.ack_deadline_seconds)?;
    let results = if by.is_zero() {
        broker.nack(&delivery, &ids)
    } else {
        delivery.extend(&ids, by)
    };
    confirm(&delivery, &request.ack_ids, &results)
}

fn check_size(request: &impl prost::Message) -> Result<(), ApiError> {
    if request.encoded_len() > MAX_ACK_REQUEST_BYTES {
        return Err(ApiError::invalid(format!(
            "Request payload size exceeds the limit: {MAX_ACK_REQUEST_BYTES} bytes."
        )));
    }
    Ok(())
}

fn find(
    broker: &Arc<Broker>,
    subscription: &str,
    ack_ids: &[String],
) -> Result<Arc<Delivery>, ApiError> {
    let delivery = broker.subscription(&ResourceName::subscription(subscription)?)?;
    if ack_ids.is_empty() {
        return Err(ApiError::invalid("No ack ids specified."));
    }
    Ok(delivery)
}

/// Returns an error for expired leases, only with exactly-once delivery (Google, *Acknowledge*).
fn confirm(delivery: &Delivery, ack_ids: &[String], results: &[AckResult]) -> Result<(), Status> {
    let (is_exactly_once, _) = delivery.properties();
    let (_, invalid) = split(ack_ids, results);
    if is_exactly_once && !invalid.is_empty() {
        return Err(rejected(invalid));
    }
    Ok(())
}
