//! Dead letters, their origin, and their replay.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::actions::{Body, read};
use super::source::Source;
use super::{Console, content, view};
use crate::error::ApiError;
use crate::history::{self, DEAD_LETTER_ATTRIBUTES, DeadLetterOrigin};
use crate::messages::message::{DEAD_LETTER_SOURCE, Message, ReceivedMessage};
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;
use crate::resources::subscription::SubscriptionConfig;

/// The prefix of attributes that a service may add to its own dead letters.
const REASON: &str = "pushgate-dead-letter-";
const PAGE: usize = 50;
/// The largest backlog that is searched, since a search locks it.
const MAX_LOOKED_THROUGH: usize = 20_000;
const MAX_PREVIEW_BYTES: usize = 4 * 1024;

#[derive(Deserialize)]
pub(super) struct PageQuery {
    #[serde(default)]
    page: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Replay {
    /// The subscription that holds the dead letter.
    subscription: String,
    message_id: String,
}

/// A dead letter, and the subscription that holds it.
type FoundDeadLetter = (ResourceName, Arc<StoredMessage>);
type Configs = Vec<(ResourceName, SubscriptionConfig)>;

pub(super) async fn list(
    State(console): State<Console>,
    Query(page): Query<PageQuery>,
) -> Json<Value> {
    let source = &console.source;
    let configs = source.configs();
    let page = page.page.max(1);
    let (dead_letters, too_full) = dead_letters(source, &configs);
    let shown = dead_letters
        .iter()
        .skip((page - 1).saturating_mul(PAGE))
        .take(PAGE);
    Json(json!({
        "deadLetters": shown.map(|(holder, dead_letter)| dead_letter_view(source, &configs, holder, dead_letter)).collect::<Vec<_>>(),
        "page": page, "pages": dead_letters.len().div_ceil(PAGE).max(1), "total": dead_letters.len(),
        "routes": routes(&configs), "tooFull": too_full,
    }))
}

/// Publishes a dead letter again, to the topic of the original message.
pub(super) async fn replay(
    State(console): State<Console>,
    body: Body<Replay>,
) -> Result<Json<Value>, ApiError> {
    let replay = read(body)?;
    let source = &console.source;
    let holder = ResourceName::subscription(&replay.subscription)?;
    let unacked = source.unacked_messages(&holder);
    let dead_letter = unacked
        .iter()
        .find(|dead_letter| dead_letter.id == replay.message_id && dead_letter.is_dead_letter());
    let dead_letter = dead_letter.ok_or_else(|| ApiError::NotFound(replay.message_id.clone()))?;
    let topic = source_topic(&source.configs(), dead_letter);
    let topic = topic.ok_or_else(|| {
        ApiError::precondition("The subscription that the letter came from, or its topic, is gone")
    })?;
    let topic = ResourceName::topic(&topic)?;
    source.room_to_save().await?;
    let ids = source.publish(&topic, vec![original(dead_letter)])?;
    source.saved().await?;
    Ok(Json(
        json!({"topic": topic.as_str(), "messageId": ids.first()}),
    ))
}

/// Returns the dead letters, the latest first, and the subscriptions with too many messages to search. Only subscriptions of
/// dead-letter topics are searched.
fn dead_letters(source: &Source, configs: &Configs) -> (Vec<FoundDeadLetter>, Vec<String>) {
    let policies = configs
        .iter()
        .filter_map(|(_, config)| config.dead_letter_policy.as_ref());
    let topics: BTreeSet<&str> = policies
        .map(|policy| policy.dead_letter_topic.as_str())
        .collect();
    let holders = configs
        .iter()
        .filter(|(_, config)| topics.contains(config.topic.as_str()));
    let (mut dead_letters, mut too_full) = (Vec::new(), Vec::new());
    for (holder, _) in holders {
        if source
            .subscription(holder)
            .is_ok_and(|view| view.backlog > MAX_LOOKED_THROUGH)
        {
            too_full.push(holder.to_string());
            continue;
        }
        let unacked = source
            .unacked_messages(holder)
            .into_iter()
            .filter(|message| message.is_dead_letter());
        dead_letters.extend(unacked.map(|dead_letter| (holder.clone(), dead_letter)));
    }
    dead_letters.sort_by_key(|(_, dead_letter)| std::cmp::Reverse(dead_letter.sequence));
    (dead_letters, too_full)
}

/// Returns the original message of a dead letter and the result of its last delivery, if the history has them.
pub(super) fn original_view(source: &Source, dead_letter_of: Option<DeadLetterOrigin>) -> Value {
    let history = source.history();
    dead_letter_of.map_or(Value::Null, |of| {
        json!({
            "id": of.sequence.to_string(), "isKnown": history.record(of.sequence).is_some(),
            "lastReply": of.reply.map(view::reply),
        })
    })
}

fn dead_letter_view(
    source: &Source,
    configs: &Configs,
    holder: &ResourceName,
    dead_letter: &StoredMessage,
) -> Value {
    let attribute = |name: &str| dead_letter.attributes.get(name);
    let topic = source_topic(configs, dead_letter);
    let receivers = configs
        .iter()
        .filter(|(_, config)| Some(&config.topic) == topic.as_ref());
    let receivers: Vec<&str> = receivers.map(|(name, _)| name.as_str()).collect();
    let original = original(dead_letter);
    let record = source.history().record(dead_letter.sequence);
    let named = history::source(dead_letter).map(|named| DeadLetterOrigin {
        sequence: named.sequence,
        reply: None,
    });
    let dead_letter_of = record.and_then(|record| record.dead_letter_of).or(named);
    json!({
        "id": dead_letter.id, "holder": holder.as_str(), "publishedAt": view::time(dead_letter.publish_time),
        "content": content::message_content(dead_letter, MAX_PREVIEW_BYTES),
        "source": source_subscription(dead_letter), "sourceTopic": topic,
        "attempts": attribute(&format!("{DEAD_LETTER_SOURCE}DeliveryCount")),
        "firstPublishedAt": attribute(&format!("{DEAD_LETTER_SOURCE}TopicPublishTime")),
        "reason": attribute(&format!("{REASON}reason")), "error": attribute(&format!("{REASON}error")),
        "originalAttributes": original.attributes, "receivers": receivers,
        "deadLetterOf": original_view(source, dead_letter_of),
    })
}

/// Returns the original message.
fn original(dead_letter: &ReceivedMessage) -> Message {
    let mut message = dead_letter.to_message();
    let is_added = |key: &str| {
        DEAD_LETTER_ATTRIBUTES
            .iter()
            .any(|begin| key.starts_with(begin))
    };
    message.attributes.retain(|key, _| !is_added(key));
    message
}

fn source_subscription(dead_letter: &ReceivedMessage) -> Option<String> {
    let attribute = |name: &str| {
        dead_letter
            .attributes
            .get(&format!("{DEAD_LETTER_SOURCE}{name}"))
    };
    let (project, id) = (
        attribute("SubscriptionProject")?,
        attribute("Subscription")?,
    );
    Some(format!("projects/{project}/subscriptions/{id}"))
}

/// Returns the topic of the subscription that dead-lettered the message, if both still exist.
fn source_topic(configs: &Configs, dead_letter: &ReceivedMessage) -> Option<String> {
    let subscription = source_subscription(dead_letter)?;
    let (_, config) = configs
        .iter()
        .find(|(name, _)| name.as_str() == subscription)?;
    ResourceName::topic(&config.topic)
        .ok()
        .map(|topic| topic.to_string())
}

/// Returns the dead-letter topic of each subscription, and the subscriptions that hold the dead letters there.
fn routes(configs: &Configs) -> Vec<Value> {
    let mut routes = Vec::new();
    for (name, config) in configs {
        let Some(policy) = &config.dead_letter_policy else {
            continue;
        };
        let holders = configs
            .iter()
            .filter(|(_, other)| other.topic == policy.dead_letter_topic);
        let holders: Vec<&str> = holders.map(|(name, _)| name.as_str()).collect();
        routes.push(json!({
            "subscription": name.as_str(), "topic": policy.dead_letter_topic,
            "attempts": policy.max_delivery_attempts, "holders": holders,
        }));
    }
    routes
}
