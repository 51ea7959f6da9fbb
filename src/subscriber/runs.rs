//! Settings of the handler's runs: time limits, concurrency, attempts in process, circuit breaker.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::collector::Faults;
use super::{Backoff, SECOND, Subscriber};

/// A circuit breaker for what the handler depends on: while it is open, pushes are answered 503 before any claim.
///
/// Pub/Sub then sends fewer pushes (Google, *Push subscriptions*: the push window shrinks with every failure). Each 503 counts
/// as one of the [`attempts`](crate::Subscriber::attempts), as a failed run does.
///
/// Failures are runs that ended in `Outcome::Retry` or at the hard limit. After the pause one message at a time is admitted as
/// a probe. Some successes in a row close the circuit; a failure opens it for twice as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(description = "A circuit breaker: while it is open, pushes are answered 503 at once.")]
pub struct CircuitBreaker {
    pub(crate) failures: u32,
    #[serde(flatten)]
    pub(crate) pause: Backoff,
    pub(crate) probes: u32,
}

impl CircuitBreaker {
    /// Returns a circuit breaker that opens after this number of failures in a row in this process, 1 to 1000.
    #[must_use]
    pub const fn after(failures: u32) -> Self {
        Self {
            failures,
            pause: Backoff::from_secs(1, 60),
            probes: 3,
        }
    }

    /// Sets how long it stays open: the first bound, doubled by each failed probe up to the second; by default 1 to 60 s.
    #[must_use]
    pub const fn open_for(mut self, pause: Backoff) -> Self {
        self.pause = pause;
        self
    }

    /// Sets how many probes must succeed, one after the other, 1 to 100; by default 3.
    #[must_use]
    pub const fn probes(mut self, probes: u32) -> Self {
        self.probes = probes;
        self
    }
}

/// The runs of a handler within one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct InProcess {
    pub(crate) attempts: u32,
    #[serde(flatten)]
    pub(crate) pause: Backoff,
}

/// The time limits of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The time after which the handler receives its stop signal.
    pub(crate) soft: Duration,
    /// The time after which it is stopped.
    pub(crate) hard: Duration,
}

/// Settings of the handler's runs.
#[derive(Clone)]
pub(crate) struct RunSettings {
    pub(crate) soft_limit: Option<Duration>,
    pub(crate) hard_limit: Option<Duration>,
    pub(crate) concurrency: Option<usize>,
    pub(crate) in_process: InProcess,
    pub(crate) circuit_breaker: Option<CircuitBreaker>,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            soft_limit: None,
            hard_limit: None,
            concurrency: None,
            in_process: InProcess {
                attempts: 1,
                pause: Backoff::from_millis(100, 2_000),
            },
            circuit_breaker: None,
        }
    }
}

impl Subscriber {
    /// Sets when the handler receives its stop signal (`Context::stopping`); by default after four fifths of the hard limit.
    #[must_use]
    pub fn soft_limit(mut self, limit: Duration) -> Self {
        self.runs.soft_limit = Some(limit);
        self
    }

    /// Sets when the handler is stopped. By default a tenth of the ack deadline, at least 1 s and at most 5 s, is left for
    /// recording and responding.
    #[must_use]
    pub fn hard_limit(mut self, limit: Duration) -> Self {
        self.runs.hard_limit = Some(limit);
        self
    }

    /// Sets how many messages of this subscription are handled at once; further pushes are answered 429. By default 100 for
    /// an `async` handler, and for the others twice the number of threads that it may use.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.runs.concurrency = Some(concurrency);
        self
    }

    /// Sets how often the handler is run for one delivery, 1 to 10, by default once, and the pause between: random up to a
    /// bound that doubles (full jitter).
    ///
    /// Only [`Outcome::Retry`](crate::Outcome::Retry) leads to another run, and only until the soft limit. Use it for failures
    /// that pass in moments; Pub/Sub's redelivery is for the rest.
    #[must_use]
    pub fn attempts_in_process(mut self, attempts: u32, pause: Backoff) -> Self {
        self.runs.in_process = InProcess { attempts, pause };
        self
    }

    /// Answers 503 before a claim while the handler keeps failing; there is no circuit breaker by default. Each 503 counts as
    /// one of the [`attempts`](Self::attempts).
    #[must_use]
    pub fn circuit_breaker(mut self, breaker: CircuitBreaker) -> Self {
        self.runs.circuit_breaker = Some(breaker);
        self
    }

    /// Returns the share of the ack deadline that is reserved for recording and responding.
    pub(crate) fn margin(&self) -> Duration {
        (self.cloud.ack_deadline / 10).clamp(SECOND, 5 * SECOND)
    }

    pub(crate) fn limits(&self) -> Limits {
        let hard = self.runs.hard_limit;
        let hard = hard.unwrap_or_else(|| self.latest_limit());
        let soft = self.runs.soft_limit.unwrap_or(hard * 4 / 5);
        Limits { soft, hard }
    }

    fn latest_limit(&self) -> Duration {
        self.cloud.ack_deadline.saturating_sub(self.margin())
    }

    pub(super) fn check_limits(&self, faults: &mut Faults) {
        let (Limits { soft, hard }, latest) = (self.limits(), self.latest_limit());
        faults.require(hard <= latest, || {
            let (deadline, margin) = (self.cloud.ack_deadline, self.margin());
            format!(
                "hard limit is {hard:?}, expected at most {latest:?} (the ack deadline of {deadline:?} less {margin:?} \
                 for recording and responding): see .hard_limit(…) and .ack_deadline(…)"
            )
        });
        faults.require(soft <= hard && !soft.is_zero(), || {
            format!(
                "soft limit is {soft:?}, expected more than 0 s and at most the hard limit of {hard:?}: see .soft_limit(…)"
            )
        });
        self.runs.check(soft, faults);
    }
}

impl RunSettings {
    fn check(&self, soft: Duration, faults: &mut Faults) {
        if let Some(concurrency) = self.concurrency {
            faults.require((1..=10_000).contains(&concurrency), || {
                format!("concurrency is {concurrency}, expected 1 to 10000: see .concurrency(…)")
            });
        }
        let InProcess { attempts, pause } = self.in_process;
        faults.require((1..=10).contains(&attempts), || {
            format!(
                "attempts in process are {attempts}, expected 1 to 10: see .attempts_in_process(…)"
            )
        });
        let is_pause = pause.minimum <= pause.maximum && pause.maximum < soft;
        faults.require(attempts == 1 || is_pause, || {
            format!(
                "the pause between attempts in process is {:?} to {:?}, expected the smaller first and less than the soft \
                 limit of {soft:?}: see .attempts_in_process(…)",
                pause.minimum, pause.maximum
            )
        });
        let Some(CircuitBreaker {
            failures,
            pause,
            probes,
        }) = self.circuit_breaker
        else {
            return;
        };
        let is_counted = (1..=1000).contains(&failures) && (1..=100).contains(&probes);
        faults.require(is_counted, || {
            format!(
                "the circuit breaker has {failures} failures and {probes} probes, expected 1 to 1000 and 1 to 100: see .circuit_breaker(…)"
            )
        });
        let Backoff { minimum, maximum } = pause;
        let is_pause = !minimum.is_zero() && minimum <= maximum && maximum <= 600 * SECOND;
        faults.require(is_pause, || {
            format!(
                "the circuit breaker is open for {minimum:?} to {maximum:?}, expected more than 0 s, at most 600 s, the \
                 smaller first: see .circuit_breaker(…)"
            )
        });
    }
}
