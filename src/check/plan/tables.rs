//! A table for each kind of resource: its arguments with their declared values.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::argument::{Argument, Expected};
use super::compared;
use super::resource::Resource;
use crate::subscriber::{Form, Schedule, Subscriber, TopicSchema};

/// The longest time for which Pub/Sub keeps a message (Google, *Subscription*, `messageRetentionDuration`).
const KEPT: Duration = Duration::from_secs(31 * 24 * 60 * 60);

const OTHER_TOPIC: &str = "the handler receives the messages of another topic";
const OTHER_PATH: &str = "pushes go where no subscriber answers, or to another one";
const OTHER_PAUSES: &str = "failed messages are redelivered sooner or later than declared, and use up their attempts in another time";
const OTHER_TIMES: &str = "the message is published at other times than declared";
const OTHER_MESSAGE: &str = "the handler receives another message than it is declared to read";
const OTHER_SCHEMA: &str =
    "Pub/Sub checks messages against nothing, or against another schema than the handlers read";
pub(super) const NOT_KEPT: &str =
    "a topic without a subscription keeps nothing: every dead letter is lost";
const TRANSFORMED: &str = "the message that arrives has other data or attributes than the published one, or does not arrive";
const EXPIRES: &str =
    "Pub/Sub deletes a subscription that was idle for so long, and later messages are lost";
const EXPORTED: &str = "Pub/Sub writes the messages to a table or bucket instead of pushing them";

pub(super) fn subscription<'d>(
    found: &Resource,
    declared: &'d Subscriber,
    service: Option<&Resource>,
) -> Vec<Argument<'d>> {
    let row = Argument::new;
    let mut table = basics(declared);
    table.extend(policies(declared));
    table.extend(pushes(found, declared, service));
    table.extend([
        row("/bigquery_config", Expected::Block(false), EXPORTED),
        row("/cloud_storage_config", Expected::Block(false), EXPORTED),
        compared::transforms(found, TRANSFORMED),
        compared::never_expires(found, EXPIRES),
    ]);
    table
}

fn basics(declared: &Subscriber) -> Vec<Argument<'_>> {
    let row = Argument::new;
    let cloud = &declared.cloud;
    let filter = cloud.filter.as_deref().unwrap_or_default();
    vec![
        row("/topic", Expected::Name(&declared.topic), OTHER_TOPIC),
        row(
            "/ack_deadline_seconds",
            Expected::Number(cloud.ack_deadline.as_secs_f64()),
            "the handler's limits follow the declared deadline: with a shorter one Pub/Sub redelivers a message while it is handled",
        ),
        row(
            "/message_retention_duration",
            Expected::Time(cloud.retention),
            "messages are deleted earlier than declared, or redelivered after their record has expired",
        ),
        row(
            "/enable_message_ordering",
            Expected::Flag(cloud.is_ordered),
            "the handler does not get the order that it relies on; it cannot be changed without a new subscription",
        ),
        row(
            "/filter",
            Expected::Text(filter),
            "the handler receives other messages than declared; it cannot be changed without a new subscription",
        ),
        row(
            "/enable_exactly_once_delivery",
            Expected::Flag(false),
            "Pub/Sub has no exactly-once delivery for pushes",
        ),
    ]
}

fn policies(declared: &Subscriber) -> Vec<Argument<'_>> {
    let row = Argument::new;
    let cloud = &declared.cloud;
    vec![
        row(
            "/retry_policy/0/minimum_backoff",
            Expected::Time(cloud.backoff.minimum),
            OTHER_PAUSES,
        ),
        row(
            "/retry_policy/0/maximum_backoff",
            Expected::Time(cloud.backoff.maximum),
            OTHER_PAUSES,
        ),
        row(
            "/dead_letter_policy/0/dead_letter_topic",
            Expected::Name(&declared.dead_letter_topic),
            "a message that always fails is pushed until its retention ends, or goes to a topic without an alert",
        ),
        row(
            "/dead_letter_policy/0/max_delivery_attempts",
            Expected::Number(f64::from(cloud.attempts)),
            "messages are dead-lettered earlier or later than declared",
        ),
    ]
}

fn pushes(
    found: &Resource,
    declared: &Subscriber,
    service: Option<&Resource>,
) -> Vec<Argument<'static>> {
    let row = Argument::new;
    let is_unwrapped = declared.pushes.form == Form::Unwrapped;
    let mut table = vec![
        compared::endpoint(found, &declared.id, service, OTHER_PATH),
        row(
            "/push_config/0/no_wrapper",
            Expected::Block(is_unwrapped),
            "the handler would take Pub/Sub's wrapper for its payload, or its payload for a wrapper",
        ),
        compared::version(found),
    ];
    if is_unwrapped && found.has_block("/push_config/0/no_wrapper") == Some(true) {
        table.push(row(
            "/push_config/0/no_wrapper/0/write_metadata",
            Expected::Flag(true),
            "without metadata a push has no message id, so duplicates cannot be recognised, and no attributes",
        ));
    }
    table
}

pub(super) fn trigger<'d>(
    found: &Resource,
    declared: &'d Subscriber,
    service: Option<&Resource>,
) -> Vec<Argument<'d>> {
    vec![
        Argument::new(
            "/transport/0/pubsub/0/topic",
            Expected::Name(&declared.topic),
            OTHER_TOPIC,
        ),
        compared::path(found, &declared.id, OTHER_PATH),
        compared::service(found, service, OTHER_PATH),
    ]
}

pub(super) fn topic<'d>(found: &Resource, declared: Option<&'d TopicSchema>) -> Vec<Argument<'d>> {
    let mut table = vec![
        compared::transforms(found, TRANSFORMED),
        Argument::new(
            "/ingestion_data_source_settings",
            Expected::Block(false),
            "the handlers receive the data of another system, in its form, beside the messages of the declared producers",
        ),
    ];
    match declared {
        None => table.push(Argument::new(
            "/schema_settings",
            Expected::Block(false),
            "Pub/Sub rejects messages that the handlers could read",
        )),
        Some(schema) => table.extend([
            Argument::new(
                "/schema_settings/0/schema",
                Expected::Name(&schema.name),
                OTHER_SCHEMA,
            ),
            Argument::new(
                "/schema_settings/0/encoding",
                Expected::Constant(schema.encoding.name()),
                OTHER_SCHEMA,
            ),
        ]),
    }
    table
}

pub(super) fn schema<'d>(found: &Resource, declared: &'d TopicSchema) -> Vec<Argument<'d>> {
    let why = "publishers must follow another schema than the handlers read";
    let language = Expected::Constant(declared.language.name());
    vec![
        Argument::new("/type", language, why),
        compared::definition(found, declared, why),
    ]
}

pub(super) fn dead_letter_topic(found: &Resource) -> Vec<Argument<'static>> {
    let why = "Pub/Sub rejects dead letters that do not fit the schema, so they are redelivered until their retention ends";
    vec![
        Argument::new("/schema_settings", Expected::Block(false), why),
        compared::transforms(found, TRANSFORMED),
    ]
}

pub(super) fn dead_letter_subscription<'d>(found: &Resource, id: &'d str) -> Vec<Argument<'d>> {
    let row = Argument::new;
    vec![
        row("/topic", Expected::Name(id), NOT_KEPT),
        row(
            "/message_retention_duration",
            Expected::AtLeast(KEPT, "31 days, \"2678400s\""),
            "dead letters are lost before a person has had the time to look at them",
        ),
        row(
            "/push_config",
            Expected::Block(false),
            "dead letters are pushed somewhere instead of waiting for a person",
        ),
        row("/bigquery_config", Expected::Block(false), EXPORTED),
        row("/cloud_storage_config", Expected::Block(false), EXPORTED),
        row(
            "/filter",
            Expected::Text(""),
            "dead letters that it excludes are lost",
        ),
        compared::transforms(found, TRANSFORMED),
        compared::never_expires(found, EXPIRES),
    ]
}

pub(super) fn job<'d>(
    found: &Resource,
    declared: &'d Schedule,
    subscriber: &'d Subscriber,
) -> Vec<Argument<'d>> {
    let row = Argument::new;
    let data = found.text("/pubsub_target/0/data");
    let data = data.map(|found| found == BASE64_STANDARD.encode(&declared.data));
    let attributes = compared::attributes(found, "/pubsub_target/0/attributes");
    let attributes = attributes.map(|found| found == declared.attributes);
    vec![
        row("/schedule", Expected::Text(&declared.cron), OTHER_TIMES),
        row(
            "/time_zone",
            Expected::Text(&declared.time_zone),
            OTHER_TIMES,
        ),
        row(
            "/paused",
            Expected::Flag(false),
            "the message is never published",
        ),
        row(
            "/pubsub_target/0/topic_name",
            Expected::Name(&subscriber.topic),
            "the message is published to another topic",
        ),
        row(
            "/pubsub_target/0/data",
            Expected::Hidden(data, "the data of its message are not the declared ones"),
            OTHER_MESSAGE,
        ),
        row(
            "/pubsub_target/0/attributes",
            Expected::Hidden(
                attributes,
                "the attributes of its message are not the declared ones",
            ),
            OTHER_MESSAGE,
        ),
    ]
}
