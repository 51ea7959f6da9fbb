//! What each subscription does.

use super::{
    CHOSEN, CHOSEN_OR_UNKNOWN, CONSUMED, COUNT, JOB, Panel, RATE, SECONDS, events, middle_and_top,
    panel, quantile, rate,
};

pub(super) fn deliveries() -> Vec<Panel> {
    let by_subscription = ["{{subscription}} p50", "{{subscription}} p99"];
    let by_name = [
        "{{messaging_destination_subscription_name}} p50",
        "{{messaging_destination_subscription_name}} p99",
    ];
    vec![
        panel(
            "Rate",
            RATE,
            "Deliveries that ended, a second.",
            [(
                rate("subscription", "pushgate_deliveries_total", CHOSEN),
                "{{subscription}}",
            )],
        ),
        panel(
            "Outcomes",
            RATE,
            "Deliveries by outcome: docs/reference/replies.md.",
            [(
                rate("outcome", "pushgate_deliveries_total", CHOSEN),
                "{{outcome}}",
            )],
        ),
        panel(
            "Duration of a run",
            SECONDS,
            "The handler alone: docs/run/slow-handler.md.",
            middle_and_top(
                "messaging_destination_subscription_name",
                "messaging_process_duration_seconds",
                CONSUMED,
                by_name,
            ),
        ),
        panel(
            "From publish to settlement",
            SECONDS,
            "The wait at Pub/Sub included: docs/run/backlog.md.",
            middle_and_top(
                "subscription",
                "pushgate_message_age_seconds",
                CHOSEN,
                by_subscription,
            ),
        ),
        panel(
            "In flight and capacity",
            COUNT,
            "At the capacity pushes are answered 429: docs/run/429.md.",
            [
                (
                    format!("sum by (subscription) (pushgate_deliveries_in_flight{{{CHOSEN}}})"),
                    "{{subscription}}",
                ),
                (
                    format!("sum by (subscription) (pushgate_deliveries_limit{{{CHOSEN}}})"),
                    "{{subscription}} capacity",
                ),
            ],
        ),
        panel(
            "Duplicates and claims",
            RATE,
            "Duplicates are normal; lost claims and missing records are not.",
            [
                (
                    rate(
                        "subscription",
                        "pushgate_deliveries_total",
                        &format!("{CHOSEN},outcome=\"duplicate\""),
                    ),
                    "{{subscription}} duplicates",
                ),
                (
                    rate("subscription", "pushgate_claims_lost_total", CHOSEN),
                    "{{subscription}} claims lost",
                ),
                (
                    rate("subscription", "pushgate_records_missing_total", CHOSEN),
                    "{{subscription}} records missing",
                ),
                (
                    rate(
                        "subscription, result",
                        "pushgate_leases_renewed_total",
                        CHOSEN,
                    ),
                    "{{subscription}} leases {{result}}",
                ),
            ],
        ),
    ]
}

pub(super) fn failures() -> Vec<Panel> {
    let sent = format!("{JOB},error_type=\"\"");
    let unsent = format!("{JOB},error_type!=\"\"");
    let by = "messaging_destination_name, pushgate_dead_letter_reason";
    vec![
        panel(
            "Dead letters by reason",
            COUNT,
            "Of all subscriptions, by topic. Pub/Sub's own are not among them: docs/run/dead-letters.md.",
            [
                (
                    events(by, "messaging_client_sent_messages_total", &sent),
                    "{{messaging_destination_name}}: {{pushgate_dead_letter_reason}}",
                ),
                (
                    events(by, "messaging_client_sent_messages_total", &unsent),
                    "{{messaging_destination_name}}: not published",
                ),
            ],
        ),
        panel(
            "Attempts left",
            COUNT,
            "The lowest tenth, of messages that Pub/Sub pushes again. At 0 it dead-letters them: docs/run/attempts-used-up.md.",
            [(
                quantile("0.1", "subscription", "pushgate_attempts_left", CHOSEN),
                "{{subscription}}",
            )],
        ),
        panel(
            "On the last attempt",
            COUNT,
            "Messages with at most one attempt left: docs/run/attempts-used-up.md.",
            [(
                events(
                    "subscription",
                    "pushgate_attempts_left_bucket",
                    &format!("{CHOSEN},le=\"1\""),
                ),
                "{{subscription}}",
            )],
        ),
        panel(
            "Refusals",
            RATE,
            "Pushes refused before their claim: docs/reference/replies.md.",
            [(
                rate("kind, status", "pushgate_refusals_total", CHOSEN_OR_UNKNOWN),
                "{{kind}} ({{status}})",
            )],
        ),
    ]
}
