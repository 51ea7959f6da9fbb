//! *StreamingPull*: a stream of messages to a client, and of its acknowledgements.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::streaming_pull_response::{
    AcknowledgeConfirmation, ModifyAckDeadlineConfirmation, SubscriptionProperties,
};
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    StreamingPullRequest, StreamingPullResponse,
};
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{
    MAX_ANSWER_BYTES, MAX_ANSWER_MESSAGES, deadline, parse, received, split, subscription,
};
use crate::api::saved;
use crate::broker::Broker;
use crate::delivery::{AckId, Delivery, PullOptions, StreamLimits};
use crate::error::ApiError;

/// The most queued responses. A slow client gets these and what the transport buffers.
const MAX_WAITING_ANSWERS: usize = 4;
/// The most confirmations that wait for a place in the queue.
const MAX_CONFIRMATIONS: usize = 100_000;

/// The protocol version since which Google's clients (Go, Java, .NET, Ruby) expect a response to empty requests within 15
/// s.
const PONGS_SINCE: i64 = 1;

/// The responses of one stream.
pub(in crate::api) type Messages = ReceiverStream<Result<StreamingPullResponse, Status>>;

/// The emulator's side of one stream.
struct StreamingPull {
    broker: Arc<Broker>,
    delivery: Arc<Delivery>,
    options: PullOptions,
    /// The properties that the client received last.
    properties: Option<(bool, bool)>,
    /// True if the client closes a stream without responses to its empty requests.
    expects_pongs: bool,
    owes_pong: bool,
}

/// Opens a stream after its first request.
pub(in crate::api) async fn open(
    broker: Arc<Broker>,
    mut requests: impl Stream<Item = Result<StreamingPullRequest, Status>> + Send + Unpin + 'static,
) -> Result<Messages, Status> {
    let first = requests.next().await.transpose()?;
    let first = first.ok_or_else(|| Status::invalid_argument("The stream has no first request"))?;
    let mut pull = StreamingPull::new(Arc::clone(&broker), &first).await?;
    let (answers, messages) = channel(MAX_WAITING_ANSWERS);
    let begun = pull.take_and_keep(&first).await?;
    broker.spawn(async move {
        if let Err(status) = pull.run(begun, requests, &answers).await {
            answers.send(Err(status)).await.ok();
        }
    });
    Ok(ReceiverStream::new(messages))
}

impl StreamingPull {
    async fn new(broker: Arc<Broker>, first: &StreamingPullRequest) -> Result<Self, Status> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let delivery = subscription(&broker, &first.subscription).await?;
        let limit = |limit: i64| usize::try_from(limit).unwrap_or(0);
        let stream = StreamLimits {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            max_messages: limit(first.max_outstanding_messages),
            max_bytes: limit(first.max_outstanding_bytes),
        };
        let options = PullOptions {
            messages: MAX_ANSWER_MESSAGES,
            bytes: MAX_ANSWER_BYTES,
            lease: Some(stream_deadline(first.stream_ack_deadline_seconds)?),
            stream: Some(stream),
        };
        Ok(Self {
            broker,
            delivery,
            options,
            properties: None,
            expects_pongs: first.protocol_version >= PONGS_SINCE,
            owes_pong: false,
        })
    }

    /// Sends messages and handles requests, until the client or the subscription ends.
    async fn run(
        &mut self,
        mut answer: StreamingPullResponse,
        mut requests: impl Stream<Item = Result<StreamingPullRequest, Status>> + Unpin,
        answers: &Sender<Result<StreamingPullResponse, Status>>,
    ) -> Result<(), Status> {
        let delivery = Arc::clone(&self.delivery);
        let _in_use = delivery.in_use();
        loop {
            let mut available = pin!(delivery.is_available());
            available.as_mut().enable();
            // Messages are leased only if there is room for a response. Until then requests are read.
            tokio::select! {
                biased;
                why = delivery.ended() => return Err(why.into()),
                place = answers.reserve() => match place {
                    Ok(place) if self.pull(&mut answer)? => {
                        place.send(Ok(std::mem::take(&mut answer)));
                        continue;
                    }
                    Ok(_) => {}
                    Err(_) => return Ok(()),
                },
                request = requests.next(), if has_room(&answer) => match request {
                    Some(request) => {
                        let more = self.take_further(&request?).await?;
                        append(&mut answer, more);
                        continue;
                    }
                    None => return Ok(()),
                },
            }
            tokio::select! {
                () = available => {}
                request = requests.next() => match request {
                    Some(request) => answer = self.take_further(&request?).await?,
                    None => return Ok(()),
                },
                () = answers.closed() => return Ok(()),
                why = delivery.ended() => return Err(why.into()),
            }
        }
    }

    /// Adds messages and changed properties to a response. Returns true if it has content.
    fn pull(&mut self, answer: &mut StreamingPullResponse) -> Result<bool, ApiError> {
        let pulled = self.delivery.pull(&self.options)?;
        answer.received_messages = pulled.into_iter().map(received).collect();
        let properties = self.delivery.properties();
        let are_new = self.properties.replace(properties) != Some(properties);
        let is_pong = std::mem::take(&mut self.owes_pong);
        let has_news = are_new || is_pong || *answer != StreamingPullResponse::default();
        answer.subscription_properties = has_news.then(|| shown(properties));
        Ok(has_news)
    }

    /// Receives a request after the first one.
    async fn take_further(
        &mut self,
        request: &StreamingPullRequest,
    ) -> Result<StreamingPullResponse, Status> {
        check_further(request)?;
        self.owes_pong |= self.expects_pongs && *request == StreamingPullRequest::default();
        self.take_and_keep(request).await
    }

    /// Handles a request. With a data folder, confirmed acknowledgements are on the disk.
    async fn take_and_keep(
        &mut self,
        request: &StreamingPullRequest,
    ) -> Result<StreamingPullResponse, Status> {
        let answer = self.take(request)?;
        if answer != StreamingPullResponse::default() {
            saved(&self.broker).await?;
        }
        Ok(answer)
    }

    /// Changes deadlines. Only exactly-once delivery confirms them (Google, *StreamingPullResponse*).
    fn take(&mut self, request: &StreamingPullRequest) -> Result<StreamingPullResponse, ApiError> {
        if request.stream_ack_deadline_seconds != 0 {
            self.options.lease = Some(stream_deadline(request.stream_ack_deadline_seconds)?);
        }
        let deadlines = &request.modify_deadline_seconds;
        if deadlines.len() != request.modify_deadline_ack_ids.len() {
            return Err(ApiError::invalid(format!(
                "The request has {} deadlines for {} ack ids",
                deadlines.len(),
                request.modify_deadline_ack_ids.len()
            )));
        }
        let mut answer = StreamingPullResponse::default();
        let (is_exactly_once, _) = self.delivery.properties();
        if !request.ack_ids.is_empty() {
            let results = self.delivery.acknowledge(&parse(&request.ack_ids)?);
            let (ack_ids, invalid_ack_ids) = split(&request.ack_ids, &results);
            answer.acknowledge_confirmation = is_exactly_once.then(|| AcknowledgeConfirmation {
                ack_ids,
                invalid_ack_ids,
                ..AcknowledgeConfirmation::default()
            });
        }
        if !deadlines.is_empty() {
            let confirmation = self.modify(request)?;
            answer.modify_ack_deadline_confirmation = is_exactly_once.then_some(confirmation);
        }
        Ok(answer)
    }

    fn modify(
        &self,
        request: &StreamingPullRequest,
    ) -> Result<ModifyAckDeadlineConfirmation, ApiError> {
        let ids = parse(&request.modify_deadline_ack_ids)?;
        let deadlines = request.modify_deadline_seconds.iter();
        let deadlines: Vec<_> = deadlines
            .map(|each| deadline(*each))
            .collect::<Result<_, _>>()?;
        let wishes = || ids.iter().zip(&deadlines);
        // All together, since a nack revokes the later leases of its key.
        let nacked = wishes().filter(|(_, by)| by.is_zero());
        let nacked: Vec<AckId> = nacked.map(|(id, _)| *id).collect();
        let mut nacked = self.broker.nack(&self.delivery, &nacked).into_iter();
        let mut results = Vec::with_capacity(ids.len());
        for (id, by) in wishes() {
            if by.is_zero() {
                results.extend(nacked.next());
            } else {
                results.extend(self.delivery.extend(std::slice::from_ref(id), *by));
            }
        }
        let (ack_ids, invalid_ack_ids) = split(&request.modify_deadline_ack_ids, &results);
        Ok(ModifyAckDeadlineConfirmation {
            ack_ids,
            invalid_ack_ids,
            ..ModifyAckDeadlineConfirmation::default()
        })
    }
}

/// Sets the properties, which every response has: clients read missing properties as false.
const fn shown(
    (exactly_once_delivery_enabled, message_ordering_enabled): (bool, bool),
) -> SubscriptionProperties {
    SubscriptionProperties {
        exactly_once_delivery_enabled,
        message_ordering_enabled,
    }
}

/// Rejects fields that only the first request of a stream may have (Google, *StreamingPullRequest*).
fn check_further(request: &StreamingPullRequest) -> Result<(), ApiError> {
    let first_only = [
        ("subscription", !request.subscription.is_empty()),
        (
            "max_outstanding_messages",
            request.max_outstanding_messages != 0,
        ),
        ("max_outstanding_bytes", request.max_outstanding_bytes != 0),
        ("protocol_version", request.protocol_version != 0),
    ];
    match first_only.iter().find(|(_, is_set)| *is_set) {
        Some((field, _)) => Err(ApiError::invalid(format!(
            "{field} can only be set in the first request of a stream"
        ))),
        None => Ok(()),
    }
}

/// Checks the ack deadline of a stream, 10 to 600 s (Google, *StreamingPullRequest*, `streamAckDeadlineSeconds`).
fn stream_deadline(seconds: i32) -> Result<Duration, ApiError> {
    let deadline = u64::try_from(seconds).ok();
    let deadline = deadline.filter(|seconds| (10..=600).contains(seconds));
    deadline.map(Duration::from_secs).ok_or_else(|| {
        ApiError::invalid(format!(
            "Invalid stream_ack_deadline_seconds given ({seconds}): it must be 10 to 600 s"
        ))
    })
}

/// Returns true if there is room for more confirmations. If a client reads nothing, its requests are not read either.
fn has_room(answer: &StreamingPullResponse) -> bool {
    let acks = answer.acknowledge_confirmation.as_ref();
    let acks = acks.map_or(0, |acks| acks.ack_ids.len() + acks.invalid_ack_ids.len());
    let deadlines = answer.modify_ack_deadline_confirmation.as_ref();
    let deadlines = deadlines.map_or(0, |each| each.ack_ids.len() + each.invalid_ack_ids.len());
    acks + deadlines < MAX_CONFIRMATIONS
}

/// Adds the confirmations of another request.
fn append(answer: &mut StreamingPullResponse, more: StreamingPullResponse) {
    if let Some(more) = more.acknowledge_confirmation {
        let acks = answer.acknowledge_confirmation.get_or_insert_default();
        acks.ack_ids.extend(more.ack_ids);
        acks.invalid_ack_ids.extend(more.invalid_ack_ids);
    }
    if let Some(more) = more.modify_ack_deadline_confirmation {
        let deadlines = answer
            .modify_ack_deadline_confirmation
            .get_or_insert_default();
        deadlines.ack_ids.extend(more.ack_ids);
        deadlines.invalid_ack_ids.extend(more.invalid_ack_ids);
    }
}
