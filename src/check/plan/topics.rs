//! Topics, their schemas, and dead-letter topics with their subscriptions.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::resource::Resource;
use super::stack::{DEAD_LETTER_SUBSCRIPTION, DEAD_LETTER_TOPIC, SCHEMA, Stack, TOPIC};
use super::subscriptions::{never_expires, transforms};
use super::{Drift, is_beside, missing, superfluous};
use crate::check::finding::Finding;
use crate::subscriber::{SchemaLanguage, Subscriber, TopicSchema};

/// The longest that Pub/Sub keeps a message (Google, *Subscription*, `messageRetentionDuration`).
const KEPT: Duration = Duration::from_secs(31 * 24 * 60 * 60);

pub(super) fn findings(stack: &Stack<'_>, subscribers: &[Subscriber]) -> Vec<Finding> {
    let topics: BTreeSet<&str> = subscribers.iter().map(|each| each.topic.as_str()).collect();
    let mut findings = Vec::new();
    for topic in &topics {
        match stack.find(TOPIC, topic) {
            None => findings.push(missing(
                stack,
                TOPIC,
                topic,
                "publishers have nowhere to publish to",
            )),
            Some(resource) => {
                let mut drift = Drift::of(resource);
                settings(&mut drift, schema_of(topic, subscribers));
                transforms(&mut drift);
                ingestion(&mut drift);
                findings.extend(drift.findings);
            }
        }
    }
    let why = "what is published to it is kept for nobody";
    findings.extend(superfluous(stack, TOPIC, |id| topics.contains(id), why));
    findings.extend(schemas(stack, subscribers));
    findings.extend(dead_letters(stack, subscribers));
    findings
}

fn schema_of<'a>(topic: &str, subscribers: &'a [Subscriber]) -> Option<&'a TopicSchema> {
    let of_topic = subscribers.iter().filter(|each| each.topic == topic);
    of_topic
        .filter_map(|each| each.topic_schema.as_ref())
        .next()
}

fn settings(drift: &mut Drift<'_>, schema: Option<&TopicSchema>) {
    let resource = drift.resource;
    let Some(schema) = schema else {
        drift.check(
            resource.has_block("/schema_settings").map(|found| !found),
            "/schema_settings",
            "none",
            "Pub/Sub refuses messages that the handlers could read",
        );
        return;
    };
    let why =
        "Pub/Sub holds messages against nothing, or against something else than the handlers read";
    drift.check(
        resource
            .text("/schema_settings/0/schema")
            .map(|found| is_beside(resource, found, &schema.name)),
        "/schema_settings/0/schema",
        &format!("{:?}", schema.name),
        why,
    );
    drift.check(
        resource
            .text("/schema_settings/0/encoding")
            .map(|found| found == schema.encoding.name()),
        "/schema_settings/0/encoding",
        schema.encoding.name(),
        why,
    );
}

/// Checks that publishers alone fill the topic (Google, *IngestionDataSourceSettings*).
fn ingestion(drift: &mut Drift<'_>) {
    let pointer = "/ingestion_data_source_settings";
    drift.check(
        drift.resource.has_block(pointer).map(|found| !found),
        pointer,
        "none",
        "the handlers get what another system holds, in its form, beside what the declared producers publish",
    );
}

fn schemas(stack: &Stack<'_>, subscribers: &[Subscriber]) -> Vec<Finding> {
    let declared = subscribers
        .iter()
        .filter_map(|each| each.topic_schema.as_ref());
    let mut known = BTreeSet::new();
    let mut findings = Vec::new();
    for schema in declared {
        if !known.insert(schema.name.as_str()) {
            continue;
        }
        let Some(resource) = stack.find(SCHEMA, &schema.name) else {
            findings.push(missing(
                stack,
                SCHEMA,
                &schema.name,
                "its topic cannot be made, or takes any message",
            ));
            continue;
        };
        let mut drift = Drift::of(resource);
        let why = "publishers are held to another form than the handlers read";
        drift.check(
            resource
                .text("/type")
                .map(|found| found == schema.language.name()),
            "/type",
            schema.language.name(),
            why,
        );
        let is_same = resource
            .text("/definition")
            .map(|found| is_same(found, schema));
        if is_same == Some(false) {
            drift.add("its definition is not the declared one".into(), why);
        }
        findings.extend(drift.findings);
    }
    let why = "no topic uses it";
    findings.extend(superfluous(stack, SCHEMA, |name| known.contains(name), why));
    findings
}

/// White space in JSON means nothing.
fn is_same(found: &str, declared: &TopicSchema) -> bool {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    found.replace("\r\n", "\n").trim() == declared.definition.trim()
        || declared.language == SchemaLanguage::Avro
            && parsed(found).is_some_and(|found| Some(found) == parsed(&declared.definition))
}

fn dead_letters(stack: &Stack<'_>, subscribers: &[Subscriber]) -> Vec<Finding> {
    let names: BTreeSet<&str> = subscribers
        .iter()
        .map(|each| each.dead_letter_topic.as_str())
        .collect();
    let mut findings = Vec::new();
    for name in &names {
        if stack.find(DEAD_LETTER_TOPIC, name).is_none() {
            let why = "a message that can never succeed has nowhere to go: it is pushed until its retention ends";
            findings.push(missing(stack, DEAD_LETTER_TOPIC, name, why));
        }
        let Some(resource) = stack.find(DEAD_LETTER_SUBSCRIPTION, name) else {
            let why = "a topic without a subscription keeps nothing: every dead letter is lost";
            findings.push(missing(stack, DEAD_LETTER_SUBSCRIPTION, name, why));
            continue;
        };
        findings.extend(dead_letter_drift(resource, name));
    }
    for what in [DEAD_LETTER_TOPIC, DEAD_LETTER_SUBSCRIPTION] {
        let why = "nothing that is declared dead-letters to it";
        findings.extend(superfluous(stack, what, |name| names.contains(name), why));
    }
    findings
}

fn dead_letter_drift(resource: &Resource, name: &str) -> Vec<Finding> {
    let mut drift = Drift::of(resource);
    drift.check(
        resource
            .text("/topic")
            .map(|found| is_beside(resource, found, name)),
        "/topic",
        &format!("{name:?}"),
        "a topic without a subscription keeps nothing: every dead letter is lost",
    );
    drift.check(
        resource
            .duration("/message_retention_duration")
            .map(|found| found.is_some_and(|found| found >= KEPT)),
        "/message_retention_duration",
        "31 days, \"2678400s\"",
        "dead letters are lost before a person has had the time to look at them",
    );
    drift.check(
        resource.has_block("/push_config").map(|found| !found),
        "/push_config",
        "none",
        "dead letters are pushed somewhere instead of waiting for a person",
    );
    drift.check(
        resource.text("/filter").map(str::is_empty),
        "/filter",
        "none",
        "dead letters that it leaves out are lost",
    );
    transforms(&mut drift);
    never_expires(&mut drift);
    drift.findings
}
