//! The service, its store and keys, its threads and its telemetry.

use super::{
    CHOSEN, COUNT, INTERVAL, JOB, Panel, RATE, SECONDS, events, middle_and_top, panel, quantile,
    rate,
};
use crate::generate::monitoring::query::increase;

pub(super) fn service() -> Vec<Panel> {
    vec![
        panel(
            "Pushes by status",
            RATE,
            "What Pub/Sub receives. It acknowledges after 204 only.",
            [(
                rate(
                    "http_response_status_code",
                    "http_server_request_duration_seconds_count",
                    JOB,
                ),
                "{{http_response_status_code}}",
            )],
        ),
        panel(
            "Duration of a push",
            SECONDS,
            "From the headers to the response.",
            middle_and_top(
                "job",
                "http_server_request_duration_seconds",
                JOB,
                ["p50", "p99"],
            ),
        ),
        panel(
            "Pushes in flight and capacity",
            COUNT,
            "Of all instances: docs/run/429.md.",
            [
                (
                    format!("sum (pushgate_pushes_in_flight{{{JOB}}})"),
                    "in flight",
                ),
                (format!("sum (pushgate_pushes_limit{{{JOB}}})"), "capacity"),
            ],
        ),
        panel(
            "Instances",
            COUNT,
            "Instances that are scraped.",
            [(
                format!("count (pushgate_pushes_limit{{{JOB}}})"),
                "instances",
            )],
        ),
    ]
}

pub(super) fn store_and_keys() -> Vec<Panel> {
    let names = ["{{db_operation_name}} p50", "{{db_operation_name}} p99"];
    vec![
        panel(
            "Store latency",
            SECONDS,
            "Steps in the deduplication store.",
            middle_and_top(
                "db_operation_name",
                "db_client_operation_duration_seconds",
                JOB,
                names,
            ),
        ),
        panel(
            "Store errors",
            RATE,
            "Steps that failed: docs/run/store-down.md.",
            [(
                rate(
                    "db_operation_name, error_type",
                    "db_client_operation_duration_seconds_count",
                    &format!("{JOB},error_type!=\"\""),
                ),
                "{{db_operation_name}}: {{error_type}}",
            )],
        ),
        panel(
            "Age of the issuer's keys",
            SECONDS,
            "After a day without a fetch every push is refused: docs/run/keys.md.",
            [(
                format!("max (pushgate_keys_age_seconds{{{JOB}}})"),
                "oldest",
            )],
        ),
        panel(
            "Fetches of the issuer's keys",
            COUNT,
            "Failed ones are repeated: docs/run/keys.md.",
            [(
                events("result", "pushgate_keys_fetches_total", JOB),
                "{{result}}",
            )],
        ),
        panel(
            "Circuit breakers",
            COUNT,
            "0 closed, 1 half-open, 2 open.",
            [(
                format!("max by (circuit) (pushgate_circuit_breaker_state{{{JOB}}})"),
                "{{circuit}}",
            )],
        ),
    ]
}

pub(super) fn handlers() -> Vec<Panel> {
    vec![
        panel(
            "Executor stalls",
            COUNT,
            "An async handler blocked its thread for more than a second: docs/run/slow-handler.md.",
            [(
                events(
                    "subscription",
                    "pushgate_executor_stall_duration_seconds_count",
                    CHOSEN,
                ),
                "{{subscription}}",
            )],
        ),
        panel(
            "Longest stall",
            SECONDS,
            "The 99th percentile.",
            [(
                quantile(
                    "0.99",
                    "subscription",
                    "pushgate_executor_stall_duration_seconds",
                    CHOSEN,
                ),
                "{{subscription}}",
            )],
        ),
        panel(
            "Threads",
            COUNT,
            "Handlers that occupy a thread, and the threads of each pool.",
            [
                (
                    format!("sum by (pool) (pushgate_pool_threads_busy{{{JOB}}})"),
                    "{{pool}} busy",
                ),
                (
                    format!("sum by (pool) (pushgate_pool_threads_limit{{{JOB}}})"),
                    "{{pool}} threads",
                ),
            ],
        ),
        panel(
            "Dropped log lines and telemetry",
            COUNT,
            "Then the log is incomplete: docs/run/lost-telemetry.md.",
            [
                (
                    format!(
                        "sum ({})",
                        increase(
                            &format!("pushgate_log_lines_dropped_total{{{JOB}}}"),
                            INTERVAL
                        )
                    ),
                    "log lines",
                ),
                (
                    events("signal", "pushgate_telemetry_dropped_total", JOB),
                    "{{signal}}",
                ),
            ],
        ),
    ]
}
