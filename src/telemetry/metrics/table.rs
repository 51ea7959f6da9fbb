//! The table of all metrics. Names, units and attributes are those of OpenTelemetry's semantic conventions 1.45 for messaging,
//! HTTP and databases; the others begin with `pushgate`.

/// A metric that the service exports.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name in OTLP. For Prometheus its dots are underscores, and the unit and `_total` follow.
    pub name: &'static str,
    /// The kind of instrument.
    pub kind: MetricKind,
    /// The unit, in UCUM.
    pub unit: &'static str,
    /// The meaning, for people.
    pub meaning: &'static str,
    /// The names of the attributes.
    pub attributes: &'static [&'static str],
}

/// A kind of instrument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind {
    /// A sum that only grows.
    Counter,
    /// A distribution, with these upper bounds of its buckets.
    Histogram(&'static [f64]),
    /// A sum that grows and shrinks, read when it is exported.
    UpDownCounter,
    /// A value, read when it is exported.
    Gauge,
}

use MetricKind::{Counter, Gauge, Histogram, UpDownCounter};

/// The bounds of durations of requests and handlers, in seconds: those of the conventions, and longer ones up to the longest ack
/// deadline.
const DURATIONS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0,
    120.0, 300.0, 600.0,
];
/// The bounds of steps in a store and of calls to Google, in seconds.
const STEPS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// The bounds of ages of messages, in seconds: up to the longest retention of a subscription that is usual.
const AGES: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0,
    86_400.0, 604_800.0,
];
/// The bounds of numbers of delivery attempts, of which Pub/Sub makes 5 to 100.
const ATTEMPTS: &[f64] = &[0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 99.0];

/// The attributes of messaging metrics.
const MESSAGING: &[&str] = &[
    "messaging.operation.name",
    "messaging.system.name",
    "messaging.destination.name",
    "messaging.destination.subscription.name",
    "error.type",
    "pushgate.outcome",
];
const SENT: &[&str] = &[
    "messaging.operation.name",
    "messaging.system.name",
    "messaging.destination.name",
    "error.type",
    "pushgate.dead_letter.reason",
];

macro_rules! metrics {
    ($count:literal; $($id:ident $name:literal $kind:expr, $unit:literal, $attributes:expr, $meaning:literal;)*) => {
        $(pub(crate) const $id: Metric = Metric {
            name: $name,
            kind: $kind,
            unit: $unit,
            meaning: $meaning,
            attributes: $attributes,
        };)*

        /// All metrics, in the order of the documents.
        pub const METRICS: [Metric; $count] = [$($id),*];
    };
}

metrics! { 27;
    DELIVERIES "pushgate.deliveries" Counter, "{delivery}", &["subscription", "outcome"],
        "Deliveries that ended, by outcome: handled, duplicate, failed, dead-lettered and so on";
    REFUSALS "pushgate.refusals" Counter, "{push}", &["subscription", "kind", "status"],
        "Pushes refused before their message was claimed; the subscription is known once the envelope is read and its subscriber found";
    MESSAGE_AGE "pushgate.message.age" Histogram(AGES), "s", &["subscription", "outcome"],
        "Time from the publish of a message to the end of its delivery";
    ATTEMPTS_LEFT "pushgate.attempts.left" Histogram(ATTEMPTS), "{attempt}", &["subscription", "outcome"],
        "Delivery attempts that are left before Pub/Sub dead-letters the message, at the end of a delivery that Pub/Sub repeats";
    IN_FLIGHT "pushgate.deliveries.in_flight" UpDownCounter, "{delivery}", &["subscription"],
        "Deliveries that are running or waiting now";
    LIMIT "pushgate.deliveries.limit" Gauge, "{delivery}", &["subscription"],
        "Deliveries that the subscription may have at once";
    PAUSED "pushgate.subscription.paused" Gauge, "{subscription}", &["subscription"],
        "1 if PUSHGATE_PAUSED names the subscription, and 0 if not; the service does not know of a pause by pushgate pause";
    PUSHES_IN_FLIGHT "pushgate.pushes.in_flight" UpDownCounter, "{push}", &[],
        "Pushes that are not answered yet";
    PUSHES_LIMIT "pushgate.pushes.limit" Gauge, "{push}", &[],
        "Pushes that the process accepts at once";
    PROCESS_DURATION "messaging.process.duration" Histogram(DURATIONS), "s", MESSAGING,
        "Duration of a run of the handler";
    CONSUMED "messaging.client.consumed.messages" Counter, "{message}", MESSAGING,
        "Deliveries that ended, duplicates included";
    SENT_MESSAGES "messaging.client.sent.messages" Counter, "{message}", SENT,
        "Messages sent to a dead-letter topic; those that failed have an error type";
    OPERATION_DURATION "messaging.client.operation.duration" Histogram(STEPS), "s", SENT,
        "Duration of sending a message to a dead-letter topic";
    REQUEST_DURATION "http.server.request.duration" Histogram(DURATIONS), "s",
        &["http.request.method", "http.route", "url.scheme", "http.response.status_code", "error.type"],
        "Duration of a push, from its headers to its response";
    KEY_REQUEST_DURATION "http.client.request.duration" Histogram(STEPS), "s",
        &["http.request.method", "server.address", "error.type"],
        "Duration of a fetch of the issuer's keys";
    KEY_FETCHES "pushgate.keys.fetches" Counter, "{fetch}", &["result"],
        "Fetches of the issuer's keys, by result: ok or error";
    KEYS_AGE "pushgate.keys.age" Gauge, "s", &[],
        "Time since the issuer's keys were fetched; absent before the first fetch";
    STORE_STEPS "db.client.operation.duration" Histogram(STEPS), "s",
        &["db.system.name", "db.operation.name", "error.type"],
        "Duration of a step in the deduplication store";
    LEASES "pushgate.leases.renewed" Counter, "{renewal}", &["subscription", "result"],
        "Renewals of leases, by result: ok, lost or error";
    CLAIMS_LOST "pushgate.claims.lost" Counter, "{claim}", &["subscription"],
        "Claims that another delivery took over while the handler ran";
    RECORDS_MISSING "pushgate.records.missing" Counter, "{delivery}", &["subscription"],
        "Handled messages without a record: a duplicate would run again";
    CIRCUIT_STATE "pushgate.circuit_breaker.state" Gauge, "{state}", &["circuit"],
        "State of a circuit breaker: 0 closed, 1 half-open, 2 open";
    THREADS_BUSY "pushgate.pool.threads.busy" UpDownCounter, "{thread}", &["pool"],
        "Handlers that occupy a thread of the pool";
    THREADS_LIMIT "pushgate.pool.threads.limit" Gauge, "{thread}", &["pool"],
        "Threads of the pool";
    STALLS "pushgate.executor.stall.duration" Histogram(DURATIONS), "s", &["subscription"],
        "Time for which a handler blocked its thread without an await, if it is more than a second";
    TELEMETRY_DROPPED "pushgate.telemetry.dropped" Counter, "{item}", &["signal"],
        "Spans that were dropped: their export failed, or the queue was full";
    LINES_DROPPED "pushgate.log.lines.dropped" Counter, "{line}", &[],
        "Log lines that were dropped, since stderr was not read fast enough";
}
