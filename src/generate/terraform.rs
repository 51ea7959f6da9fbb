//! Terraform's variables. `terraform/variables.tf` says what the module makes of them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::manifest::Seconds;
use super::topics::topics;
use crate::subscriber::{Alerts, Expectation, Form, Schedule, Subscriber, TopicSchema};

/// What is declared, by name.
#[derive(Serialize)]
pub(super) struct Variables<'a> {
    topics: BTreeMap<&'a str, Topic<'a>>,
    subscriptions: BTreeMap<&'a str, Subscription<'a>>,
    /// Whose subscriptions Eventarc creates and owns.
    eventarc_triggers: BTreeMap<&'a str, Subscription<'a>>,
    schedules: BTreeMap<&'a str, Job<'a>>,
}

#[derive(Serialize)]
struct Topic<'a> {
    schema: Option<Schema<'a>>,
}

#[derive(Serialize)]
struct Schema<'a> {
    name: &'a str,
    r#type: &'a str,
    encoding: &'a str,
    definition: &'a str,
}

#[derive(Serialize)]
struct Subscription<'a> {
    topic: &'a str,
    purpose: &'a str,
    owner: Option<&'a str>,
    ack_deadline_seconds: u64,
    minimum_backoff: Seconds,
    maximum_backoff: Seconds,
    max_delivery_attempts: u32,
    dead_letter_topic: &'a str,
    message_retention_duration: Seconds,
    enable_message_ordering: bool,
    filter: Option<&'a str>,
    unwrapped: bool,
    /// Null: that of the whole stack, as the account.
    audience: Option<&'a str>,
    service_account_email: Option<&'a str>,
    expected: Option<Expected>,
    alerts: AlertThresholds,
}

#[derive(Serialize)]
struct Expected {
    messages_per_second: Option<f64>,
    latency_seconds: Option<f64>,
}

#[derive(Serialize)]
struct AlertThresholds {
    oldest_unacked_age_seconds: u64,
    undelivered_messages: Option<u64>,
    failed_push_share: f64,
}

/// A job of Cloud Scheduler.
#[derive(Serialize)]
struct Job<'a> {
    topic: &'a str,
    purpose: &'a str,
    schedule: &'a str,
    time_zone: &'a str,
    data_base64: String,
    attributes: &'a BTreeMap<String, String>,
}

/// Of these declarations.
pub(super) fn variables(subscribers: &[Subscriber]) -> Variables<'_> {
    let of_form = |is_eventarc: bool| {
        let subscribers = subscribers.iter();
        subscribers
            .filter(move |subscriber| (subscriber.form == Form::Eventarc) == is_eventarc)
            .map(|subscriber| (subscriber.id.as_str(), Subscription::of(subscriber)))
            .collect()
    };
    let topics = topics(subscribers);
    let schedules = topics.iter().flat_map(|topic| topic.schedules());
    Variables {
        subscriptions: of_form(false),
        eventarc_triggers: of_form(true),
        schedules: schedules
            .map(|(subscriber, schedule)| {
                (schedule.name(subscriber), Job::of(schedule, subscriber))
            })
            .collect(),
        topics: topics
            .iter()
            .map(|topic| {
                let schema = topic.schema().map(Schema::of);
                (topic.id, Topic { schema })
            })
            .collect(),
    }
}

impl<'a> Schema<'a> {
    fn of(schema: &'a TopicSchema) -> Self {
        Self {
            name: &schema.name,
            r#type: schema.language.name(),
            encoding: schema.encoding.name(),
            definition: &schema.definition,
        }
    }
}

impl<'a> Subscription<'a> {
    fn of(subscriber: &'a Subscriber) -> Self {
        Self {
            topic: &subscriber.topic,
            purpose: &subscriber.purpose,
            owner: subscriber.owner.as_deref(),
            ack_deadline_seconds: subscriber.ack_deadline.as_secs(),
            minimum_backoff: Seconds(subscriber.backoff.minimum),
            maximum_backoff: Seconds(subscriber.backoff.maximum),
            max_delivery_attempts: subscriber.attempts,
            dead_letter_topic: &subscriber.dead_letter_topic,
            message_retention_duration: Seconds(subscriber.retention),
            enable_message_ordering: subscriber.is_ordered,
            filter: subscriber.filter.as_deref(),
            unwrapped: subscriber.form == Form::Unwrapped,
            // During a move there are two: the first one is pushed for, the others are still let in.
            audience: subscriber.audiences.first().map(String::as_str),
            service_account_email: subscriber.callers.first().map(String::as_str),
            expected: Expected::of(subscriber.expected),
            alerts: AlertThresholds::of(subscriber.alerts),
        }
    }
}

impl Expected {
    fn of(expected: Expectation) -> Option<Self> {
        let is_declared = expected != Expectation::default();
        is_declared.then(|| Self {
            messages_per_second: expected.messages_per_second,
            latency_seconds: expected.latency.map(|latency| latency.as_secs_f64()),
        })
    }
}

impl AlertThresholds {
    fn of(alerts: Alerts) -> Self {
        Self {
            oldest_unacked_age_seconds: alerts.oldest_unacked_age.as_secs(),
            undelivered_messages: alerts.undelivered_messages,
            failed_push_share: alerts.failed_push_share,
        }
    }
}

impl<'a> Job<'a> {
    fn of(schedule: &'a Schedule, subscriber: &'a Subscriber) -> Self {
        Self {
            topic: &subscriber.topic,
            purpose: schedule.purpose_or(subscriber),
            schedule: &schedule.cron,
            time_zone: &schedule.time_zone,
            data_base64: BASE64_STANDARD.encode(&schedule.data),
            attributes: &schedule.attributes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::{Alerts, Idempotency, Message, Raw, TopicSchema};

    fn subscriber(id: &str) -> Subscriber {
        Subscriber::new(id, async |_: Message<Raw>| ())
            .topic("orders")
            .purpose("Mails.")
            .producers(["checkout"])
            .idempotency(Idempotency::by_message_id())
    }

    fn written(subscribers: &[Subscriber]) -> Value {
        serde_json::to_value(variables(subscribers)).expect("JSON")
    }

    #[test]
    fn every_field_is_there_with_null_for_what_is_not_declared() {
        assert_eq!(
            written(&[subscriber("orders-mail")]),
            json!({
                "topics": {"orders": {"schema": null}},
                "subscriptions": {"orders-mail": {
                    "topic": "orders", "purpose": "Mails.", "owner": null, "ack_deadline_seconds": 60,
                    "minimum_backoff": "10s", "maximum_backoff": "600s", "max_delivery_attempts": 25,
                    "dead_letter_topic": "orders-mail-dead-letter", "message_retention_duration": "604800s",
                    "enable_message_ordering": false, "filter": null, "unwrapped": false, "audience": null,
                    "service_account_email": null, "expected": null,
                    "alerts": {"oldest_unacked_age_seconds": 1800, "undelivered_messages": null, "failed_push_share": 0.5},
                }},
                "eventarc_triggers": {},
                "schedules": {},
            })
        );
    }

    #[test]
    fn what_is_declared_is_written() {
        let declared = subscriber("orders-mail")
            .topic_schema(TopicSchema::avro("mails", "{}"))
            .filter("attributes:paid")
            .ordered()
            .unwrapped()
            .owner("mail team")
            .retention(Duration::from_secs(1200))
            .audience("a")
            .audience("b")
            .callers(["push@shop.example"])
            .expected_latency(Duration::from_millis(1500))
            .alerts(Alerts::default().undelivered_messages(7))
            .schedule(
                Schedule::cron("0 6 * * *")
                    .raw("hush")
                    .attribute("kind", "daily"),
            );
        let written = written(&[declared, subscriber("audit").eventarc()]);
        let subscription = &written["subscriptions"]["orders-mail"];
        for (field, expected) in [
            ("filter", json!("attributes:paid")),
            ("enable_message_ordering", json!(true)),
            ("unwrapped", json!(true)),
            ("owner", json!("mail team")),
            ("message_retention_duration", json!("1200s")),
            ("audience", json!("a")),
            ("service_account_email", json!("push@shop.example")),
            (
                "expected",
                json!({"messages_per_second": null, "latency_seconds": 1.5}),
            ),
        ] {
            assert_eq!(subscription[field], expected, "{field}");
        }
        assert_eq!(subscription["alerts"]["undelivered_messages"], 7);
        assert_eq!(
            written["topics"]["orders"]["schema"],
            json!({"name": "mails", "type": "AVRO", "encoding": "JSON", "definition": "{}"})
        );
        assert_eq!(
            written["schedules"]["orders-mail"],
            json!({"topic": "orders", "purpose": "Mails.", "schedule": "0 6 * * *", "time_zone": "Etc/UTC",
                "data_base64": "aHVzaA==", "attributes": {"kind": "daily"}})
        );
        assert_eq!(written["eventarc_triggers"]["audit"]["topic"], "orders");
        assert!(written["subscriptions"]["audit"].is_null());
    }
}
