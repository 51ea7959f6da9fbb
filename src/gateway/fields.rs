//! The fields of a subscription that have fields themselves.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::subscriber::{
    Alerts, Backoff, CircuitBreaker, Conflict, Example, Expectation, Idempotency, InProcess,
    Schedule, Seconds,
};

/// The fault of a message with two payloads.
const BOTH: &str = "it has json and text, expected one of them";

#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind",
    deny_unknown_fields
)]
pub(super) enum Key {
    MessageId {},
    Attribute {
        key: String,
        #[serde(default)]
        on_conflict: Conflict,
    },
    Payload {
        key: String,
        #[serde(default)]
        on_conflict: Conflict,
    },
    None {
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RetryPolicy {
    minimum_backoff: Seconds,
    maximum_backoff: Seconds,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Attempts {
    attempts: u32,
    minimum_pause: Option<Seconds>,
    maximum_pause: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Breaker {
    failures: u32,
    minimum_pause: Option<Seconds>,
    maximum_pause: Option<Seconds>,
    probes: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Expected {
    messages_per_second: Option<f64>,
    latency: Option<Seconds>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Limits {
    oldest_unacked_age: Option<Seconds>,
    undelivered_messages: Option<u64>,
    failed_push_share: Option<f64>,
}

/// A message of Cloud Scheduler.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Job {
    cron: String,
    time_zone: Option<String>,
    name: Option<String>,
    purpose: Option<String>,
    json: Option<Value>,
    text: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// An example message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Published {
    title: String,
    json: Option<Value>,
    text: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// Sets a field, if the file has a value for it.
pub(super) fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Returns the duration of a field, if the file has it.
pub(super) fn duration(seconds: Option<Seconds>) -> Option<Duration> {
    seconds.map(|Seconds(duration)| duration)
}

/// Returns a pause, with the bounds that the file has.
fn pause(default: Backoff, minimum: Option<Seconds>, maximum: Option<Seconds>) -> Backoff {
    Backoff {
        minimum: duration(minimum).unwrap_or(default.minimum),
        maximum: duration(maximum).unwrap_or(default.maximum),
    }
}

impl From<Key> for Idempotency {
    fn from(key: Key) -> Self {
        match key {
            Key::MessageId {} => Self::by_message_id(),
            Key::Attribute { key, on_conflict } => Self::by_attribute(key).on_conflict(on_conflict),
            Key::Payload { key, on_conflict } => Self::by_payload(key).on_conflict(on_conflict),
            Key::None { reason } => Self::none(reason),
        }
    }
}

impl From<RetryPolicy> for Backoff {
    fn from(policy: RetryPolicy) -> Self {
        Self {
            minimum: policy.minimum_backoff.0,
            maximum: policy.maximum_backoff.0,
        }
    }
}

impl Attempts {
    pub(super) fn or(self, default: Backoff) -> InProcess {
        InProcess {
            attempts: self.attempts,
            pause: pause(default, self.minimum_pause, self.maximum_pause),
        }
    }
}

impl From<Breaker> for CircuitBreaker {
    fn from(breaker: Breaker) -> Self {
        let mut declared = Self::after(breaker.failures);
        declared.pause = pause(declared.pause, breaker.minimum_pause, breaker.maximum_pause);
        set(&mut declared.probes, breaker.probes);
        declared
    }
}

impl From<Published> for Example {
    fn from(published: Published) -> Self {
        let mut example = match (published.json, published.text) {
            (Some(json), None) => Self::json(published.title, &json),
            (None, text) => Self::raw(published.title, text.unwrap_or_default()),
            (Some(_), Some(_)) => Self {
                fault: Some(BOTH.to_owned()),
                ..Self::raw(published.title, [])
            },
        };
        example.attributes = published.attributes;
        example
    }
}

impl From<Job> for Schedule {
    fn from(job: Job) -> Self {
        let mut schedule = Self::cron(job.cron);
        schedule.name = job.name;
        set(&mut schedule.time_zone, job.time_zone);
        set(&mut schedule.purpose, job.purpose);
        schedule.attributes = job.attributes;
        match (job.json, job.text) {
            (Some(json), None) => schedule.json(&json),
            (None, text) => schedule.raw(text.unwrap_or_default()),
            (Some(_), Some(_)) => {
                schedule.fault = Some(BOTH.to_owned());
                schedule
            }
        }
    }
}

impl From<Expected> for Expectation {
    fn from(expected: Expected) -> Self {
        Self {
            messages_per_second: expected.messages_per_second,
            latency: duration(expected.latency),
        }
    }
}

impl From<Limits> for Alerts {
    fn from(limits: Limits) -> Self {
        let mut alerts = Self {
            undelivered_messages: limits.undelivered_messages,
            ..Self::default()
        };
        let age = duration(limits.oldest_unacked_age);
        set(&mut alerts.oldest_unacked_age, age);
        set(&mut alerts.failed_push_share, limits.failed_push_share);
        alerts
    }
}
