//! Google's *Subscriber*.

use std::sync::Arc;

use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    AcknowledgeRequest, CreateSnapshotRequest, DeleteSnapshotRequest, DeleteSubscriptionRequest,
    GetSnapshotRequest, GetSubscriptionRequest, ListSnapshotsRequest, ListSnapshotsResponse,
    ListSubscriptionsRequest, ListSubscriptionsResponse, ModifyAckDeadlineRequest,
    ModifyPushConfigRequest, PullRequest, PullResponse, SeekRequest, SeekResponse, Snapshot,
    StreamingPullRequest, Subscription, UpdateSnapshotRequest, UpdateSubscriptionRequest,
    seek_request,
};
use tonic::{Request, Response, Status, Streaming};

use super::Services;
use super::grpc::Subscriber;
use super::page::page;
use super::{mask, pull};
use crate::broker::log_without_effect;
use crate::convert::{
    push_config_from, snapshot_from, snapshot_to, subscription_from, subscription_to, timestamp,
};
use crate::error::ApiError;
use crate::resources::name::{ResourceName, project};
use crate::resources::subscription::SubscriptionConfig;
use crate::resources::without_effect::WithoutEffect;

impl Services {
    /// Returns a subscription for clients. Tags are input only (Google, *Subscription*, `tags`).
    fn show(&self, config: SubscriptionConfig) -> Subscription {
        let topic_retention = self.broker.topic_retention(&config);
        let mut subscription = subscription_to(config, topic_retention);
        subscription.tags.clear();
        subscription
    }

    /// Creates the missing topics of a valid subscription, if the emulator creates such.
    fn ensure_topics(&self, config: &SubscriptionConfig) -> Result<(), ApiError> {
        ResourceName::subscription(&config.name)?;
        config.check()?;
        let letters = config.dead_letter_policy.as_ref();
        let letters = letters.map(|policy| &policy.dead_letter_topic);
        for topic in [&config.topic].into_iter().chain(letters) {
            self.broker.ensure_topic(&ResourceName::topic(topic)?)?;
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl Subscriber for Services {
    async fn create_subscription(
        &self,
        request: Request<Subscription>,
    ) -> Result<Response<Subscription>, Status> {
        let mut config = subscription_from(request.into_inner())?;
        if config.name.is_empty() {
            let topic = ResourceName::topic(&config.topic)?;
            config.name = any_name(&topic, "subscription");
        }
        self.ensure_topics(&config)?;
        let created = self.broker.create_subscription(config)?;
        self.saved().await?;
        Ok(Response::new(self.show(created)))
    }

    async fn get_subscription(
        &self,
        request: Request<GetSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let name = ResourceName::subscription(&request.into_inner().subscription)?;
        if self.broker.ensure_subscription(&name)? {
            self.saved().await?;
        }
        let delivery = self.broker.subscription(&name)?;
        Ok(Response::new(self.show(delivery.config())))
    }

    async fn update_subscription(
        &self,
        request: Request<UpdateSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let UpdateSubscriptionRequest {
            subscription,
            update_mask,
        } = request.into_inner();
        let change = subscription.unwrap_or_default();
        let name = ResourceName::subscription(&change.name)?;
        let mask = update_mask.unwrap_or_default();
        let updated = self
            .broker
            .update_subscription(&name, |current, topic_retention| {
                let current = subscription_to(current, topic_retention);
                subscription_from(mask::merge_subscription(&current, &change, &mask)?)
            })?;
        self.saved().await?;
        Ok(Response::new(self.show(updated)))
    }

    async fn list_subscriptions(
        &self,
        request: Request<ListSubscriptionsRequest>,
    ) -> Result<Response<ListSubscriptionsResponse>, Status> {
        let request = request.into_inner();
        let all = self.broker.subscriptions(project(&request.project)?);
        let (page, next_page_token) = page(
            all,
            |each| each.name().as_str(),
            request.page_size,
            &request.page_token,
        )?;
        let shown = page.into_iter().map(|each| self.show(each.config()));
        Ok(Response::new(ListSubscriptionsResponse {
            subscriptions: shown.collect(),
            next_page_token,
        }))
    }

    async fn delete_subscription(
        &self,
        request: Request<DeleteSubscriptionRequest>,
    ) -> Result<Response<()>, Status> {
        let name = ResourceName::subscription(&request.into_inner().subscription)?;
        self.broker.delete_subscription(&name)?;
        self.saved().await?;
        Ok(Response::new(()))
    }

    async fn modify_ack_deadline(
        &self,
        request: Request<ModifyAckDeadlineRequest>,
    ) -> Result<Response<()>, Status> {
        pull::modify_ack_deadline(&self.broker, &request.into_inner())?;
        self.saved().await?;
        Ok(Response::new(()))
    }

    async fn acknowledge(
        &self,
        request: Request<AcknowledgeRequest>,
    ) -> Result<Response<()>, Status> {
        let acknowledged = pull::acknowledge(&self.broker, &request.into_inner());
        self.saved().await?;
        acknowledged.map(Response::new)
    }

    async fn pull(&self, request: Request<PullRequest>) -> Result<Response<PullResponse>, Status> {
        let pulled = pull::pull(&self.broker, request.into_inner()).await?;
        Ok(Response::new(pulled))
    }

    type StreamingPullStream = pull::Messages;

    async fn streaming_pull(
        &self,
        request: Request<Streaming<StreamingPullRequest>>,
    ) -> Result<Response<Self::StreamingPullStream>, Status> {
        let messages = pull::open(Arc::clone(&self.broker), request.into_inner()).await?;
        Ok(Response::new(messages))
    }

    async fn modify_push_config(
        &self,
        request: Request<ModifyPushConfigRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let name = ResourceName::subscription(&request.subscription)?;
        let push_config = request.push_config.map_or(Ok(None), push_config_from)?;
        self.broker.modify_push_config(&name, push_config)?;
        self.saved().await?;
        Ok(Response::new(()))
    }

    async fn get_snapshot(
        &self,
        request: Request<GetSnapshotRequest>,
    ) -> Result<Response<Snapshot>, Status> {
        let name = ResourceName::snapshot(&request.into_inner().snapshot)?;
        let snapshot = self.broker.snapshot(&name)?;
        Ok(Response::new(snapshot_to(snapshot)))
    }

    async fn list_snapshots(
        &self,
        request: Request<ListSnapshotsRequest>,
    ) -> Result<Response<ListSnapshotsResponse>, Status> {
        let request = request.into_inner();
        let all = self.broker.snapshots(project(&request.project)?);
        let (page, next_page_token) = page(
            all,
            |each| &each.name,
            request.page_size,
            &request.page_token,
        )?;
        Ok(Response::new(ListSnapshotsResponse {
            snapshots: page.into_iter().map(snapshot_to).collect(),
            next_page_token,
        }))
    }

    async fn create_snapshot(
        &self,
        request: Request<CreateSnapshotRequest>,
    ) -> Result<Response<Snapshot>, Status> {
        let request = request.into_inner();
        let tags = request.tags.into_iter().collect();
        let tags = WithoutEffect::new([], Vec::new(), tags);
        self.broker.check_effect("CreateSnapshotRequest", &tags)?;
        let subscription = ResourceName::subscription(&request.subscription)?;
        let name = match request.name.as_str() {
            "" => ResourceName::snapshot(&any_name(&subscription, "snapshot"))?,
            name => ResourceName::snapshot(name)?,
        };
        let labels = request.labels.into_iter().collect();
        let created = self.broker.create_snapshot(&name, &subscription, labels)?;
        log_without_effect(&name, &tags);
        self.saved().await?;
        Ok(Response::new(snapshot_to(created)))
    }

    async fn update_snapshot(
        &self,
        request: Request<UpdateSnapshotRequest>,
    ) -> Result<Response<Snapshot>, Status> {
        let UpdateSnapshotRequest {
            snapshot,
            update_mask,
        } = request.into_inner();
        let change = snapshot.unwrap_or_default();
        let name = ResourceName::snapshot(&change.name)?;
        let mask = update_mask.unwrap_or_default();
        let updated = self.broker.update_snapshot(&name, |current| {
            snapshot_from(mask::merge_snapshot(&snapshot_to(current), &change, &mask)?)
        })?;
        self.saved().await?;
        Ok(Response::new(snapshot_to(updated)))
    }

    async fn delete_snapshot(
        &self,
        request: Request<DeleteSnapshotRequest>,
    ) -> Result<Response<()>, Status> {
        let name = ResourceName::snapshot(&request.into_inner().snapshot)?;
        self.broker.delete_snapshot(&name)?;
        self.saved().await?;
        Ok(Response::new(()))
    }

    async fn seek(&self, request: Request<SeekRequest>) -> Result<Response<SeekResponse>, Status> {
        let request = request.into_inner();
        let subscription = ResourceName::subscription(&request.subscription)?;
        match request.target {
            Some(seek_request::Target::Time(to)) => {
                self.broker
                    .seek_to_time(&subscription, timestamp("time", to)?)?;
            }
            Some(seek_request::Target::Snapshot(name)) => {
                let snapshot = ResourceName::snapshot(&name)?;
                self.broker.seek_to_snapshot(&subscription, &snapshot)?;
            }
            None => {
                return Err(Status::invalid_argument(
                    "A seek needs a target: a time or a snapshot",
                ));
            }
        }
        self.saved().await?;
        Ok(Response::new(SeekResponse {}))
    }
}

/// Returns a generated name for a resource of a `kind`, in the project of its parent (Google, *CreateSubscription* and
/// *CreateSnapshot*).
fn any_name(of: &ResourceName, kind: &str) -> String {
    let (project, number) = (of.project(), rand::random::<u64>());
    format!("projects/{project}/{kind}s/{kind}-{number:016x}")
}
