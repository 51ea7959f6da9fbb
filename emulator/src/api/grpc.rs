//! Google's gRPC interface: publishing, which Google's Rust client does by gRPC only.

use std::sync::Arc;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    PublishRequest, PublishResponse, PubsubMessage,
};
use tonic::{Request, Response, Status};

use self::generated::publisher_server::{Publisher, PublisherServer};
use super::MAX_BODY_BYTES;
use crate::broker::Broker;
use crate::error::ApiError;
use crate::message::Message;
use crate::name::ResourceName;

pub(super) const PUBLISHER_PATH: &str = "/google.pubsub.v1.Publisher/{method}";

#[expect(
    clippy::allow_attributes,
    clippy::too_many_lines,
    unreachable_pub,
    reason = "generated code follows the generator's rules"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/google.pubsub.v1.Publisher.rs"));
}

pub(super) struct GrpcPublisher {
    broker: Arc<Broker>,
}

pub(super) fn publisher(broker: Arc<Broker>) -> PublisherServer<GrpcPublisher> {
    PublisherServer::new(GrpcPublisher { broker }).max_decoding_message_size(MAX_BODY_BYTES)
}

#[tonic::async_trait]
impl Publisher for GrpcPublisher {
    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let PublishRequest { topic, messages } = request.into_inner();
        let messages = messages.into_iter().map(Message::from).collect();
        let published = ResourceName::topic(&topic)
            .and_then(|topic| self.broker.publish(&topic, messages))
            .map_err(status)?;
        Ok(Response::new(PublishResponse {
            message_ids: published,
        }))
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

fn status(error: ApiError) -> Status {
    let message = error.to_string();
    match error {
        ApiError::NotFound(_) => Status::not_found(message),
        ApiError::AlreadyExists(_) => Status::already_exists(message),
        ApiError::InvalidArgument(_) => Status::invalid_argument(message),
        ApiError::Unimplemented(_) | ApiError::NoSuchMethod(_) => Status::unimplemented(message),
        ApiError::FailedPrecondition(_) => Status::failed_precondition(message),
        ApiError::OutOfRange(_) => Status::out_of_range(message),
        ApiError::ResourceExhausted(_) => Status::resource_exhausted(message),
    }
}
