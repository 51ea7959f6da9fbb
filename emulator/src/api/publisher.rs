//! The service of topics.

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    DeleteTopicRequest, DetachSubscriptionRequest, DetachSubscriptionResponse, GetTopicRequest,
    ListTopicSnapshotsRequest, ListTopicSnapshotsResponse, ListTopicSubscriptionsRequest,
    ListTopicSubscriptionsResponse, ListTopicsRequest, ListTopicsResponse, PublishRequest,
    PublishResponse, Topic, UpdateTopicRequest,
};
use tonic::{Request, Response, Status};

use super::grpc::Publisher;
use super::page::page;
use super::{Services, convert, project};
use crate::error::ApiError;
use crate::name::ResourceName;
use crate::topic::TopicConfig;

#[tonic::async_trait]
impl Publisher for Services {
    async fn create_topic(&self, request: Request<Topic>) -> Result<Response<Topic>, Status> {
        let config = convert::topic_config(request.into_inner())?;
        let name = config.check()?;
        refuse_what_is_not_wired(&config)?;
        self.broker.create_topic(name, config.labels.clone())?;
        Ok(Response::new(convert::topic(config)))
    }

    async fn update_topic(
        &self,
        _request: Request<UpdateTopicRequest>,
    ) -> Result<Response<Topic>, Status> {
        Err(Status::unimplemented(
            "The emulator does not update topics yet",
        ))
    }

    async fn publish(
        &self,
        request: Request<PublishRequest>,
    ) -> Result<Response<PublishResponse>, Status> {
        let PublishRequest { topic, messages } = request.into_inner();
        let topic = ResourceName::topic(&topic)?;
        let messages = messages.into_iter().map(convert::message).collect();
        let message_ids = self.broker.publish(&topic, messages)?;
        Ok(Response::new(PublishResponse { message_ids }))
    }

    async fn get_topic(
        &self,
        request: Request<GetTopicRequest>,
    ) -> Result<Response<Topic>, Status> {
        let name = ResourceName::topic(&request.into_inner().topic)?;
        let mut config = TopicConfig::new(name.as_str());
        config.labels = self.broker.topic(&name)?;
        Ok(Response::new(convert::topic(config)))
    }

    async fn list_topics(
        &self,
        request: Request<ListTopicsRequest>,
    ) -> Result<Response<ListTopicsResponse>, Status> {
        let request = request.into_inner();
        let all = self.broker.topics(project(&request.project)?);
        let (topics, next_page_token) = page(
            all,
            |(name, _)| name.as_str(),
            request.page_size,
            &request.page_token,
        )?;
        let topics = topics.into_iter().map(|(name, labels)| {
            let mut config = TopicConfig::new(name.as_str());
            config.labels = labels;
            convert::topic(config)
        });
        Ok(Response::new(ListTopicsResponse {
            topics: topics.collect(),
            next_page_token,
        }))
    }

    async fn list_topic_subscriptions(
        &self,
        _request: Request<ListTopicSubscriptionsRequest>,
    ) -> Result<Response<ListTopicSubscriptionsResponse>, Status> {
        Err(Status::unimplemented(
            "The emulator does not list the subscriptions of a topic yet",
        ))
    }

    async fn list_topic_snapshots(
        &self,
        _request: Request<ListTopicSnapshotsRequest>,
    ) -> Result<Response<ListTopicSnapshotsResponse>, Status> {
        Err(Status::unimplemented(
            "The emulator does not list the snapshots of a topic yet",
        ))
    }

    async fn delete_topic(
        &self,
        request: Request<DeleteTopicRequest>,
    ) -> Result<Response<()>, Status> {
        let name = ResourceName::topic(&request.into_inner().topic)?;
        self.broker.delete_topic(&name)?;
        self.policies.forget(name.as_str());
        Ok(Response::new(()))
    }

    async fn detach_subscription(
        &self,
        _request: Request<DetachSubscriptionRequest>,
    ) -> Result<Response<DetachSubscriptionResponse>, Status> {
        Err(Status::unimplemented(
            "The emulator does not detach subscriptions yet",
        ))
    }
}

/// What the broker does not act upon yet.
fn refuse_what_is_not_wired(config: &TopicConfig) -> Result<(), ApiError> {
    if config.message_retention.is_some() {
        return Err(ApiError::unimplemented(
            "A topic does not keep messages for later subscriptions yet",
        ));
    }
    if config.schema.is_some() {
        return Err(ApiError::unimplemented(
            "There are no schemas yet, so no message would be checked",
        ));
    }
    Ok(())
}
