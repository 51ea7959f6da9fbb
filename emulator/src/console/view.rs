//! What the page is told, in JSON.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::source::{SubscriptionView, TopicView};
use crate::event::{Reply, Settlement};
use crate::faults::{Plan, TokenChoice};
use crate::history::{
    Attempt, Content, Counts, Failing, Glance, Leg, Life, Note, Noted, Stand, Way,
};
use crate::messages::message::ReceivedMessage;
use crate::push::{MAX_KEPT_BYTES, timestamp};
use crate::resources::name::{DELETED_TOPIC, ResourceName};
use crate::resources::subscription::{PushForm, SubscriptionConfig};

/// The most of a payload or of a request's body that is shown.
const MAX_SHOWN_BYTES: usize = 64 * 1024;
const PREVIEW_BYTES: usize = 120;
/// Subscriptions of a message that a list names.
const MAX_STANDS: usize = 8;

pub(super) fn topic(topic: &TopicView) -> Value {
    let subscriptions = topic.subscriptions.iter().take(100);
    json!({
        "name": topic.name.as_str(), "project": topic.name.project(), "id": topic.name.id(), "labels": topic.labels,
        "subscriptions": subscriptions.collect::<Vec<_>>(),
        "subscriptionCount": topic.subscriptions.len(),
    })
}

/// Without a `glance` nothing is known of what goes through.
pub(super) fn subscription(
    view: &SubscriptionView,
    glance: Option<&Glance>,
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
        "flow": glance.map(flow), "failing": failing, "faults": view.faults,
        "settings": settings(&view.config),
    })
}

/// How much goes through, and how fast.
pub(super) fn flow(glance: &Glance) -> Value {
    json!({
        "publishedPerSecond": glance.published_per_second, "ackedPerSecond": glance.acks_per_second,
        "failedPerSecond": glance.nacks_per_second,
        "p50Ms": glance.p50.map(milliseconds), "p99Ms": glance.p99.map(milliseconds),
        "totals": counts(glance.totals),
    })
}

fn settings(config: &SubscriptionConfig) -> Value {
    let push = config.push_config.as_ref();
    let token = push.and_then(|push| push.oidc_token.as_ref());
    let form = push.map(|push| match push.form {
        PushForm::Wrapped => "wrapped",
        PushForm::WrappedV1Beta1 => "wrapped, v1beta1",
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

/// A message in a list.
pub(super) fn summary(life: &Life) -> Value {
    let stands = life.legs.iter().take(MAX_STANDS);
    json!({
        "id": life.sequence.to_string(), "topic": life.topic.as_ref().map(ResourceName::as_str),
        "publishedAt": timestamp(life.publish_time),
        "content": content(&life.content, PREVIEW_BYTES),
        "stands": stands.map(stand).collect::<Vec<_>>(),
        "moreStands": life.legs.len().saturating_sub(MAX_STANDS) + life.more_legs,
        "isDeadLetter": is_dead_letter(life),
    })
}

/// A message with all that is known of it.
pub(super) fn life(
    life: &Life,
    now: OffsetDateTime,
    exists: impl Fn(&ResourceName) -> bool,
    letter_of: Value,
) -> Value {
    let legs = life.legs.iter().map(|leg| {
        json!({
            "subscription": leg.subscription.as_str(), "exists": exists(&leg.subscription), "stand": stand(leg),
            "attempts": leg.attempts.iter().map(attempt).collect::<Vec<_>>(), "forgottenAttempts": leg.forgotten,
        })
    });
    json!({
        "id": life.sequence.to_string(), "topic": life.topic.as_ref().map(ResourceName::as_str),
        "publishedAt": timestamp(life.publish_time),
        "content": content(&life.content, MAX_SHOWN_BYTES),
        "legs": legs.collect::<Vec<_>>(), "moreLegs": life.more_legs, "now": timestamp(now),
        "isDeadLetter": is_dead_letter(life), "letterOf": letter_of,
    })
}

/// How a message stands with a subscription, in a word that the page and its filter know.
pub(super) fn state(stand: Stand) -> &'static str {
    match stand {
        Stand::Waiting => "waiting",
        Stand::Delivering => "delivering",
        Stand::Retrying(_) => "retrying",
        Stand::Acked => "acked",
        Stand::DeadLettered => "dead-lettered",
        Stand::Purged => "purged",
        Stand::Skipped => "skipped",
    }
}

fn stand(leg: &Leg) -> Value {
    let stand = leg.stand();
    let next = match stand {
        Stand::Retrying(next) => Some(timestamp(next)),
        _ => None,
    };
    let last = leg.attempts.back();
    let end = last
        .and_then(|last| last.end.as_ref())
        .map(|ended| &ended.1);
    json!({
        "subscription": leg.subscription.as_str(), "state": state(stand), "nextAt": next,
        "attemptCount": leg.attempts.len() + leg.forgotten,
        "reply": end.map(|end| reply(end.reply)), "latencyMs": end.and_then(|end| end.latency).map(milliseconds),
        "outcome": leg.outcome(), "letter": leg.letter.map(|letter| letter.to_string()),
    })
}

fn attempt(attempt: &Attempt) -> Value {
    let ended = attempt.end.as_ref();
    let end = ended.map(|ended| &ended.1);
    let settlement = end.map(|end| match &end.settlement {
        Settlement::Acked => json!({"kind": "acked"}),
        Settlement::Again { after } => json!({"kind": "again", "afterMs": milliseconds(*after)}),
        Settlement::Elsewhere => json!({"kind": "elsewhere"}),
        Settlement::DeadLettered { topic } => json!({"kind": "dead-lettered", "topic": topic}),
    });
    let answer = end.and_then(|end| end.answer.as_ref()).map(|answer| {
        json!({
            "status": answer.status, "headers": answer.headers,
            "body": data(&answer.body, MAX_KEPT_BYTES),
            "mayBeCut": answer.body.len() >= MAX_KEPT_BYTES,
        })
    });
    json!({
        "number": attempt.number,
        "way": match attempt.way { Way::Push => "push", Way::Pull => "pull" },
        "startedAt": timestamp(attempt.started),
        "endedAt": ended.map(|ended| timestamp(ended.0)),
        "reply": end.map(|end| reply(end.reply)), "reason": end.and_then(|end| end.reason.as_ref()),
        "latencyMs": end.and_then(|end| end.latency).map(milliseconds),
        "settlement": settlement, "answer": answer, "faults": faults(attempt),
        "outcome": end.and_then(|end| end.answer.as_ref()?.outcome.as_deref()),
    })
}

/// The faults that were asked for, and met this delivery.
fn faults(attempt: &Attempt) -> Option<Value> {
    let mut plan = attempt.plan;
    // What was planned comes to nothing where nothing is sent, or nothing acked.
    if plan.unreachable {
        plan.token = TokenChoice::Good;
        plan.drop_answer = false;
    }
    let end = attempt.end.as_ref();
    plan.duplicate &= end.is_some_and(|ended| ended.1.settlement == Settlement::Acked);
    (plan != Plan::FAULTLESS).then(|| {
        json!({
            "token": plan.token.fault(), "unreachable": plan.unreachable, "answerLost": plan.drop_answer,
            "repeated": plan.duplicate,
            "lateMs": (!plan.delay.is_zero()).then(|| milliseconds(plan.delay)),
            // A message that is late lets others pass without being told to.
            "letsPass": if plan.delay.is_zero() { plan.lets_pass } else { 0 },
        })
    })
}

/// What came back, in a word or a status.
pub(super) fn reply(reply: Reply) -> String {
    match reply {
        Reply::DeadlineExceeded => "no answer before the ack deadline".to_owned(),
        Reply::Ack => "acked".to_owned(),
        Reply::Nack => "given back".to_owned(),
        Reply::LeaseEnded => "no ack before the deadline".to_owned(),
        Reply::Status(_) | Reply::NoAnswer => reply.to_string(),
    }
}

fn content(content: &Content, limit: usize) -> Value {
    match content {
        Content::Kept(message) => message_content(message, limit),
        Content::Released {
            data_bytes,
            attributes,
            ordering_key,
        } => json!({
            "kept": false, "dataBytes": data_bytes, "attributeCount": attributes, "orderingKey": ordering_key,
        }),
    }
}

pub(super) fn message_content(message: &ReceivedMessage, limit: usize) -> Value {
    json!({
        "kept": true, "dataBytes": message.data.len(), "data": data(&message.data, limit),
        "attributes": message.attributes, "attributeCount": message.attributes.len(),
        "orderingKey": message.ordering_key,
    })
}

/// The beginning of some bytes: as text if they are, else in Base64.
pub(super) fn data(bytes: &[u8], limit: usize) -> Value {
    let shown = bytes.get(..limit).unwrap_or(bytes);
    let (encoding, text) = match std::str::from_utf8(shown) {
        Ok(text) => ("text", text.to_owned()),
        // A character that the limit cuts does not make it binary.
        Err(error) if error.error_len().is_none() && shown.len() < bytes.len() => {
            let whole = shown.get(..error.valid_up_to()).unwrap_or_default();
            ("text", String::from_utf8_lossy(whole).into_owned())
        }
        Err(_) => ("base64", STANDARD.encode(shown)),
    };
    json!({"encoding": encoding, "text": text, "bytes": bytes.len(), "isCut": shown.len() < bytes.len()})
}

/// A request's body as it is shown.
pub(super) fn body(bytes: &[u8]) -> Value {
    data(bytes, MAX_SHOWN_BYTES)
}

fn is_dead_letter(life: &Life) -> bool {
    let is_letter = match &life.content {
        Content::Kept(message) => message.is_dead_letter(),
        Content::Released { .. } => false,
    };
    is_letter || life.letter_of.is_some()
}

pub(super) fn noted(noted: &Noted) -> Value {
    let what = match &noted.note {
        Note::Seek { to } => format!("Sought to {}", timestamp(*to)),
        Note::SeekToSnapshot { snapshot } => format!("Sought to the snapshot {snapshot}"),
        Note::Purged => "Purged".to_owned(),
        Note::PushConfigChanged => "Push settings changed".to_owned(),
        Note::FaultsChanged { faults } => format!("Faults changed: {faults}"),
        Note::Redelivered { message_id } => format!("Message {message_id} asked for again"),
    };
    json!({"at": timestamp(noted.at), "what": what})
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

pub(super) fn time(time: OffsetDateTime) -> String {
    timestamp(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], limit: usize, encoding: &str, text: &str) {
        let found = data(bytes, limit);
        assert_eq!(
            (found["encoding"].as_str(), found["text"].as_str()),
            (Some(encoding), Some(text))
        );
    }

    #[test]
    fn bytes_are_shown_as_text_if_they_are() {
        check(b"hi", 10, "text", "hi");
        check(b"", 10, "text", "");
        check(b"\xff\x00", 10, "base64", "/wA=");
        check("aß".as_bytes(), 2, "text", "a");
        check(b"a\xc3", 10, "base64", "YcM=");
        assert_eq!(data(b"hello", 2)["isCut"], true);
        assert_eq!(data(b"hello", 5)["isCut"], false);
    }
}
