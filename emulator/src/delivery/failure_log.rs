//! What the log says of a subscription's pushes: the first failure and its end, not a line a push.

use std::time::Duration;

use tokio::time::Instant;

/// An endpoint that fails now and then fails often; so long nothing new is said of it.
const QUIET: Duration = Duration::from_secs(60);
/// A pause that somebody notices who waits for a push.
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// What was said, and so need not be said again.
#[derive(Default)]
pub(super) struct FailureLog {
    /// When a failure was told last.
    told: Option<Instant>,
    /// Whether a failure was told, and no push was acked since.
    is_failing: bool,
    is_pause_told: bool,
}

impl FailureLog {
    /// Notes a failure, and says whether it is to be told.
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

    /// Notes a pause after a failure, and says whether it is to be told.
    pub(super) fn paused(&mut self, pause: Duration) -> bool {
        let is_news = self.is_failing && !self.is_pause_told && pause > LONG_PAUSE;
        self.is_pause_told |= is_news;
        is_news
    }

    /// Notes an ack, and says whether it ends a failure that was told.
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
