//! What each subscription does.

use super::{CHOSEN, CHOSEN_OR_UNKNOWN, CONSUMED, COUNT, JOB, Panel, RATE, SECONDS, Value, query};

/// Rates, durations and places.
pub(super) const DELIVERIES: &[Panel] = &[
    Panel {
        title: "Rate",
        unit: RATE,
        description: "Deliveries that ended, a second.",
        queries: &[query(Value::Rate, "pushgate_deliveries_total", CHOSEN)
            .by("subscription", "{{subscription}}")],
    },
    Panel {
        title: "Outcomes",
        unit: RATE,
        description: "Deliveries by outcome: docs/reference/replies.md.",
        queries: &[
            query(Value::Rate, "pushgate_deliveries_total", CHOSEN).by("outcome", "{{outcome}}")
        ],
    },
    Panel {
        title: "Duration of a run",
        unit: SECONDS,
        description: "The handler alone: docs/run/slow-handler.md.",
        queries: &[
            query(
                Value::Quantile("0.5"),
                "messaging_process_duration_seconds_bucket",
                CONSUMED,
            )
            .by(
                "messaging_destination_subscription_name",
                "{{messaging_destination_subscription_name}} p50",
            ),
            query(
                Value::Quantile("0.99"),
                "messaging_process_duration_seconds_bucket",
                CONSUMED,
            )
            .by(
                "messaging_destination_subscription_name",
                "{{messaging_destination_subscription_name}} p99",
            ),
        ],
    },
    Panel {
        title: "From publish to settlement",
        unit: SECONDS,
        description: "The wait at Pub/Sub included: docs/run/backlog.md.",
        queries: &[
            query(
                Value::Quantile("0.5"),
                "pushgate_message_age_seconds_bucket",
                CHOSEN,
            )
            .by("subscription", "{{subscription}} p50"),
            query(
                Value::Quantile("0.99"),
                "pushgate_message_age_seconds_bucket",
                CHOSEN,
            )
            .by("subscription", "{{subscription}} p99"),
        ],
    },
    Panel {
        title: "In flight and capacity",
        unit: COUNT,
        description: "At the capacity pushes are answered 429: docs/run/429.md.",
        queries: &[
            query(Value::Gauge("sum"), "pushgate_deliveries_in_flight", CHOSEN)
                .by("subscription", "{{subscription}}"),
            query(Value::Gauge("sum"), "pushgate_deliveries_limit", CHOSEN)
                .by("subscription", "{{subscription}} capacity"),
        ],
    },
    Panel {
        title: "Duplicates and claims",
        unit: RATE,
        description: "Duplicates are normal; lost claims and missing records are not.",
        queries: &[
            query(Value::Rate, "pushgate_deliveries_total", CHOSEN)
                .only(r#"outcome="duplicate""#)
                .by("subscription", "{{subscription}} duplicates"),
            query(Value::Rate, "pushgate_claims_lost_total", CHOSEN)
                .by("subscription", "{{subscription}} claims lost"),
            query(Value::Rate, "pushgate_records_missing_total", CHOSEN)
                .by("subscription", "{{subscription}} records missing"),
            query(Value::Rate, "pushgate_leases_renewed_total", CHOSEN)
                .by("subscription, result", "{{subscription}} leases {{result}}"),
        ],
    },
];

/// Dead letters, attempts and refusals.
pub(super) const FAILURES: &[Panel] = &[
    Panel {
        title: "Dead letters by reason",
        unit: COUNT,
        description: "Of all subscriptions, by topic. Those of Pub/Sub itself are not among them: docs/run/dead-letters.md.",
        queries: &[
            query(Value::Events, "messaging_client_sent_messages_total", JOB)
                .only(r#"error_type="""#)
                .by(
                    "messaging_destination_name, pushgate_dead_letter_reason",
                    "{{messaging_destination_name}}: {{pushgate_dead_letter_reason}}",
                ),
            query(Value::Events, "messaging_client_sent_messages_total", JOB)
                .only(r#"error_type!="""#)
                .by(
                    "messaging_destination_name, pushgate_dead_letter_reason",
                    "{{messaging_destination_name}}: not published",
                ),
        ],
    },
    Panel {
        title: "Attempts left",
        unit: COUNT,
        description: "The lowest tenth, of messages that Pub/Sub pushes again. At 0 it dead-letters them: docs/run/attempts-used-up.md.",
        queries: &[query(
            Value::Quantile("0.1"),
            "pushgate_attempts_left_bucket",
            CHOSEN,
        )
        .by("subscription", "{{subscription}}")],
    },
    Panel {
        title: "On the last attempt",
        unit: COUNT,
        description: "Messages with at most one attempt left: docs/run/attempts-used-up.md.",
        queries: &[
            query(Value::Events, "pushgate_attempts_left_bucket", CHOSEN)
                .only(r#"le="1""#)
                .by("subscription", "{{subscription}}"),
        ],
    },
    Panel {
        title: "Refusals",
        unit: RATE,
        description: "Pushes refused before their claim: docs/reference/replies.md.",
        queries: &[
            query(Value::Rate, "pushgate_refusals_total", CHOSEN_OR_UNKNOWN)
                .by("kind, status", "{{kind}} ({{status}})"),
        ],
    },
];
