//! Subscriptions and triggers against their declarations.

use serde_json::Value;
use url::Url;

use super::resource::Resource;
use super::stack::{SERVICE, SUBSCRIPTION, Stack, TRIGGER};
use super::{Drift, is_beside, missing, superfluous};
use crate::check::finding::Finding;
use crate::subscriber::{Form, Subscriber};

pub(super) fn findings(stack: &Stack<'_>, subscribers: &[Subscriber]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for subscriber in subscribers {
        let what = kind(subscriber);
        match stack.find(what, &subscriber.id) {
            None => findings.push(missing(
                stack,
                what,
                &subscriber.id,
                "its handler never gets a message",
            )),
            Some(trigger) if subscriber.pushes.form == Form::Eventarc => {
                findings.extend(trigger_drift(trigger, subscriber));
            }
            Some(subscription) => {
                findings.extend(drift(subscription, subscriber, stack.find(SERVICE, "")))
            }
        }
    }
    for what in [SUBSCRIPTION, TRIGGER] {
        let is_declared = |id: &str| {
            subscribers
                .iter()
                .any(|each| each.id == id && kind(each) == what)
        };
        let why = "the service answers its pushes with 404, until each message is a dead letter or too old";
        findings.extend(superfluous(stack, what, is_declared, why));
    }
    findings
}

fn kind(subscriber: &Subscriber) -> (&'static str, &'static str) {
    match subscriber.pushes.form {
        Form::Eventarc => TRIGGER,
        Form::Evident | Form::Unwrapped => SUBSCRIPTION,
    }
}

fn drift(resource: &Resource, subscriber: &Subscriber, service: Option<&Resource>) -> Vec<Finding> {
    let mut drift = Drift::of(resource);
    basics(&mut drift, subscriber);
    policies(&mut drift, subscriber);
    push(&mut drift, subscriber, service);
    version(&mut drift);
    transforms(&mut drift);
    drift.findings
}

fn basics(drift: &mut Drift<'_>, subscriber: &Subscriber) {
    let resource = drift.resource;
    drift.check(
        resource
            .text("/topic")
            .map(|topic| is_beside(resource, topic, &subscriber.topic)),
        "/topic",
        &format!("{:?}", subscriber.topic),
        "the handler gets the messages of another topic",
    );
    let deadline = subscriber.cloud.ack_deadline.as_secs_f64();
    drift.check(
        resource.number("/ack_deadline_seconds").map(|found| found == Some(deadline)),
        "/ack_deadline_seconds",
        &deadline.to_string(),
        "the handler's limits follow the declared deadline: with a shorter one Pub/Sub sends a message again while it is handled",
    );
    drift.check(
        resource
            .duration("/message_retention_duration")
            .map(|found| found == Some(subscriber.cloud.retention)),
        "/message_retention_duration",
        &format!("{:?}", subscriber.cloud.retention),
        "messages are given up earlier than declared, or come later than they are remembered",
    );
    drift.check(
        resource.flag("/enable_message_ordering").map(|found| found == subscriber.cloud.is_ordered),
        "/enable_message_ordering",
        &subscriber.cloud.is_ordered.to_string(),
        "the handler does not get the order that it counts on; it cannot be changed without a new subscription",
    );
    let filter = subscriber.cloud.filter.as_deref().unwrap_or_default();
    drift.check(
        resource.text("/filter").map(|found| found == filter),
        "/filter",
        &format!("{filter:?}"),
        "the handler gets other messages than it should; it cannot be changed without a new subscription",
    );
    drift.check(
        resource
            .flag("/enable_exactly_once_delivery")
            .map(|found| !found),
        "/enable_exactly_once_delivery",
        "false",
        "Pub/Sub has no exactly-once delivery for pushes",
    );
}

fn policies(drift: &mut Drift<'_>, subscriber: &Subscriber) {
    let resource = drift.resource;
    for (pointer, declared) in [
        (
            "/retry_policy/0/minimum_backoff",
            subscriber.cloud.backoff.minimum,
        ),
        (
            "/retry_policy/0/maximum_backoff",
            subscriber.cloud.backoff.maximum,
        ),
    ] {
        drift.check(
            resource.duration(pointer).map(|found| found == Some(declared)),
            pointer,
            &format!("{declared:?}"),
            "failed messages come again sooner or later than declared, and use up their attempts in another time",
        );
    }
    let pointer = "/dead_letter_policy/0/dead_letter_topic";
    drift.check(
        resource.text(pointer).map(|found| is_beside(resource, found, &subscriber.dead_letter_topic)),
        pointer,
        &format!("{:?}", subscriber.dead_letter_topic),
        "a message that always fails is pushed until its retention ends, or lies where nobody looks",
    );
    let pointer = "/dead_letter_policy/0/max_delivery_attempts";
    drift.check(
        resource
            .number(pointer)
            .map(|found| found == Some(f64::from(subscriber.cloud.attempts))),
        pointer,
        &subscriber.cloud.attempts.to_string(),
        "messages are given up earlier or later than declared",
    );
    never_expires(drift);
}

/// (Google, *Subscription*, `expirationPolicy`: without one, after 31 idle days; with an empty TTL, never.)
pub(super) fn never_expires(drift: &mut Drift<'_>) {
    let resource = drift.resource;
    let has_policy = resource.has_block("/expiration_policy");
    let is_never = has_policy
        .and_then(|has| Some(has && resource.text("/expiration_policy/0/ttl")?.is_empty()));
    drift.check(
        is_never,
        "/expiration_policy/0/ttl",
        "\"\", which is never",
        "Pub/Sub deletes a subscription that was idle for so long, and what is published later is lost",
    );
}

/// Checks that nothing changes or drops messages on their way (Google, *MessageTransform*).
pub(super) fn transforms(drift: &mut Drift<'_>) {
    let pointer = "/message_transforms";
    let resource = drift.resource;
    let list = resource.at(pointer).and_then(Value::as_array);
    let count = list.map_or(0, Vec::len);
    let is_on = |place| resource.flag(&format!("{pointer}/{place}/disabled")) == Some(false);
    if (0..count).any(is_on) {
        drift.add(
            "it has message_transforms, declared is none".into(),
            "the message that arrives has other data or attributes than the published one, or does not arrive",
        );
    }
}

/// The older form has neither the message id nor the subscription where they are read (Google, *PushConfig*, `attributes`).
fn version(drift: &mut Drift<'_>) {
    let pointer = "/push_config/0/attributes/x-goog-version";
    let is_current = |found: &str| ["", "v1", "v1beta2"].contains(&found);
    drift.check(
        drift.resource.text(pointer).map(is_current),
        pointer,
        "\"v1\" or nothing",
        "pushes have another form, which the service answers with 400",
    );
}

fn push(drift: &mut Drift<'_>, subscriber: &Subscriber, service: Option<&Resource>) {
    let resource = drift.resource;
    let path = format!("/push/{}", subscriber.id);
    let base = service
        .and_then(|service| service.text("/uri"))
        .unwrap_or_default();
    let host = if base.is_empty() { "https://…" } else { base };
    drift.check(
        resource
            .text("/push_config/0/push_endpoint")
            .map(|found| is_endpoint(found, &path, service)),
        "/push_config/0/push_endpoint",
        &format!("{host}{path}"),
        "pushes go where no subscriber answers, or to another one",
    );
    let is_unwrapped = subscriber.pushes.form == Form::Unwrapped;
    let pointer = "/push_config/0/no_wrapper";
    drift.check(
        resource
            .has_block(pointer)
            .map(|found| found == is_unwrapped),
        pointer,
        if is_unwrapped { "a block" } else { "none" },
        "the handler would take Pub/Sub's wrapper for its payload, or its payload for a wrapper",
    );
    if is_unwrapped && resource.has_block(pointer) == Some(true) {
        let pointer = "/push_config/0/no_wrapper/0/write_metadata";
        drift.check(
            resource.flag(pointer),
            pointer,
            "true",
            "without metadata a push has no message id, so duplicates cannot be told, and no attributes",
        );
    }
}

/// Whether it is an https URL (Google, *PushConfig*, `pushEndpoint`) of this path, and of the service where its URLs are known.
fn is_endpoint(found: &str, path: &str, service: Option<&Resource>) -> bool {
    let Ok(endpoint) = Url::parse(found) else {
        return false;
    };
    let is_of = |base: &str| Url::parse(base).is_ok_and(|base| base.origin() == endpoint.origin());
    let is_services = service.is_none_or(|service| match service.text("/uri") {
        None | Some("") => true,
        // A service has two: by a name that is drawn, and by the project's number.
        Some(url) => {
            let others = service.at("/urls").and_then(Value::as_array);
            let mut others = others.into_iter().flatten().filter_map(Value::as_str);
            is_of(url) || others.any(is_of)
        }
    });
    endpoint.scheme() == "https" && endpoint.path() == path && is_services
}

fn trigger_drift(resource: &Resource, subscriber: &Subscriber) -> Vec<Finding> {
    let mut drift = Drift::of(resource);
    let pointer = "/transport/0/pubsub/0/topic";
    drift.check(
        resource
            .text(pointer)
            .map(|found| is_beside(resource, found, &subscriber.topic)),
        pointer,
        &format!("{:?}", subscriber.topic),
        "the handler gets the messages of another topic",
    );
    let path = format!("/push/{}", subscriber.id);
    let pointer = "/destination/0/cloud_run_service/0/path";
    drift.check(
        resource.text(pointer).map(|found| found == path),
        pointer,
        &format!("{path:?}"),
        "events go where no subscriber answers, or to another one",
    );
    drift.findings
}
