//! The pace of replays: all of them pause while the service is busy, each time longer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::{Instant, sleep_until};

/// The longest pause, unless the service asks for a longer one.
const LONGEST: Duration = Duration::from_secs(15);
/// The longest pause that the service may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// A pause that all replays share.
pub(super) struct Pace(Mutex<State>);

struct State {
    end: Instant,
    /// The further pauses, until the service takes a replay again.
    delays: ExponentialBackoff,
}

fn delays() -> ExponentialBackoff {
    let delays = ExponentialBuilder::default().with_max_delay(LONGEST);
    delays.without_max_times().with_jitter().build()
}

impl Pace {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            end: Instant::now(),
            delays: delays(),
        }))
    }

    /// Waits for the end of the pause, which may be extended meanwhile.
    pub(super) async fn wait(&self) {
        loop {
            let end = self.lock().end;
            if end <= Instant::now() {
                return;
            }
            sleep_until(end).await;
        }
    }

    /// Begins a pause, since the service is busy. Returns it, or `None` if the replays pause already.
    pub(super) fn slow_down(&self, asked: Option<Duration>) -> Option<Duration> {
        let mut state = self.lock();
        let now = Instant::now();
        let asked = asked.unwrap_or_default().min(LONGEST_ASKED);
        if state.end > now {
            state.end = state.end.max(now + asked);
            return None;
        }
        let pause = state.delays.next().unwrap_or(LONGEST).max(asked);
        state.end = now + pause;
        Some(pause)
    }

    /// Begins with short pauses again, since the service took a replay.
    pub(super) fn recover(&self) {
        self.lock().delays = delays();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn waited(pace: &Pace) -> Duration {
        let start = Instant::now();
        pace.wait().await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_the_service_takes_a_replay() {
        let pace = Pace::new();
        assert_eq!(waited(&pace).await, Duration::ZERO);
        let mut longest = Duration::ZERO;
        for least in [1, 2, 4, 8, 15, 15].map(Duration::from_secs) {
            pace.slow_down(None);
            let pause = waited(&pace).await;
            assert!(pause >= least, "{pause:?} of {least:?}");
            longest = longest.max(pause);
        }
        pace.recover();
        pace.slow_down(None);
        assert!(waited(&pace).await < longest / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_busy_answers_of_one_moment_make_one_pause() {
        let pace = Pace::new();
        assert!(pace.slow_down(None).is_some());
        for _ in 0..7 {
            assert_eq!(pace.slow_down(None), None);
        }
        assert!(waited(&pace).await <= Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn the_service_may_ask_for_a_longer_pause() {
        let pace = Pace::new();
        pace.slow_down(Some(Duration::from_secs(30)));
        pace.slow_down(Some(Duration::from_secs(3_600)));
        let pause = waited(&pace).await;
        assert!(pause >= Duration::from_secs(60), "{pause:?}");
        assert!(pause < Duration::from_secs(62), "{pause:?}");
    }
}
