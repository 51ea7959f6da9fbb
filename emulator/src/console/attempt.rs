//! The JSON of one delivery.

use std::time::Duration;

use serde_json::{Value, json};

use super::content::data;
use crate::event::{Reply, Settlement};
use crate::faults::{Plan, TokenChoice};
use crate::history::{DeliveryRecord, DeliveryType, End};
use crate::push::{MAX_KEPT_BYTES, timestamp};

/// The most characters of a reason that are shown.
const MAX_REASON_CHARACTERS: usize = 200;

/// Returns one delivery.
pub(super) fn attempt(attempt: &DeliveryRecord) -> Value {
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
        "way": match attempt.delivery_type { DeliveryType::Push => "push", DeliveryType::Pull => "pull" },
        "startedAt": timestamp(attempt.started),
        "endedAt": ended.map(|ended| timestamp(ended.0)),
        "reply": end.map(|end| reply(end.reply)), "reason": end.and_then(reason),
        "latencyMs": end.and_then(|end| end.latency).map(milliseconds),
        "settlement": settlement, "answer": answer, "faults": faults(attempt),
        "outcome": end.and_then(outcome),
    })
}

/// Returns the service's outcome of a delivery.
pub(super) fn outcome(end: &End) -> Option<&str> {
    end.answer.as_ref()?.outcome.as_deref()
}

/// Returns the reason of a delivery's end: the service's own, or of a failed one that of a missing answer, or the first line of the
/// answer's body.
pub(super) fn reason(end: &End) -> Option<String> {
    let answer = end.answer.as_ref();
    if let Some(reason) = answer.and_then(|answer| answer.reason.as_deref()) {
        return Some(cut(reason));
    }
    if end.settlement == Settlement::Acked {
        return None;
    }
    if end.reason.is_some() {
        return end.reason.clone();
    }
    let body = &answer?.body;
    let mut lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let line = std::str::from_utf8(lines.find(|line| !line.is_empty())?).ok()?;
    Some(cut(line))
}

fn cut(reason: &str) -> String {
    let shown: String = reason.chars().take(MAX_REASON_CHARACTERS).collect();
    let is_cut = shown.len() < reason.len();
    if is_cut { format!("{shown}…") } else { shown }
}

/// Returns the faults that affected this delivery.
fn faults(attempt: &DeliveryRecord) -> Option<Value> {
    let mut plan = attempt.plan;
    // A planned fault has no effect if nothing was sent, or nothing acked.
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
// A delayed message lets others pass anyway.
            "letsPass": if plan.delay.is_zero() { plan.lets_pass } else { 0 },
        })
    })
}

/// Returns the reply as a word or a status.
pub(super) fn reply(reply: Reply) -> String {
    match reply {
        Reply::DeadlineExceeded => "no answer before the ack deadline".to_owned(),
        Reply::Ack => "acked".to_owned(),
        Reply::Nack => "nacked".to_owned(),
        Reply::LeaseEnded => "no ack before the deadline".to_owned(),
        Reply::Status(_) | Reply::NoAnswer => reply.to_string(),
    }
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
