//! Rules for times of which one must exceed another.

use std::time::Duration;

use super::finding::Finding;
use super::rules::{LEASE, OUTAGE, RETRIES, RETRIES_RISK, WINDOW};
use crate::generate::documents::words::rough;
use crate::subscriber::{Form, Subscriber, shortest_lease};

pub(super) fn findings(subscriber: &Subscriber) -> Vec<Finding> {
    window(subscriber)
        .into_iter()
        .chain(retries(subscriber))
        .chain(outage(subscriber))
        .collect()
}

/// Finds leases that are too short for the store's time-out.
pub(super) fn leases(subscribers: &[Subscriber], store_timeout: Duration) -> Vec<Finding> {
    let least = shortest_lease(store_timeout);
    let short = subscribers.iter().filter(|each| each.dedup.lease < least);
    short
        .map(|each| {
            LEASE.found(
                &each.id,
                format!(
                    "the lease is {:?}, expected at least {least:?}: a store step may take {store_timeout:?}",
                    each.dedup.lease
                ),
                format!(
                    "declare .lease(…) of {least:?} or more, or set PUSHGATE_STORE_TIMEOUT_MILLISECONDS lower"
                ),
            )
        })
        .collect()
}

fn window(subscriber: &Subscriber) -> Option<Finding> {
    let (window, retention) = (subscriber.dedup_window(), subscriber.cloud.retention);
    (subscriber.is_guarded() && window < retention).then(|| {
        WINDOW.found(
            &subscriber.id,
            format!("a handled message is remembered for {window:?}, and Pub/Sub keeps an unacked one for {retention:?}"),
            "remove .window(…), so that it is as long as the retention, or declare a shorter .retention(…)",
        )
    })
}

/// Checks the retries, except those of Eventarc, which sets its subscriptions itself.
fn retries(subscriber: &Subscriber) -> Option<Finding> {
    if subscriber.pushes.form == Form::Eventarc {
        return None;
    }
    let retention = subscriber.cloud.retention;
    let (doubling, longest) = (doubling(subscriber), longest(subscriber));
    let attempts = subscriber.cloud.attempts;
    let fix = "declare a longer .retention(…), fewer .attempts(…), or a shorter .retry(…) or .ack_deadline(…)";
    if doubling >= retention {
        let what = format!(
            "{attempts} attempts with their pauses take {doubling:?}, and the retention is {retention:?}"
        );
        return Some(RETRIES.found(&subscriber.id, what, fix));
    }
    (longest >= retention).then(|| {
        let what = format!(
            "{attempts} attempts take up to {longest:?} if every pause has its maximum length, and the retention is {retention:?}"
        );
        RETRIES_RISK.found(&subscriber.id, what, fix)
    })
}

fn outage(subscriber: &Subscriber) -> Option<Finding> {
    const LEAST: Duration = Duration::from_secs(60 * 60);
    let survived = subscriber.survived_outage()?;
    (survived < LEAST).then(|| {
        OUTAGE.found(
            &subscriber.id,
            format!(
                "a message survives an outage of {}: {} attempts with pauses of {:?} to {:?}",
                rough(survived), subscriber.cloud.attempts, subscriber.cloud.backoff.minimum, subscriber.cloud.backoff.maximum
            ),
            "declare more .attempts(…), longer pauses in .retry(…) or a longer .retention(…), or accept it: --accept outage-survival=SUBSCRIPTION",
        )
    })
}

/// Returns the time of all attempts if each times out and each pause is twice the one before.
fn doubling(subscriber: &Subscriber) -> Duration {
    let pauses = subscriber.doubling_pauses();
    pauses.saturating_add(deadlines(subscriber))
}

/// Returns the time of all attempts with the longest pauses. Google documents no steps between the bounds (*RetryPolicy*).
fn longest(subscriber: &Subscriber) -> Duration {
    let pauses = subscriber.cloud.attempts.saturating_sub(1);
    let pauses = subscriber.cloud.backoff.maximum.saturating_mul(pauses);
    pauses.saturating_add(deadlines(subscriber))
}

fn deadlines(subscriber: &Subscriber) -> Duration {
    subscriber
        .cloud
        .ack_deadline
        .saturating_mul(subscriber.cloud.attempts)
}
