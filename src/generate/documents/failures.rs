//! The consequences of failures, crashes and outages for the messages of a subscription.

use super::component::Part;
use super::markdown::text;
use super::places::Place;
use super::words::{self, time};
use crate::subscriber::{AfterCrash, Form, StoreDown, Subscriber};

pub(super) fn part(declared: &Subscriber, dead_letters: &Place<'_>) -> Part {
    Part {
        title: "On errors",
        fields: vec![
            ("Errors and retries", errors(declared)),
            ("At the end", at_the_end(declared, dead_letters)),
            ("Outages", outages(declared)),
            ("After a crash", after_crash(declared)),
            ("Store down", store_down(declared)),
            ("Circuit breaker", circuit_breaker(declared)),
            ("Monitoring and alerts", alerts(declared)),
        ],
    }
}

fn is_eventarc(declared: &Subscriber) -> bool {
    declared.pushes.form == Form::Eventarc
}

fn errors(declared: &Subscriber) -> Vec<String> {
    let backoff = declared.cloud.backoff;
    let mut lines = if is_eventarc(declared) {
        vec![
            "After a failure, a panic or at a time limit the event is redelivered, by the retry policy of Eventarc's own subscription."
                .into(),
        ]
    } else {
        vec![
            "After a failure, a panic or at a time limit Pub/Sub redelivers the message.".into(),
            format!(
                "The pause before a redelivery is {} at first, and grows up to {}.",
                time(backoff.minimum),
                time(backoff.maximum)
            ),
        ]
    };
    let in_process = &declared.runs.in_process;
    if in_process.attempts > 1 {
        lines.push(format!(
            "Before that, the handler is run up to {} times for one delivery, with random pauses of up to {} that grow up to {}.",
            in_process.attempts,
            time(in_process.pause.minimum),
            time(in_process.pause.maximum)
        ));
    }
    lines.push(
        "A message that can never succeed, or does not fit the schema, is dead-lettered at once."
            .into(),
    );
    lines
}

fn at_the_end(declared: &Subscriber, dead_letters: &Place<'_>) -> Vec<String> {
    let dead_letters = dead_letters.link();
    if is_eventarc(declared) {
        return vec![
            format!("A message that can never succeed goes to {dead_letters}, and is parked there."),
            "An event that is never acked is deleted when the retention of Eventarc's own subscription ends."
                .into(),
        ];
    }
    vec![
        format!(
            "After about {} deliveries a message goes to {dead_letters}, and is parked there.",
            declared.cloud.attempts
        ),
        format!(
            "A message that is never acked nor dead-lettered is deleted after {}.",
            time(declared.cloud.retention)
        ),
    ]
}

fn outages(declared: &Subscriber) -> Vec<String> {
    let Some(survived) = declared.survived_outage().map(words::rough) else {
        return vec![
            "An event survives an outage as long as Eventarc's own subscription keeps it and delivers it again."
                .into(),
        ];
    };
    vec![
        format!(
            "A message survives an outage of at least {survived}: of the store, of the key server, or behind an open circuit breaker."
        ),
        format!(
            "A push that is refused counts as one of the {} deliveries, whatever its status.",
            declared.cloud.attempts
        ),
        "A longer outage therefore dead-letters messages whose handler never ran.".into(),
    ]
}

fn after_crash(declared: &Subscriber) -> Vec<String> {
    match declared.dedup.after_crash {
        AfterCrash::Rerun => vec![format!(
            "An interrupted run is repeated by the next delivery once its claim has expired, {} after the crash.",
            time(declared.dedup.lease)
        )],
        AfterCrash::Park => vec![
            "A message whose run was interrupted is parked in the dead-letter topic, since its effect is not known."
                .into(),
        ],
    }
}

fn store_down(declared: &Subscriber) -> Vec<String> {
    match &declared.dedup.store_down {
        StoreDown::Closed => vec![
            "No handler runs while duplicates cannot be recognised.".into(),
            "Pushes are answered 503, and redelivered until their attempts are used up.".into(),
        ],
        StoreDown::Open(reason) => vec![format!(
            "The handler runs all the same, duplicates included: {}",
            text(reason)
        )],
    }
}

fn circuit_breaker(declared: &Subscriber) -> Vec<String> {
    let Some(breaker) = &declared.runs.circuit_breaker else {
        return vec!["None.".into()];
    };
    vec![
        format!(
            "After {} failures in a row pushes are answered 503 for {} to {}.",
            breaker.failures,
            time(breaker.pause.minimum),
            time(breaker.pause.maximum)
        ),
        format!("{} probes that succeed in a row close it.", breaker.probes),
    ]
}

fn alerts(declared: &Subscriber) -> Vec<String> {
    let alerts = &declared.operation.alerts;
    let backlog = match alerts.undelivered_messages {
        Some(messages) => {
            format!("An alert is raised when more than {messages} messages are unacked.")
        }
        None => "The number of unacked messages raises no alert.".into(),
    };
    vec![
        format!(
            "An alert is raised when the oldest unacked message is older than {}.",
            time(alerts.oldest_unacked_age)
        ),
        format!(
            "An alert is raised when more than {} of the pushes are not acked.",
            words::percent(alerts.failed_push_share)
        ),
        backlog,
        "An alert is raised for every dead letter.".into(),
    ]
}
