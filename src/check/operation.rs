//! Expected load and alerts, compared with the declaration.

use super::finding::Finding;
use super::rules::{ALERT_ALWAYS, ALERT_NEVER, LATENCY};
use crate::subscriber::Subscriber;

pub(super) fn findings(subscriber: &Subscriber) -> Vec<Finding> {
    let found = [
        latency(subscriber),
        age_of_a_retry(subscriber),
        age_of_a_normal_message(subscriber),
        waiting(subscriber),
        age_of_the_lost(subscriber),
        share(subscriber),
    ];
    found.into_iter().flatten().collect()
}

fn latency(subscriber: &Subscriber) -> Option<Finding> {
    let (latency, deadline) = (
        subscriber.operation.expected.latency?,
        subscriber.cloud.ack_deadline,
    );
    (latency > deadline).then(|| {
        LATENCY.found(
            &subscriber.id,
            format!("the expected latency is {latency:?}, and the ack deadline {deadline:?}"),
            "declare a longer .ack_deadline(…), or the true .expected_latency(…)",
        )
    })
}

/// Compares the alert with the longest pause, which is the normal age of a message that failed once.
fn age_of_a_retry(subscriber: &Subscriber) -> Option<Finding> {
    let (age, pause) = (
        subscriber.operation.alerts.oldest_unacked_age,
        subscriber.cloud.backoff.maximum,
    );
    (age <= pause).then(|| {
        ALERT_ALWAYS.found(
            &subscriber.id,
            format!("the alert on the oldest unacked message is at {age:?}, and a failed message may wait {pause:?} for its next attempt"),
            "declare .alerts(Alerts::default().oldest_unacked_age(…)) above the longest pause, or a shorter .retry(…)",
        )
    })
}

fn age_of_a_normal_message(subscriber: &Subscriber) -> Option<Finding> {
    let latency = subscriber.operation.expected.latency?;
    let age = subscriber.operation.alerts.oldest_unacked_age;
    (age <= latency && age > subscriber.cloud.backoff.maximum).then(|| {
        ALERT_ALWAYS.found(
            &subscriber.id,
            format!("the alert on the oldest unacked message is at {age:?}, and a normal message takes {latency:?}"),
            "declare .alerts(Alerts::default().oldest_unacked_age(…)) well above the expected latency",
        )
    })
}

/// Compares the alert with the normal number of messages under way: throughput times latency (Little's law).
fn waiting(subscriber: &Subscriber) -> Option<Finding> {
    let most = subscriber.operation.alerts.undelivered_messages?;
    let rate = subscriber.operation.expected.messages_per_second?;
    let normal = rate * subscriber.operation.expected.latency?.as_secs_f64();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a count of messages, compared with an estimate"
    )]
    let is_always = normal.is_finite() && most as f64 <= normal;
    is_always.then(|| {
        ALERT_ALWAYS.found(
            &subscriber.id,
            format!("the alert on undelivered messages is at {most}, and about {normal:.0} are undelivered on a normal day"),
            "declare .alerts(Alerts::default().undelivered_messages(…)) well above throughput times latency",
        )
    })
}

fn age_of_the_lost(subscriber: &Subscriber) -> Option<Finding> {
    let (age, retention) = (
        subscriber.operation.alerts.oldest_unacked_age,
        subscriber.cloud.retention,
    );
    (age >= retention).then(|| {
        ALERT_NEVER.found(
            &subscriber.id,
            format!("the alert on the oldest unacked message is at {age:?}, and after {retention:?} a message is deleted"),
            "declare .alerts(Alerts::default().oldest_unacked_age(…)) below the retention",
        )
    })
}

/// Checks the share above which an alert is raised.
fn share(subscriber: &Subscriber) -> Option<Finding> {
    let share = subscriber.operation.alerts.failed_push_share;
    (share >= 1.0).then(|| {
        ALERT_NEVER.found(
            &subscriber.id,
            format!(
                "the alert on failed pushes fires above a share of {share}, expected less than 1"
            ),
            "declare .alerts(Alerts::default().failed_push_share(…)) below 1",
        )
    })
}
