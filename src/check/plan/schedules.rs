//! Cloud Scheduler's jobs.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::resource::{Known, Resource};
use super::stack::{SCHEDULE, Stack};
use super::{Drift, is_beside, missing, superfluous};
use crate::check::finding::Finding;
use crate::subscriber::{Schedule, Subscriber};

pub(super) fn findings(stack: &Stack<'_>, subscribers: &[Subscriber]) -> Vec<Finding> {
    let mut names = BTreeSet::new();
    let mut findings = Vec::new();
    for subscriber in subscribers {
        for schedule in &subscriber.schedules {
            let name = schedule.name(subscriber);
            names.insert(name);
            match stack.find(SCHEDULE, name) {
                None => findings.push(missing(
                    stack,
                    SCHEDULE,
                    name,
                    "its message is never published",
                )),
                Some(job) => findings.extend(drift(job, schedule, subscriber)),
            }
        }
    }
    let why = "it publishes what no declaration asks for";
    findings.extend(superfluous(
        stack,
        SCHEDULE,
        |name| names.contains(name),
        why,
    ));
    findings
}

fn drift(job: &Resource, schedule: &Schedule, subscriber: &Subscriber) -> Vec<Finding> {
    let mut drift = Drift::of(job);
    let why = "the message is published at other times than declared";
    for (pointer, declared) in [
        ("/schedule", &schedule.cron),
        ("/time_zone", &schedule.time_zone),
    ] {
        drift.check(
            job.text(pointer).map(|found| found == declared),
            pointer,
            &format!("{declared:?}"),
            why,
        );
    }
    drift.check(
        job.flag("/paused").map(|found| !found),
        "/paused",
        "false",
        "the message is never published",
    );
    drift.check(
        job.text("/pubsub_target/0/topic_name")
            .map(|found| is_beside(job, found, &subscriber.topic)),
        "/pubsub_target/0/topic_name",
        &format!("{:?}", subscriber.topic),
        "the message is published to another topic",
    );
    // What a message says is shown to nobody.
    let data = job
        .text("/pubsub_target/0/data")
        .map(|found| found == BASE64_STANDARD.encode(&schedule.data));
    let is_same = [
        (data, "data"),
        (
            attributes(job).map(|found| found == schedule.attributes),
            "attributes",
        ),
    ];
    for (_, name) in is_same
        .iter()
        .filter(|(is_same, _)| *is_same == Some(false))
    {
        let what = format!("the {name} of its message are not the declared ones");
        drift.add(
            what,
            "the handler gets another message than it is declared to read",
        );
    }
    drift.findings
}

fn attributes(job: &Resource) -> Known<BTreeMap<String, String>> {
    let pointer = "/pubsub_target/0/attributes";
    let mut attributes = BTreeMap::new();
    for (name, value) in job.at(pointer)?.as_object().into_iter().flatten() {
        // One value that is not known yet, and it is not known whether they are the same.
        let escaped = name.replace('~', "~0").replace('/', "~1");
        job.at(&format!("{pointer}/{escaped}"))?;
        attributes.insert(
            name.clone(),
            value.as_str().map(str::to_owned).unwrap_or_default(),
        );
    }
    let unknown = job.unknown.pointer(pointer).and_then(Value::as_object);
    let is_whole =
        unknown.is_none_or(|unknown| unknown.values().all(|each| each != &Value::Bool(true)));
    is_whole.then_some(attributes)
}
