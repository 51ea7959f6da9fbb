//! Rules that are the same for every service.

use super::{Rule, Runbook, Severity};
use crate::generate::monitoring::query::increase;

/// The window in which one event is enough.
const WINDOW: &str = "15m";
/// The kinds of refusal for a token that was good once, or will be.
const OUTDATED: &str = "token_key_unknown|token_expired|token_in_the_future|token_never_valid";

pub(super) fn rules() -> Vec<Rule<'static>> {
    let rules = [
        dead_letters(),
        store(),
        keys(),
        callers(),
        capacity(),
        handlers(),
        threads(),
    ];
    let mut all: Vec<Rule<'static>> = rules.into_iter().flatten().collect();
    all.push(telemetry());
    all
}

/// Returns the number of events in the window, by these labels and by the scraped service.
fn events(labels: &str, series: &str) -> String {
    format!("sum by (job, {labels}) ({})", increase(series, WINDOW))
}

fn deliveries(outcomes: &str) -> String {
    let series = format!("pushgate_deliveries_total{{outcome=~\"{outcomes}\"}}");
    events("subscription, outcome", &series)
}

fn refusals(kinds: &str) -> String {
    let series = format!("pushgate_refusals_total{{kind=~\"{kinds}\"}}");
    events("kind", &series)
}

fn dead_letters() -> Vec<Rule<'static>> {
    let poison = Runbook {
        page: "dead-letters",
        summary: "pushgate dead-letters messages of {{ $labels.subscription }} that can never succeed",
        first_look: "the reason in the log lines with outcome=\"dead-lettered\"",
        repair: "`pushgate dead-letters list`, then `replay` or `discard`",
    };
    let attempts = Runbook {
        page: "attempts-used-up",
        summary: "Messages of {{ $labels.subscription }} have at most one delivery attempt left: Pub/Sub dead-letters them next",
        first_look: "the status of the subscription's pushes: 401, 403, 429, 500 or 503",
        repair: "`pushgate pause SUBSCRIPTION` until the cause is gone, then `pushgate resume SUBSCRIPTION`",
    };
    let unpublished = Runbook {
        page: "dead-letters",
        summary: "Dead letters of {{ $labels.subscription }} cannot be published",
        first_look: "the reason in the log lines with outcome=\"not dead-lettered\"",
        repair: "roles/pubsub.publisher for the service's account on the dead-letter topic: apply Terraform again",
    };
    let last_attempts = "pushgate_attempts_left_bucket{le=\"1\"}";
    vec![
        Rule::new(
            "PushgateMessagesDeadLettered",
            Severity::Error,
            deliveries("dead-lettered") + " > 0",
            &poison,
        ),
        Rule::new(
            "PushgateAttemptsNearlyUsedUp",
            Severity::Critical,
            events("subscription", last_attempts) + " > 0",
            &attempts,
        ),
        Rule::new(
            "PushgateDeadLettersNotPublished",
            Severity::Critical,
            deliveries("not dead-lettered") + " > 0",
            &unpublished,
        ),
    ]
}

fn store() -> Vec<Rule<'static>> {
    let down = Runbook {
        page: "store-down",
        summary: "The deduplication store does not answer: no message is handled",
        first_look: "the reason in the log lines with status=503, which names the store's address and the setting",
        repair: "restore the store; the service continues by itself",
    };
    let unrecorded = Runbook {
        page: "store-down",
        summary: "Messages of {{ $labels.subscription }} were handled without a record: a duplicate would run again",
        first_look: "the message ids in the log lines with outcome=\"unrecorded\"",
        repair: "restore the store; `pushgate message SUBSCRIPTION ID` shows if a message has a record now; look in the systems behind the handler for messages that took effect twice",
    };
    let breaker = "max by (job, circuit) (pushgate_circuit_breaker_state{circuit=\"deduplication store\"}) == 2";
    let records = events("subscription", "pushgate_records_missing_total");
    vec![
        Rule::new(
            "PushgateStoreDown",
            Severity::Critical,
            format!("{} > 0 or {breaker}", refusals("store_down")),
            &down,
        ),
        Rule::new(
            "PushgateMessagesUnrecorded",
            Severity::Error,
            records + " > 0",
            &unrecorded,
        ),
    ]
}

fn keys() -> Vec<Rule<'static>> {
    let keys = Runbook {
        page: "keys",
        summary: "The issuer's keys cannot be fetched: known keys serve for a day, then every push is refused",
        first_look: "the reason in the log lines with outcome=\"refused\" and status=503",
        repair: "`pushgate doctor URL`; then the network, or PUSHGATE_KEYS_URL",
    };
    let expired = Runbook {
        page: "keys",
        summary: "Pushes are refused, since their tokens are expired or signed by keys that the issuer does not have ({{ $labels.kind }})",
        first_look: "the reason in the log lines with status=401",
        repair: "`pushgate doctor URL`; then the clock, PUSHGATE_ISSUER or PUSHGATE_KEYS_URL",
    };
    let fetches = events("result", "pushgate_keys_fetches_total{result=\"error\"}");
    vec![
        Rule::new(
            "PushgateKeysUnavailable",
            Severity::Error,
            format!("{fetches} > 0 or {} > 0", refusals("keys_unavailable")),
            &keys,
        ),
        Rule::new(
            "PushgateTokensOutdated",
            Severity::Error,
            refusals(OUTDATED) + " > 10",
            &expired,
        ),
    ]
}

fn callers() -> Vec<Rule<'static>> {
    let refused = Runbook {
        page: "401-and-403",
        summary: "Pushes are refused for their token, caller or audience ({{ $labels.kind }}), and use up their attempts",
        first_look: "the reason in the log lines with status=401 or 403, which names what was expected and the setting",
        repair: "`terraform apply`; or PUSHGATE_AUDIENCE, PUSHGATE_CALLERS",
    };
    let unknown = Runbook {
        page: "404",
        summary: "A subscription pushes here that no subscriber is declared for",
        first_look: "the subscription in the log lines with status=404",
        repair: "deploy the version that declares it, or remove the subscription",
    };
    let others = format!(
        "pushgate_refusals_total{{kind=~\"no_token|several_tokens|not_bearer|checked_elsewhere|other_.+|token_.+\",kind!~\"{OUTDATED}\"}}"
    );
    vec![
        Rule::new(
            "PushgatePushesRefused",
            Severity::Error,
            events("kind", &others) + " > 10",
            &refused,
        ),
        Rule::new(
            "PushgateSubscriptionUnknown",
            Severity::Error,
            refusals("unknown_subscription") + " > 0",
            &unknown,
        ),
    ]
}

fn capacity() -> Vec<Rule<'static>> {
    let flood = Runbook {
        page: "429",
        summary: "More pushes arrive than the service takes ({{ $labels.kind }}), and Pub/Sub slows down",
        first_look: "the limit that the reason of the log lines with status=429 names",
        repair: "raise max_instances, `.concurrency(…)` or the memory",
    };
    let full = Runbook {
        page: "429",
        summary: "{{ $labels.subscription }} uses {{ $value | humanizePercentage }} of its places",
        first_look: "duration_ms in the subscription's log lines: slow handlers use up the places",
        repair: "raise max_instances or `.concurrency(…)`",
    };
    let places =
        "max by (job, subscription) (pushgate_deliveries_in_flight / pushgate_deliveries_limit)";
    vec![
        Rule::new(
            "PushgateOverCapacity",
            Severity::Warning,
            refusals(".+_over_capacity") + " > 10",
            &flood,
        )
        .pending("5m"),
        Rule::new(
            "PushgateNearlyFull",
            Severity::Warning,
            format!("{places} > 0.9"),
            &full,
        )
        .pending("10m"),
    ]
}

fn handlers() -> Vec<Rule<'static>> {
    let panicked = Runbook {
        page: "failing-handler",
        summary: "The handler of {{ $labels.subscription }} panics",
        first_look: "the log line \"panic at FILE:LINE\"",
        repair: "go back to the last version; the messages are pushed again by themselves",
    };
    let open = Runbook {
        page: "failing-handler",
        summary: "The circuit breaker {{ $labels.circuit }} is open: deliveries are answered 503 without a run",
        first_look: "cause in the log line \"circuit breaker opened\"",
        repair: "restore what the handler depends on; probes close the breaker",
    };
    let paused = Runbook {
        page: "failing-handler",
        summary: "{{ $labels.subscription }} is paused by PUSHGATE_PAUSED: its pushes are refused, and use up their attempts",
        first_look: "the setting PUSHGATE_PAUSED of the service",
        repair: "`pushgate pause SUBSCRIPTION`, which uses up no attempt, or a deploy without the setting",
    };
    let breakers =
        "max by (job, circuit) (pushgate_circuit_breaker_state{circuit!=\"deduplication store\"})";
    vec![
        Rule::new(
            "PushgateHandlerPanics",
            Severity::Error,
            deliveries("panicked") + " > 0",
            &panicked,
        ),
        Rule::new(
            "PushgateCircuitOpen",
            Severity::Warning,
            format!("{breakers} == 2"),
            &open,
        ),
        Rule::new(
            "PushgateSubscriptionPaused",
            Severity::Warning,
            "max by (job, subscription) (pushgate_subscription_paused) > 0".into(),
            &paused,
        ),
    ]
}

fn threads() -> Vec<Rule<'static>> {
    let hung = Runbook {
        page: "slow-handler",
        summary: "Runs of {{ $labels.subscription }} do not end in time ({{ $labels.outcome }})",
        first_look: "the handler's own log lines of that message, and the status page of the instance",
        repair: "a time-out for the handler's client, or `.ack_deadline(…)`; a new revision ends threads that hang",
    };
    let stalled = Runbook {
        page: "slow-handler",
        summary: "The async handler of {{ $labels.subscription }} blocks its thread for more than a second",
        first_look: "the log line \"a handler blocks its thread for more than 1 s without an .await\"",
        repair: "declare `Subscriber::blocking` or `Subscriber::cpu`",
    };
    let stalls = events(
        "subscription",
        "pushgate_executor_stall_duration_seconds_count",
    );
    vec![
        Rule::new(
            "PushgateHandlerHangs",
            Severity::Error,
            deliveries("timed out|still running|not begun") + " > 0",
            &hung,
        ),
        Rule::new(
            "PushgateExecutorStalled",
            Severity::Warning,
            stalls + " > 0",
            &stalled,
        ),
    ]
}

fn telemetry() -> Rule<'static> {
    let lost = Runbook {
        page: "lost-telemetry",
        summary: "Log lines or spans are dropped: what you see is incomplete",
        first_look: "the log line \"log lines were dropped: stderr is not read fast enough\"",
        repair: "a higher PUSHGATE_LOG level, or a collector that answers",
    };
    let lines = increase("pushgate_log_lines_dropped_total", WINDOW);
    let spans = increase("pushgate_telemetry_dropped_total", WINDOW);
    let expr = format!("sum by (job) ({lines}) > 0 or sum by (job) ({spans}) > 0");
    Rule::new("PushgateTelemetryLost", Severity::Warning, expr, &lost)
}
