//! A circuit breaker: while what lies behind it is down, nobody is sent there but, now and then, a single probe.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::Rng;
use tokio::time::Instant;

/// When a breaker opens and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Failures in a row that open it.
    pub(crate) failures: u32,
    /// How long it stays open at first; each failed probe doubles that, up to the longest pause.
    pub(crate) shortest_pause: Duration,
    pub(crate) longest_pause: Duration,
    /// Successes in a row, one probe after the other, that close it.
    pub(crate) probes: u32,
}

/// What has happened lately.
#[derive(Clone, Copy, Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        pause: Duration,
    },
    /// One probe at a time: a dependency that has just come back must not be run over.
    HalfOpen {
        is_probing: bool,
        successes: u32,
        pause: Duration,
    },
}

/// Shared by all who go the same way.
pub(crate) struct Breaker {
    name: String,
    rules: Rules,
    known: Mutex<Known>,
}

struct Known {
    state: State,
    /// Counts the openings, so that what was sent before one says nothing about the time after it.
    era: u64,
    /// What failed last.
    cause: Arc<str>,
}

/// The way is closed for so long.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the circuit is open after failures in a row, the next try is in {} ms; the last failure: {cause}", .left.as_millis())]
pub(crate) struct Open {
    pub(crate) left: Duration,
    cause: Arc<str>,
}

/// Leave to go once. Dropped without a word it says nothing about what lies behind.
#[must_use]
pub(crate) struct Pass {
    breaker: Arc<Breaker>,
    is_probe: bool,
    era: u64,
    has_spoken: bool,
}

impl Breaker {
    /// `name` is for the log.
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

    /// Leave to go, or how long there is none.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Pass, Open> {
        let mut known = self.known();
        if let State::Open { until, pause } = known.state {
            let left = until.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                return Err(known.open_for(left));
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
        Ok(Pass {
            breaker: Arc::clone(self),
            is_probe,
            era: known.era,
            has_spoken: false,
        })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens for about this long: all instances that a dependency has failed must not come back at once.
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
            "circuit opened after failures in a row"
        );
    }
}

impl Known {
    fn open_for(&self, left: Duration) -> Open {
        Open {
            left,
            cause: Arc::clone(&self.cause),
        }
    }
}

impl Pass {
    /// What lies behind has worked.
    pub(crate) fn succeed(mut self) {
        self.has_spoken = true;
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
                tracing::info!(circuit = breaker.name, "circuit closed again");
                State::Closed { failures: 0 }
            }
            State::Closed { .. } => State::Closed { failures: 0 },
            open @ State::Open { .. } => open,
        };
    }

    /// It has not, for this reason.
    pub(crate) fn fail(mut self, cause: &str) {
        self.has_spoken = true;
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

impl Drop for Pass {
    fn drop(&mut self) {
        if self.has_spoken || !self.is_probe {
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
        breaker.enter().expect("closed").fail("down");
    }

    fn is_open(breaker: &Arc<Breaker>) -> bool {
        breaker.enter().is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn only_failures_in_a_row_open_it() {
        let breaker = breaker();
        for _ in 0..10 {
            fail(&breaker);
            fail(&breaker);
            breaker.enter().expect("closed").succeed();
        }
        fail(&breaker);
        fail(&breaker);
        drop(breaker.enter().expect("closed")); // says nothing
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
        let probe = breaker.enter().expect("a probe");
        assert!(is_open(&breaker), "a second one beside it");
        probe.succeed();
        let probe = breaker.enter().expect("the next probe");
        assert!(is_open(&breaker));
        drop(probe);
        breaker
            .enter()
            .expect("in place of the silent one")
            .succeed();
        let all: Vec<_> = (0..10).map(|_| breaker.enter()).collect();
        assert!(all.iter().all(Result::is_ok), "closed again");
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_probe_doubles_the_pause_up_to_the_longest() {
        let breaker = breaker();
        (0..3).for_each(|_| fail(&breaker));
        for pause in [1, 2, 4, 4, 4] {
            let Err(Open { left, .. }) = breaker.enter() else {
                panic!("open")
            };
            let about = pause * SECOND * 3 / 4..=pause * SECOND * 5 / 4;
            assert!(about.contains(&left), "{left:?} of {pause} s");
            advance(left).await;
            fail(&breaker);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_word_says_nothing_about_a_probe() {
        let breaker = breaker();
        let [good, bad] = [(); 2].map(|()| breaker.enter().expect("closed"));
        (0..3).for_each(|_| fail(&breaker));
        advance(2 * SECOND).await;
        let probe = breaker.enter().expect("a probe");
        good.succeed();
        assert!(is_open(&breaker), "the probe is still on its way");
        bad.fail("late");
        probe.succeed();
        assert!(breaker.enter().is_ok(), "not opened again");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sent_before_it_opened_says_nothing_afterwards() {
        let breaker = breaker();
        let early: Vec<_> = (0..6).map(|_| breaker.enter().expect("closed")).collect();
        for (index, pass) in early.into_iter().enumerate() {
            if index < 3 {
                pass.fail("down")
            } else {
                pass.succeed()
            }
        }
        assert!(is_open(&breaker));
        advance(2 * SECOND).await;
        let probe = breaker.enter().expect("a probe");
        assert!(is_open(&breaker));
        drop(probe);
    }
}
