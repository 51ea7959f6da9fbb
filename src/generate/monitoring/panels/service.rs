//! The service, its store and keys, its threads and its telemetry.

use super::{CHOSEN, COUNT, JOB, Panel, RATE, SECONDS, Value, query};

/// Pushes and instances.
pub(super) const SERVICE: &[Panel] = &[
    Panel {
        title: "Pushes by status",
        unit: RATE,
        description: "What Pub/Sub receives. It acknowledges after 204 only.",
        queries: &[query(
            Value::Rate,
            "http_server_request_duration_seconds_count",
            JOB,
        )
        .by("http_response_status_code", "{{http_response_status_code}}")],
    },
    Panel {
        title: "Duration of a push",
        unit: SECONDS,
        description: "From the headers to the response.",
        queries: &[
            query(
                Value::Quantile("0.5"),
                "http_server_request_duration_seconds_bucket",
                JOB,
            )
            .by("job", "{{job}} p50"),
            query(
                Value::Quantile("0.99"),
                "http_server_request_duration_seconds_bucket",
                JOB,
            )
            .by("job", "{{job}} p99"),
        ],
    },
    Panel {
        title: "Pushes in flight and capacity",
        unit: COUNT,
        description: "Of all instances: docs/run/429.md.",
        queries: &[
            query(Value::Gauge("sum"), "pushgate_pushes_in_flight", JOB).by("job", "{{job}}"),
            query(Value::Gauge("sum"), "pushgate_pushes_limit", JOB).by("job", "{{job}} capacity"),
        ],
    },
    Panel {
        title: "Instances",
        unit: COUNT,
        description: "Instances that are scraped.",
        queries: &[query(Value::Gauge("count"), "pushgate_pushes_limit", JOB).by("job", "{{job}}")],
    },
];

/// The deduplication store and the keys of the issuer.
pub(super) const STORE_AND_KEYS: &[Panel] = &[
    Panel {
        title: "Store latency",
        unit: SECONDS,
        description: "Steps in the deduplication store.",
        queries: &[
            query(
                Value::Quantile("0.5"),
                "db_client_operation_duration_seconds_bucket",
                JOB,
            )
            .by("db_operation_name", "{{db_operation_name}} p50"),
            query(
                Value::Quantile("0.99"),
                "db_client_operation_duration_seconds_bucket",
                JOB,
            )
            .by("db_operation_name", "{{db_operation_name}} p99"),
        ],
    },
    Panel {
        title: "Store errors",
        unit: RATE,
        description: "Steps that failed: docs/run/store-down.md.",
        queries: &[query(
            Value::Rate,
            "db_client_operation_duration_seconds_count",
            JOB,
        )
        .only(r#"error_type!="""#)
        .by(
            "db_operation_name, error_type",
            "{{db_operation_name}}: {{error_type}}",
        )],
    },
    Panel {
        title: "Age of the issuer's keys",
        unit: SECONDS,
        description: "After a day without a fetch every push is refused: docs/run/keys.md.",
        queries: &[
            query(Value::Gauge("max"), "pushgate_keys_age_seconds", JOB).by("job", "{{job}}")
        ],
    },
    Panel {
        title: "Fetches of the issuer's keys",
        unit: COUNT,
        description: "Failed ones are repeated: docs/run/keys.md.",
        queries: &[
            query(Value::Events, "pushgate_keys_fetches_total", JOB).by("result", "{{result}}")
        ],
    },
    Panel {
        title: "Circuit breakers",
        unit: COUNT,
        description: "0 closed, 1 half-open, 2 open.",
        queries: &[
            query(Value::Gauge("max"), "pushgate_circuit_breaker_state", JOB)
                .by("circuit", "{{circuit}}"),
        ],
    },
];

/// Threads, stalls, and telemetry that is lost.
pub(super) const HANDLERS: &[Panel] = &[
    Panel {
        title: "Executor stalls",
        unit: COUNT,
        description: "An async handler blocked its thread for more than a second: docs/run/slow-handler.md.",
        queries: &[query(
            Value::Events,
            "pushgate_executor_stall_duration_seconds_count",
            CHOSEN,
        )
        .by("subscription", "{{subscription}}")],
    },
    Panel {
        title: "Longest stall",
        unit: SECONDS,
        description: "The 99th percentile.",
        queries: &[query(
            Value::Quantile("0.99"),
            "pushgate_executor_stall_duration_seconds_bucket",
            CHOSEN,
        )
        .by("subscription", "{{subscription}}")],
    },
    Panel {
        title: "Threads",
        unit: COUNT,
        description: "Handlers that occupy a thread, and the threads of each pool.",
        queries: &[
            query(Value::Gauge("sum"), "pushgate_pool_threads_busy", JOB)
                .by("pool", "{{pool}} busy"),
            query(Value::Gauge("sum"), "pushgate_pool_threads_limit", JOB)
                .by("pool", "{{pool}} threads"),
        ],
    },
    Panel {
        title: "Dropped log lines and telemetry",
        unit: COUNT,
        description: "Then the log is incomplete: docs/run/lost-telemetry.md.",
        queries: &[
            query(Value::Events, "pushgate_log_lines_dropped_total", JOB)
                .by("job", "{{job}} log lines"),
            query(Value::Events, "pushgate_telemetry_dropped_total", JOB)
                .by("signal", "{{signal}}"),
        ],
    },
];
