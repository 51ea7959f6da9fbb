//! Dead letters, grouped by cause.

mod cause;
mod origin;
mod replay;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::cause::cause_of;
use self::cause::{Cause, cause};
pub(super) use self::origin::original_view;
use self::origin::{dead_letter_of, original, source_topic};
pub(super) use self::replay::{replay, replay_group};
use super::source::Source;
use super::{Console, content, view};
use crate::error::ApiError;
use crate::messages::message::DEAD_LETTER_SOURCE;
use crate::messages::storage::StoredMessage;
use crate::resources::name::ResourceName;
use crate::resources::subscription::SubscriptionConfig;

const PAGE: usize = 50;
/// The most groups that are listed, the largest first.
const MAX_GROUPS: usize = 100;
/// The largest backlog that is searched, since a search locks it.
const MAX_LOOKED_THROUGH: usize = 20_000;
const MAX_PREVIEW_BYTES: usize = 120;
/// The largest data that the form for editing shows.
const MAX_EDITED_BYTES: usize = 1024 * 1024;

#[derive(Deserialize)]
pub(super) struct PageQuery {
    #[serde(default)]
    page: usize,
    /// The key of a group; empty for all.
    #[serde(default)]
    group: String,
    /// True for the earliest first.
    #[serde(default)]
    reverse: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LetterQuery {
    subscription: String,
    message_id: String,
}

/// A dead letter, the subscription that holds it, and its cause.
struct Found {
    holder: ResourceName,
    dead_letter: Arc<StoredMessage>,
    cause: Cause,
}

/// The dead letters of one cause. The example is the latest.
struct Group<'a> {
    example: &'a Found,
    count: usize,
    first: &'a StoredMessage,
}

type Configs = Vec<(ResourceName, SubscriptionConfig)>;

pub(super) async fn list(
    State(console): State<Console>,
    Query(query): Query<PageQuery>,
) -> Json<Value> {
    let source = &console.source;
    let configs = source.configs();
    let page = query.page.max(1);
    let (dead_letters, too_full) = dead_letters(source, &configs);
    let groups = groups(&dead_letters);
    let group_count = groups.len();
    let listed = groups.into_iter().take(MAX_GROUPS);
    let mut fitting: Vec<&Found> = dead_letters
        .iter()
        .filter(|each| each.is_in(&query.group))
        .collect();
    if query.reverse {
        fitting.reverse();
    }
    let shown = fitting
        .iter()
        .skip((page - 1).saturating_mul(PAGE))
        .take(PAGE);
    Json(json!({
        "groups": listed.map(|group| group_view(&configs, &group)).collect::<Vec<_>>(),
        "moreGroups": group_count.saturating_sub(MAX_GROUPS),
        "deadLetters": shown.map(|found| dead_letter_view(source, &configs, found)).collect::<Vec<_>>(),
        "page": page, "pages": fitting.len().div_ceil(PAGE).max(1), "total": fitting.len(),
        "routes": routes(&configs), "tooFull": too_full,
    }))
}

/// Returns the original message of a dead letter, for the form for editing.
pub(super) async fn show(
    State(console): State<Console>,
    Query(query): Query<LetterQuery>,
) -> Result<Json<Value>, ApiError> {
    let holder = ResourceName::subscription(&query.subscription)?;
    let dead_letter = find(&console.source, &holder, &query.message_id)?;
    if dead_letter.data.len() > MAX_EDITED_BYTES {
        return Err(ApiError::precondition(format!(
            "The data has {} bytes, and {MAX_EDITED_BYTES} can be edited here: replay the message as it is",
            dead_letter.data.len()
        )));
    }
    let original = original(&dead_letter);
    Ok(Json(json!({
        "data": content::data(&original.data, MAX_EDITED_BYTES), "attributes": original.attributes,
        "orderingKey": original.ordering_key,
    })))
}

/// Returns the number of dead letters, for the navigation. Of a backlog that is too large to be searched every message counts.
pub(super) fn count(source: &Source) -> usize {
    let configs = source.configs();
    let counts = holders(&configs).map(|holder| match searched(source, holder) {
        Some(dead_letters) => dead_letters.len(),
        None => source.subscription(holder).map_or(0, |view| view.backlog),
    });
    counts.sum()
}

/// Returns an unacknowledged dead letter.
fn find(source: &Source, holder: &ResourceName, id: &str) -> Result<Arc<StoredMessage>, ApiError> {
    let unacked = source.unacked_messages(holder);
    let mut dead_letters = unacked
        .into_iter()
        .filter(|message| message.is_dead_letter());
    let found = dead_letters.find(|dead_letter| dead_letter.id == id);
    found.ok_or_else(|| ApiError::NotFound(id.to_owned()))
}

/// Returns the subscriptions of dead-letter topics.
fn holders(configs: &Configs) -> impl Iterator<Item = &ResourceName> {
    let policies = configs
        .iter()
        .filter_map(|(_, config)| config.dead_letter_policy.as_ref());
    let topics: BTreeSet<&str> = policies
        .map(|policy| policy.dead_letter_topic.as_str())
        .collect();
    let held = configs.iter();
    held.filter(move |(_, config)| topics.contains(config.topic.as_str()))
        .map(|(name, _)| name)
}

/// Returns the dead letters that a subscription holds, or `None` if it has too many messages to search.
fn searched(source: &Source, holder: &ResourceName) -> Option<Vec<Arc<StoredMessage>>> {
    let backlog = source.subscription(holder).map_or(0, |view| view.backlog);
    if backlog > MAX_LOOKED_THROUGH {
        return None;
    }
    let unacked = source.unacked_messages(holder).into_iter();
    Some(unacked.filter(|message| message.is_dead_letter()).collect())
}

/// Returns the dead letters, the latest first, and the subscriptions with too many messages to search.
fn dead_letters(source: &Source, configs: &Configs) -> (Vec<Found>, Vec<String>) {
    let (mut found, mut too_full) = (Vec::new(), Vec::new());
    for holder in holders(configs) {
        let Some(dead_letters) = searched(source, holder) else {
            too_full.push(holder.to_string());
            continue;
        };
        found.extend(dead_letters.into_iter().map(|dead_letter| Found {
            holder: holder.clone(),
            cause: cause(source, &dead_letter),
            dead_letter,
        }));
    }
    found.sort_by_key(|found| std::cmp::Reverse(found.dead_letter.sequence));
    (found, too_full)
}

/// Returns the groups, the largest first.
fn groups(dead_letters: &[Found]) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
    for found in dead_letters {
        let group = groups.entry(found.cause.key()).or_insert(Group {
            example: found,
            count: 0,
            first: &found.dead_letter,
        });
        group.count += 1;
        group.first = &found.dead_letter;
    }
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    groups
        .sort_by_key(|group| std::cmp::Reverse((group.count, group.example.dead_letter.sequence)));
    groups
}

impl Found {
    fn is_in(&self, group: &str) -> bool {
        group.is_empty() || self.cause.key() == group
    }
}

fn group_view(configs: &Configs, group: &Group<'_>) -> Value {
    let Found {
        dead_letter, cause, ..
    } = group.example;
    let topic = source_topic(configs, dead_letter);
    json!({
        "key": cause.key(), "source": cause.source, "cause": cause.view(), "count": group.count,
        "firstAt": view::time(group.first.publish_time), "lastAt": view::time(dead_letter.publish_time),
        "receivers": receivers(configs, topic.as_deref()), "sourceTopic": topic,
    })
}

fn dead_letter_view(source: &Source, configs: &Configs, found: &Found) -> Value {
    let Found {
        holder,
        dead_letter,
        cause,
    } = found;
    let attribute = |name: &str| dead_letter.attributes.get(name);
    let topic = source_topic(configs, dead_letter);
    json!({
        "id": dead_letter.id, "holder": holder.as_str(), "publishedAt": view::time(dead_letter.publish_time),
        "content": content::message_content(dead_letter, MAX_PREVIEW_BYTES),
        "source": cause.source, "cause": cause.view(),
        "attempts": attribute(&format!("{DEAD_LETTER_SOURCE}DeliveryCount")),
        "firstPublishedAt": attribute(&format!("{DEAD_LETTER_SOURCE}TopicPublishTime")),
        "originalAttributes": original(dead_letter).attributes,
        "receivers": receivers(configs, topic.as_deref()), "sourceTopic": topic,
        "deadLetterOf": original_view(source, dead_letter_of(source, dead_letter)),
    })
}

/// Returns the subscriptions of a topic.
fn receivers<'a>(configs: &'a Configs, topic: Option<&str>) -> Vec<&'a str> {
    let receivers = configs.iter();
    let receivers = receivers.filter(|(_, config)| Some(config.topic.as_str()) == topic);
    receivers.map(|(name, _)| name.as_str()).collect()
}

/// Returns the dead-letter topic of each subscription, and the subscriptions that hold the dead letters there.
fn routes(configs: &Configs) -> Vec<Value> {
    let mut routes = Vec::new();
    for (name, config) in configs {
        let Some(policy) = &config.dead_letter_policy else {
            continue;
        };
        routes.push(json!({
            "subscription": name.as_str(), "topic": policy.dead_letter_topic, "attempts": policy.max_delivery_attempts,
            "holders": receivers(configs, Some(&policy.dead_letter_topic)),
        }));
    }
    routes
}
