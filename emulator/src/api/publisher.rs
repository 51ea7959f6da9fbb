//! Google's *Publisher*.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    DeleteTopicRequest, DetachSubscriptionRequest, DetachSubscriptionResponse, GetTopicRequest,
    ListTopicSnapshotsRequest, ListTopicSnapshotsResponse, ListTopicSubscriptionsRequest,
    ListTopicSubscriptionsResponse, ListTopicsRequest, ListTopicsResponse, PublishRequest,
    PublishResponse, Topic, UpdateTopicRequest,
};
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::Services;
use super::grpc::Publisher;
use super::mask;
use super::page::page;
use crate::convert::{topic_from, topic_to};
use crate::messages::message::{MAX_PUBLISH_BYTES, Message};
use crate::resources::name::{ResourceName, project};
use crate::resources::topic::TopicConfig;

#[tonic::async_trait]
impl Publisher for Services {
    async fn create_topic(&self, request: Request<Topic>) -> Result<Response<Topic>, Status> {
        let config = topic_from(request.into_inner())?;
        let created = self.broker.create_topic(config)?;
        self.saved().await?;
        Ok(Response::new(shown(created)))
    }

    async fn update_topic(
        &self,
        request: Request<UpdateTopicRequest>,
    ) -> Result<Response<Topic>, Status> {
        let UpdateTopicRequest { topic, update_mask } = request.into_inner();
        let change = topic.unwrap_or_default();
        let name = ResourceName::topic(&change.name)?;
        let mask = update_mask.unwrap_or_default();
        let updated = self.broker.update_topic(&name, |current| {
            topic_from(mask::merge_topic(&topic_to(current), &change, &mask)?)
        })?;
        self.saved().await?;
        Ok(Response::new(shown(updated)))
    }

    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let request = request.into_inner();
        check_size(&request)?;
        let PublishRequest { topic, messages } = request;
        let messages = messages.into_iter().map(Message::from).collect();
        self.room_to_save().await?;
        let topic = ResourceName::topic(&topic)?;
        self.broker.ensure_topic(&topic)?;
        let (message_ids, unanswered) = self.broker.publish_unanswered(&topic, messages)?;
        self.saved().await?;
        // Many clients have a clock of milliseconds. Without this wait, a seek to their current time could name the
        // millisecond of the message, which is then not before that time (Google, *SeekRequest*, `time`).
        self.broker.clock().next_millisecond().await;
        self.broker.answered(unanswered);
        Ok(Response::new(PublishResponse { message_ids }))
    }

    async fn get_topic(
        &self,
        request: Request<GetTopicRequest>,
    ) -> Result<Response<Topic>, Status> {
        let name = ResourceName::topic(&request.into_inner().topic)?;
        if self.broker.ensure_topic(&name)? {
            self.saved().await?;
        }
        Ok(Response::new(shown(self.broker.topic(&name)?)))
    }

    async fn list_topics(
        &self,
        request: Request<ListTopicsRequest>,
    ) -> Result<Response<ListTopicsResponse>, Status> {
        let request = request.into_inner();
        let all = self.broker.topics(project(&request.project)?);
        let (page, next_page_token) = page(
            all,
            |each| &each.name,
            request.page_size,
            &request.page_token,
        )?;
        Ok(Response::new(ListTopicsResponse {
            topics: page.into_iter().map(shown).collect(),
            next_page_token,
        }))
    }

    async fn list_topic_subscriptions(
        &self,
        request: Request<ListTopicSubscriptionsRequest>,
    ) -> Result<Response<ListTopicSubscriptionsResponse>, Status> {
        let request = request.into_inner();
        let all = self
            .broker
            .topic_subscriptions(&ResourceName::topic(&request.topic)?)?;
        let (subscriptions, next_page_token) =
            page(all, |name| name, request.page_size, &request.page_token)?;
        Ok(Response::new(ListTopicSubscriptionsResponse {
            subscriptions,
            next_page_token,
        }))
    }

    async fn list_topic_snapshots(
        &self,
        request: Request<ListTopicSnapshotsRequest>,
    ) -> Result<Response<ListTopicSnapshotsResponse>, Status> {
        let request = request.into_inner();
        let all = self
            .broker
            .topic_snapshots(&ResourceName::topic(&request.topic)?)?;
        let (snapshots, next_page_token) =
            page(all, |name| name, request.page_size, &request.page_token)?;
        Ok(Response::new(ListTopicSnapshotsResponse {
            snapshots,
            next_page_token,
        }))
    }

    async fn delete_topic(
        &self,
        request: Request<DeleteTopicRequest>,
    ) -> Result<Response<()>, Status> {
        let name = ResourceName::topic(&request.into_inner().topic)?;
        self.broker.delete_topic(&name)?;
        self.saved().await?;
        Ok(Response::new(()))
    }

    async fn detach_subscription(
        &self,
        request: Request<DetachSubscriptionRequest>,
    ) -> Result<Response<DetachSubscriptionResponse>, Status> {
        let name = ResourceName::subscription(&request.into_inner().subscription)?;
        self.broker.detach_subscription(&name)?;
        self.saved().await?;
        Ok(Response::new(DetachSubscriptionResponse {}))
    }
}

/// Returns a topic for clients. Tags are input only (Google, *Topic*, `tags`).
fn shown(config: TopicConfig) -> Topic {
    let mut topic = topic_to(config);
    topic.tags.clear();
    topic
}

/// Checks the size of the whole encoded request, not only of its messages (Google's response to a larger one).
fn check_size(request: &PublishRequest) -> Result<(), Status> {
    let size_bytes = request.encoded_len();
    if size_bytes > MAX_PUBLISH_BYTES {
        return Err(Status::invalid_argument(format!(
            "The value for request_size is too large. You passed {size_bytes} in the request, but the maximum value is \
             {MAX_PUBLISH_BYTES}."
        )));
    }
    Ok(())
}
