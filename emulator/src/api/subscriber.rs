//! The service of subscriptions and snapshots.

use futures_util::stream::BoxStream;
use googleapis_tonic_google_pubsub_v1::google::pubsub::v1::{
    AcknowledgeRequest, CreateSnapshotRequest, DeleteSnapshotRequest, DeleteSubscriptionRequest,
    GetSnapshotRequest, GetSubscriptionRequest, ListSnapshotsRequest, ListSnapshotsResponse,
    ListSubscriptionsRequest, ListSubscriptionsResponse, ModifyAckDeadlineRequest,
    ModifyPushConfigRequest, PullRequest, PullResponse, SeekRequest, SeekResponse, Snapshot,
    StreamingPullRequest, StreamingPullResponse, Subscription, UpdateSnapshotRequest,
    UpdateSubscriptionRequest,
};
use tonic::{Request, Response, Status, Streaming};

use super::grpc::Subscriber;
use super::page::page;
use super::{Services, convert, project};
use crate::error::ApiError;
use crate::name::ResourceName;
use crate::subscription::{PushConfig, PushForm, SubscriptionConfig};

#[tonic::async_trait]
impl Subscriber for Services {
    async fn create_subscription(
        &self,
        request: Request<Subscription>,
    ) -> Result<Response<Subscription>, Status> {
        let mut subscription = request.into_inner();
        if subscription.name.is_empty() {
            subscription.name = made_up_name(&subscription.topic)?;
        }
        let config = convert::subscription_config(subscription)?;
        refuse_what_is_not_wired(&config)?;
        let config = self.broker.create_subscription(config)?;
        Ok(Response::new(convert::subscription(config, None)))
    }

    async fn get_subscription(
        &self,
        request: Request<GetSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        let name = ResourceName::subscription(&request.into_inner().subscription)?;
        let config = self.broker.subscription(&name)?.config();
        Ok(Response::new(convert::subscription(config, None)))
    }

    async fn update_subscription(
        &self,
        _request: Request<UpdateSubscriptionRequest>,
    ) -> Result<Response<Subscription>, Status> {
        Err(Status::unimplemented(
            "The emulator does not update subscriptions yet",
        ))
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
        let subscriptions = page
            .iter()
            .map(|each| convert::subscription(each.config(), None));
        Ok(Response::new(ListSubscriptionsResponse {
            subscriptions: subscriptions.collect(),
            next_page_token,
        }))
    }

    async fn delete_subscription(
        &self,
        request: Request<DeleteSubscriptionRequest>,
    ) -> Result<Response<()>, Status> {
        let name = ResourceName::subscription(&request.into_inner().subscription)?;
        self.broker.delete_subscription(&name)?;
        self.policies.forget(name.as_str());
        Ok(Response::new(()))
    }

    async fn modify_ack_deadline(
        &self,
        _request: Request<ModifyAckDeadlineRequest>,
    ) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("The emulator does not pull yet"))
    }

    async fn acknowledge(
        &self,
        _request: Request<AcknowledgeRequest>,
    ) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("The emulator does not pull yet"))
    }

    async fn pull(&self, _request: Request<PullRequest>) -> Result<Response<PullResponse>, Status> {
        Err(Status::unimplemented("The emulator does not pull yet"))
    }

    type StreamingPullStream = BoxStream<'static, Result<StreamingPullResponse, Status>>;

    async fn streaming_pull(
        &self,
        _request: Request<Streaming<StreamingPullRequest>>,
    ) -> Result<Response<Self::StreamingPullStream>, Status> {
        Err(Status::unimplemented("The emulator does not pull yet"))
    }

    async fn modify_push_config(
        &self,
        request: Request<ModifyPushConfigRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let name = ResourceName::subscription(&request.subscription)?;
        let push_config = convert::push_config(request.push_config)?;
        refuse_form(push_config.as_ref())?;
        self.broker.modify_push_config(&name, push_config)?;
        Ok(Response::new(()))
    }

    async fn get_snapshot(
        &self,
        _request: Request<GetSnapshotRequest>,
    ) -> Result<Response<Snapshot>, Status> {
        Err(no_snapshots())
    }

    async fn list_snapshots(
        &self,
        _request: Request<ListSnapshotsRequest>,
    ) -> Result<Response<ListSnapshotsResponse>, Status> {
        Err(no_snapshots())
    }

    async fn create_snapshot(
        &self,
        _request: Request<CreateSnapshotRequest>,
    ) -> Result<Response<Snapshot>, Status> {
        Err(no_snapshots())
    }

    async fn update_snapshot(
        &self,
        _request: Request<UpdateSnapshotRequest>,
    ) -> Result<Response<Snapshot>, Status> {
        Err(no_snapshots())
    }

    async fn delete_snapshot(
        &self,
        _request: Request<DeleteSnapshotRequest>,
    ) -> Result<Response<()>, Status> {
        Err(no_snapshots())
    }

    async fn seek(&self, _request: Request<SeekRequest>) -> Result<Response<SeekResponse>, Status> {
        Err(Status::unimplemented("The emulator does not seek yet"))
    }
}

/// A name for a subscription that was given none, in the project of its topic (Google, *Subscription*, `name`). Only gRPC can
/// leave it out, and what Google's own look like is not documented.
fn made_up_name(topic: &str) -> Result<String, ApiError> {
    let topic = ResourceName::topic(topic)?;
    let (project, number) = (topic.project(), rand::random::<u64>());
    Ok(format!(
        "projects/{project}/subscriptions/subscription-{number:016x}"
    ))
}

fn no_snapshots() -> Status {
    Status::unimplemented("The emulator has no snapshots yet")
}

/// What deliveries do not act upon yet.
fn refuse_what_is_not_wired(config: &SubscriptionConfig) -> Result<(), ApiError> {
    let refused = [
        (!config.filter.is_empty(), "filter"),
        (
            config.enable_exactly_once_delivery,
            "enableExactlyOnceDelivery",
        ),
        (config.retain_acked_messages, "retainAckedMessages"),
    ];
    if let Some((_, field)) = refused.iter().find(|(is_set, _)| *is_set) {
        return Err(ApiError::unimplemented(format!(
            "The emulator does not act upon Subscription.{field} yet"
        )));
    }
    refuse_form(config.push_config.as_ref())
}

/// Every push is wrapped in the present format yet.
fn refuse_form(config: Option<&PushConfig>) -> Result<(), ApiError> {
    match config {
        Some(config) if config.form != PushForm::Wrapped => Err(ApiError::unimplemented(
            "The emulator pushes in the format v1 only, yet",
        )),
        _ => Ok(()),
    }
}
