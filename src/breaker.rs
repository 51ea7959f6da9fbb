//! A circuit breaker: while a dependency fails, only a probe passes from time to time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

/// The rules by which a circuit breaker opens and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// The number of consecutive failures that open it.
    pub(crate) failures: u32,
    /// The first pause. Each failed probe doubles the pause, up to the longest one.
    pub(crate) shortest_pause: Duration,
    pub(crate) longest_pause: Duration,
    /// The number of consecutive successful probes that close it.
    pub(crate) probes: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        pause: Duration,
    },
    /// One probe at a time, so that a recovering dependency is not overloaded.
    HalfOpen {
        is_probing: bool,
        successes: u32,
        pause: Duration,
    },
}

/// A circuit breaker, shared by all deliveries that need the same dependency.
pub(crate) struct Breaker {
    name: String,
    rules: Rules,
    known: Mutex<Known>,
}

struct Known {
    state: State,
    /// The number of openings. A permit from before the latest one is not counted.
    era: u64,
    /// The reason of the last failure.
    cause: Arc<str>,
}

/// The error of an open circuit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit breaker is open, next retry in {} ms; last failure: {cause}", .retry_in.as_millis())]
pub(crate) struct Open {
    pub(crate) retry_in: Duration,
    cause: Arc<str>,
}

/// The right to use the dependency once. A permit that is dropped without a result is not counted.
#[must_use]
pub(crate) struct Permit {
    breaker: Arc<Breaker>,
    is_probe: bool,
    era: u64,
    is_counted: bool,
}

impl Breaker {
    /// Creates a closed breaker. The name is for the log.
    pub(crate) fn new(name: impl Into<String>, rules: Rules) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            rules,
            known: Mutex::new(Known {
                state: State::Closed { failures: 0 },
                era: 0,
                cause: "none".into(),
            }),
        })
    }

    /// Returns a permit, or the time until the next one.
    pub(crate) fn acquire(self: &Arc<Self>) -> Result<Permit, Open> {
        let mut known = self.known();
        if let State::Open { until, pause } = known.state {
            let retry_in = until.saturating_duration_since(Instant::now());
            if !retry_in.is_zero() {
                return Err(known.open_for(retry_in));
            }
            known.state = State::HalfOpen {
                is_probing: false,
                successes: 0,
                pause,
            };
        }
        let is_probe = match &mut known.state {
            State::HalfOpen {
                is_probing: true, ..
            } => {
                return Err(known.open_for(self.rules.shortest_pause));
            }
            State::HalfOpen { is_probing, .. } => {
                *is_probing = true;
                true
            }
            State::Closed { .. } | State::Open { .. } => false,
        };
        Ok(Permit {
            breaker: Arc::clone(self),
            is_probe,
            era: known.era,
            is_counted: false,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns 0 if closed, 1 if half-open and 2 if open, as in the metrics.
    pub(crate) fn state(&self) -> u8 {
        match self.known().state {
            State::Closed { .. } => 0,
            State::HalfOpen { .. } => 1,
            State::Open { .. } => 2,
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens for this pause. Jitter prevents all instances from probing at the same time.
    fn open(&self, known: &mut Known, pause: Duration) {
        let pause = pause.min(self.rules.longest_pause);
        let jittered = pause.mul_f64(rand::rng().random_range(0.75..=1.25));
        known.state = State::Open {
            until: Instant::now() + jittered,
            pause,
        };
        known.era += 1;
        tracing::warn!(
            circuit = self.name,
            pause_ms = u64::try_from(jittered.as_millis()).unwrap_or(u64::MAX),
            cause = %known.cause,
            "circuit breaker opened"
        );
    }
}

impl Known {
    fn open_for(&self, retry_in: Duration) -> Open {
        Open {
            retry_in,
            cause: Arc::clone(&self.cause),
        }
    }
}

impl Permit {
    /// Counts a success.
    pub(crate) fn succeed(mut self) {
        self.is_counted = true;
        let breaker = Arc::clone(&self.breaker);
        let mut known = breaker.known();
        if known.era != self.era {
            return;
        }
        known.state = match known.state {
            State::HalfOpen {
                successes, pause, ..
            } if successes + 1 < breaker.rules.probes => State::HalfOpen {
                is_probing: false,
                successes: successes + 1,
                pause,
            },
            State::HalfOpen { .. } => {
                tracing::info!(circuit = breaker.name, "circuit breaker closed");
                State::Closed { failures: 0 }
            }
            State::Closed { .. } => State::Closed { failures: 0 },
            open @ State::Open { .. } => open,
        };
    }

    /// Counts a failure, with its reason.
    pub(crate) fn fail(mut self, cause: &str) {
        self.is_counted = true;
        let breaker = Arc::clone(&self.breaker);
        let mut known = breaker.known();
        if known.era != self.era {
            return;
        }
        known.cause = cause.into();
        match known.state {
            State::Closed { failures } if failures + 1 < breaker.rules.failures => {
                known.state = State::Closed {
                    failures: failures + 1,
                };
            }
            State::Closed { .. } => breaker.open(&mut known, breaker.rules.shortest_pause),
            State::HalfOpen { pause, .. } => breaker.open(&mut known, pause * 2),
            State::Open { .. } => {}
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_counted || !self.is_probe {
            return;
        }
        let mut known = self.breaker.known();
        let is_of_this_era = self.era == known.era;
        if let State::HalfOpen { is_probing, .. } = &mut known.state
            && is_of_this_era
        {
            *is_probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> Arc<Breaker> {
        Breaker::new(
            "test",
            Rules {
                failures: 3,
                shortest_pause: SECOND,
                longest_pause: 4 * SECOND,
                probes: 2,
            },
        )
    }

    fn fail(breaker: &Arc<Breaker>) {
        breaker.acquire().expect("closed").fail("down");
    }

    fn is_open(breaker: &Arc<Breaker>) -> bool {
        breaker.acquire().is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn only_failures_in_a_row_open_it() {
        let breaker = breaker();
        for _ in 0..10 {
            fail(&breaker);
            fail(&breaker);
            breaker.acquire().expect("closed").succeed();
        }
        fail(&breaker);
        fail(&breaker);
        drop(breaker.acquire().expect("closed")); // not counted
        fail(&breaker);
        assert!(is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_closed_by_single_probes_one_after_the_other() {
        let breaker = breaker();
        (0..3).for_each(|_| fail(&breaker));
        advance(SECOND * 3 / 4 - Duration::from_millis(1)).await;
        assert!(is_open(&breaker));
        advance(SECOND).await;
        let probe = breaker.acquire().expect("a probe");
        assert!(is_open(&breaker), "a second concurrent probe");
        probe.succeed();
        let probe = breaker.acquire().expect("the next probe");
        assert!(is_open(&breaker));
        drop(probe);
        breaker
            .acquire()
            .expect("in place of the dropped one")
            .succeed();
        let all: Vec<_> = (0..10).map(|_| breaker.acquire()).collect();
        assert!(all.iter().all(Result::is_ok), "closed again");
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_probe_doubles_the_pause_up_to_the_longest() {
        let breaker = breaker();
        (0..3).for_each(|_| fail(&breaker));
        for pause in [1, 2, 4, 4, 4] {
            let Err(Open { retry_in, .. }) = breaker.acquire() else {
                panic!("open")
            };
            let about = pause * SECOND * 3 / 4..=pause * SECOND * 5 / 4;
            assert!(about.contains(&retry_in), "{retry_in:?} of {pause} s");
            advance(retry_in).await;
            fail(&breaker);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_result_does_not_count_as_the_probes() {
        let breaker = breaker();
        let [success, failure] = [(); 2].map(|()| breaker.acquire().expect("closed"));
        (0..3).for_each(|_| fail(&breaker));
        advance(2 * SECOND).await;
        let probe = breaker.acquire().expect("a probe");
        success.succeed();
        assert!(is_open(&breaker), "the probe has no result yet");
        failure.fail("late");
        probe.succeed();
        assert!(breaker.acquire().is_ok(), "not opened again");
    }

    #[tokio::test(start_paused = true)]
    async fn results_from_before_it_opened_are_not_counted() {
        let breaker = breaker();
        let early: Vec<_> = (0..6).map(|_| breaker.acquire().expect("closed")).collect();
        for (index, permit) in early.into_iter().enumerate() {
            if index < 3 {
                permit.fail("down")
            } else {
                permit.succeed()
            }
        }
        assert!(is_open(&breaker));
        advance(2 * SECOND).await;
        let probe = breaker.acquire().expect("a probe");
        assert!(is_open(&breaker));
        drop(probe);
    }
}
