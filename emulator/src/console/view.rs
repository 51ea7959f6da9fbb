//! The JSON of the page.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::attempt::{attempt, milliseconds, outcome, reason, reply};
use super::content::{MAX_SHOWN_BYTES, content, data};
use super::source::{SubscriptionView, TopicView};
use crate::history::{
    Content, Counts, DeliveryState, Failing, MessageRecord, Note, Noted, Rates, SubscriptionRecord,
    source_subscription,
};
use crate::messages::example::Example;
use crate::push::timestamp;
use crate::resources::name::{DELETED_TOPIC, ResourceName};
use crate::resources::subscription::{PushForm, SubscriptionConfig};

const PREVIEW_BYTES: usize = 120;
/// The most subscriptions of a message in a list.
const MAX_STATES: usize = 8;

pub(super) fn topic(topic: &TopicView) -> Value {
    let subscriptions = topic.subscriptions.iter().take(100);
    json!({
        "name": topic.name.as_str(), "project": topic.name.project(), "id": topic.name.id(), "labels": topic.labels,
        "withoutEffect": topic.without_effect,
        "subscriptions": subscriptions.collect::<Vec<_>>(),
        "subscriptionCount": topic.subscriptions.len(),
    })
}

/// Returns a subscription. Without `rates` its throughput is unknown.
pub(super) fn subscription(
    view: &SubscriptionView,
    rates: Option<&Rates>,
    failing: Option<Failing>,
) -> Value {
    let push = view.config.push_config.as_ref();
    let failing = failing
        .map(|failing| json!({"inARow": failing.in_a_row, "reply": failing.reply.to_string()}));
    json!({
        "name": view.name.as_str(), "project": view.name.project(), "id": view.name.id(),
        "topic": view.config.topic, "topicDeleted": view.config.topic == DELETED_TOPIC,
        "endpoint": push.map(|push| &push.endpoint),
        "backlog": view.backlog, "outstanding": view.outstanding, "delayed": view.delayed,
        "oldestUnackedMs": view.oldest_unacked.map(milliseconds),
        "window": view.window, "pausedMs": view.paused_for.map(milliseconds),
        "flow": rates.map(flow), "failing": failing, "faults": view.faults,
        "settings": settings(&view.config),
    })
}

/// Returns the rates and latencies of a subscription.
pub(super) fn flow(rates: &Rates) -> Value {
    json!({
        "publishedPerSecond": rates.published_per_second, "ackedPerSecond": rates.acks_per_second,
        "failedPerSecond": rates.nacks_per_second,
        "p50Ms": rates.p50.map(milliseconds), "p99Ms": rates.p99.map(milliseconds),
        "totals": counts(rates.totals),
    })
}

fn settings(config: &SubscriptionConfig) -> Value {
    let push = config.push_config.as_ref();
    let token = push.and_then(|push| push.oidc_token.as_ref());
    let form = push.map(|push| match push.form {
        PushForm::Wrapped => "wrapped",
        PushForm::WrappedV1Beta1 => "wrapped, v1beta1",
        PushForm::Eventarc => "an event of Eventarc",
        PushForm::Unwrapped {
            write_metadata: false,
        } => "unwrapped",
        PushForm::Unwrapped {
            write_metadata: true,
        } => "unwrapped, with metadata headers",
    });
    json!({
        "form": form,
        "signedAs": token.map(|token| &token.service_account_email),
        "audience": token.and_then(|token| token.audience.as_ref()),
        "ackDeadlineSeconds": config.ack_deadline.as_secs(),
        "retry": config.retry_policy.as_ref().map(|policy| json!({
            "minimumMs": milliseconds(policy.minimum_backoff), "maximumMs": milliseconds(policy.maximum_backoff),
        })),
        "deadLetter": config.dead_letter_policy.as_ref().map(|policy| json!({
            "topic": policy.dead_letter_topic, "attempts": policy.max_delivery_attempts,
        })),
        "ordered": config.enable_message_ordering, "filter": config.filter,
        "exactlyOnce": config.enable_exactly_once_delivery, "retainsAcked": config.retain_acked_messages,
        "retentionSeconds": config.message_retention.as_secs(),
        "expirationSeconds": config.expiration.map(|ttl| ttl.as_secs()),
        "labels": config.labels, "detached": config.detached,
        "exportsTo": config.without_effect.export(), "withoutEffect": config.without_effect.names(),
    })
}

pub(super) fn counts(counts: Counts) -> Value {
    let Counts {
        published,
        deliveries,
        acks,
        nacks,
    } = counts;
    json!({"published": published, "deliveries": deliveries, "acks": acks, "nacks": nacks})
}

/// Returns an example, whose data is short enough to be shown as a whole.
pub(super) fn example(example: &Example) -> Value {
    let message = &example.message;
    json!({
        "title": example.title, "data": data(&message.data, MAX_SHOWN_BYTES), "attributes": message.attributes,
        "orderingKey": message.ordering_key,
    })
}

/// Returns an entry of a list of messages.
pub(super) fn summary(record: &MessageRecord) -> Value {
    let statuses = record.subscriptions.iter().take(MAX_STATES);
    json!({
        "id": record.sequence.to_string(), "topic": record.topic.as_ref().map(ResourceName::as_str),
        "publishedAt": timestamp(record.publish_time),
        "content": content(&record.content, PREVIEW_BYTES),
        "statuses": statuses.map(state).collect::<Vec<_>>(),
        "moreStatuses": record.subscriptions.len().saturating_sub(MAX_STATES) + record.more_subscriptions,
        "isDeadLetter": is_dead_letter(record),
    })
}

/// Returns the whole record of a message.
pub(super) fn record(
    record: &MessageRecord,
    now: OffsetDateTime,
    exists: impl Fn(&ResourceName) -> bool,
    dead_letter_of: Value,
    cause_of: impl Fn(u64) -> Value,
) -> Value {
    let subscriptions = record.subscriptions.iter().map(|entry| {
        json!({
            "subscription": entry.subscription.as_str(), "exists": exists(&entry.subscription), "status": state(entry),
            "attempts": entry.attempts.iter().map(attempt).collect::<Vec<_>>(), "forgottenAttempts": entry.forgotten,
            "deadLetterCause": entry.dead_letter.map(&cause_of),
        })
    });
    json!({
        "id": record.sequence.to_string(), "topic": record.topic.as_ref().map(ResourceName::as_str),
        "publishedAt": timestamp(record.publish_time),
        "content": content(&record.content, MAX_SHOWN_BYTES),
        "subscriptions": subscriptions.collect::<Vec<_>>(), "moreSubscriptions": record.more_subscriptions, "now": timestamp(now),
        "isDeadLetter": is_dead_letter(record), "deadLetterOf": dead_letter_of, "deadLetterSource": source_of(record),
        "replayOf": record.replay_of.map(|original| original.to_string()),
        "deadLetterCause": is_dead_letter(record).then(|| cause_of(record.sequence)),
    })
}

/// Returns the name of a state, as the page and its filter use it.
pub(super) fn state_name(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => "waiting",
        DeliveryState::Delivering => "delivering",
        DeliveryState::Retrying(_) => "retrying",
        DeliveryState::Acked => "acked",
        DeliveryState::DeadLettered => "dead-lettered",
        DeliveryState::Purged => "purged",
        DeliveryState::Skipped => "skipped",
        DeliveryState::Removed => "removed",
    }
}

fn state(entry: &SubscriptionRecord) -> Value {
    let state = entry.state();
    let next = match state {
        DeliveryState::Retrying(next) => Some(timestamp(next)),
        _ => None,
    };
    let last = entry.attempts.back();
    let end = last
        .and_then(|last| last.end.as_ref())
        .map(|ended| &ended.1);
    json!({
        "subscription": entry.subscription.as_str(), "state": state_name(state), "nextAt": next,
        "attemptCount": entry.attempts.len() + entry.forgotten,
        "reply": end.map(|end| reply(end.reply)), "latencyMs": end.and_then(|end| end.latency).map(milliseconds),
        "outcome": entry.outcome(), "lastOutcome": end.and_then(outcome), "reason": end.and_then(reason), "deadLetter": entry.dead_letter.map(|dead_letter| dead_letter.to_string()),
    })
}

fn is_dead_letter(record: &MessageRecord) -> bool {
    if record.replay_of.is_some() {
        return false;
    }
    let is_forwarded = match &record.content {
        Content::Kept(message) => message.is_dead_letter(),
        Content::Released { .. } => false,
    };
    is_forwarded || record.dead_letter_of.is_some()
}

/// Returns the subscription that dead-lettered the message, if the content of the dead letter is kept.
fn source_of(record: &MessageRecord) -> Option<String> {
    match &record.content {
        Content::Kept(message) => source_subscription(message),
        Content::Released { .. } => None,
    }
}

pub(super) fn noted(noted: &Noted) -> Value {
    let what = match &noted.note {
        Note::Seek { to } => format!("Sought to {}", timestamp(*to)),
        Note::SeekToSnapshot { snapshot } => format!("Sought to the snapshot {snapshot}"),
        Note::Purged => "Purged".to_owned(),
        Note::Exported => "Set to export: its messages count as exported".to_owned(),
        Note::PushConfigChanged => "Push settings changed".to_owned(),
        Note::FaultsChanged { faults } => format!("Faults changed: {faults}"),
        Note::Redelivered { message_id } => format!("Redelivery of message {message_id} requested"),
        Note::Removed { messages: 1 } => "Acknowledged a message on this page".to_owned(),
        Note::Removed { messages } => format!("Acknowledged {messages} messages on this page"),
    };
    json!({"at": timestamp(noted.at), "what": what})
}

pub(super) fn time(time: OffsetDateTime) -> String {
    timestamp(time)
}
