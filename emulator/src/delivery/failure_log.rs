//! The log of a subscription's failed pushes: a line for the first failure and one for the recovery, instead of one for
//! each push.

use std::time::Duration;

use tokio::time::Instant;

/// The time after a logged failure in which no other failure is logged.
const QUIET: Duration = Duration::from_secs(60);
/// The shortest pause that is logged.
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// The lines that were already logged.
#[derive(Default)]
pub(super) struct FailureLog {
    /// The time of the last logged failure.
    last_logged: Option<Instant>,
    /// True if a failure was logged and no push was acked since.
    is_failing: bool,
    is_pause_logged: bool,
}

impl FailureLog {
    /// Records a failure. Returns true if the caller should log it.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        let is_recent = self
            .last_logged
            .is_some_and(|last_logged| now < last_logged + QUIET);
        if self.is_failing || is_recent {
            return false;
        }
        *self = Self {
            last_logged: Some(now),
            is_failing: true,
            is_pause_logged: false,
        };
        true
    }

    /// Records a pause after a failure. Returns true if the caller should log it.
    pub(super) fn paused(&mut self, pause: Duration) -> bool {
        let is_new = self.is_failing && !self.is_pause_logged && pause > LONG_PAUSE;
        self.is_pause_logged |= is_new;
        is_new
    }

    /// Records an ack. Returns true if it ends a logged failure.
    pub(super) fn acked(&mut self) -> bool {
        std::mem::take(&mut self.is_failing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_change_is_logged() {
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
    }

    #[tokio::test]
    async fn changes_are_logged_once_a_minute_at_most() {
        let mut failure_log = FailureLog::default();
        let start = Instant::now();
        let last_logged = (0..180).filter(|second| {
            let failed = failure_log.failed(start + Duration::from_secs(*second));
            assert_eq!(failure_log.acked(), failed);
            failed
        });
        assert_eq!(last_logged.collect::<Vec<_>>(), [0, 60, 120]);
    }

    #[tokio::test]
    async fn a_long_pause_is_logged_once() {
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
