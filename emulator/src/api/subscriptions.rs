//! Subscriptions over REST.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Services;
use super::json::object;
use super::page::{self, PageQuery};
use super::path::{Project, Resource};
use super::push_config::PushConfigBody;
use super::rest::{Body, read};
use super::subscription_body::SubscriptionBody;
use crate::broker::Broker;
use crate::error::ApiError;
use crate::name::ResourceName;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionList {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions: Vec<SubscriptionBody>,
    #[serde(skip_serializing_if = "String::is_empty")]
    next_page_token: String,
}

/// Google's *ModifyPushConfigRequest* in JSON; the subscription is in the path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModifyPushConfigBody {
    #[serde(
        default,
        rename = "pushConfig",
        alias = "push_config",
        deserialize_with = "object"
    )]
    push_config: Option<PushConfigBody>,
}

pub(super) fn routes() -> Router<Services> {
    let subscription = get(show).put(create).delete(delete).post(modify);
    Router::new()
        .route("/v1/projects/{project}/subscriptions", get(list))
        .route(
            "/v1/projects/{project}/subscriptions/{subscription}",
            subscription,
        )
}

async fn create(
    State(broker): State<Arc<Broker>>,
    resource: Resource,
    body: Body,
) -> Result<Json<SubscriptionBody>, ApiError> {
    let name = name(resource)?;
    let body: SubscriptionBody = read(body)?;
    let config = broker.create_subscription(body.into_config(&name)?)?;
    Ok(Json(SubscriptionBody::from(config)))
}

async fn show(
    State(broker): State<Arc<Broker>>,
    resource: Resource,
) -> Result<Json<SubscriptionBody>, ApiError> {
    let subscription = broker.subscription(&name(resource)?)?;
    Ok(Json(SubscriptionBody::from(subscription.config())))
}

async fn list(
    State(broker): State<Arc<Broker>>,
    Project(project): Project,
    query: page::Parameters,
) -> Result<Json<SubscriptionList>, ApiError> {
    let all = broker.subscriptions(&project);
    let (page, next_page_token) = PageQuery::read(query)?.page(all, |each| each.name().as_str())?;
    let page = page
        .iter()
        .map(|each| SubscriptionBody::from(each.config()));
    Ok(Json(SubscriptionList {
        subscriptions: page.collect(),
        next_page_token,
    }))
}

async fn delete(
    State(broker): State<Arc<Broker>>,
    resource: Resource,
) -> Result<Json<Value>, ApiError> {
    broker.delete_subscription(&name(resource)?)?;
    Ok(Json(Value::Object(serde_json::Map::new())))
}

async fn modify(
    State(broker): State<Arc<Broker>>,
    resource: Resource,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let name = name(resource)?;
    let body: ModifyPushConfigBody = read(body)?;
    let push_config = body
        .push_config
        .map_or(Ok(None), PushConfigBody::into_config)?;
    broker.modify_push_config(&name, push_config)?;
    Ok(Json(Value::Object(serde_json::Map::new())))
}

fn name(Resource { project, id }: Resource) -> Result<ResourceName, ApiError> {
    ResourceName::subscription(&format!("projects/{project}/subscriptions/{id}"))
}
