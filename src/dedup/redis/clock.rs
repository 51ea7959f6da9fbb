//! An estimate of the server's clock, for the deadlines of steps: a late step must not be executed.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The server's time by its last answer. Before the first answer it is this machine's.
pub(super) struct ServerClock {
    start: Instant,
    /// The server's time at `start`, in milliseconds since 1970.
    at_start: AtomicI64,
}

impl ServerClock {
    pub(super) fn new() -> Self {
        let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self {
            start: Instant::now(),
            at_start: AtomicI64::new(milliseconds(since_1970)),
        }
    }

    /// Returns the end of `timeout` from now, on the server's clock, in milliseconds since 1970.
    pub(super) fn deadline_ms(&self, timeout: Duration) -> i64 {
        let since_start = self.start.elapsed() + timeout;
        let at_start = self.at_start.load(Ordering::Relaxed);
        at_start.saturating_add(milliseconds(since_start))
    }

    /// Sets the time from the answer to a step sent at `sent`. The estimate is late by the duration of that step, so that no step in
    /// time is rejected.
    pub(super) fn update(&self, server_ms: i64, sent: Instant) {
        let since_start = milliseconds(sent.saturating_duration_since(self.start));
        self.at_start
            .store(server_ms.saturating_sub(since_start), Ordering::Relaxed);
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
