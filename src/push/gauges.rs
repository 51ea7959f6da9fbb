//! Exports the values that are read when metrics are exported: places, threads, circuit breakers, and the age of the keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry::KeyValue;

use crate::delivery::running_subscriber::RunningSubscriber;
use crate::push::PushReceiver;
use crate::telemetry::metrics::{
    CIRCUIT_STATE, IN_FLIGHT, KEYS_AGE, LIMIT, Metric, Metrics, PAUSED, PUSHES_IN_FLIGHT,
    PUSHES_LIMIT, THREADS_BUSY, THREADS_LIMIT,
};

/// Gets a value and its attributes.
type Observe<'a> = &'a mut dyn FnMut(f64, &[KeyValue]);

impl PushReceiver {
    /// Exports the gauges of this service until it is dropped.
    pub(crate) fn export_gauges(self: &Arc<Self>, metrics: &Metrics) {
        let export = |metric: Metric, read: fn(&Self, Observe<'_>)| {
            let receiver = Arc::downgrade(self);
            metrics.observe(metric, move |observe| {
                if let Some(receiver) = receiver.upgrade() {
                    read(&receiver, observe);
                }
            });
        };
        export(PUSHES_IN_FLIGHT, |receiver, observe| {
            observe(number(receiver.admission.occupancy().0), &[]);
        });
        export(PUSHES_LIMIT, |receiver, observe| {
            observe(number(receiver.admission.occupancy().1), &[]);
        });
        export(IN_FLIGHT, |receiver, observe| {
            receiver.observe_subscribers(observe, RunningSubscriber::in_flight);
        });
        export(LIMIT, |receiver, observe| {
            receiver.observe_subscribers(observe, |subscriber| subscriber.limit);
        });
        export(PAUSED, |receiver, observe| {
            receiver.observe_subscribers(observe, |subscriber| subscriber.is_paused.into());
        });
        export(THREADS_BUSY, |receiver, observe| {
            for (pool, busy, _) in receiver.deliveries.pools.occupancy() {
                observe(number(busy), &[KeyValue::new("pool", pool)]);
            }
        });
        export(THREADS_LIMIT, |receiver, observe| {
            for (pool, _, threads) in receiver.deliveries.pools.occupancy() {
                observe(number(threads), &[KeyValue::new("pool", pool)]);
            }
        });
        export(CIRCUIT_STATE, |receiver, observe| {
            for (circuit, state) in receiver.circuits() {
                observe(state.into(), &[KeyValue::new("circuit", circuit)]);
            }
        });
        export(KEYS_AGE, |receiver, observe| {
            if let Some(age) = receiver.authentication.keys_age() {
                observe(age.as_secs_f64(), &[]);
            }
        });
    }

    fn observe_subscribers(&self, observe: Observe<'_>, read: fn(&RunningSubscriber) -> usize) {
        for subscriber in self.bindings.subscribers() {
            let attribute = subscriber.metrics.subscription();
            observe(number(read(subscriber)), &[attribute]);
        }
    }

    /// Returns the state of each circuit breaker by its name. The breaker of the store is one for all subscribers.
    fn circuits(&self) -> BTreeMap<String, u8> {
        let mut circuits = BTreeMap::new();
        for subscriber in self.bindings.subscribers() {
            let store = subscriber.store.breaker();
            for breaker in subscriber.breakers().chain([store]) {
                let state = circuits.entry(breaker.name().to_owned()).or_default();
                *state = breaker.state().max(*state);
            }
        }
        circuits
    }
}

#[expect(clippy::cast_precision_loss, reason = "a small number")]
fn number(count: usize) -> f64 {
    count as f64
}
