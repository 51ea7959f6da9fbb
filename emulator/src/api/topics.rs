//! Topics over REST.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Services;
use super::json::{Base64, nullable, objects, refuse_unsupported};
use super::page::{self, PageQuery};
use super::path::{Project, Resource};
use super::rest::{Body, check_name, read};
use crate::broker::Broker;
use crate::error::ApiError;
use crate::message::Message;
use crate::name::ResourceName;

/// Fields of Google's *Topic* that the emulator does not act upon, with the reason for refusing them.
const UNSUPPORTED: [(&str, &str); 7] = [
    ("messageStoragePolicy", "there are no regions on a laptop"),
    ("kmsKeyName", "nothing is stored, so nothing is encrypted"),
    (
        "schemaSettings",
        "there are no schemas, so no message would be checked",
    ),
    (
        "messageRetentionDuration",
        "a topic does not keep messages for later subscriptions",
    ),
    ("ingestionDataSourceSettings", "nothing is ingested"),
    ("messageTransforms", "messages would arrive untransformed"),
    ("tags", "there is no resource manager"),
];

/// Fields that the service sets, and ignores in requests.
const OUTPUT_ONLY: [&str; 1] = ["state"];

/// Google's *Topic* in JSON.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct TopicBody {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    labels: BTreeMap<String, String>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TopicList {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    topics: Vec<TopicBody>,
    #[serde(skip_serializing_if = "String::is_empty")]
    next_page_token: String,
}

/// Google's *PublishRequest* in JSON; the topic is in the path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishBody {
    #[serde(default, deserialize_with = "objects")]
    messages: Vec<MessageBody>,
}

/// Google's *PubsubMessage* in JSON. Id and time are the service's to give, so a client's are dropped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MessageBody {
    #[serde(default, deserialize_with = "nullable")]
    data: Base64,
    #[serde(default, deserialize_with = "nullable")]
    attributes: BTreeMap<String, String>,
    #[serde(default, alias = "ordering_key", deserialize_with = "nullable")]
    ordering_key: String,
    #[serde(default, rename = "messageId", alias = "message_id")]
    _message_id: Value,
    #[serde(default, rename = "publishTime", alias = "publish_time")]
    _publish_time: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Published {
    message_ids: Vec<String>,
}

pub(super) fn routes() -> Router<Services> {
    let topic = get(show).put(create).delete(delete).post(publish);
    Router::new()
        .route("/v1/projects/{project}/topics", get(list))
        .route("/v1/projects/{project}/topics/{topic}", topic)
}

async fn create(
    State(broker): State<Arc<Broker>>,
    resource: Resource,
    body: Body,
) -> Result<Json<TopicBody>, ApiError> {
    let name = name(resource)?;
    let topic: TopicBody = read(body)?;
    check_name(&topic.name, &name)?;
    refuse_unsupported("Topic", &topic.others, &UNSUPPORTED, &OUTPUT_ONLY)?;
    let mut config = crate::topic::TopicConfig::new(name.as_str());
    config.labels.clone_from(&topic.labels);
    broker.create_topic(config)?;
    Ok(Json(TopicBody::new(&name, topic.labels)))
}

async fn show(
    State(broker): State<Arc<Broker>>,
    resource: Resource,
) -> Result<Json<TopicBody>, ApiError> {
    let name = name(resource)?;
    let labels = broker.topic(&name)?.labels;
    Ok(Json(TopicBody::new(&name, labels)))
}

async fn list(
    State(broker): State<Arc<Broker>>,
    Project(project): Project,
    query: page::Parameters,
) -> Result<Json<TopicList>, ApiError> {
    let (page, next_page_token) =
        PageQuery::read(query)?.page(broker.topics(&project), |topic| topic.name.as_str())?;
    let topics = page.into_iter();
    let topics = topics
        .filter_map(|topic| {
            Some(TopicBody::new(
                &ResourceName::topic(&topic.name).ok()?,
                topic.labels,
            ))
        })
        .collect();
    Ok(Json(TopicList {
        topics,
        next_page_token,
    }))
}

async fn delete(
    State(broker): State<Arc<Broker>>,
    resource: Resource,
) -> Result<Json<Value>, ApiError> {
    broker.delete_topic(&name(resource)?)?;
    Ok(Json(Value::Object(serde_json::Map::new())))
}

async fn publish(
    State(broker): State<Arc<Broker>>,
    resource: Resource,
    body: Body,
) -> Result<Json<Published>, ApiError> {
    let topic = name(resource)?;
    let body: PublishBody = read(body)?;
    let messages = body.messages.into_iter().map(Message::from).collect();
    let message_ids = broker.publish(&topic, messages)?;
    Ok(Json(Published { message_ids }))
}

impl TopicBody {
    fn new(name: &ResourceName, labels: BTreeMap<String, String>) -> Self {
        Self {
            name: name.to_string(),
            labels,
            others: BTreeMap::new(),
        }
    }
}

impl From<MessageBody> for Message {
    fn from(body: MessageBody) -> Self {
        Self {
            data: body.data.0,
            attributes: body.attributes,
            ordering_key: body.ordering_key,
        }
    }
}

fn name(Resource { project, id }: Resource) -> Result<ResourceName, ApiError> {
    ResourceName::topic(&format!("projects/{project}/topics/{id}"))
}
