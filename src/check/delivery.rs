//! Rules for ordered, unwrapped and Eventarc subscribers.

use super::finding::Finding;
use super::rules::{EVENTARC, ORDER_DEAD_LETTER, ORDER_DUPLICATES, UNWRAPPED};
use crate::subscriber::{Form, StoreDown, Subscriber};

pub(super) fn findings(subscriber: &Subscriber) -> Vec<Finding> {
    match subscriber.pushes.form {
        Form::Eventarc => eventarc(subscriber),
        Form::Unwrapped => order(subscriber)
            .into_iter()
            .chain([unwrapped(subscriber)])
            .collect(),
        Form::Evident => order(subscriber),
    }
}

/// Checks the order, which dead-lettering weakens (Google, *Order messages*).
fn order(subscriber: &Subscriber) -> Vec<Finding> {
    if !subscriber.cloud.is_ordered {
        return Vec::new();
    }
    let id = &subscriber.id;
    let mut findings = vec![ORDER_DEAD_LETTER.found(
        id,
        format!(
            "it is ordered, and a message is dead-lettered to {:?} after {} attempts",
            subscriber.dead_letter_topic, subscriber.cloud.attempts
        ),
        "write the handler so that it tolerates a missing message, remove .ordered(), or accept it: --accept order-dead-letter=SUBSCRIPTION",
    )];
    if !subscriber.is_guarded() {
        findings.push(ORDER_DUPLICATES.found(
            id,
            "it is ordered, and Idempotency::none does not recognise duplicates",
            "declare .idempotency(Idempotency::by_message_id())",
        ));
    } else if matches!(subscriber.dedup.store_down, StoreDown::Open(_)) {
        findings.push(ORDER_DUPLICATES.found(
            id,
            "it is ordered, and StoreDown::open does not recognise duplicates while the store is down",
            "remove .when_store_is_down(…): messages then wait, in their order",
        ));
    }
    findings
}

fn unwrapped(subscriber: &Subscriber) -> Finding {
    UNWRAPPED.found(
        &subscriber.id,
        "its pushes have no wrapper, and only the wrapper carries the delivery attempt",
        "remove .unwrapped() and clear no_wrapper, or accept it: --accept unwrapped-attempts=SUBSCRIPTION",
    )
}

/// Checks a subscriber of Eventarc, which creates and owns the subscription (Google, *Eventarc*).
fn eventarc(subscriber: &Subscriber) -> Vec<Finding> {
    let declared = [
        (subscriber.cloud.filter.is_some(), "a filter", ".filter(…)"),
        (subscriber.cloud.is_ordered, "an order", ".ordered()"),
    ];
    let mut findings: Vec<Finding> = declared
        .iter()
        .filter(|(is_declared, ..)| *is_declared)
        .map(|(_, what, call)| {
            EVENTARC.found(
                &subscriber.id,
                format!("it declares {what}, and Eventarc's subscription cannot have one"),
                format!(
                    "remove {call} and check the attributes in the handler, or remove .eventarc(), so that Pub/Sub pushes to the service"
                ),
            )
        })
        .collect();
    if !is_trigger_name(&subscriber.id) {
        findings.push(EVENTARC.found(
            &subscriber.id,
            "its name cannot be that of a trigger: expected at most 63 lower-case letters, digits or -, a letter first, no - at the end",
            "give it another name in Subscriber::new(…)",
        ));
    }
    findings
}

/// Returns true for a valid name (Google, *Trigger*, `name`).
fn is_trigger_name(id: &str) -> bool {
    id.len() <= 63
        && id.starts_with(|first: char| first.is_ascii_lowercase())
        && !id.ends_with('-')
        && id
            .chars()
            .all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '-')
}
