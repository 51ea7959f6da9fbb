//! The emulator's clock, which tests can advance. It is the only reader of time.

use std::future::Future;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// The most that the clock can advance: more than any test needs, and within the calendar.
const FARTHEST: Duration = Duration::from_secs(1_000 * 365 * 24 * 60 * 60);

/// The time between the answer to a publisher and the delivery of its messages: more than the way of an answer on one machine,
/// and less than at Google.
const LEAD_OF_ANSWERS: Duration = Duration::from_millis(10);

/// The emulator's clock: the machine's clock plus the advance of tests. Deadlines, back-off, retention and expiration use
/// it.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    ahead: watch::Sender<Duration>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            ahead: watch::Sender::new(Duration::ZERO),
        }
    }
}

impl Clock {
    /// Returns the time for durations within this process.
    pub(crate) fn now(&self) -> Instant {
        Instant::now() + *self.ahead.borrow()
    }

    /// Returns the time for display, in whole milliseconds like in pushes.
    pub(crate) fn utc(&self) -> OffsetDateTime {
        whole_milliseconds(self.exact_utc())
    }

    /// Returns the exact time, to compare with times of clients that have a finer clock.
    pub(crate) fn exact_utc(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + *self.ahead.borrow()
    }

    /// Waits until the current millisecond is over, so that clocks of whole milliseconds show a later time.
    pub(crate) async fn next_millisecond(&self) {
        sleep(rest_of_millisecond(OffsetDateTime::now_utc())).await;
    }

    /// Waits until an answer that was just given has probably been received.
    pub(crate) async fn lead_of_answers(&self) {
        sleep(LEAD_OF_ANSWERS).await;
    }

    /// Advances the clock, by a thousand years in all at most. Everything due within this time happens immediately.
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead
            .send_modify(|ahead| *ahead = ahead.saturating_add(by).min(FARTHEST));
    }

    /// Waits until the clock shows `wake`.
    pub(crate) async fn reached(&self, wake: Instant) {
        let mut ahead = self.ahead.subscribe();
        loop {
            let moved = *ahead.borrow_and_update();
            let Some(machine) = wake.checked_sub(moved) else {
                return;
            };
            tokio::select! {
                () = sleep_until(machine) => return,
                // This clock owns a sender, so the channel does not close.
                _ = ahead.changed() => {}
            }
        }
    }

    /// Returns the result of `work`, or `None` after `limit`.
    pub(crate) async fn within<F: Future>(&self, limit: Duration, work: F) -> Option<F::Output> {
        let end = self.now() + limit;
        tokio::select! {
            biased; // work that is done at once needs no timer
            done = work => Some(done),
            () = self.reached(end) => None,
        }
    }
}

/// Returns the machine's time, which tests do not advance. Tokens and connections use it.
pub(crate) fn machine_utc() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Returns an instant of the machine's clock, to measure latencies and idle connections.
pub(crate) fn machine_instant() -> Instant {
    Instant::now()
}

pub(crate) fn whole_milliseconds(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_millisecond(time.millisecond()).unwrap_or(time)
}

/// Returns the time until the next whole millisecond, which is never zero.
fn rest_of_millisecond(time: OffsetDateTime) -> Duration {
    const MILLISECOND: u32 = 1_000_000;
    let rest = MILLISECOND - time.nanosecond() % MILLISECOND;
    Duration::from_nanos(u64::from(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use time::macros::datetime;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[tokio::test]
    async fn a_clock_that_is_moved_ends_waits_at_once() {
        let clock = Clock::default();
        let wait = tokio::spawn({
            let clock = clock.clone();
            async move { clock.within(DAY, pending::<()>()).await }
        });
        tokio::task::yield_now().await;
        let before = clock.utc();
        clock.advance(DAY);
        assert_eq!(wait.await.unwrap(), None);
        assert!(clock.utc() - before >= DAY);
    }

    #[test]
    fn the_rest_of_a_millisecond_leads_to_the_next_one() {
        for time in [
            datetime!(2030-01-02 03:04:05 UTC),
            datetime!(2030-01-02 03:04:05.678 UTC),
            datetime!(2030-01-02 03:04:05.678000001 UTC),
            datetime!(2030-01-02 03:04:05.999999999 UTC),
        ] {
            let next = time + rest_of_millisecond(time);
            assert!(whole_milliseconds(next) > time, "{time} {next}");
            assert!(next - time <= Duration::from_millis(1), "{time} {next}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_without_an_advance_follows_the_machines() {
        let clock = Clock::default();
        let begin = Instant::now();
        assert_eq!(clock.within(DAY, pending::<()>()).await, None);
        assert_eq!(begin.elapsed().as_secs(), DAY.as_secs());
        assert_eq!(clock.within(DAY, async { 7 }).await, Some(7));
    }
}
