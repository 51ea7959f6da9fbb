//! The declarations as data: for the emulator, Terraform, alerts, or a reviewer with `jq`.
//!
//! Fields have Google's names if Google has them, and durations its form (`"600s"`). A new field may be added at any time. The
//! version changes when a field changes its meaning or is removed. `describe --schema` prints its JSON Schema.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use super::schemas::json_type;
use super::topics::{Topic, topics};
use crate::handler::Work;
use crate::subscriber::{
    AfterCrash, Alerts, CircuitBreaker, Expectation, Form, Idempotency, InProcess, Schedule,
    Seconds, StoreDown, Subscriber, TopicSchema,
};

const VERSION: u32 = 1;

/// All declarations, as `pushgate describe` prints them.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "pushgate describe")]
pub(crate) struct Manifest<'a> {
    /// The release that wrote this JSON; its presence identifies the form.
    pushgate_describe: &'static str,
    /// The version of this form.
    #[schemars(range(min = 1, max = 1))]
    version: u32,
    /// The topics that have subscriptions, by name.
    topics: Vec<DeclaredTopic<'a>>,
    /// In the order of `main.rs`.
    subscriptions: Vec<Declared<'a>>,
}

/// One topic.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Topic")]
struct DeclaredTopic<'a> {
    /// The short name.
    id: &'a str,
    /// The JSON Schemas of the types that its subscribers read, by name. A message should fit all that receive it.
    messages: BTreeMap<&'a str, Schema>,
    /// The schema against which Pub/Sub itself checks messages.
    schema: Option<&'a TopicSchema>,
}

/// One subscription and its declaration, defaults included. Null leaves a value to the settings, or to the kind of handler.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Subscription")]
pub(super) struct Declared<'a> {
    /// The short name.
    id: &'a str,
    /// The topic's short name.
    topic: &'a str,
    purpose: &'a str,
    owner: Option<&'a str>,
    /// The file that declares it, from the root of the source.
    source: &'a str,
    producers: &'a [String],
    handler: HandlerKind,
    form: Form,
    /// The name of the payload's type, a key of the topic's `messages`; null for bytes and attributes.
    message: Option<&'a str>,
    #[schemars(with = "Idempotency")]
    idempotency: Option<&'a Idempotency>,
    /// A filter in Google's syntax; null passes every message.
    filter: Option<&'a str>,
    enable_message_ordering: bool,
    message_retention_duration: Seconds,
    /// True if handled messages are kept, too, so that they can be replayed.
    retain_acked_messages: bool,
    #[schemars(range(min = 10, max = 600))]
    ack_deadline_seconds: u64,
    soft_limit: Seconds,
    hard_limit: Seconds,
    retry_policy: RetryPolicy,
    /// The deliveries before Pub/Sub dead-letters a message.
    #[schemars(range(min = 5, max = 100))]
    attempts: u32,
    /// The longest outage of the store, of the key server or behind an open circuit breaker that a message survives, at
    /// least; null for Eventarc, whose subscription has a retry policy of its own.
    survived_outage: Option<Seconds>,
    dead_letter_topic: &'a str,
    lease: Seconds,
    window: Seconds,
    epoch: u32,
    concurrency: Option<usize>,
    audiences: &'a [String],
    callers: &'a [String],
    attempts_in_process: InProcess,
    circuit_breaker: Option<CircuitBreaker>,
    after_crash: AfterCrash,
    store_down: &'a StoreDown,
    schedules: Vec<Job<'a>>,
    expected: Expectation,
    alerts: Alerts,
    /// The titles of example messages.
    examples: Vec<&'a str>,
}

/// The kind of thread that the handler runs on.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum HandlerKind {
    Async,
    Blocking,
    Cpu,
}

/// The pause before a failed message is redelivered.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RetryPolicy {
    minimum_backoff: Seconds,
    maximum_backoff: Seconds,
}

/// A job of Cloud Scheduler, which publishes to the topic.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Schedule")]
pub(super) struct Job<'a> {
    name: &'a str,
    purpose: &'a str,
    /// Five unix-cron fields.
    cron: &'a str,
    /// A zone of the tz database.
    time_zone: &'a str,
    /// The payload as base64.
    data: String,
    attributes: &'a BTreeMap<String, String>,
}

impl<'a> Manifest<'a> {
    /// Returns the data of these declarations, which have no faults.
    pub(crate) fn of(subscribers: &'a [Subscriber]) -> Self {
        Self {
            pushgate_describe: env!("CARGO_PKG_VERSION"),
            version: VERSION,
            topics: topics(subscribers).iter().map(DeclaredTopic::of).collect(),
            subscriptions: subscribers.iter().map(Declared::of).collect(),
        }
    }

    /// Returns the JSON Schema of the data.
    pub(crate) fn schema() -> Schema {
        let settings = SchemaSettings::draft07().for_serialize();
        settings
            .into_generator()
            .into_root_schema_for::<Manifest<'_>>()
    }
}

impl<'a> Declared<'a> {
    pub(super) fn of(subscriber: &'a Subscriber) -> Self {
        let limits = subscriber.limits();
        let titles = subscriber
            .examples
            .iter()
            .map(|example| example.title.as_str());
        Self {
            id: &subscriber.id,
            topic: &subscriber.topic,
            purpose: &subscriber.purpose,
            owner: subscriber.operation.owner.as_deref(),
            source: &subscriber.source,
            producers: &subscriber.producers,
            handler: HandlerKind::of(&subscriber.work),
            form: subscriber.pushes.form,
            message: json_type(subscriber).map(|(name, _)| name),
            idempotency: subscriber.idempotency.as_ref(),
            filter: subscriber.cloud.filter.as_deref(),
            enable_message_ordering: subscriber.cloud.is_ordered,
            message_retention_duration: Seconds(subscriber.cloud.retention),
            retain_acked_messages: subscriber.cloud.retains_handled,
            ack_deadline_seconds: subscriber.cloud.ack_deadline.as_secs(),
            soft_limit: Seconds(limits.soft),
            hard_limit: Seconds(limits.hard),
            retry_policy: RetryPolicy {
                minimum_backoff: Seconds(subscriber.cloud.backoff.minimum),
                maximum_backoff: Seconds(subscriber.cloud.backoff.maximum),
            },
            attempts: subscriber.cloud.attempts,
            survived_outage: subscriber.survived_outage().map(Seconds),
            dead_letter_topic: &subscriber.dead_letter_topic,
            lease: Seconds(subscriber.dedup.lease),
            window: Seconds(subscriber.dedup_window()),
            epoch: subscriber.dedup.epoch,
            concurrency: subscriber.runs.concurrency,
            audiences: &subscriber.pushes.audiences,
            callers: &subscriber.pushes.callers,
            attempts_in_process: subscriber.runs.in_process,
            circuit_breaker: subscriber.runs.circuit_breaker,
            after_crash: subscriber.dedup.after_crash,
            store_down: &subscriber.dedup.store_down,
            schedules: Job::all(subscriber),
            expected: subscriber.operation.expected,
            alerts: subscriber.operation.alerts,
            examples: titles.collect(),
        }
    }
}

impl<'a> DeclaredTopic<'a> {
    fn of(topic: &Topic<'a>) -> Self {
        let types = topic.subscribers.iter().filter_map(|each| json_type(each));
        Self {
            id: topic.id,
            messages: types.map(|(name, schema)| (name, schema())).collect(),
            schema: topic.schema(),
        }
    }
}

impl HandlerKind {
    fn of(work: &Work) -> Self {
        match work {
            Work::Async(_) => Self::Async,
            Work::Blocking(_) => Self::Blocking,
            Work::Cpu(_) => Self::Cpu,
        }
    }
}

impl<'a> Job<'a> {
    fn all(subscriber: &'a Subscriber) -> Vec<Self> {
        let schedules = subscriber.schedules.iter();
        schedules
            .map(|schedule| Self::of(schedule, subscriber))
            .collect()
    }

    pub(super) fn of(schedule: &'a Schedule, subscriber: &'a Subscriber) -> Self {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        AfterCrash, Alerts, Backoff, CircuitBreaker, Conflict, Example, Idempotency, Outcome, Raw,
        Schedule, StoreDown, TopicSchema,
    };
    use serde_json::{Value, json};

    async fn handle(_: crate::Message<Raw>) -> Outcome {
        Outcome::Success
    }

    fn described(subscriber: Subscriber) -> Value {
        let subscribers = [subscriber];
        let manifest = serde_json::to_value(Manifest::of(&subscribers)).expect("JSON");
        assert_eq!(manifest["version"], 1);
        manifest["subscriptions"][0].clone()
    }

    fn subscriber() -> Subscriber {
        Subscriber::new("orders-mail", handle)
            .topic("orders")
            .purpose("Mails.")
            .producers(["checkout"])
            .idempotency(Idempotency::by_message_id())
    }

    #[test]
    fn defaults_are_described_as_they_are() {
        assert_eq!(
            described(subscriber()),
            json!({
                "id": "orders-mail", "topic": "orders", "purpose": "Mails.", "owner": null, "producers": ["checkout"],
                "source": "src/generate/manifest.rs",
                "handler": "async", "form": "evident", "message": null,
                "filter": null, "enableMessageOrdering": false, "messageRetentionDuration": "604800s", "retainAckedMessages": false,
                "schedules": [], "expected": {"messagesPerSecond": null, "latency": null},
                "alerts": {"oldestUnackedAge": "1800s", "undeliveredMessages": null, "failedPushShare": 0.5},
                "idempotency": {"kind": "messageId", "onConflict": "deadLetter"},
                "ackDeadlineSeconds": 60, "softLimit": "44s", "hardLimit": "55s",
                "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"}, "attempts": 25, "survivedOutage": "5715s",
                "deadLetterTopic": "orders-mail-dead-letter",
                "lease": "10s", "window": "604800s", "epoch": 0, "concurrency": null,
                "audiences": [], "callers": [],
                "attemptsInProcess": {"attempts": 1, "minimumPause": "0.100s", "maximumPause": "2s"},
                "circuitBreaker": null, "afterCrash": "rerun", "storeDown": {"kind": "closed"}, "examples": [],
            })
        );
    }

    #[test]
    fn what_is_declared_is_described() {
        let described = described(
            subscriber()
                .idempotency(Idempotency::by_payload("/order/id").on_conflict(Conflict::Ignore))
                .circuit_breaker(CircuitBreaker::after(5).open_for(Backoff::from_secs(2, 30)))
                .after_crash(AfterCrash::Rerun)
                .when_store_is_down(StoreDown::open("mails may come twice"))
                .hard_limit(Duration::from_millis(1_500))
                .concurrency(7)
                .audience("a")
                .audience("b")
                .callers(["push@shop.example"])
                .examples([Example::raw("an order", "hush")])
                .unwrapped()
                .filter("attributes:paid")
                .ordered()
                .retention(Duration::from_secs(1200))
                .retain_handled()
                .owner("mail team")
                .expected_throughput(2.5)
                .expected_latency(Duration::from_secs(3))
                .alerts(
                    Alerts::default()
                        .undelivered_messages(7)
                        .failed_push_share(0.1),
                )
                .schedule(Schedule::cron("0 6 * * *").attribute("kind", "daily")),
        );
        let expected = json!({
            "filter": "attributes:paid", "enableMessageOrdering": true, "messageRetentionDuration": "1200s", "retainAckedMessages": true,
            "window": "1200s", "owner": "mail team", "expected": {"messagesPerSecond": 2.5, "latency": "3s"},
            "alerts": {"oldestUnackedAge": "1800s", "undeliveredMessages": 7, "failedPushShare": 0.1},
            "schedules": [{"name": "orders-mail", "purpose": "Mails.", "cron": "0 6 * * *", "timeZone": "Etc/UTC",
                "data": "", "attributes": {"kind": "daily"}}],
            "idempotency": {"kind": "payload", "key": "/order/id", "onConflict": "ignore"},
            "circuitBreaker": {"failures": 5, "minimumPause": "2s", "maximumPause": "30s", "probes": 3},
            "storeDown": {"kind": "open", "reason": "mails may come twice"},
            "softLimit": "1.200s", "hardLimit": "1.500s", "concurrency": 7,
            "audiences": ["a", "b"], "callers": ["push@shop.example"],
            "examples": ["an order"], "form": "unwrapped",
        });
        for (field, expected) in expected.as_object().expect("an object") {
            assert_eq!(&described[field], expected, "{field}");
        }
    }

    #[test]
    fn each_kind_of_idempotency_has_a_name() {
        let kind =
            |idempotency| described(subscriber().idempotency(idempotency))["idempotency"].clone();
        let conflict = "deadLetter";
        assert_eq!(
            kind(Idempotency::by_attribute("event")),
            json!({"kind": "attribute", "key": "event", "onConflict": conflict})
        );
        assert_eq!(
            kind(Idempotency::by_function(|_| None)),
            json!({"kind": "function", "onConflict": conflict})
        );
        assert_eq!(
            kind(Idempotency::none("it only reads")),
            json!({"kind": "none", "reason": "it only reads", "onConflict": conflict})
        );
    }

    #[derive(serde::Deserialize, validator::Validate, JsonSchema)]
    struct Mail {
        #[validate(email)]
        to: String,
    }

    /// Returns the manifest of two subscribers of one topic with a schema.
    fn of_topic_with_schema() -> Value {
        let read = async |mail: crate::Message<Mail>| drop(mail.0.to);
        let avro = TopicSchema::avro("mails", "{}");
        let subscribers = [
            subscriber(),
            Subscriber::new("orders-print", read)
                .topic("orders")
                .topic_schema(avro),
        ];
        serde_json::to_value(Manifest::of(&subscribers)).expect("JSON")
    }

    #[test]
    fn a_topic_has_the_messages_that_its_subscribers_read() {
        let manifest = of_topic_with_schema();
        assert_eq!(manifest["subscriptions"][1]["message"], "Mail");
        let topics = manifest["topics"].as_array().expect("topics");
        assert_eq!(topics.len(), 1);
        assert_eq!(
            topics[0]["messages"]["Mail"]["properties"]["to"]["format"],
            "email"
        );
    }

    #[test]
    fn a_topic_has_the_schema_that_pub_sub_keeps() {
        assert_eq!(
            of_topic_with_schema()["topics"][0]["schema"],
            json!({"name": "mails", "type": "AVRO", "encoding": "JSON", "definition": "{}"})
        );
    }
}
