//! Metrics: the instruments that record what happens, without cost where nothing reads them.

mod subscription;
mod table;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

pub(crate) use self::subscription::{Ended, SubscriptionMetrics};
use self::table::{
    ATTEMPTS_LEFT, CLAIMS_LOST, CONSUMED, DELIVERIES, KEY_FETCHES, KEY_REQUEST_DURATION, LEASES,
    MESSAGE_AGE, OPERATION_DURATION, PROCESS_DURATION, RECORDS_MISSING, REFUSALS, REQUEST_DURATION,
    SENT_MESSAGES, STALLS, STORE_STEPS,
};
pub(crate) use self::table::{
    CIRCUIT_STATE, IN_FLIGHT, KEYS_AGE, LIMIT, LINES_DROPPED, PAUSED, PUSHES_IN_FLIGHT,
    PUSHES_LIMIT, TELEMETRY_DROPPED, THREADS_BUSY, THREADS_LIMIT,
};
pub use self::table::{METRICS, Metric, MetricKind};

const ERROR_TYPE: &str = "error.type";
const SYSTEM: (&str, &str) = ("messaging.system.name", "gcp.pubsub");
const OPERATION: &str = "messaging.operation.name";
const DESTINATION: &str = "messaging.destination.name";

/// The instruments of a service, or nothing if no exporter is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(Option<Arc<Instruments>>);

#[derive(Debug)]
struct Instruments {
    meter: Meter,
    deliveries: Counter<u64>,
    refusals: Counter<u64>,
    message_age: Histogram<f64>,
    attempts_left: Histogram<f64>,
    process_duration: Histogram<f64>,
    consumed: Counter<u64>,
    sent: Counter<u64>,
    operation_duration: Histogram<f64>,
    request_duration: Histogram<f64>,
    key_request_duration: Histogram<f64>,
    key_fetches: Counter<u64>,
    store_steps: Histogram<f64>,
    leases: Counter<u64>,
    claims_lost: Counter<u64>,
    records_missing: Counter<u64>,
    stalls: Histogram<f64>,
}

impl Metrics {
    pub(crate) fn new(meter: Meter) -> Self {
        let counter = |metric: Metric| {
            let builder = meter.u64_counter(metric.name).with_unit(metric.unit);
            builder.with_description(metric.meaning).build()
        };
        let histogram = |metric: Metric| {
            let builder = meter.f64_histogram(metric.name).with_unit(metric.unit);
            let builder = builder.with_description(metric.meaning);
            match metric.kind {
                MetricKind::Histogram(bounds) => builder.with_boundaries(bounds.to_vec()).build(),
                _ => builder.build(),
            }
        };
        Self(Some(Arc::new(Instruments {
            deliveries: counter(DELIVERIES),
            refusals: counter(REFUSALS),
            message_age: histogram(MESSAGE_AGE),
            attempts_left: histogram(ATTEMPTS_LEFT),
            process_duration: histogram(PROCESS_DURATION),
            consumed: counter(CONSUMED),
            sent: counter(SENT_MESSAGES),
            operation_duration: histogram(OPERATION_DURATION),
            request_duration: histogram(REQUEST_DURATION),
            key_request_duration: histogram(KEY_REQUEST_DURATION),
            key_fetches: counter(KEY_FETCHES),
            store_steps: histogram(STORE_STEPS),
            leases: counter(LEASES),
            claims_lost: counter(CLAIMS_LOST),
            records_missing: counter(RECORDS_MISSING),
            stalls: histogram(STALLS),
            meter,
        })))
    }

    /// Returns true if something is exported.
    pub(crate) fn is_recording(&self) -> bool {
        self.0.is_some()
    }

    /// Exports what `read` passes to its argument, a value and its attributes, each time the metrics are exported.
    pub(crate) fn observe(
        &self,
        metric: Metric,
        read: impl Fn(&mut dyn FnMut(f64, &[KeyValue])) + Send + Sync + 'static,
    ) {
        let Some(Instruments { meter, .. }) = self.0.as_deref() else {
            return;
        };
        macro_rules! observe {
            ($builder:ident) => {
                drop(
                    meter
                        .$builder(metric.name)
                        .with_unit(metric.unit)
                        .with_description(metric.meaning)
                        .with_callback(move |observer| {
                            read(&mut |value, attributes| observer.observe(value, attributes));
                        })
                        .build(),
                )
            };
        }
        match metric.kind {
            MetricKind::Counter => observe!(f64_observable_counter),
            MetricKind::UpDownCounter => observe!(f64_observable_up_down_counter),
            _ => observe!(f64_observable_gauge),
        }
    }

    /// Records the refusal of a push, of a bound subscription if the caller is verified.
    pub(crate) fn refused(
        &self,
        kind: &'static str,
        status: u16,
        subscriber: Option<&SubscriptionMetrics>,
    ) {
        let Some(instruments) = &self.0 else { return };
        let mut attributes = vec![
            KeyValue::new("kind", kind),
            KeyValue::new("status", i64::from(status)),
        ];
        attributes.extend(subscriber.map(SubscriptionMetrics::subscription));
        instruments.refusals.add(1, &attributes);
    }

    /// Records a response to a push.
    pub(crate) fn responded(&self, has_path: bool, status: u16, duration: Duration) {
        let Some(instruments) = &self.0 else { return };
        let route = if has_path {
            "/push/{subscription}"
        } else {
            "/"
        };
        let mut attributes = vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("http.route", route),
            KeyValue::new("url.scheme", "http"),
            KeyValue::new("http.response.status_code", i64::from(status)),
        ];
        if status >= 500 {
            attributes.push(KeyValue::new(ERROR_TYPE, status.to_string()));
        }
        let duration = duration.as_secs_f64();
        instruments.request_duration.record(duration, &attributes);
    }

    /// Records a fetch of the issuer's keys; `error` is its kind.
    pub(crate) fn fetched_keys(
        &self,
        server: &str,
        duration: Duration,
        error: Option<&'static str>,
    ) {
        let Some(instruments) = &self.0 else { return };
        let result = if error.is_some() { "error" } else { "ok" };
        instruments
            .key_fetches
            .add(1, &[KeyValue::new("result", result)]);
        let mut attributes = vec![
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("server.address", server.to_owned()),
        ];
        attributes.extend(error.map(|kind| KeyValue::new(ERROR_TYPE, kind)));
        let duration = duration.as_secs_f64();
        instruments
            .key_request_duration
            .record(duration, &attributes);
    }

    /// Records a step in the deduplication store; `error` is its kind.
    pub(crate) fn stepped(
        &self,
        system: &'static str,
        step: &'static str,
        duration: Duration,
        error: Option<&'static str>,
    ) {
        let Some(instruments) = &self.0 else { return };
        let attributes = [
            KeyValue::new("db.system.name", system),
            KeyValue::new("db.operation.name", step),
            KeyValue::new(ERROR_TYPE, error.unwrap_or_default()),
        ];
        let count = if error.is_some() { 3 } else { 2 };
        let duration = duration.as_secs_f64();
        let attributes = attributes.get(..count).unwrap_or_default();
        instruments.store_steps.record(duration, attributes);
    }

    /// Records a message that was sent to a dead-letter topic; `error` is the kind of failure.
    pub(crate) fn sent(
        &self,
        topic: &str,
        reason: &'static str,
        duration: Duration,
        error: Option<&'static str>,
    ) {
        let Some(instruments) = &self.0 else { return };
        let topic = topic.rsplit('/').next().unwrap_or(topic);
        let mut attributes = vec![
            KeyValue::new(OPERATION, "send"),
            KeyValue::new(SYSTEM.0, SYSTEM.1),
            KeyValue::new(DESTINATION, topic.to_owned()),
            KeyValue::new("pushgate.dead_letter.reason", reason),
        ];
        attributes.extend(error.map(|kind| KeyValue::new(ERROR_TYPE, kind)));
        instruments.sent.add(1, &attributes);
        let duration = duration.as_secs_f64();
        instruments.operation_duration.record(duration, &attributes);
    }
}
