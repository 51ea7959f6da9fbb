//! Subscriptions over REST.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Services;
use super::json::{camel_case, is_unset};
use super::page::{self, PageQuery};
use super::push_config::PushConfigBody;
use super::rest::{Body, read, split_method, unknown_method};
use super::subscription::SubscriptionBody;
use crate::broker::Broker;
use crate::error::ApiError;
use crate::name::ResourceName;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionList {
    subscriptions: Vec<SubscriptionBody>,
    #[serde(skip_serializing_if = "String::is_empty")]
    next_page_token: String,
}

/// Google's *ModifyPushConfigRequest* in JSON; the subscription is in the path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModifyPushConfigBody {
    #[serde(default, rename = "pushConfig", alias = "push_config")]
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
    Path((project, subscription)): Path<(String, String)>,
    body: Body,
) -> Result<Json<SubscriptionBody>, ApiError> {
    let name = name(&project, &subscription)?;
    let body: SubscriptionBody = read(body)?;
    let config = broker.create_subscription(body.into_config(&name)?)?;
    Ok(Json(SubscriptionBody::from(config)))
}

async fn show(
    State(broker): State<Arc<Broker>>,
    Path((project, subscription)): Path<(String, String)>,
) -> Result<Json<SubscriptionBody>, ApiError> {
    let subscription = broker.subscription(&name(&project, &subscription)?)?;
    Ok(Json(SubscriptionBody::from(subscription.config())))
}

async fn list(
    State(broker): State<Arc<Broker>>,
    Path(project): Path<String>,
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
    Path((project, subscription)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    broker.delete_subscription(&name(&project, &subscription)?)?;
    Ok(Json(Value::Object(serde_json::Map::new())))
}

async fn modify(
    State(broker): State<Arc<Broker>>,
    Path((project, segment)): Path<(String, String)>,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    let (subscription, method) = split_method(&segment);
    if method != Some("modifyPushConfig") {
        return Err(unknown_method(method));
    }
    let name = name(&project, subscription)?;
    let body: ModifyPushConfigBody = read(body)?;
    let push_config = body
        .push_config
        .map_or(Ok(None), PushConfigBody::into_config)?;
    broker.modify_push_config(&name, push_config)?;
    Ok(Json(Value::Object(serde_json::Map::new())))
}

/// Refuses fields that are set but would have no effect, and fields that do not exist.
pub(super) fn refuse_unsupported(
    message: &str,
    fields: &BTreeMap<String, Value>,
    unsupported: &[(&str, &str)],
    output_only: &[&str],
) -> Result<(), ApiError> {
    for (field, value) in fields {
        let field = camel_case(field);
        if output_only.contains(&field.as_str()) {
            continue;
        }
        let Some((_, reason)) = unsupported.iter().find(|(name, _)| *name == field) else {
            return Err(ApiError::invalid(format!(
                "{message} has no field {field:?}"
            )));
        };
        if !is_unset(value) {
            return Err(ApiError::unimplemented(format!(
                "The emulator does not act upon {message}.{field}: {reason}"
            )));
        }
    }
    Ok(())
}

fn name(project: &str, subscription: &str) -> Result<ResourceName, ApiError> {
    ResourceName::subscription(&format!("projects/{project}/subscriptions/{subscription}"))
}
