//! The log of a subscription's failed pushes: the first failure and its end, instead of a line a push.

use std::time::Duration;

use tokio::time::Instant;

/// The time after a logged failure in which no further one is logged.
const QUIET: Duration = Duration::from_secs(60);
/// A pause that is worth a line in the log.
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// The lines that were logged, and so need not be repeated.
#[derive(Default)]
pub(super) struct FailureLog {
    /// The time of the last logged failure.
    told: Option<Instant>,
    /// True if a failure was logged, and no push was acked since.
    is_failing: bool,
    is_pause_told: bool,
}

impl FailureLog {
    /// Notes a failure. Returns true if it is to be logged.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        let is_recent = self.told.is_some_and(|told| now < told + QUIET);
        if self.is_failing || is_recent {
            return false;
        }
        *self = Self {
            told: Some(now),
            is_failing: true,
            is_pause_told: false,
        };
        true
    }

    /// Notes a pause after a failure. Returns true if it is to be logged.
    pub(super) fn paused(&mut self, pause: Duration) -> bool {
        let is_news = self.is_failing && !self.is_pause_told && pause > LONG_PAUSE;
        self.is_pause_told |= is_news;
        is_news
    }

    /// Notes an ack. Returns true if it ends a logged failure.
    pub(super) fn acked(&mut self) -> bool {
        std::mem::take(&mut self.is_failing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_and_its_end_are_told_once_a_minute_at_most() {
        let mut failure_log = FailureLog::default();
        let start = Instant::now();
        assert!(!failure_log.acked());
        assert!(failure_log.failed(start));
        assert!(
            !failure_log.failed(start + 2 * QUIET),
            "it is known to fail"
        );
        assert!(failure_log.acked());
        assert!(!failure_log.acked());
        let mut failure_log = FailureLog::default();
        let told = (0..180).filter(|second| {
            let failed = failure_log.failed(start + Duration::from_secs(*second));
            assert_eq!(failure_log.acked(), failed);
            failed
        });
        assert_eq!(told.collect::<Vec<_>>(), [0, 60, 120]);
    }

    #[tokio::test]
    async fn a_long_pause_is_told_once() {
        let mut failure_log = FailureLog::default();
        let start = Instant::now();
        assert!(!failure_log.paused(2 * LONG_PAUSE), "nothing failed");
        failure_log.failed(start);
        assert!(!failure_log.paused(LONG_PAUSE));
        assert!(failure_log.paused(2 * LONG_PAUSE));
        assert!(!failure_log.paused(3 * LONG_PAUSE));
        failure_log.acked();
        failure_log.failed(start + QUIET);
        assert!(failure_log.paused(2 * LONG_PAUSE));
    }
}
