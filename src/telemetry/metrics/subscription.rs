//! The metrics of one subscription.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanBuilder, SpanKind};
use time::OffsetDateTime;

use super::{DESTINATION, ERROR_TYPE, Instruments, Metrics, OPERATION, SYSTEM};
use crate::telemetry::spans::link;
use crate::trace::Trace;

/// The metrics of one subscription.
#[derive(Clone, Debug)]
pub(crate) struct SubscriptionMetrics(Arc<Attributes>);

/// The names of a subscription and of its topic, as attributes.
#[derive(Debug)]
struct Attributes {
    metrics: Metrics,
    attempts: u32,
    subscription: KeyValue,
    messaging: [KeyValue; 4],
}

/// An end of a delivery.
pub(crate) struct Ended {
    pub(crate) outcome: &'static str,
    /// True if Pub/Sub redelivers the message, as long as it has delivery attempts left.
    pub(crate) is_redelivered: bool,
    /// True if the handler succeeded without a record.
    pub(crate) is_record_missing: bool,
    pub(crate) publish_time: OffsetDateTime,
    pub(crate) delivery_attempt: Option<u32>,
}

impl SubscriptionMetrics {
    /// Creates the metrics of a subscription with this number of delivery attempts, by its short name and its topic's.
    pub(crate) fn new(metrics: Metrics, subscription: &str, topic: &str, attempts: u32) -> Self {
        let subscription: Arc<str> = subscription.into();
        Self(Arc::new(Attributes {
            metrics,
            attempts,
            messaging: [
                KeyValue::new(OPERATION, "subscribe"),
                KeyValue::new(SYSTEM.0, SYSTEM.1),
                KeyValue::new(DESTINATION, Arc::<str>::from(topic)),
                KeyValue::new(
                    "messaging.destination.subscription.name",
                    Arc::clone(&subscription),
                ),
            ],
            subscription: KeyValue::new("subscription", subscription),
        }))
    }

    /// Returns the attribute of the subscription.
    pub(crate) fn subscription(&self) -> KeyValue {
        self.0.subscription.clone()
    }

    /// Starts a description of the span of a delivery, linked to the span that created the message.
    pub(crate) fn span(
        &self,
        message_id: &str,
        delivery_attempt: Option<u32>,
        creation: Option<&Trace>,
    ) -> SpanBuilder {
        let name = format!("subscribe {}", self.0.subscription.value);
        let mut attributes = self.0.messaging.to_vec();
        attributes.extend([
            KeyValue::new("messaging.operation.type", "process"),
            KeyValue::new("messaging.message.id", message_id.to_owned()),
        ]);
        attributes.extend(delivery_attempt.map(|attempt| {
            KeyValue::new("gcp.pubsub.message.delivery_attempt", i64::from(attempt))
        }));
        SpanBuilder::from_name(name)
            .with_kind(SpanKind::Consumer)
            .with_links(creation.map(link).into_iter().collect())
            .with_attributes(attributes)
    }

    /// Records the end of a delivery.
    pub(crate) fn ended(&self, ended: &Ended) {
        let Some(instruments) = self.instruments() else {
            return;
        };
        let attributes = self.with(KeyValue::new("outcome", ended.outcome));
        instruments.deliveries.add(1, &attributes);
        let age = OffsetDateTime::now_utc() - ended.publish_time;
        let age = age.as_seconds_f64().max(0.0); // the publisher's clock is Google's
        instruments.message_age.record(age, &attributes);
        if let Some(attempt) = ended.delivery_attempt.filter(|_| ended.is_redelivered) {
            let left = f64::from(self.0.attempts.saturating_sub(attempt));
            instruments.attempts_left.record(left, &attributes);
        }
        self.messaging(ended.outcome, ended.is_redelivered, |attributes| {
            instruments.consumed.add(1, attributes);
        });
        if ended.is_record_missing {
            instruments.records_missing.add(1, &[self.subscription()]);
        }
    }

    /// Records a run of the handler.
    pub(crate) fn ran(&self, outcome: &'static str, is_failure: bool, duration: Duration) {
        let Some(instruments) = self.instruments() else {
            return;
        };
        let duration = duration.as_secs_f64();
        self.messaging(outcome, is_failure, |attributes| {
            instruments.process_duration.record(duration, attributes);
        });
    }

    /// Records a renewal of a lease: `ok`, `lost` or `error`.
    pub(crate) fn renewed(&self, result: &'static str) {
        let Some(instruments) = self.instruments() else {
            return;
        };
        let attributes = self.with(KeyValue::new("result", result));
        instruments.leases.add(1, &attributes);
        if result == "lost" {
            instruments.claims_lost.add(1, &[self.subscription()]);
        }
    }

    /// Records a handler that blocked its thread.
    pub(crate) fn stalled(&self, duration: Duration) {
        if let Some(instruments) = self.instruments() {
            let duration = duration.as_secs_f64();
            instruments.stalls.record(duration, &[self.subscription()]);
        }
    }

    fn instruments(&self) -> Option<&Instruments> {
        self.0.metrics.0.as_deref()
    }

    fn with(&self, attribute: KeyValue) -> [KeyValue; 2] {
        [self.subscription(), attribute]
    }

    fn messaging(&self, outcome: &'static str, is_failure: bool, record: impl FnOnce(&[KeyValue])) {
        let [operation, system, topic, subscription] = self.0.messaging.clone();
        let outcome = KeyValue::new("pushgate.outcome", outcome);
        if !is_failure {
            return record(&[operation, system, topic, subscription, outcome]);
        }
        let error = KeyValue::new(ERROR_TYPE, outcome.value.clone());
        record(&[operation, system, topic, subscription, outcome, error]);
    }
}
