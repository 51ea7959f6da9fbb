//! A schedule: the messages that Cloud Scheduler publishes.

use super::component::{Component, Kind, Part};
use super::example;
use super::markdown::{code, text};
use super::places::{Places, at};
use super::words;
use crate::generate::schemas::json_type;
use crate::subscriber::{Schedule, Subscriber};

pub(super) fn component<'a>(
    declared: &'a Subscriber,
    schedule: &'a Schedule,
    places: &Places<'a>,
) -> Component<'a> {
    let topic = at(&places.topics, &declared.topic).link();
    let subscription = at(&places.subscriptions, &declared.id).link();
    let consumers = format!(
        "{subscription}, in {}, and all other subscriptions of the topic",
        places.links.source(declared)
    );
    let message =
        json_type(declared).map(|(name, _)| format!("JSON: {}", places.links.schema(name)));
    let attributes = example::attributes(&schedule.attributes);
    Component {
        kind: Kind::Schedule,
        place: at(&places.schedules, schedule.name(declared)),
        purpose: text(schedule.purpose_or(declared)),
        owner: words::owner(declared),
        facts: vec![
            ("When", when(schedule)),
            ("Topic", topic),
            ("Producers", "Cloud Scheduler".into()),
            ("Consumers", consumers),
            ("Message schema", message.unwrap_or_else(|| "none".into())),
            (
                "Attributes",
                if attributes.is_empty() {
                    "none".into()
                } else {
                    attributes
                },
            ),
            ("Performance", words::expected(declared)),
        ],
        parts: vec![part(&subscription)],
        examples: vec!["Its message:".into(), example::data(&schedule.data)],
    }
}

fn when(schedule: &Schedule) -> String {
    format!(
        "{} (minute, hour, day of month, month, day of week), in the time zone {}",
        code(&schedule.cron),
        code(&schedule.time_zone)
    )
}

fn part(subscription: &str) -> Part {
    Part {
        title: "After a publish",
        fields: vec![
            (
                "Idempotency",
                vec![
                    "Cloud Scheduler publishes at least once at each time, and always the same message.".into(),
                    format!("{subscription} declares which publishes count as one."),
                ],
            ),
            (
                "Errors and retries",
                vec![
                    "Cloud Scheduler repeats a publish that fails.".into(),
                    "After the publish, the retries are those of the subscription.".into(),
                ],
            ),
            (
                "Monitoring and alerts",
                vec![format!("Those of the subscription, {subscription}.")],
            ),
        ],
    }
}
