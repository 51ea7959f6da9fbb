//! One subscription of the file, in the form that `describe` prints.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;

use super::fields::{
    Attempts, Breaker, Expected, Job, Key, Limits, Published, RetryPolicy, duration, set,
};
use crate::handler::message::{Message, Raw};
use crate::subscriber::{
    AfterCrash, Backoff, CircuitBreaker, Example, Form, Schedule, Seconds, StoreDown, Subscriber,
    TopicSchema,
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
    #[serde(default)]
    expected: Expected,
    #[serde(default)]
    alerts: Limits,
    #[serde(default)]
    examples: Vec<Published>,
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
        operation.expected = self.expected.into();
        operation.alerts = self.alerts.into();
        declared
    }
}
