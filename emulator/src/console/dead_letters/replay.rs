//! Publishes dead letters again, to the topics of their original messages.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::origin::{mark_as_replay, original, source_topic};
use super::{Configs, Found, dead_letters, find};
use crate::console::Console;
use crate::console::form::{Body, MessageForm, read};
use crate::console::source::Source;
use crate::error::ApiError;
use crate::messages::message::Message;
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;
use crate::strict_json;

/// The most dead letters of one request.
const MAX_AT_ONCE: usize = 200;
/// The most errors in a response.
const MAX_ERRORS: usize = 5;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::console) struct Replay {
    /// The subscription that holds the dead letter.
    subscription: String,
    message_id: String,
    /// The message to publish instead of the original one.
    #[serde(default, deserialize_with = "strict_json::optional")]
    edited: Option<MessageForm>,
    /// True if the dead letter is acknowledged after the message is published.
    #[serde(default)]
    acknowledge: bool,
}

/// Replays a part of a group: the earliest dead letters after one and up to another, so that those that fail again are not
/// replayed twice.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::console) struct ReplayGroup {
    /// The key of the group; empty for all dead letters.
    #[serde(default)]
    group: String,
    /// The id of the last dead letter of the part before.
    #[serde(default)]
    after: String,
    /// The id of the last dead letter to replay. Without it the response names the latest one.
    #[serde(default)]
    up_to: String,
    #[serde(default)]
    acknowledge: bool,
}

/// The result of replaying a part of a group.
#[derive(Default)]
struct Part {
    published: usize,
    errors: Vec<Value>,
    failed: usize,
}

pub(in crate::console) async fn replay(
    State(console): State<Console>,
    body: Body<Replay>,
) -> Result<Json<Value>, ApiError> {
    let replay = read(body)?;
    let source = &console.source;
    let holder = ResourceName::subscription(&replay.subscription)?;
    let dead_letter = find(source, &holder, &replay.message_id)?;
    let mut message = match replay.edited {
        Some(edited) => edited.message()?,
        None => original(&dead_letter),
    };
    mark_as_replay(&mut message, &dead_letter);
    let topic = topic(&source.configs(), &dead_letter)?;
    let id = publish(source, &topic, message).await?;
    if replay.acknowledge {
        source.remove(&holder, &[dead_letter.sequence])?;
    }
    source.saved().await?;
    Ok(Json(json!({"topic": topic.as_str(), "messageId": id})))
}

pub(in crate::console) async fn replay_group(
    State(console): State<Console>,
    body: Body<ReplayGroup>,
) -> Result<Json<Value>, ApiError> {
    let wanted = read(body)?;
    let source = &console.source;
    let configs = source.configs();
    let (after, up_to) = (sequence(&wanted.after)?, sequence(&wanted.up_to)?);
    let (mut found, _) = dead_letters(source, &configs);
    found.retain(|each| each.is_in(&wanted.group));
    let up_to = up_to.or(found.first().map(|latest| latest.dead_letter.sequence));
    found.retain(|each| {
        let sequence = each.dead_letter.sequence;
        after.is_none_or(|after| sequence > after) && up_to.is_none_or(|last| sequence <= last)
    });
    found.reverse();
    let rest = found.split_off(found.len().min(MAX_AT_ONCE));
    let mut part = Part::default();
    for each in &found {
        part.replay(source, &configs, each, wanted.acknowledge)
            .await;
    }
    source.saved().await?;
    let last = found.last().map(|last| last.dead_letter.id.clone());
    Ok(Json(json!({
        "published": part.published, "failed": part.failed, "errors": part.errors,
        "after": last, "upTo": up_to.map(|last| last.to_string()), "remaining": rest.len(),
    })))
}

impl Part {
    async fn replay(
        &mut self,
        source: &Source,
        configs: &Configs,
        found: &Found,
        acknowledge: bool,
    ) {
        match replay_one(source, configs, found, acknowledge).await {
            Ok(()) => self.published += 1,
            Err(error) => {
                self.failed += 1;
                if self.errors.len() < MAX_ERRORS {
                    let id = &found.dead_letter.id;
                    self.errors
                        .push(json!({"id": id, "error": error.to_string()}));
                }
            }
        }
    }
}

async fn replay_one(
    source: &Source,
    configs: &Configs,
    found: &Found,
    acknowledge: bool,
) -> Result<(), ApiError> {
    let dead_letter = &found.dead_letter;
    let topic = topic(configs, dead_letter)?;
    let mut message = original(dead_letter);
    mark_as_replay(&mut message, dead_letter);
    publish(source, &topic, message).await?;
    if acknowledge {
        source.remove(&found.holder, &[dead_letter.sequence])?;
    }
    Ok(())
}

/// Publishes a message and returns its id.
async fn publish(
    source: &Source,
    topic: &ResourceName,
    message: Message,
) -> Result<Option<String>, ApiError> {
    source.room_to_save().await?;
    let ids = source.publish(topic, vec![message])?;
    Ok(ids.into_iter().next())
}

fn topic(configs: &Configs, dead_letter: &StoredMessage) -> Result<ResourceName, ApiError> {
    let topic = source_topic(configs, dead_letter).ok_or_else(|| {
        ApiError::precondition(
            "The subscription that the dead letter came from, or its topic, is gone",
        )
    })?;
    ResourceName::topic(&topic)
}

/// Returns the sequence of an id, or `None` without one.
fn sequence(id: &str) -> Result<Option<u64>, ApiError> {
    if id.is_empty() {
        return Ok(None);
    }
    let sequence = id.parse();
    let invalid = |_| ApiError::invalid(format!("{id:?} is not the id of a message"));
    sequence.map(Some).map_err(invalid)
}
