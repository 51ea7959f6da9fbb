//! Terraform's variables. `terraform/variables.tf` describes their use.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::topics::topics;
use crate::subscriber::{Expectation, Form, Schedule, Seconds, Subscriber};

/// Returns the variables of these declarations.
pub(super) fn variables(subscribers: &[Subscriber]) -> Value {
    let (triggers, subscriptions): (Vec<_>, Vec<_>) = subscribers
        .iter()
        .partition(|subscriber| subscriber.pushes.form == Form::Eventarc);
    let topics = topics(subscribers);
    let schedules = topics.iter().flat_map(|topic| topic.schedules());
    json!({
        "topics": topics.iter().map(|topic| (topic.id, json!({"schema": topic.schema()}))).collect::<BTreeMap<_, _>>(),
        "subscriptions": by_name(&subscriptions),
        "eventarc_triggers": by_name(&triggers),
        "schedules": schedules
            .map(|(subscriber, schedule)| (schedule.name(subscriber), job(schedule, subscriber)))
            .collect::<BTreeMap<_, _>>(),
    })
}

fn by_name<'a>(subscribers: &[&'a Subscriber]) -> BTreeMap<&'a str, Value> {
    let subscribers = subscribers.iter();
    subscribers
        .map(|subscriber| (subscriber.id.as_str(), subscription(subscriber)))
        .collect()
}

fn subscription(subscriber: &Subscriber) -> Value {
    let (cloud, pushes) = (&subscriber.cloud, &subscriber.pushes);
    let (expected, alerts) = (subscriber.operation.expected, subscriber.operation.alerts);
    let is_expected = expected != Expectation::default();
    json!({
        "topic": subscriber.topic,
        "purpose": subscriber.purpose,
        "owner": subscriber.operation.owner,
        "ack_deadline_seconds": cloud.ack_deadline.as_secs(),
        "minimum_backoff": Seconds(cloud.backoff.minimum),
        "maximum_backoff": Seconds(cloud.backoff.maximum),
        "max_delivery_attempts": cloud.attempts,
        "dead_letter_topic": subscriber.dead_letter_topic,
        "message_retention_duration": Seconds(cloud.retention),
        "retain_acked_messages": cloud.retains_handled,
        "enable_message_ordering": cloud.is_ordered,
        "filter": cloud.filter,
        "unwrapped": pushes.form == Form::Unwrapped,
        // During a move there are two: pushes are sent for the first one, and the others are still accepted.
        "audience": pushes.audiences.first(),
        "service_account_email": pushes.callers.first(),
        "expected": is_expected.then(|| json!({
            "messages_per_second": expected.messages_per_second,
            "latency_seconds": expected.latency.map(|latency| latency.as_secs_f64()),
        })),
        "alerts": {
            "oldest_unacked_age_seconds": alerts.oldest_unacked_age.as_secs(),
            "undelivered_messages": alerts.undelivered_messages,
            "failed_push_share": alerts.failed_push_share,
        },
    })
}

fn job(schedule: &Schedule, subscriber: &Subscriber) -> Value {
    json!({
        "topic": subscriber.topic,
        "purpose": schedule.purpose_or(subscriber),
        "schedule": schedule.cron,
        "time_zone": schedule.time_zone,
        "data_base64": BASE64_STANDARD.encode(&schedule.data),
        "attributes": schedule.attributes,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        variables(subscribers)
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
                    "retain_acked_messages": false, "enable_message_ordering": false, "filter": null, "unwrapped": false, "audience": null,
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
            .retain_handled()
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
            ("retain_acked_messages", json!(true)),
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
