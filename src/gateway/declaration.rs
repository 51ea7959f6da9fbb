//! One subscription of the file, in the form that `describe` prints.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::handler::message::{Message, Raw};
use crate::subscriber::{
    AfterCrash, Alerts, Backoff, CircuitBreaker, Conflict, Example, Expectation, Form, Idempotency,
    InProcess, Schedule, Seconds, StoreDown, Subscriber, TopicSchema,
};

/// A subscription. Everything but the first five has the default of a declaration in code.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Declaration {
    id: String,
    topic: String,
    purpose: String,
    producers: Vec<String>,
    idempotency: Key,
    /// The path of the application that handles the messages.
    #[serde(default)]
    pub(super) path: Option<String>,
    owner: Option<String>,
    form: Option<Form>,
    filter: Option<String>,
    enable_message_ordering: Option<bool>,
    message_retention_duration: Option<Seconds>,
    retain_acked_messages: Option<bool>,
    ack_deadline_seconds: Option<u64>,
    soft_limit: Option<Seconds>,
    hard_limit: Option<Seconds>,
    retry_policy: Option<RetryPolicy>,
    attempts: Option<u32>,
    dead_letter_topic: Option<String>,
    lease: Option<Seconds>,
    window: Option<Seconds>,
    epoch: Option<u32>,
    concurrency: Option<usize>,
    audiences: Option<Vec<String>>,
    callers: Option<Vec<String>>,
    attempts_in_process: Option<Attempts>,
    circuit_breaker: Option<Breaker>,
    after_crash: Option<AfterCrash>,
    store_down: Option<StoreDown>,
    topic_schema: Option<TopicSchema>,
    #[serde(default)]
    schedules: Vec<Job>,
    expected: Option<Expectation>,
    alerts: Option<Alerts>,
    #[serde(default)]
    examples: Vec<Published>,
}

#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind",
    deny_unknown_fields
)]
enum Key {
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
struct RetryPolicy {
    minimum_backoff: Seconds,
    maximum_backoff: Seconds,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Attempts {
    attempts: u32,
    minimum_pause: Option<Seconds>,
    maximum_pause: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Breaker {
    failures: u32,
    minimum_pause: Option<Seconds>,
    maximum_pause: Option<Seconds>,
    probes: Option<u32>,
}

/// A message of Cloud Scheduler.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Job {
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
struct Published {
    title: String,
    json: Option<Value>,
    text: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// The fault of a message with two payloads.
const BOTH: &str = "it has json and text, expected one of them";

/// Sets a field, if the file has a value for it.
fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

impl Declaration {
    /// Returns the subscriber, without its handler.
    pub(super) fn into_subscriber(self, source: &str) -> Subscriber {
        let mut declared = Subscriber::new(self.id, async |_: Message<Raw>| ())
            .topic(self.topic)
            .purpose(self.purpose)
            .producers(self.producers)
            .idempotency(self.idempotency.into())
            .examples(self.examples.into_iter().map(Example::from));
        declared.source = Cow::Owned(source.to_owned());
        set(&mut declared.dead_letter_topic, self.dead_letter_topic);
        declared.topic_schema = self.topic_schema;
        declared.schedules = self.schedules.into_iter().map(Schedule::from).collect();
        let cloud = &mut declared.cloud;
        set(
            &mut cloud.ack_deadline,
            self.ack_deadline_seconds.map(Duration::from_secs),
        );
        set(&mut cloud.backoff, self.retry_policy.map(Backoff::from));
        set(&mut cloud.attempts, self.attempts);
        cloud.filter = self.filter;
        set(&mut cloud.is_ordered, self.enable_message_ordering);
        set(
            &mut cloud.retention,
            duration(self.message_retention_duration),
        );
        set(&mut cloud.retains_handled, self.retain_acked_messages);
        let pushes = &mut declared.pushes;
        set(&mut pushes.form, self.form);
        set(&mut pushes.audiences, self.audiences);
        set(&mut pushes.callers, self.callers);
        let runs = &mut declared.runs;
        runs.soft_limit = duration(self.soft_limit);
        runs.hard_limit = duration(self.hard_limit);
        runs.concurrency = self.concurrency;
        runs.circuit_breaker = self.circuit_breaker.map(CircuitBreaker::from);
        let default = runs.in_process.pause;
        let in_process = self.attempts_in_process.map(|each| each.or(default));
        set(&mut runs.in_process, in_process);
        let dedup = &mut declared.dedup;
        set(&mut dedup.lease, duration(self.lease));
        dedup.window = duration(self.window);
        set(&mut dedup.epoch, self.epoch);
        set(&mut dedup.after_crash, self.after_crash);
        set(&mut dedup.store_down, self.store_down);
        let operation = &mut declared.operation;
        operation.owner = self.owner;
        set(&mut operation.expected, self.expected);
        set(&mut operation.alerts, self.alerts);
        declared
    }
}

fn duration(seconds: Option<Seconds>) -> Option<Duration> {
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
    fn or(self, default: Backoff) -> InProcess {
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
