//! The words and groups of a declaration.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use schemars::JsonSchema;
use serde::Serialize;

use super::seconds::Seconds;
use crate::handler::Work;
use crate::subscriber::{
    AfterCrash, Alerts, Backoff, CircuitBreaker, Conflict, Expectation, Form, InProcess, Schedule,
    StoreDown, Subscriber,
};

/// Where the handler runs: on the executor, on the blocking pool, on a thread for computing.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum HandlerKind {
    Async,
    Blocking,
    Cpu,
}

/// What pushes look like: as they tell themselves, payload alone, or events of Eventarc.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum FormTerm {
    Evident,
    Unwrapped,
    Eventarc,
}

/// The fate of a message whose run was interrupted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum CrashTerm {
    Rerun,
    Park,
}

/// What becomes of a known key with another payload.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum ConflictTerm {
    DeadLetter,
    Ignore,
    Retry,
}

/// Which deliveries are the same message.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdempotencyTerms<'a> {
    /// `messageId`, `attribute`, `payload`, `function` or `none`.
    kind: &'static str,
    /// The attribute's name, or the JSON Pointer.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    on_conflict: ConflictTerm,
}

/// The pause before a failed message comes again.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RetryPolicy {
    minimum_backoff: Seconds,
    maximum_backoff: Seconds,
}

/// Runs for one delivery.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InProcessTerms {
    attempts: u32,
    minimum_pause: Seconds,
    maximum_pause: Seconds,
}

/// When pushes are answered 503 at once.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BreakerTerms {
    failures: u32,
    minimum_pause: Seconds,
    maximum_pause: Seconds,
    probes: u32,
}

/// What becomes of a push while the store does not answer.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoreDownTerms<'a> {
    /// `closed` or `open`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// What Cloud Scheduler publishes to the topic.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::generate) struct ScheduleTerms<'a> {
    name: &'a str,
    purpose: &'a str,
    /// Five unix-cron fields.
    cron: &'a str,
    /// Of the tz database.
    time_zone: &'a str,
    /// The payload as base64.
    data: String,
    attributes: &'a BTreeMap<String, String>,
}

/// What is normal; null where nothing is declared.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Expected {
    messages_per_second: Option<f64>,
    /// From publish to ack, for 95 of 100.
    latency: Option<Seconds>,
}

/// When somebody is called, besides for every dead letter.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AlertTerms {
    oldest_unacked_age: Seconds,
    undelivered_messages: Option<u64>,
    /// Above 0, at most 1.
    failed_push_share: f64,
}

impl HandlerKind {
    pub(super) fn of(work: &Work) -> Self {
        match work {
            Work::Async(_) => Self::Async,
            Work::Blocking(_) => Self::Blocking,
            Work::Cpu(_) => Self::Cpu,
        }
    }
}

impl FormTerm {
    pub(super) fn of(form: Form) -> Self {
        match form {
            Form::Evident => Self::Evident,
            Form::Unwrapped => Self::Unwrapped,
            Form::Eventarc => Self::Eventarc,
        }
    }
}

impl CrashTerm {
    pub(super) fn of(after_crash: AfterCrash) -> Self {
        match after_crash {
            AfterCrash::Rerun => Self::Rerun,
            AfterCrash::Park => Self::Park,
        }
    }
}

impl ConflictTerm {
    fn of(conflict: Conflict) -> Self {
        match conflict {
            Conflict::DeadLetter => Self::DeadLetter,
            Conflict::Ignore => Self::Ignore,
            Conflict::Retry => Self::Retry,
        }
    }
}

impl<'a> IdempotencyTerms<'a> {
    pub(super) fn of(subscriber: &'a Subscriber) -> Self {
        let declared = subscriber.idempotency.as_ref();
        Self {
            // A declaration without one is refused before it is described.
            kind: declared.map_or("none", |declared| declared.kind()),
            key: declared.and_then(|declared| declared.place()),
            reason: declared.and_then(|declared| declared.reason()),
            on_conflict: ConflictTerm::of(
                declared
                    .map(|declared| declared.conflict())
                    .unwrap_or_default(),
            ),
        }
    }
}

impl RetryPolicy {
    pub(super) fn of(backoff: Backoff) -> Self {
        Self {
            minimum_backoff: Seconds(backoff.minimum),
            maximum_backoff: Seconds(backoff.maximum),
        }
    }
}

impl InProcessTerms {
    pub(super) fn of(in_process: InProcess) -> Self {
        Self {
            attempts: in_process.attempts,
            minimum_pause: Seconds(in_process.pause.minimum),
            maximum_pause: Seconds(in_process.pause.maximum),
        }
    }
}

impl BreakerTerms {
    pub(super) fn of(breaker: CircuitBreaker) -> Self {
        Self {
            failures: breaker.failures,
            minimum_pause: Seconds(breaker.pause.minimum),
            maximum_pause: Seconds(breaker.pause.maximum),
            probes: breaker.probes,
        }
    }
}

impl<'a> StoreDownTerms<'a> {
    pub(super) fn of(store_down: &'a StoreDown) -> Self {
        let (kind, reason) = match store_down {
            StoreDown::Closed => ("closed", None),
            StoreDown::Open(reason) => ("open", Some(reason.as_str())),
        };
        Self { kind, reason }
    }
}

impl<'a> ScheduleTerms<'a> {
    pub(super) fn all(subscriber: &'a Subscriber) -> Vec<Self> {
        let schedules = subscriber.schedules.iter();
        schedules
            .map(|schedule| Self::of(schedule, subscriber))
            .collect()
    }

    pub(in crate::generate) fn of(schedule: &'a Schedule, subscriber: &'a Subscriber) -> Self {
        Self {
            name: schedule.name(subscriber),
            purpose: schedule.purpose_or(subscriber),
            cron: &schedule.cron,
            time_zone: &schedule.time_zone,
            data: BASE64_STANDARD.encode(&schedule.data),
            attributes: &schedule.attributes,
        }
    }
}

impl Expected {
    pub(super) fn of(expected: Expectation) -> Self {
        Self {
            messages_per_second: expected.messages_per_second,
            latency: expected.latency.map(Seconds),
        }
    }
}

impl AlertTerms {
    pub(super) fn of(alerts: Alerts) -> Self {
        Self {
            oldest_unacked_age: Seconds(alerts.oldest_unacked_age),
            undelivered_messages: alerts.undelivered_messages,
            failed_push_share: alerts.failed_push_share,
        }
    }
}
